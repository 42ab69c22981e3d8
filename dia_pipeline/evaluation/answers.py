"""What a method of anybody's says of a pair: a field over A, or points of B', from a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dia_pipeline.errors import DiaError
from dia_pipeline.io.cells import read_cells
from dia_pipeline.io.flow import read_flo, with_unknown
from dia_pipeline.io.numpy_files import form_of, stored_array
from dia_pipeline.io.reading import open_regular, read_file
from dia_pipeline.text import shortened


class AnswerError(DiaError):
    """The file of a method does not answer for its pair; the message says why."""


def find_answer(folder: Path, pair: str) -> Path | None:
    """The file of a method for a pair, whose name it has before a suffix of READERS, if there is.

    Raises:
        AnswerError: there are two.
    """
    found = [path for suffix in READERS if (path := folder / f"{pair}{suffix}").is_file()]
    if len(found) > 1:
        raise AnswerError(found[0], f"{found[1].name} is there too", "keep the one that counts")
    return found[0] if found else None


def read_answer(path: Path) -> np.ndarray:
    """A field or points; NaN, or 1e9 and more as in .flo files, where the method has no answer.

    A field is a .flo file, or an array in .npy or .npz; points are a CSV table with the columns x
    and y, or JSON with the list `b_prime` of points [x, y] or null.

    Returns:
        A field (H, W, 2) float, (dx, dy) from every pixel (x, y) of A to its match
        (x + dx, y + dy) in B', in pixels; or points (N, 2) float64, (x, y) in pixels of B'.

    Raises:
        AnswerError: it holds neither.
    """
    try:
        return with_unknown(READERS[path.suffix](path))
    except DiaError as error:
        raise AnswerError(error.place, error.problem, error.remedy) from error
    except Exception as error:  # NumPy's reader raises many kinds
        raise AnswerError(path, f"it cannot be read ({shortened(repr(error))})") from error


def _read_array(path: Path) -> np.ndarray:
    with open_regular(path) as file:
        stored = stored_array(file, path)
        if len(stored.shape) != 3 or stored.shape[2] != 2 or stored.kind.kind not in "iuf":
            remedy = "give (H, W, 2) numbers, (dx, dy) for every pixel of A"
            raise AnswerError(
                path, f"this is no field: {form_of(stored.shape, stored.kind)}", remedy
            )
        return stored.read().astype(float)


def _read_table(path: Path) -> np.ndarray:
    header, *rows = read_cells(path, ",").values()
    if not {"x", "y"} <= {*header}:
        raise AnswerError(path, "it has no columns x and y", "let the first row be x,y")
    places = [header.index(name) for name in ("x", "y")]
    return np.array([[float(cells[place]) for place in places] for cells in rows])


def _read_json(path: Path) -> np.ndarray:
    points = json.loads(read_file(path))["b_prime"]
    return np.array([(x, y) for x, y in (each or (None, None) for each in points)], float)


READERS: dict[str, Callable[[Path], np.ndarray]] = {
    ".flo": read_flo,
    ".npy": _read_array,
    ".npz": _read_array,
    ".csv": _read_table,
    ".json": _read_json,
}
"""How files of methods are read, by their suffix."""
