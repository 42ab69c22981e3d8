"""Weighted-least-squares refinement for photo-to-photo pairs (section 5 of the paper).

The filter is that of Farbman et al., "Edge-Preserving Decompositions for Multi-Scale Tone and
Detail Manipulation" (2008): (I + lambda * L) u = f, where L is the Laplacian of the pixel grid
whose edges weigh 1 / (|difference of the guide|^alpha + eps).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import cg, splu

ALPHA = 1.0
LAMBDA = 0.8
EPSILON = 1e-4

MOST_DIRECT = 600_000
"""Pixels up to which the system is factorised; that takes 3 kB of memory a pixel."""

POLISH = 100
"""Conjugate-gradient iterations on larger pictures, from the solution at half their size."""


def refine(own: np.ndarray, transferred: np.ndarray) -> np.ndarray:
    """own + WLS(transferred) - WLS(own): the colours of the transfer, the details of `own`.

    Args:
        own: (H, W, 3) uint8, A (or B'), which also guides the filter.
        transferred: (H, W, 3) uint8, A' (or B).

    Returns:
        (H, W, 3) uint8.
    """
    own, transferred = own / 255.0, transferred / 255.0
    guide = own @ (0.299, 0.587, 0.114)
    refined = own + smooth(transferred - own, guide)  # the filter is linear
    return (refined.clip(0, 1) * 255).round().astype(np.uint8)


def smooth(picture: np.ndarray, guide: np.ndarray, strength: float = LAMBDA) -> np.ndarray:
    """Filter the channels of `picture` (H, W, C) along the edges of `guide` (H, W), both float.

    Exact up to MOST_DIRECT pixels; beyond, within half a grey level of it on the average.
    """
    system = sparse.eye_array(guide.size) + strength * laplacian(guide)
    channels = picture.reshape(guide.size, -1)
    if guide.size <= MOST_DIRECT:
        return _factorise(system).solve(channels).reshape(picture.shape)
    # Half the size has a quarter of the pixels, and as many links: the filter is weaker by that.
    coarse = smooth(_halve(picture), _halve(guide), strength / 4)
    start = coarse.repeat(2, axis=0).repeat(2, axis=1)[: guide.shape[0], : guide.shape[1]]
    start = start.reshape(guide.size, -1)
    jacobi = sparse.diags_array(1 / system.diagonal())
    for channel in range(channels.shape[1]):
        solution, _ = cg(
            system, channels[:, channel], start[:, channel], rtol=0, maxiter=POLISH, M=jacobi
        )
        start[:, channel] = solution
    return start.reshape(picture.shape)


def laplacian(guide: np.ndarray) -> sparse.dia_array:
    """The weighted Laplacian of the pixel grid, (H*W, H*W)."""
    down, right = np.zeros_like(guide), np.zeros_like(guide)  # links to the next row, column
    down[:-1] = 1 / (np.abs(np.diff(guide, axis=0)) ** ALPHA + EPSILON)
    right[:, :-1] = 1 / (np.abs(np.diff(guide, axis=1)) ** ALPHA + EPSILON)
    degree = down + right
    degree[1:] += down[:-1]
    degree[:, 1:] += right[:, :-1]
    width = guide.shape[1]
    down, right = down.ravel()[:-width], right.ravel()[:-1]
    links = [degree.ravel(), -down, -down, -right, -right]
    return sparse.diags_array(links, offsets=[0, width, -width, 1, -1])


def _factorise(system: sparse.sparray):
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
