"""Coordinates of the deconvolution in which its objective is equally steep in all channels.

Where the network is linear the objective is a parabola of curvature J^T J, J the network's
derivative. Let H be its block of the channels of one position, averaged over all of them, and
H = L L^T. In the coordinates Z of R = Z L^-1 it is the identity. One product J^T v with noise v of
unit variance estimates H, since a feature map has many positions.
"""

from __future__ import annotations

import numpy as np
import torch

DAMPING = 0.01
"""Added to H's diagonal, as a share of its mean."""


def coordinates(noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The matrices from coordinates to features, and back.

    Args:
        noise: (H, W, C) noise of unit variance, taken back through the network's derivative.

    Returns:
        L^-1 and L, (C, C), of the same type and device.
    """
    curvature = torch.bmm(noise.mT, noise).cpu().double().sum(dim=0).numpy()
    curvature /= noise.shape[0] * noise.shape[1]
    damping = DAMPING * curvature.diagonal().mean() or 1.0
    both = _inverse_factor(curvature + damping * np.eye(len(curvature)))
    inverse, factor = torch.from_numpy(np.stack(both)).to(noise)
    return inverse, factor


def _inverse_factor(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of a positive matrix's Cholesky factor, and the factor.

    By elimination, row by row: unlike LAPACK's, its bytes do not depend on the number of threads.
    """
    size = len(matrix)
    rows = np.hstack([matrix, np.eye(size)])
    for k in range(size - 1):
        rows[k + 1 :] -= np.outer(rows[k + 1 :, k] / rows[k, k], rows[k])
    rows /= np.sqrt(rows.diagonal())[:, None]
    return rows[:, size:], np.triu(rows[:, :size]).T
