"""Points that belong together, from a table: `a_x,a_y,b_prime_x,b_prime_y,radius` in pixels."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

import numpy as np

from dia_pipeline.errors import DiaError
from dia_pipeline.io.cells import TableError, cells_of
from dia_pipeline.io.files import fault_of_file, write_file
from dia_pipeline.io.reading import read_file
from dia_pipeline.text import number_in, quoted

COLUMNS = ("a_x", "a_y", "b_prime_x", "b_prime_y")

RADIUS = "radius"
"""The column that says how far a point reaches, in pixels of A; it and each cell may be missing."""

REACH = 0.12
"""How far a point reaches by default, as a share of the longest side of A."""


class PointsError(DiaError):
    """Points cannot be used; the message says where and why."""


def read_points(path: str | Path, a: tuple[int, ...], b_prime: tuple[int, ...]) -> np.ndarray:
    """The points of a table, whose first row names its columns.

    Args:
        a, b_prime: height and width of the images as given, in pixels.

    Returns:
        (N, 5) float64: y and x in A, then in B', from 0 to 1 along each side; how far the point
        reaches in A, as a share of its longest side.

    Raises:
        PointsError: the table cannot be read, a cell is no number, a point lies outside, or
            reaches nowhere.
    """
    fault = fault_of_file(path)
    if fault:
        raise PointsError(path, fault, "check the path")
    return points_of(read_file(path), path, a, b_prime)


def points_of(
    content: bytes, path: str | Path, a: tuple[int, ...], b_prime: tuple[int, ...]
) -> np.ndarray:
    """The points of a table with this content; otherwise like `read_points`."""
    return unit_points(rows_of(content, path), a, b_prime, path)


def rows_of(content: bytes, path: str | Path) -> np.ndarray:
    """The rows of a table of points as they are written: (N, 5) float64, NaN for no radius.

    Raises:
        PointsError: the table cannot be read, or a cell is no number.
    """
    return _rows(content, path, COLUMNS, (RADIUS,))


def read_places(path: str | Path, shape: tuple[int, ...]) -> np.ndarray:
    """The places of a table of `x,y` in an image of a height and width in pixels: (N, 2) float64.

    Raises:
        PointsError: as `read_points`.
    """
    if fault := fault_of_file(path):
        raise PointsError(path, fault, "check the path")
    places = _rows(read_file(path), path, ("x", "y"))
    for number, (x, y) in enumerate(places, 1):
        if not (0 <= x <= shape[1] and 0 <= y <= shape[0]):
            limits = f"x must be from 0 to {shape[1]}, y from 0 to {shape[0]}"
            raise PointsError(path, f"point {number} lies outside: {x:g}, {y:g}", limits)
    return places


def write_places(path: Path, places: list[tuple[float, float, bool]]) -> str:
    """Write a table of places `x,y`, and whether each is `sure`; return its SHA-256."""
    lines = ["x,y,sure", *(f"{x!r},{y!r},{'yes' if sure else 'no'}" for x, y, sure in places)]
    return write_file(path, ("\n".join(lines) + "\n").encode())


def _rows(
    content: bytes, path: str | Path, columns: tuple[str, ...], optional: tuple[str, ...] = ()
) -> np.ndarray:
    """The numbers of a table (N, columns), NaN where an optional one is not given."""
    try:
        rows = cells_of(content, path, ",")
    except TableError as error:
        raise PointsError(error.place, error.problem, error.remedy) from error
    header = rows.pop(min(rows)) if rows else []
    if sorted({*header, *optional}) != sorted([*columns, *optional]) or len({*header}) < len(
        header
    ):
        remedy = f"let the first row be {','.join(columns)}"
        remedy += "".join(f", and {name} if you like" for name in optional)
        raise PointsError(path, "the columns are not known", remedy)
    points = []
    for number, cells in rows.items():
        row = f"{path}, row {number}"
        if len(cells) > len(header):
            raise PointsError(row, f"there are {len(cells)} cells", f"give {len(header)}")
        known = dict(zip_longest(header, cells, fillvalue=""))
        points.append([_number(row, known, name, name in optional) for name in columns + optional])
    if not points:
        raise PointsError(path, "there are no points", "add a row for each")
    return np.array(points)


def _number(row: str, cells: dict[str, str], name: str, optional: bool) -> float:
    cell = cells.get(name, "")
    number = np.nan if optional and not cell else number_in(cell)
    if number is None:
        raise PointsError(f"{row}, {name}", f"{quoted(cell)} is no number", "give it in pixels")
    return number


def write_points(path: Path, rows: np.ndarray) -> str:
    """Write what `rows_of` reads; return the SHA-256 of the file."""
    cells = [["" if np.isnan(number) else repr(float(number)) for number in row] for row in rows]
    lines = [",".join(row) for row in ([*COLUMNS, RADIUS], *cells)]
    return write_file(path, ("\n".join(lines) + "\n").encode())


def unit_points(
    points: np.ndarray,
    a: tuple[int, ...],
    b_prime: tuple[int, ...],
    source: str | Path = "points",
) -> np.ndarray:
    """Points (N, 4) or (N, 5), x and y in A and in B' in pixels, and NaN or the radius.

    Returns:
        As `read_points`.

    Raises:
        PointsError: there is none, one lies outside its image, or reaches nowhere.
    """
    wanted = f"give rows of {', '.join(COLUMNS)}, and {RADIUS} if you like"
    try:
        points = np.asarray(points, float)
    except (TypeError, ValueError) as error:
        wanted += ", or the path of a table"
        raise PointsError(source, f"{quoted(points)} are no points", wanted) from error
    if points.ndim != 2 or points.shape[1] - len(COLUMNS) not in (0, 1) or not len(points):
        raise PointsError(source, "they are no points", wanted)
    places = points[:, : len(COLUMNS)]
    if not np.isfinite(places).all():
        raise PointsError(source, "they are no points", wanted)
    sides = np.array([a[1], a[0], b_prime[1], b_prime[0]], float)
    outside = (places < 0) | (places > sides)
    if outside.any():
        row, column = np.argwhere(outside)[0]
        raise PointsError(
            source,
            f"point {row + 1} lies outside: {COLUMNS[column]} is {places[row, column]:g}",
            f"it must be from 0 to {sides[column]:g}",
        )
    reach = _reach(points[:, len(COLUMNS) :], max(a[:2]), source)
    return np.column_stack([(places / sides)[:, [1, 0, 3, 2]], reach])


def _reach(radii: np.ndarray, longest: int, source: str | Path) -> np.ndarray:
    """How far points with radii (N, 0) or (N, 1) reach, as shares of the longest side: (N,)."""
    given = radii[:, 0] if radii.shape[1] else np.full(len(radii), np.nan)
    nowhere = ~(np.isnan(given) | ((given > 0) & np.isfinite(given)))
    if nowhere.any():
        number = nowhere.argmax()
        raise PointsError(
            source,
            f"point {number + 1} reaches nowhere: {RADIUS} is {given[number]:g}",
            "it must be above 0, in pixels of A",
        )
    return np.where(np.isnan(given), REACH, given / longest)
