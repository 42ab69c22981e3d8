"""Tables as people and programs write them: what a cell means, and what is refused by its row."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from dia_pipeline.io.cells import cell_of_path, read_cells, write_cells
from dia_pipeline.runs.config import ConfigError, load_config
from dia_pipeline.runs.sequence import Sequence, find_frames
from dia_pipeline.runs.sources import SequenceError
from dia_pipeline.settings import resolve
from dia_pipeline.settings.declarations import SettingsError


@pytest.fixture(autouse=True)
def images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        Path(name).touch()


def load(content: str | bytes, **values):
    """The pairs of a table, whose cells have `|` between them where it is given as text."""
    if isinstance(content, str):
        content = content.replace("|", "\t").encode()
    Path("pairs.tsv").write_bytes(content)
    return load_config({"pairs": "pairs.tsv", **values}).pairs


def problem(content: str | bytes, **values) -> str:
    """The first of what is wrong."""
    with pytest.raises(ConfigError) as caught:
        load(content, **values)
    return str(caught.value).splitlines()[1].strip()


HEADER = "name|a|b_prime|max_side"


@pytest.mark.parametrize(
    "row",
    ['x|"a.png|b.png\ny|a.png|b.png', 'x|"a.png"|b.png\ny|a.png|b.png', '"x|a.png|b.png'],
)
def test_a_cell_that_is_quoted_is_named_and_swallows_no_row(row):
    found = problem(f"{HEADER}\n{row}\n")
    assert found.startswith("pairs.tsv, row 2 ") and "begins with a quotation mark" in found


def test_a_quotation_mark_in_a_comment_swallows_nothing():
    first, second = load(f'# "so\n{HEADER}\nx|a.png|b.png\n#" or so\ny|a.png|b.png\n')
    assert (first.name, second.name) == ("x", "y")


def test_a_quotation_mark_in_a_name_is_a_character():
    for name in ('5".png', '"5".png'):
        Path(name).touch()
    first, second = load(f'{HEADER}\nx|5".png|b.png\ny|./"5".png|b.png\n')
    assert (first.a, second.a) == ('5".png', './"5".png')


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_in_any_way_and_may_have_empty_cells(end):
    text = "\ufeff" + end.join((f"{HEADER}|||", "", " # comment", "x|\u00a0a.png|b.png|64||||"))
    (pair,) = load(text)
    assert (pair.a, pair.options) == ("a.png", {"max_side": 64})


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            f"{HEADER}\nx|a.png\0|b.png",
            "row 2: the table of pairs cannot be read: this is no table",
        ),
        (f"{HEADER}\nx|a.png\x0b|b.png", "row 2: the table of pairs cannot be read"),
        (f"{HEADER}\n\nx|\u202aa.png|b.png", "row 3: the table of pairs cannot be read"),
        (HEADER.encode("utf-16"), "row 1: the table of pairs cannot be read"),
        (f"{HEADER}\nx|é.png|b.png".encode("latin-1"), "row 2: the table of pairs cannot be read"),
        ("name,a,b_prime\nx,a.png,b.png", "commas or semicolons and no tabs"),
        ("name;a;b_prime\nx;a.png;b.png", "commas or semicolons and no tabs"),
        ('name|a|b_prime|"ratio"\nx|a.png|b.png|1', "begins with a quotation mark"),
        ("name|a||b_prime\nx|a.png||b.png", "column 3 has no name"),
        (f"{HEADER}|||\nx|a.png|b.png|64||5", "2 cells more than there are columns"),
    ],
)
def test_what_is_no_table_is_told(content, expected):
    assert expected in problem(content)


@pytest.mark.parametrize("cell", ["64", "64.0", "6.4e1", " 64 ", "+64", "\u00a064.", "064"])
def test_whole_numbers_as_programs_write_them(cell):
    (pair,) = load(f"{HEADER}|blend|depth\nx|a.png|b.png|{cell}|2.0|8.0\n")
    assert pair.options == {"max_side": 64, "blend": 2, "depth": 8}
    assert all(type(value) is int for value in pair.options.values())


@pytest.mark.parametrize("cell", ["True", "TRUE", "true"])
def test_true_as_programs_write_it(cell):
    (pair,) = load(f"name|a|b_prime|mirrored\nx|a.png|b.png|{cell}\n")
    assert pair.truth == {"mirrored": True}


NO_NUMBERS = ["nan", "NaN", "NA", "inf", "-Infinity", "1e999", "1_0", "\u0663", "9" * 5000]


@pytest.mark.parametrize("cell", NO_NUMBERS, ids=range(len(NO_NUMBERS)))
def test_what_is_no_number_is_refused_in_a_line(cell):
    for column in ("max_side", "ratio", "alphas"):
        found = problem(f"name|a|b_prime|{column}\nx|a.png|b.png|{cell}\n")
        assert found.startswith(f"pairs.tsv, row 2 (pair 'x'), {column}") and len(found) < 600


def test_numbers_of_the_configuration_as_programs_write_them():
    pairs = f"{HEADER}\nx|a.png|b.png\n"
    load(pairs, pairs_per_job=64.0, settings={"max_side": "48", "seed": 7.0})
    values = {"pairs_per_job": "64", "settings": {"max_side": 48.0, "alphas": "1,1,1,.5"}}
    config = load_config({"pairs": "pairs.tsv", "variants": {"v": {"seed": "7"}}, **values})
    assert config.pairs_per_job == 64 and config.variants == {"v": {"seed": 7}}
    assert config.settings == {"max_side": 48, "alphas": [1, 1, 1, 0.5]}


@pytest.mark.parametrize(
    "values",
    [
        {"settings": {"ratio": float("nan")}},
        {"settings": {"max_side": float("inf")}},
        {"settings": {"blend": True}},
        {"variants": {"v": {"alphas": [1, 1, 1, float("nan")]}}},
        {"variants": {1: {}}},
        {"variants": {True: {"blend": 9}}},
        {"pairs_per_job": float("inf")},
        {5: 1},
    ],
    ids=str,
)
def test_what_the_configuration_cannot_be_is_one_line(values):
    Path("pairs.tsv").write_text(HEADER.replace("|", "\t"))
    with pytest.raises(ConfigError, match="wrong with the configuration:\n  config, "):
        load_config({"pairs": "pairs.tsv", **values})


def test_a_fault_of_the_command_line_is_not_blamed_on_the_file():
    values = {"settings": {"max_side": "4", "ratio": 9}, "device": "gpu", "features": "none"}
    given = {"settings": {"max_side": "4"}, "device": "gpu"}
    Path("pairs.tsv").write_text(HEADER.replace("|", "\t"))
    with pytest.raises(ConfigError) as caught:
        load_config({"pairs": "pairs.tsv", **values}, "config.yaml", given)
    blamed = [line.split(":")[0].strip() for line in str(caught.value).splitlines()[1:]]
    assert blamed == [
        "--config, device",
        "config.yaml, features",
        "--config, settings.max_side",
        "config.yaml, settings.ratio",
    ]


def test_a_configuration_that_repeats_itself_is_refused_at_once():
    bomb: list = ["x"] * 10
    for _ in range(30):
        bomb = [bomb] * 10
    loop: list = []
    loop.append(loop)
    for value in (bomb, loop):
        with pytest.raises(ConfigError, match="more than 10000 values, or itself") as caught:
            load_config({"pairs": "pairs.tsv", "device": value})
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "long", ["x" * 10**6, ["x"] * 5000, {"x" * 10**6: 1}, -(10**4000)], ids=type
)
def test_values_in_messages_are_short(long):
    Path("pairs.tsv").write_text(f"{HEADER}\nx\ta.png\tb.png\n".replace("|", "\t"))
    for field in ("device", "checkpoint", "settings", "synthetic", "pairs_per_job"):
        with pytest.raises(ConfigError) as caught:
            load_config({"pairs": "pairs.tsv", field: long})
        assert len(str(caught.value)) < 3000


def test_cells_that_are_written_come_back(tmp_path):
    paths = ["=a.png", '"b".png', "#c.png", "-d.png", "e.png", "/x/=f.png"]
    rows = [["name", *map(cell_of_path, paths)], ["y", *paths[4:]]]
    write_cells("cells.tsv", rows)
    assert read_cells("cells.tsv") == {1: rows[0], 2: rows[1]}
    assert rows[0][1:] == ["./=a.png", './"b".png', "./#c.png", "./-d.png", *paths[4:]]


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), 0.0, -1.0, 241.0])
def test_a_rate_that_is_none_is_refused_wherever_it_is_given(rate):
    pytest.importorskip("av")
    Path("day").mkdir()
    Path("a.png").rename("day/1.png")
    with pytest.raises(SequenceError, match=r"frame_rate: .* is not possible"):
        find_frames(Sequence("day", "b.png", "day", frame_rate=rate))
    Path("sequences.tsv").write_text(f"name\ta\tb_prime\tframe_rate\nday\tb.png\tday\t{rate}\n")
    with pytest.raises(ConfigError, match=r"row 2 \(sequence 'day'\), frame_rate"):
        load_config({"sequences": "sequences.tsv"})


@pytest.mark.parametrize("keys", ["0=a.png,0=b.png", "0=a.png,1_0=b.png", "0=a.png,nan=b.png"])
def test_keyframes_that_are_none_or_twice_are_refused(keys):
    with pytest.raises(SequenceError, match="b_prime"):
        _ = Sequence("x", "film.mp4", keys).references
    written = Sequence("x", "film.mp4", "0=a.png, 6.0e1 = b.png").references
    assert written == {0: "a.png", 60: "b.png"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "nan", "1e999", 1e999])
def test_no_setting_is_a_number_that_is_none(value):
    for name in ("ratio", "max_side", "guidance", "seed", "deconvolution", "min_confidence"):
        with pytest.raises(SettingsError, match=f"{name}: .* is not possible"):
            resolve({name: value})
    with pytest.raises(SettingsError, match=r"alphas: .* is not possible"):
        resolve({"alphas": [1, 1, 1, value]})


def test_settings_from_other_programs_are_plain_values():
    given = {
        "max_side": np.float64(64),
        "ratio": np.float32(0.5),
        "seed": np.int64(3),
        "blend": "2",
    }
    settings = resolve(given)
    assert (settings.max_side, settings.ratio, settings.seed) == (64, 0.5, 3)
    assert json.loads(json.dumps(asdict(settings)))["max_side"] == 64
