"""Text from a user where it meets another language: what each takes for its own is escaped here.

Shells are the workflow's, which quotes all it hands them.
"""

from __future__ import annotations

import re
import reprlib
import unicodedata
from math import isfinite
from typing import Any

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: "\\" + character for character in "&%$#_{}"},
}
_MARKDOWN = re.compile(r"([\\`*{}\[\]<>#|~$&]|\b_|_\b)")

_ODD = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]"
)
"""Control characters, separators of lines, what turns the direction of writing around, and bytes
that are no UTF-8."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes a cell for a formula by."""

_NUMBER = re.compile(r"[+-]?([0-9]{1,300}(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)

LONG = 200
"""Characters that what others say takes in a message at most."""

_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 3, 200, 200


def quoted(value: Any) -> str:
    """A value in a message, shortened if it is long: what a file holds may fill a disk."""
    return _SHORT.repr(value)


def shortened(text: str) -> str:
    """Text of others in a message, without its middle if it is long."""
    return text if len(text) <= LONG else f"{text[: LONG // 2]} ... {text[-LONG // 2 :]}"


def number_in(text: str) -> int | float | None:
    """The number that is written, an int where it is one without point and exponent; None if it is
    none, or none that is finite."""
    if not _NUMBER.fullmatch(text) or not isfinite(number := float(text)):
        return None
    return int(text) if text.lstrip("+-").isdigit() else number


def for_terminal(text: str) -> str:
    """With all that a terminal would obey, and bytes that are no UTF-8, written out."""
    return _ODD.sub(lambda found: found[0] if found[0] in "\n\t" else _code(found[0]), text)


def for_spreadsheet(text: str) -> str:
    """As a cell of a table that is not read again: a formula is text, and no cell has two lines."""
    formula = text.startswith(FORMULA) and number_in(text) is None
    return "'" * formula + one_line(text)


def one_line(text: str) -> str:
    """On one line, to be drawn into an image."""
    return _ODD.sub(" ", text)


def for_markdown(text: str) -> str:
    """As a cell of a table."""
    return _MARKDOWN.sub(r"\\\1", one_line(text))


def for_latex(text: str) -> str:
    return "".join(_LATEX.get(each, each) for each in one_line(text))


def fault_of_path(path: str) -> str | None:
    """Why a path cannot be used in the workflow, whose rules take braces for wildcards."""
    if re.search("[{}]", path):
        return "Snakemake takes braces in a path for a wildcard; rename the file or its folder"
    return fault_of_characters(path)


def fault_of_characters(path: str) -> str | None:
    """Why a path cannot be written into a text file; None if it can."""
    odd = "there is a character in the path that is none of a text; rename it"
    return None if is_plain(path) else odd


def is_plain(text: str) -> bool:
    """Whether all characters are those of one line of text."""
    return not _ODD.search(text)


def fault_of_name(name: str) -> str | None:
    """Why a name, which may be anybody's, is not that of a file or folder; None if it is."""
    if name in ("", ".", "..") or "/" in name:
        return "this is no name of a file or folder; name it otherwise"
    return fault_of_characters(name)


def same_name(text: str) -> str:
    """What names have in common that some file systems take for one: case and normalisation."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _code(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode()
