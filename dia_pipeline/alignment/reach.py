"""How far a point reaches: along what A shows there, and not across its edges.

The way from a point to a pixel is as long as the shortest path between them, on which a step costs

    its length * (1 + (change / EDGE)^4),

with the change of A in grey levels. So an edge is a wall, and shading is none. Where A has labels,
no path crosses their borders. The pull is (1 - (way / radius)^2)^2: 1 at the point, 0 from the
radius on.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.csgraph import dijkstra

from dia_pipeline.affine import Shape
from dia_pipeline.pixels import nearest_image, shrunk

SIDE = 320
"""Longest side in pixels at which ways are measured."""

EDGE = 12.0
"""Grey levels within one SIDEth of the longest side from which on a change counts as an edge."""

CORE = 0.15
"""The share of the radius within which edges count for nothing: a point may lie on one."""

WALL = 1e6
"""What a step across the border of labels costs."""

STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""To half of the neighbours of a pixel (y, x); the others lead back."""


def reaches_of(
    points: np.ndarray, radii: np.ndarray, a: np.ndarray, labels: np.ndarray | None = None
) -> np.ndarray:
    """The pull of every point on A, from 0 to 1: (N, h, w) float32, with A's aspect.

    Args:
        points: (N, 2), y and x in A from 0 to 1.
        radii: (N,), as shares of the longest side of A.
        a: (H, W, 3) uint8.
        labels: (h, w) ints of A.
    """
    small = shrunk(a, SIDE)
    costs = edge_costs(small)
    if labels is not None:
        costs[_walls(labels, costs.shape)] = WALL
    return np.stack(
        [
            _pull(costs, point, radius * max(small.shape[:2]))
            for point, radius in zip(points, radii, strict=True)
        ]
    )


def edge_costs(a: np.ndarray) -> np.ndarray:
    """What a step of length 1 costs at every pixel of an image (h, w, 3): (h, w) float64."""
    smooth = ndimage.gaussian_filter(a.astype(np.float64), (1, 1, 0), mode="nearest")
    padded = np.pad(smooth, ((1, 1), (1, 1), (0, 0)), "edge")
    change = np.hypot(
        padded[2:, 1:-1] - padded[:-2, 1:-1], padded[1:-1, 2:] - padded[1:-1, :-2]
    ).max(axis=-1)
    return 1 + (change * (max(a.shape) / SIDE) / (2 * EDGE)) ** 4


def _walls(labels: np.ndarray, shape: Shape) -> np.ndarray:
    """Where labels (h, w) border on others, at an image of `shape`: (H, W) bool."""
    here = nearest_image(labels, shape)
    return ndimage.maximum_filter(here, 2) != ndimage.minimum_filter(here, 2)


def _pull(costs: np.ndarray, point: np.ndarray, radius: float) -> np.ndarray:
    """That of one point, whose radius is in pixels of `costs`."""
    shape = costs.shape
    y, x = (int(min(c * side, side - 1)) for c, side in zip(point, shape, strict=True))
    reach = int(np.ceil(radius))
    top, left = max(0, y - reach), max(0, x - reach)
    part = costs[top : y + reach + 1, left : x + reach + 1].copy()
    away = np.hypot(
        *np.ogrid[top - y : top - y + part.shape[0], left - x : left - x + part.shape[1]]
    )
    part[(away <= CORE * radius) & (part < WALL)] = 1
    ways = dijkstra(_paths(part), indices=(y - top) * part.shape[1] + x - left, limit=radius)
    share = np.minimum(ways.reshape(part.shape) / radius, 1)
    pull = np.zeros(shape, np.float32)
    pull[top : top + part.shape[0], left : left + part.shape[1]] = (1 - share**2) ** 2
    pull[y, x] = 1
    return pull


def _paths(costs: np.ndarray) -> sparse.csr_array:
    """The graph of steps between neighbouring pixels."""
    height, width = costs.shape
    numbers = np.arange(costs.size).reshape(costs.shape)
    graph = sparse.csr_array((costs.size, costs.size))
    for down, right in STEPS:
        left, end = max(0, -right), width - max(0, right)
        here = (slice(0, height - down), slice(left, end))
        there = (slice(down, height), slice(left + right, end + right))
        cost = np.hypot(down, right) * (costs[here] + costs[there]) / 2
        ends = numbers[here].ravel(), numbers[there].ravel()
        graph += sparse.csr_array((cost.ravel(), ends), graph.shape)
    return graph + graph.T
