"""Tables as text: a row on every line, its cells with tabs, or commas, between them.

A row never goes on in the next line, whatever is in it. So a fault in one row is a fault of that
row alone.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

from dia_pipeline.errors import DiaError
from dia_pipeline.io.files import fault_of_file, write_file
from dia_pipeline.io.reading import read_file
from dia_pipeline.text import FORMULA, is_plain, quoted


class TableError(DiaError):
    """The text of a table cannot be read; the message says where and why."""


def read_cells(path: str | Path, separator: str = "\t") -> dict[int, list[str]]:
    """The cells of a file, see `cells_of`.

    Raises:
        TableError: the file cannot be read, or as `cells_of`.
    """
    if fault := fault_of_file(path):
        raise TableError(path, fault)
    return cells_of(read_file(path), path, separator)


def cells_of(content: bytes, path: str | Path, separator: str = "\t") -> dict[int, list[str]]:
    """The cells of every row by the row's number in the file, without spaces at their ends.

    Empty lines, lines that begin with `#` and empty cells at the end of a row are left out.

    Args:
        content: of the file.
        separator: between tabs a quotation mark is a character; between commas it quotes.

    Raises:
        TableError: this is no text in UTF-8, or has quotation marks that mean nothing here.
    """
    rows = {}
    # Bytes that are no UTF-8 become characters that are none of a text.
    lines = TextIOWrapper(BytesIO(content), encoding="utf-8-sig", errors="surrogateescape")
    for number, line in enumerate(lines, 1):
        text = line.strip(" \n")
        if not text or text.startswith("#"):
            continue
        if not is_plain(text.replace("\t", " ")):
            raise TableError(
                f"{path}, row {number}",
                "this is no table in UTF-8: there is a character that is none of a text",
                "save it as text in UTF-8",
            )
        try:
            cells = _split(text, separator)
        except csv.Error as error:
            raise TableError(
                f"{path}, row {number}", f"a quotation mark means nothing there ({error})"
            ) from error
        if cells:
            rows[number] = cells
    return rows


def _split(line: str, separator: str) -> list[str]:
    """The cells of a row, without empty ones at its end."""
    if separator == "\t":
        cells = line.split("\t")
    else:
        cells = next(csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True))
    cells = [cell.strip() for cell in cells]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def fault_of_cell(cell: str) -> str | None:
    """Why a cell between tabs is hardly meant as it is written; None if it may be."""
    if cell.startswith('"'):
        return (
            f"{quoted(cell)} begins with a quotation mark, and cells are not quoted here; write it "
            "without, or a file whose name begins so as ./NAME"
        )
    return None


def cell_of_path(path: str) -> str:
    """A path as a cell that neither this program nor a spreadsheet takes for something else."""
    return f"./{path}" if path.startswith((*FORMULA, '"', "#")) else path


def write_cells(path: str | Path, rows: Iterable[Iterable[Any]]) -> None:
    """Write a table, see `lines_of`."""
    write_file(path, lines_of(rows).encode())


def lines_of(rows: Iterable[Iterable[Any]]) -> str:
    """Rows as text, with tabs between the cells, of which none has a tab or two lines in it."""
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)
