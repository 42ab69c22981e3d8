"""Convolutions of 3 x 3 by Winograd's F(4 x 4, 3 x 3) in float32, and their gradients.

Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016. A tile of 4 x 4 results
takes 36 products for each pair of channels instead of 144: the 6 x 6 patch that it sees and the
weights are transformed, multiplied position by position, and transformed back. Bias, ReLU and
max-pooling are applied to a tile before it is written, and undone as a patch of the gradient is
read; what they did is kept in a byte a value, its code.

The order of every sum is fixed: results are the same bytes for any number of threads.
"""

from __future__ import annotations

import numba
import numpy as np

from dia_pipeline.algorithm.compiled import compiled
from dia_pipeline.algorithm.convolution.instructions import (
    POSITIONS,
    TILE,
    activate_pooled,
    activate_tile,
    multiply,
    see,
    transform_back,
    transform_patch,
    transform_weights,
)
from dia_pipeline.algorithm.convolution.vectors import LANES, PANEL, ROWS

BLOCK = 96
"""Tiles multiplied at a time; a multiple of ROWS."""

BAND = 2**21
"""Bytes of transformed patches a thread before they are multiplied, which the caches hold."""


@compiled
def transform(weights):
    """Weights (3, 3, C, K) float32 to those of `convolve`: (panels, 36, C, PANEL).

    K is a multiple of PANEL.
    """
    depth, count = weights.shape[2:]
    result = np.empty((count // PANEL, POSITIONS, depth, PANEL), np.float32)
    for c in numba.prange(depth):
        for k in range(0, count, LANES):
            to = (k // PANEL * POSITIONS * depth + c) * PANEL + k % PANEL
            transform_weights(weights, c * count + k, depth * count, result, to, depth * PANEL)
    return result


@compiled
def convolve(source, codes, back, pool, size, seen, weights, bias, target, workers):
    """Convolve a map padded by one, add the bias, pool, and apply the ReLU; or the way back.

    Args:
        source: (h, w, c) float32, the map; on the way back the gradient by its results. The first
            channels are those of the weights.
        codes: (., ., K) uint8, of the results; written, and on the way back read.
        back: whether to go the way back, to the gradient by the map.
        pool: whether there is max-pooling by two.
        size: height and width of the map.
        seen: those of its results.
        weights: (panels, 36, C, PANEL); see `transform`. On the way back, of the turned ones.
        bias: (K,), as many as `target` has channels; unused on the way back.
        target: where results go, up to whole tiles: (4 ceil(height / 4), 4 ceil(width / 4), K),
            or half of it if pooled; on the way back, the gradient.
        workers: threads among which the work is divided; results do not depend on it.
    """
    panels, _, depth, _ = weights.shape
    line = -(-depth // LANES) * LANES + LANES  # rows no power of two apart, for the cache
    apart = (BLOCK + 1) * line
    across = -(-size[1] // TILE)
    tiles = -(-size[0] // TILE) * across
    blocks = max(1, BAND * workers // (4 * POSITIONS * apart))
    blocks = min(blocks, -(-tiles // BLOCK))
    patches = np.empty((blocks, POSITIONS, BLOCK + 1, line), np.float32)
    scratch = np.zeros((workers, POSITIONS, line), np.float32)
    products = np.empty((workers, POSITIONS, BLOCK + 1, PANEL), np.float32)
    for first in range(0, tiles, blocks * BLOCK):
        count = min(blocks * BLOCK, tiles - first)
        for worker in numba.prange(workers):
            for tile in range(worker * count // workers, (worker + 1) * count // workers):
                y, x = divmod(first + tile, across)
                to = tile // BLOCK * POSITIONS * apart + tile % BLOCK * line
                corner = (y * TILE - 1, x * TILE - 1)
                patch = scratch[worker]
                _enter(source, codes, back, pool, size, seen, corner, depth, patch, patches, to)
        used = -(-count // BLOCK)
        for worker in numba.prange(workers):
            tasks = panels * used
            for task in range(worker * tasks // workers, (worker + 1) * tasks // workers):
                panel, block = divmod(task, used)
                each = min(BLOCK, count - block * BLOCK)
                _multiply(patches[block], weights[panel], each, products[worker])
                begin = first + block * BLOCK
                for tile in range(each):
                    place = divmod(begin + tile, across)
                    _leave(
                        products[worker], tile, panel, place, back, pool, size, bias, target, codes
                    )


@numba.njit
def _enter(source, codes, back, pool, size, seen, corner, depth, patch, patches, to):
    """Transform the patch at a corner, to element `to` of the patches."""
    top, left = corner
    line, apart = patch.shape[1], patches.shape[2] * patches.shape[3]
    column = source.shape[2]
    row = source.shape[1] * column
    inside = top >= 0 and left >= 0 and top + TILE + 2 <= size[0] and left + TILE + 2 <= size[1]
    if inside and not back and depth % LANES == 0:
        for k in range(0, depth, LANES):
            at = top * row + left * column + k
            transform_patch(source, at, row, column, patches, to + k, apart)
        return
    half = 1 if back and pool else 0
    end = seen if back else size
    for position in range(POSITIONS):
        y, x = top + position // (TILE + 2), left + position % (TILE + 2)
        above, before = y >> half, x >> half
        inside = 0 <= y < size[0] and 0 <= x < size[1]
        if not inside or above >= end[0] or before >= end[1]:
            patch[position] = 0
        elif back:
            own = 2 * (y & half) + (x & half)
            at = above * row + before * column
            code = (above * codes.shape[1] + before) * codes.shape[2]
            for k in range(0, depth, LANES):
                see(source, at + k, codes, code + k, own, patch, position * line + k)
        else:
            for k in range(depth):
                patch[position, k] = source[y, x, k]
    for k in range(0, depth, LANES):
        transform_patch(patch, k, (TILE + 2) * line, line, patches, to + k, apart)


@numba.njit
def _multiply(patches, weights, tiles, products):
    """The products of so many patches (36, ., C) and a panel's weights (36, C, PANEL)."""
    line, depth = patches.shape[2], weights.shape[1]
    for position in range(POSITIONS):
        for tile in range(0, tiles, ROWS):
            at = (position * (BLOCK + 1) + tile) * line
            to = (position * (BLOCK + 1) + tile) * PANEL
            multiply(patches, at, line, weights, position * depth * PANEL, depth, products, to)


@numba.njit
def _leave(products, tile, panel, place, back, pool, size, bias, target, codes):
    """Transform back the products of a tile, which lies at this place."""
    apart = (BLOCK + 1) * PANEL
    side = TILE // 2 if pool and not back else TILE
    column = target.shape[2]
    row = target.shape[1] * column
    y, x = place
    down, across = size[0] - y * TILE, size[1] - x * TILE
    for k in range(0, min(PANEL, column - panel * PANEL), LANES):
        at, channel = tile * PANEL + k, panel * PANEL + k
        to = y * side * row + x * side * column + channel
        if back:
            transform_back(products, at, apart, target, to, row, column)
        elif pool:
            activate_pooled(
                products, at, apart, target, to, row, column, codes, bias, channel, down, across
            )
        else:
            activate_tile(
                products, at, apart, target, to, row, column, codes, bias, channel, down, across
            )
