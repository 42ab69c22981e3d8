"""Affine maps of the plane as (3, 3) matrices on (y, x, 1).

Coordinates are continuous: pixel i of an axis reaches from i to i + 1, so that its centre lies at
i + 0.5. Unit coordinates reach from 0 to 1 over an image, whatever its size.
"""

from __future__ import annotations

import math

import numpy as np

Shape = tuple[int, ...]
"""Height and width in pixels."""

Matrix = tuple[tuple[float, ...], ...]
"""A (3, 3) map by its rows, as it is kept."""

AS_GIVEN: Matrix = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
"""The pose of an image that is not moved."""

Rectangle = tuple[float, float, float, float]
"""Top, left, bottom, right, where those of the source are 0, 0, 1, 1."""


def resizing(factors: tuple[float, ...]) -> np.ndarray:
    """The map that multiplies y and x by `factors`."""
    return np.diag([*factors, 1.0])


def shifting(offset: tuple[float, ...]) -> np.ndarray:
    """The map that adds `offset` (y, x)."""
    matrix = np.eye(3)
    matrix[:2, 2] = offset
    return matrix


def turning(degrees: float, mirrored: bool = False) -> np.ndarray:
    """The map that turns around (0, 0), after exchanging left and right if `mirrored`."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    matrix = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1.0]])
    return matrix @ resizing((1, -1)) if mirrored else matrix


def moved(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Where points (..., 2) are moved to."""
    return points @ matrix[:2, :2].T + matrix[:2, 2]


def factor_of(matrix: np.ndarray) -> float:
    """By how much a map lengthens, on average over all directions."""
    return math.sqrt(abs(np.linalg.det(matrix[:2, :2])))


def centres(shape: Shape) -> np.ndarray:
    """The centres of all pixels, (H, W, 2)."""
    axes = [np.arange(side) + 0.5 for side in shape]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def covered(pose: Matrix | np.ndarray) -> Rectangle:
    """What an image in this pose covers of the plane: all of B' in A's."""
    corners = moved(np.linalg.inv(np.array(pose)), np.array([(0, 0), (0, 1), (1, 0), (1, 1)]))
    top, left = map(float, corners.min(axis=0))
    bottom, right = map(float, corners.max(axis=0))
    return top, left, bottom, right


def fit_affine(sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The map that moves points (N, 2) onto others with the least squares."""
    known = np.column_stack([sources, np.ones(len(sources))])
    found = np.linalg.lstsq(known, targets, rcond=None)[0]
    return np.vstack([found.T, [0, 0, 1]])


def fit_similarity(sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The same of maps that turn, scale and shift only."""
    middle, other = sources.mean(axis=0), targets.mean(axis=0)
    (y, x), (v, u) = (sources - middle).T, (targets - other).T
    square = (y * y + x * x).sum()
    if not square:
        return shifting(tuple(other - middle))
    along, across = (y * v + x * u).sum() / square, (x * v - y * u).sum() / square
    matrix = np.array([[along, across, 0], [-across, along, 0], [0, 0, 1.0]])
    return shifting(tuple(other)) @ matrix @ shifting(tuple(-middle))
