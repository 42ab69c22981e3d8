"""The table of pairs, in which single cells are changed and all else stays as it was written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from dia_pipeline.errors import DiaError
from dia_pipeline.io.files import write_file
from dia_pipeline.io.reading import read_file


class EditError(DiaError):
    """A row of the table cannot be changed; the message says which and why."""


def set_cells(table: Path, name: str, cells: Mapping[str, str]) -> None:
    """Set cells of the row of a pair; the file is written whole, and only if it changes.

    Args:
        name: of the pair.
        cells: by column; a column that lacks is added at the end, unless its cell is empty.

    Raises:
        EditError: there is no such row.
        OSError: the table cannot be read or written.
    """
    content = read_file(table)
    changed = with_cells(content, table, name, cells)
    if changed != content:
        write_file(table, changed)


def with_cells(content: bytes, table: Path, name: str, cells: Mapping[str, str]) -> bytes:
    """What a table holds once `set_cells` has changed it."""
    parts = re.split("(\r\n|\r|\n)", content.decode("utf-8"))  # lines, and what ends each
    lines = [at for at in range(0, len(parts), 2) if _is_row(parts[at])]
    header = [cell.strip() for cell in _cells(parts[lines[0]].lstrip("\ufeff"))] if lines else []
    row = next((at for at in lines[1:] if _cell(parts[at], header, "name") == name), None)
    if row is None:
        raise EditError(table, f"there is no row of the pair {name!r}", "add it to the table")
    added = [column for column, cell in cells.items() if cell and column not in header]
    if added:
        parts[lines[0]] = "\t".join([*_cells(parts[lines[0]]), *added])
    parts[row] = _changed(parts[row], [*header, *added], cells)
    return "".join(parts).encode("utf-8")


def _is_row(line: str) -> bool:
    text = line.lstrip("\ufeff").strip(" ")
    return bool(text) and not text.startswith("#")


def _cells(line: str) -> list[str]:
    """The cells of a line as they are written, without empty ones at its end."""
    cells = line.split("\t")
    while len(cells) > 1 and not cells[-1].strip():
        cells.pop()
    return cells


def _cell(line: str, header: list[str], column: str) -> str:
    return dict(zip(header, (cell.strip() for cell in line.split("\t")), strict=False))[column]


def _changed(line: str, columns: list[str], cells: Mapping[str, str]) -> str:
    """A line with cells set: those that are right already stay as they are written."""
    written = line.split("\t")
    for at, column in enumerate(columns):
        if column not in cells:
            continue
        if at >= len(written) and cells[column]:
            written += [""] * (at + 1 - len(written))
        if at < len(written) and written[at].strip() != cells[column]:
            written[at] = cells[column]
    return "\t".join(written)
