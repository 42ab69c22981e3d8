"""Weighted-least-squares refinement for photo-to-photo pairs (section 5 of the paper).

The filter is that of Farbman et al., "Edge-Preserving Decompositions for Multi-Scale Tone and
Detail Manipulation" (2008): (I + lambda * L) u = f, where L is the Laplacian of the pixel grid
whose edges weigh 1 / (|difference of the guide|^alpha + eps).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

ALPHA = 1.0
LAMBDA = 0.8
EPSILON = 1e-4


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


def smooth(picture: np.ndarray, guide: np.ndarray) -> np.ndarray:
    """Filter the channels of `picture` (H, W, C) along the edges of `guide` (H, W), both float."""
    shape = picture.shape
    system = sparse.eye_array(guide.size) + LAMBDA * laplacian(guide)
    columns = picture.reshape(guide.size, -1)
    return splu(system.tocsc()).solve(columns).reshape(shape)


def laplacian(guide: np.ndarray) -> sparse.sparray:
    """The weighted Laplacian of the pixel grid, (H*W, H*W)."""
    places = np.arange(guide.size).reshape(guide.shape)
    one, other, weights = [], [], []
    for axis in (0, 1):
        here, there = np.arange(guide.shape[axis] - 1), np.arange(1, guide.shape[axis])
        difference = np.abs(np.diff(guide, axis=axis)) ** ALPHA
        weights.append((1 / (difference + EPSILON)).ravel())
        one.append(places.take(here, axis).ravel())
        other.append(places.take(there, axis).ravel())
    one, other, weights = map(np.concatenate, (one, other, weights))
    size = (guide.size, guide.size)
    links = sparse.coo_array((weights, (one, other)), shape=size)
    links = (links + links.T).tocsr()
    return sparse.diags_array(links.sum(axis=1)) - links
