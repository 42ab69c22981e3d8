"""What docs/formats.md says of files: the tables under its headings."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "formats.md"


def table(heading: str) -> list[list[str]]:
    """The rows of the first table under a heading, without its head."""
    (section,) = re.findall(
        rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", PAGE.read_text(), re.M | re.S
    )
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"]
    return rows[2:]


def names(heading: str) -> list[str]:
    """What is between backquotes in the first column of such a table."""
    return [name for row in table(heading) for name in re.findall(r"`([^`]+)`", row[0])]


def matches(name: str, path: str) -> bool:
    """Whether a name of the page stands for the path of a file."""
    pattern = re.escape(name).replace("0001", r"\d{4}").replace(r"/\.\.\.", "/.+")
    return bool(re.fullmatch(re.sub(r"\b[A-Z]+\b|(?<=level)L", "[^/]+", pattern), path))


def unlisted(folder: Path, heading: str) -> list[str]:
    """The files of a folder that the page does not list under a heading."""
    paths = [str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()]
    assert paths
    return [path for path in paths if not any(matches(each, path) for each in names(heading))]
