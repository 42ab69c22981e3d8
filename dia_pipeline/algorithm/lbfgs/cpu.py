"""The sums of L-BFGS for the CPU: one pass over memory each.

Sums are taken block by block, then over the blocks in their order: they are the same for any
number of threads.
"""

from __future__ import annotations

import numba
import numpy as np

from dia_pipeline.algorithm.compiled import compiled

BLOCK = 1024
"""Elements of a block; those of all vectors fit in the first-level cache."""

REORDER = {"reassoc", "contract"}
"""The freedom the compiler needs to vectorise a sum; the order is fixed once compiled."""


def products(vectors, rows):
    """See `reference.products`; on the CPU."""
    return _products(vectors.flatten(1).numpy(), np.array(rows)).sum(axis=0)


def combine(weights, vectors, result):
    """See `reference.combine`; on the CPU."""
    _combine(weights, vectors.flatten(1).numpy(), result.flatten().numpy())


def dot(a, b):
    """See `reference.dot`; on the CPU."""
    return _dots(a.flatten().numpy(), b.flatten().numpy()).sum().item()


def read(*sums):
    """See `reference.read`; on the CPU."""
    return sums


@numba.njit(fastmath=REORDER)
def _dot(a, b):
    total = a.dtype.type(0)
    for k in range(len(a)):
        total += a[k] * b[k]
    return total


@compiled
def _products(vectors, rows):
    count, size = vectors.shape
    blocks = -(-size // BLOCK)
    result = np.empty((blocks, len(rows), count), np.float64)
    for block in numba.prange(blocks):
        part = slice(block * BLOCK, min(block * BLOCK + BLOCK, size))
        for i in range(len(rows)):
            for j in range(count):
                result[block, i, j] = _dot(vectors[rows[i], part], vectors[j, part])
    return result


@compiled
def _combine(weights, vectors, result):
    count, size = vectors.shape
    for block in numba.prange(-(-size // BLOCK)):
        total = result[block * BLOCK : block * BLOCK + BLOCK]
        total[:] = 0
        for i in range(count):
            weight = vectors.dtype.type(weights[i])
            vector = vectors[i, block * BLOCK : block * BLOCK + BLOCK]
            for k in range(len(total)):
                total[k] += weight * vector[k]
    return result


@compiled
def _dots(a, b):
    blocks = -(-len(a) // BLOCK)
    result = np.empty(blocks, np.float64)
    for block in numba.prange(blocks):
        part = slice(block * BLOCK, block * BLOCK + BLOCK)
        result[block] = _dot(a[part], b[part])
    return result
