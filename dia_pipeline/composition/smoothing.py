"""Filters images along the edges of a guide, by weighted least squares.

It is the filter of Farbman et al., "Edge-Preserving Decompositions for Multi-Scale Tone and
Detail Manipulation" (2008): the u of (W + lambda L) u = W f, where L is the Laplacian of the pixel
grid whose edges weigh 1 / (|difference of the guide|^alpha + eps), and W is how sure each pixel is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, cg, splu

ALPHA = 1.0
LAMBDA = 0.8
EPSILON = 1e-4

MAX_DIRECT = 600_000
"""Pixels up to which the system is factorised; that takes 3 kB of memory a pixel."""

POLISH = 100
"""Conjugate-gradient iterations on larger images, from the solution at half their size."""

ENOUGH = 1e-6
"""What of the right side they may leave where pixels are not equally sure."""


def smooth(
    image: np.ndarray,
    guide: np.ndarray,
    strength: float = LAMBDA,
    sure: np.ndarray | None = None,
) -> np.ndarray:
    """Filter the channels of `image` (H, W, C) along the edges of `guide` (H, W), both float.

    Exact up to MAX_DIRECT pixels; beyond, within half a grey level of it on the average.

    Args:
        sure: (H, W) above 0, how much every pixel counts; 1 if it is not given.
    """
    given = image if sure is None else image * sure[..., None]
    if guide.size <= MAX_DIRECT:
        own = sparse.eye_array(guide.size) if sure is None else sparse.diags_array(sure.ravel())
        system = own + strength * laplacian(*_links(guide))
        return factorise(system).solve(given.reshape(guide.size, -1)).reshape(image.shape)
    # Half the size has a quarter of the pixels, and as many links: the filter is weaker by that.
    less_sure = None if sure is None else _halve(sure)
    halved = _halve(given) if less_sure is None else _halve(given) / less_sure[..., None]
    coarse = smooth(halved, _halve(guide), strength / 4, less_sure)
    start = coarse.repeat(2, axis=0).repeat(2, axis=1)[: guide.shape[0], : guide.shape[1]]
    system, jacobi = _stencil(guide, strength, 1 if sure is None else sure)
    least = 0 if sure is None else ENOUGH
    smoothed = np.empty_like(image)
    for channel in range(image.shape[-1]):
        right, first = (values[..., channel].ravel() for values in (given, start))
        solution, _ = cg(system, right, first, rtol=least, maxiter=POLISH, M=jacobi)
        smoothed[..., channel] = solution.reshape(guide.shape)
    return smoothed


def _links(guide: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The weights of the links to the next row (H - 1, W) and to the next column (H, W - 1)."""
    steps = (np.abs(np.diff(guide, axis=axis)) for axis in (0, 1))
    return tuple(1 / (step**ALPHA + EPSILON) for step in steps)


def laplacian(to_row: np.ndarray, to_column: np.ndarray) -> sparse.dia_array:
    """The weighted Laplacian of the pixel grid, (H*W, H*W).

    Args:
        to_row, to_column: the weights of the links to the next row, (H - 1, W), and column,
            (H, W - 1).
    """
    degree = _degree(to_row, to_column)
    down, right = np.zeros_like(degree), np.zeros_like(degree)
    down[:-1], right[:, :-1] = to_row, to_column
    width = degree.shape[1]
    down, right = down.ravel()[:-width], right.ravel()[:-1]
    diagonals = {0: degree.ravel(), width: -down, -width: -down}
    if width > 1:
        diagonals |= {1: -right, -1: -right}
    there = {offset: values for offset, values in diagonals.items() if values.size}
    return sparse.diags_array([*there.values()], offsets=[*there])


def _degree(down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The sum of every pixel's links, (H, W)."""
    degree = np.zeros((right.shape[0], down.shape[1]), down.dtype)
    degree[:-1] += down
    degree[1:] += down
    degree[:, :-1] += right
    degree[:, 1:] += right
    return degree


def _stencil(
    guide: np.ndarray, strength: float, sure: np.ndarray | int
) -> tuple[LinearOperator, LinearOperator]:
    """The system of `smooth` and its inverted diagonal, without a matrix in memory."""
    down, right = (strength * link for link in _links(guide))
    inverse = 1 / (sure + _degree(down, right)).ravel()

    def apply(values: np.ndarray) -> np.ndarray:
        values = values.reshape(guide.shape)
        result = sure * values
        flow = down * (values[:-1] - values[1:])
        result[:-1] += flow
        result[1:] -= flow
        flow = right * (values[:, :-1] - values[:, 1:])
        result[:, :-1] += flow
        result[:, 1:] -= flow
        return result.ravel()

    def operator(matvec: Callable[[np.ndarray], np.ndarray]) -> LinearOperator:
        return LinearOperator((guide.size, guide.size), matvec, dtype=guide.dtype)

    return operator(apply), operator(lambda values: inverse * values.ravel())


def factorise(system: sparse.sparray):
    """SuperLU in the order that suits symmetric, diagonally dominant systems."""
    return splu(
        system.tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )


def _halve(values: np.ndarray) -> np.ndarray:
    """Every two by two pixels averaged; an odd last row or column counts twice."""
    odd = [(0, side % 2) for side in values.shape[:2]] + [(0, 0)] * (values.ndim - 2)
    values = np.pad(values, odd, mode="edge")
    rows = (values[::2] + values[1::2]) / 2
    return (rows[:, ::2] + rows[:, 1::2]) / 2
