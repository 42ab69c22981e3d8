"""Text from a user, in every language that it meets."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from dia_pipeline import text

HOSTILE = [r"x|y", "$z$", r"\input{/etc/passwd}", "a_b*c*", "<b>&amp;", "100 % ~ ^ #1", "[link](x)"]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_cell_of_markdown_is_what_was_written(value):
    """Each sign that means something has a backslash, and the rest is as it was."""
    cell = text.for_markdown(value)
    assert re.sub(r"\\([^\w\s])", r"\1", cell) == value
    assert not re.search(r"(?<!\\)[|$<>\[\]*]", cell)


@pytest.mark.parametrize("value", HOSTILE)
def test_latex_obeys_nothing_that_was_written(value):
    latex = text.for_latex(value)
    plain = re.sub(r"\\text(backslash|asciitilde|asciicircum){}", "", latex)
    assert not re.search(r"(?<!\\)[&%$#_{}~^]", plain)
    assert not re.search(r"\\[a-z]", plain)


@pytest.mark.parametrize("value", ["=cmd|' /C calc'!A0", "+x", "-x", "@SUM(1)", "\t=x", "\r=x"])
def test_a_spreadsheet_takes_no_cell_for_a_formula(value):
    cell = text.for_spreadsheet(value)
    assert cell[0] == "'" and not set(cell) & {"\t", "\r", "\n"}


@pytest.mark.parametrize("value", ["-0.5", "+1", "-1e-3", "a=b", "x-y", ""])
def test_numbers_and_other_text_stay_as_they_are_in_a_spreadsheet(value):
    assert text.for_spreadsheet(value) == value


@pytest.mark.parametrize("value", ["x" * 10**7, ["x" * 10**6] * 1000, {"a": {"b": ["c"] * 999}}])
def test_a_value_in_a_message_is_short(value):
    assert len(text.quoted(value)) < 3000


def test_a_short_value_in_a_message_is_shown_as_it_is():
    for value in ("a b", "\x1b[31m", 64.5, [1, 2], {"a": None}, float("nan")):
        assert text.quoted(value) == repr(value)


def test_a_terminal_obeys_nothing_that_was_written():
    assert text.for_terminal("\u202egnp.exe") == r"\u202egnp.exe"
    assert text.for_terminal("a\x1b[2Jb\x07\r\udcff") == r"a\x1b[2Jb\x07\r\udcff"
    assert text.for_terminal("grüße 写真\u3000\n") == "grüße 写真\u3000\n"


@pytest.mark.parametrize(
    ("path", "fault"),
    [("{a}.png", "braces"), ("a\nb.png", "character"), ("\udcff.png", "character")],
)
def test_a_path_that_no_rule_can_name_is_refused(path, fault):
    assert fault in text.fault_of_path(path)


@pytest.mark.parametrize(
    "path", ['it\'s a "day" [1].png', "写真\u3000.png", "$(x);&|.png", "-x.png"]
)
def test_any_other_path_is_taken(path):
    assert text.fault_of_path(path) is None


def test_names_that_some_file_system_takes_for_one_are_one():
    assert text.same_name("Café") == text.same_name("CAFE\u0301")
    assert text.same_name("a") != text.same_name("b")


def test_markup_and_terminals_without_unicode_are_no_error(tmp_path):
    """The results, whose folder has a name that is markup of Rich, are said in ASCII."""
    code = (
        "from dia_pipeline.cli.app import console, say; say('o[/x] [red]ü ✓'); console.print('ü')"
    )
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; from dia_pipeline.cli import app\n{code}"],
        capture_output=True,
        env={"PYTHONIOENCODING": "ascii:backslashreplace", "PATH": "/usr/bin", "LC_ALL": "C"},
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert rb"o[/x] [red]\xfc" in result.stdout
