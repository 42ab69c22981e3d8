"""What of the reference is taken: everything, its colours alone or its texture alone.

    colours:  A + WLS(A' - A)      the colours of A', the details of A (section 5 of the paper)
    texture:  A' - WLS(A' - A)     the details of A', the colours of A

WLS is the filter of Farbman et al., "Edge-Preserving Decompositions for Multi-Scale Tone and
Detail Manipulation" (2008): the u of (I + lambda L) u = f, where L is the Laplacian of the pixel
grid whose edges weigh 1 / (|difference of the guide|^alpha + eps).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, cg, splu

from dia_pipeline.pixels import LUMA, as_levels

ALPHA = 1.0
LAMBDA = 0.8
EPSILON = 1e-4

MAX_DIRECT = 600_000
"""Pixels up to which the system is factorised; that takes 3 kB of memory a pixel."""

POLISH = 100
"""Conjugate-gradient iterations on larger images, from the solution at half their size."""


def take(own: np.ndarray, transferred: np.ndarray, wanted: str) -> np.ndarray:
    """The part of a transfer that is wanted.

    Args:
        own: (H, W, 3) uint8 or float32, A (or B'), which also guides the filter.
        transferred: (H, W, 3) uint8, or float32 in grey levels, A' (or B) with everything.
        wanted: `everything`, `colours` or `texture`.

    Returns:
        (H, W, 3) of the type of `transferred`.
    """
    if wanted == "everything":
        return transferred
    dtype = np.float64 if own[..., 0].size <= MAX_DIRECT else np.float32
    guide = own @ LUMA.astype(dtype) / 255
    change = np.subtract(transferred, own, dtype=dtype)
    colours = smooth(change, guide)
    if wanted == "colours":
        result = np.add(own, colours, out=colours)
    else:
        result = np.subtract(transferred, colours, out=colours)
    return as_levels(result, transferred.dtype)


def smooth(image: np.ndarray, guide: np.ndarray, strength: float = LAMBDA) -> np.ndarray:
    """Filter the channels of `image` (H, W, C) along the edges of `guide` (H, W), both float.

    Exact up to MAX_DIRECT pixels; beyond, within half a grey level of it on the average.
    """
    if guide.size <= MAX_DIRECT:
        system = sparse.eye_array(guide.size) + strength * laplacian(*_links(guide))
        return factorise(system).solve(image.reshape(guide.size, -1)).reshape(image.shape)
    # Half the size has a quarter of the pixels, and as many links: the filter is weaker by that.
    coarse = smooth(_halve(image), _halve(guide), strength / 4)
    start = coarse.repeat(2, axis=0).repeat(2, axis=1)[: guide.shape[0], : guide.shape[1]]
    system, jacobi = _stencil(guide, strength)
    smoothed = np.empty_like(image)
    for channel in range(image.shape[-1]):
        right, first = (values[..., channel].ravel() for values in (image, start))
        solution, _ = cg(system, right, first, rtol=0, maxiter=POLISH, M=jacobi)
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


def _stencil(guide: np.ndarray, strength: float) -> tuple[LinearOperator, LinearOperator]:
    """I + strength * its Laplacian and its inverted diagonal, without a matrix in memory."""
    down, right = (strength * link for link in _links(guide))
    inverse = 1 / (1 + _degree(down, right)).ravel()

    def apply(values: np.ndarray) -> np.ndarray:
        values = values.reshape(guide.shape)
        result = values.copy()
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
