"""Points that belong together, from a table: `a_x,a_y,b_prime_x,b_prime_y` in pixels."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from dia_pipeline.errors import DiaError
from dia_pipeline.io.files import fault_of_file

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
    return points_of(Path(path).read_bytes(), path, a, b_prime)


def points_of(
    content: bytes, path: str | Path, a: tuple[int, ...], b_prime: tuple[int, ...]
) -> np.ndarray:
    """The points of a table with this content; otherwise like `read_points`."""
    try:
        text = content.decode("utf-8-sig")
        rows = list(csv.reader(text.splitlines(), skipinitialspace=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise PointsError(path, f"it is no table in UTF-8 ({error})") from error
    header = [cell.strip() for cell in rows[0]] if rows else []
    if sorted(header) != sorted(COLUMNS):
        wanted = ",".join(COLUMNS)
        raise PointsError(path, "the columns are not known", f"let the first row be {wanted}")
    points = []
    for number, row in enumerate(rows[1:], 2):
        if any(cell.strip() for cell in row):
            points.append(_point(path, number, dict(zip(header, row, strict=False))))
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
    points = np.asarray(points, float)
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


def _point(path: str | Path, number: int, row: dict[str, str]) -> list[float]:
    point = []
    for name in COLUMNS:
        try:
            point.append(float(row[name]))
        except (KeyError, ValueError) as error:
            cell = row.get(name, "")
            raise PointsError(
                path, f"row {number}, {name}: {cell!r} is no number", "give it in pixels"
            ) from error
    return point
