"""The sums of L-BFGS for any torch device, in its own products of matrices.

Sums are float32 along the rows of a vector, then double: the same however many threads there are.
"""

from __future__ import annotations

import numpy as np
import torch


def products(vectors: torch.Tensor, rows: list[int]) -> np.ndarray:
    """The dot products of some vectors with all.

    Args:
        vectors: (V, N, ...), contiguous.
        rows: which.

    Returns:
        (rows, V) float64.
    """
    parts = vectors.flatten(2).movedim(0, 1)
    return torch.bmm(parts[:, rows], parts.mT).cpu().double().sum(dim=0).numpy()


def combine(weights: np.ndarray, vectors: torch.Tensor) -> torch.Tensor:
    """The sum (N, ...) of vectors (V, N, ...), each times its weight (V,)."""
    parts = vectors.flatten(2).movedim(0, 1)
    weights = torch.tensor(weights, dtype=parts.dtype, device=parts.device)
    return torch.matmul(weights, parts).view(vectors.shape[1:])


def dot(a: torch.Tensor, b: torch.Tensor) -> float:
    """The dot product of two vectors (N, ...)."""
    return (a * b).flatten(1).sum(dim=1).cpu().double().sum().item()
