"""The sums of L-BFGS for the CPU: one pass over memory each.

Sums are taken block by block, then over the blocks in their order: they are the same for any
number of threads.
"""

from __future__ import annotations

import numba
import numpy as np

from dia_pipeline.machine.compiled import divided

BLOCK = 1024
"""Elements of a block; those of all vectors fit in the first-level cache."""

REORDER = {"reassoc", "contract"}
"""The freedom the compiler needs to vectorise a sum; the order is fixed once compiled."""


def products(vectors, rows):
    """See `reference.products`; on the CPU."""
    flat = vectors.flatten(1).numpy()
    sums = np.empty((_blocks(flat.shape[1]), len(rows), len(flat)))
    _products(len(sums), flat, np.array(rows), sums)
    return sums.sum(axis=0)


def combine(weights, vectors, result):
    """See `reference.combine`; on the CPU."""
    flat = vectors.flatten(1).numpy()
    _combine(_blocks(flat.shape[1]), weights, flat, result.flatten().numpy())


def dot(a, b):
    """See `reference.dot`; on the CPU."""
    sums = np.empty(_blocks(a.numel()))
    _dots(len(sums), a.flatten().numpy(), b.flatten().numpy(), sums)
    return sums.sum().item()


def read(*sums):
    """See `reference.read`; on the CPU."""
    return sums


def _blocks(size):
    return -(-size // BLOCK)


@numba.njit(fastmath=REORDER)
def _dot(a, b):
    total = a.dtype.type(0)
    for k in range(len(a)):
        total += a[k] * b[k]
    return total


@divided
def _products(begin, end, vectors, rows, result):
    for block in range(begin, end):
        part = slice(block * BLOCK, block * BLOCK + BLOCK)
        for i in range(len(rows)):
            for j in range(len(vectors)):
                result[block, i, j] = _dot(vectors[rows[i], part], vectors[j, part])


@divided
def _combine(begin, end, weights, vectors, result):
    for block in range(begin, end):
        total = result[block * BLOCK : block * BLOCK + BLOCK]
        total[:] = 0
        for i in range(len(vectors)):
            weight = vectors.dtype.type(weights[i])
            vector = vectors[i, block * BLOCK : block * BLOCK + BLOCK]
            for k in range(len(total)):
                total[k] += weight * vector[k]


@divided
def _dots(begin, end, a, b, result):
    for block in range(begin, end):
        part = slice(block * BLOCK, block * BLOCK + BLOCK)
        result[block] = _dot(a[part], b[part])
