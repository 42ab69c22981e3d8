"""Points that belong together, from a table: `a_x,a_y,b_prime_x,b_prime_y` in pixels."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

import numpy as np

from dia_pipeline.errors import DiaError
from dia_pipeline.io.cells import TableError, cells_of
from dia_pipeline.io.files import fault_of_file
from dia_pipeline.io.reading import read_file
from dia_pipeline.text import number_in, quoted

COLUMNS = ("a_x", "a_y", "b_prime_x", "b_prime_y")


class PointsError(DiaError):
    """Points cannot be used; the message says where and why."""


def read_points(path: str | Path, a: tuple[int, ...], b_prime: tuple[int, ...]) -> np.ndarray:
    """The points of a table, whose first row names its columns.

    Args:
        a, b_prime: height and width of the images as given, in pixels.

    Returns:
        (N, 4) float64: y and x in A, then in B', from 0 to 1 along each side.

    Raises:
        PointsError: the table cannot be read, a cell is no number, or a point lies outside.
    """
    fault = fault_of_file(path)
    if fault:
        raise PointsError(path, fault, "check the path")
    return points_of(read_file(path), path, a, b_prime)


def points_of(
    content: bytes, path: str | Path, a: tuple[int, ...], b_prime: tuple[int, ...]
) -> np.ndarray:
    """The points of a table with this content; otherwise like `read_points`."""
    try:
        rows = cells_of(content, path, ",")
    except TableError as error:
        raise PointsError(error.place, error.problem, error.remedy) from error
    header = rows.pop(min(rows)) if rows else []
    if sorted(header) != sorted(COLUMNS):
        wanted = ",".join(COLUMNS)
        raise PointsError(path, "the columns are not known", f"let the first row be {wanted}")
    points = [_point(f"{path}, row {number}", header, cells) for number, cells in rows.items()]
    if not points:
        raise PointsError(path, "there are no points", "add a row for each")
    return unit_points(np.array(points), a, b_prime, path)


def unit_points(
    points: np.ndarray,
    a: tuple[int, ...],
    b_prime: tuple[int, ...],
    source: str | Path = "points",
) -> np.ndarray:
    """Points (N, 4), x and y in A and in B' in pixels, as `read_points` returns them.

    Raises:
        PointsError: there is none, or one lies outside its image.
    """
    try:
        points = np.asarray(points, float)
    except (TypeError, ValueError) as error:
        wanted = f"give rows of {', '.join(COLUMNS)}, or the path of a table"
        raise PointsError(source, f"{quoted(points)} are no points", wanted) from error
    if points.ndim != 2 or points.shape[1] != len(COLUMNS) or not np.isfinite(points).all():
        raise PointsError(source, "they are no points", f"give rows of {', '.join(COLUMNS)}")
    sides = np.array([a[1], a[0], b_prime[1], b_prime[0]], float)
    outside = (points < 0) | (points > sides)
    if outside.any():
        row, column = np.argwhere(outside)[0]
        raise PointsError(
            source,
            f"point {row + 1} lies outside: {COLUMNS[column]} is {points[row, column]:g}",
            f"it must be from 0 to {sides[column]:g}",
        )
    return (points / sides)[:, [1, 0, 3, 2]]


def _point(row: str, header: list[str], cells: list[str]) -> list[float]:
    if len(cells) > len(header):
        raise PointsError(row, f"there are {len(cells)} cells", f"give {len(header)}")
    known = dict(zip_longest(header, cells, fillvalue=""))
    point: list[float] = []
    for name in COLUMNS:
        number = number_in(known[name])
        if number is None:
            problem = f"{quoted(known[name])} is no number"
            raise PointsError(f"{row}, {name}", problem, "give it in pixels")
        point.append(number)
    return point
