"""Coordinates of the deconvolution in which its objective is equally steep in all channels.

Where the network is linear the objective is a parabola of curvature J^T J, J the network's
derivative. Its block of the channels of one position, averaged over all of them, is H = M^-1 M^-T;
in the coordinates Z of R = R_0 + Z M it is the identity. One product J^T v with noise v of unit
variance estimates H, since a feature map has many positions.
"""

from __future__ import annotations

import numpy as np
import torch

DAMPING = 0.01
"""Added to H's diagonal, as a share of its mean."""


def preconditioner(noise: torch.Tensor) -> torch.Tensor:
    """The matrix M of the coordinates.

    Args:
        noise: (H, W, C) noise of unit variance, taken back through the network's derivative.

    Returns:
        (C, C), of the same type and device, lower triangular, such that M (H + damping) M^T = 1.
    """
    curvature = torch.bmm(noise.mT, noise).cpu().double().sum(dim=0).numpy()
    curvature /= noise.shape[0] * noise.shape[1]
    damping = DAMPING * curvature.diagonal().mean() or 1.0
    return torch.from_numpy(_inverse_root(curvature + damping * np.eye(len(curvature)))).to(noise)


def _inverse_root(matrix: np.ndarray) -> np.ndarray:
    """The inverse of a positive matrix's Cholesky factor.

    By elimination, row by row: unlike LAPACK's, its bytes do not depend on the number of threads.
    """
    size = len(matrix)
    rows = np.hstack([matrix, np.eye(size)])
    for k in range(size - 1):
        rows[k + 1 :] -= np.outer(rows[k + 1 :, k] / rows[k, k], rows[k])
    return rows[:, size:] / np.sqrt(rows.diagonal())[:, None]
