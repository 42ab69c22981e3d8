"""Text from a user where it meets another language: what each takes for its own is escaped here.

Shells are the workflow's, which quotes all it hands them.
"""

from __future__ import annotations

import re
import unicodedata

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: "\\" + character for character in "&%$#_{}"},
}
_MARKDOWN = re.compile(r"([\\`*{}\[\]<>#|~$&]|\b_|_\b)")


def for_terminal(text: str) -> str:
    """With all that a terminal would obey, and bytes that are no UTF-8, written out."""
    return "".join(_code(each) if _is_odd(each) and each not in "\n\t" else each for each in text)


def one_line(text: str) -> str:
    """On one line, to be drawn into an image."""
    return "".join(" " if _is_odd(each) else each for each in text)


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
    odd = any(map(_is_odd, path))
    return "there is a character in the path that is none of a text; rename it" if odd else None


def fault_of_name(name: str) -> str | None:
    """Why a name, which may be anybody's, is not that of a file or folder; None if it is."""
    if name in ("", ".", "..") or "/" in name:
        return "this is no name of a file or folder"
    return fault_of_characters(name)


def same_name(text: str) -> str:
    """What names have in common that some file systems take for one: case and normalisation."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _is_odd(character: str) -> bool:
    """Whether it is a control character, a separator of lines, or a byte that is no UTF-8."""
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def _code(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode()
