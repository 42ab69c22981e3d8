"""Tables of colours as `.cube` files, which programs for pictures and films read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dia_pipeline.errors import DiaError
from dia_pipeline.io.files import fault_of_file, write_file
from dia_pipeline.io.reading import read_file
from dia_pipeline.text import number_in, quoted

LARGEST = 129
"""Nodes a side at most."""

_REMEDY = "give a 3D table, as `dia lut` writes it"
_DOMAIN = {"DOMAIN_MIN": [0, 0, 0], "DOMAIN_MAX": [1, 1, 1], "LUT_3D_INPUT_RANGE": [0, 1]}


class CubeError(DiaError):
    """A file is no table of colours that can be used; the message says where and why."""


def write_cube(path: str | Path, table: np.ndarray) -> str:
    """Write a table (N, N, N, 3) of what red, green and blue from 0 to 1 become.

    Returns:
        The SHA-256 of the file in hexadecimal.
    """
    rows = table.transpose(2, 1, 0, 3).reshape(-1, 3)  # red changes first
    lines = [f"LUT_3D_SIZE {len(table)}", *(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in rows)]
    return write_file(path, ("\n".join(lines) + "\n").encode())


def read_cube(path: str | Path) -> np.ndarray:
    """Read a table: (N, N, N, 3) float64 from 0 to 1, by red, green and blue.

    Raises:
        CubeError: it cannot be read, is not whole, or is of one dimension.
    """
    if fault := fault_of_file(path):
        raise CubeError(path, fault)
    side, rows = 0, []
    for number, line in enumerate(read_file(path).decode("utf-8", "replace").splitlines(), 1):
        words = line.split("#")[0].split()
        if not words or words[0] == "TITLE":
            continue
        name = words.pop(0) if words[0].isidentifier() else ""
        numbers = [number_in(word) for word in words]
        if name == "LUT_3D_SIZE" and len(numbers) == 1:
            side = int(numbers[0] or 0)
        elif not name and len(numbers) == 3 and None not in numbers:
            rows.append(numbers)
        elif _DOMAIN.get(name) != numbers:
            raise CubeError(f"{path}, line {number}", f"{quoted(line)} is not known", _REMEDY)
    if not 2 <= side <= LARGEST or len(rows) != side**3:
        raise CubeError(path, f"{len(rows)} colours are no table of {side} a side", _REMEDY)
    return np.array(rows).reshape(side, side, side, 3).transpose(2, 1, 0, 3)
