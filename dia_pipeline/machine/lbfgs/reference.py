"""The sums of L-BFGS for any torch device, in its own products of matrices.

Sums are float32 along the rows of a vector, then double: the same however many threads there are.
The CPU takes the second ones, of what `read` brings it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def products(vectors: torch.Tensor, rows: list[int]) -> torch.Tensor:
    """The dot products of some vectors with all, to be read.

    Args:
        vectors: (V, N, ...), contiguous.
        rows: which.

    Returns:
        (N, rows, V); once it is read, (rows, V) float64.
    """
    parts = vectors.flatten(2).movedim(0, 1)
    return torch.bmm(torch.stack([parts[:, row] for row in rows], dim=1), parts.mT)


def combine(weights: np.ndarray, vectors: torch.Tensor, result: torch.Tensor) -> None:
    """Write the sum (N, ...) of vectors (V, N, ...), each times its weight (V,)."""
    parts = vectors.flatten(2).movedim(0, 1)
    sent = torch.tensor(weights, dtype=parts.dtype).to(parts.device, non_blocking=True)
    torch.bmm(sent.expand(len(parts), 1, -1), parts, out=result.view(len(parts), 1, -1))


def dot(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The dot product of two vectors (N, ...), to be read: (N,); once it is read, a number."""
    return (a * b).flatten(1).sum(dim=1)


def read(*sums: torch.Tensor) -> list[Any]:
    """The sums over the rows of what `products` and `dot` gave, with one wait for the device."""
    brought = torch.cat([each.flatten() for each in sums]).cpu().double()
    parts = brought.split([each.numel() for each in sums])
    shaped = (part.view(each.shape) for part, each in zip(parts, sums, strict=True))
    return [part.sum(dim=0).numpy()[()] for part in shaped]
