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

from dia_pipeline.machine.compiled import divided
from dia_pipeline.machine.convolution.instructions import (
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
from dia_pipeline.machine.convolution.vectors import LANES, PANEL, ROWS

BLOCK = 104 // ROWS * ROWS
"""Tiles multiplied at a time: whole sets of rows, or the last one would be written past the end."""


def transform(weights):
    """Weights (3, 3, C, K) float32 to those of `convolve`: (panels, 36, C, PANEL).

    K is a multiple of PANEL.
    """
    depth, count = weights.shape[2:]
    result = np.empty((count // PANEL, POSITIONS, depth, PANEL), np.float32)
    _transform(depth, weights, result)
    return result


@divided
def _transform(begin, end, weights, result):
    depth, count = weights.shape[2:]
    for c in range(begin, end):
        for k in range(0, count, LANES):
            to = (k // PANEL * POSITIONS * depth + c) * PANEL + k % PANEL
            transform_weights(weights, c * count + k, depth * count, result, to, depth * PANEL)


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
    across = -(-size[1] // TILE)
    tiles = -(-size[0] // TILE) * across
    read = source, codes, back, pool, *size, *seen, depth
    written = back, pool, *size, bias, target, codes
    if tiles >= workers * BLOCK:
        _apart(tiles, read, weights, written, across, line)
        return
    blocks = -(-tiles // BLOCK)
    patches = np.empty((blocks, POSITIONS, BLOCK + 1, line), np.float32)
    _enter_blocks(tiles, read, across, patches)
    _finish_blocks(panels * blocks, patches, weights, tiles, across, written)


@divided
def _apart(begin, end, read, weights, written, across, line):
    """Each thread has tiles of its own, whose patches stay in its cache."""
    scratch = np.zeros((POSITIONS, line), np.float32)
    patches = np.empty((POSITIONS, BLOCK + 1, line), np.float32)
    products = np.empty((POSITIONS, BLOCK + 1, PANEL), np.float32)
    parts = -(-(end - begin) // BLOCK)
    for part in range(parts):
        some = _part(begin, end, part, parts)
        _enter_tiles(read, some, some[0], across, scratch, patches)
        for panel in range(len(weights)):
            _finish(patches, weights, panel, some, across, products, written)


@divided
def _enter_blocks(begin, end, read, across, patches):
    """Transform the patches of tiles; those of a BLOCK lie together."""
    scratch = np.zeros((POSITIONS, patches.shape[3]), np.float32)
    for block in range(begin // BLOCK, -(-end // BLOCK)):
        some = max(begin, block * BLOCK), min(end, (block + 1) * BLOCK)
        _enter_tiles(read, some, block * BLOCK, across, scratch, patches[block])


@divided
def _finish_blocks(begin, end, patches, weights, tiles, across, written):
    """Of every panel of the weights and BLOCK of tiles: multiply, and write the results."""
    products = np.empty((POSITIONS, BLOCK + 1, PANEL), np.float32)
    for task in range(begin, end):
        panel, block = divmod(task, len(patches))
        some = block * BLOCK, min(tiles, (block + 1) * BLOCK)
        _finish(patches[block], weights, panel, some, across, products, written)


@numba.njit
def _part(begin, end, number, parts):
    """Where the part of that number begins and ends, of so many equal ones."""
    count = end - begin
    return begin + number * count // parts, begin + (number + 1) * count // parts


@numba.njit
def _enter_tiles(read, tiles, origin, across, patch, patches):
    """Transform the patches of a range of tiles; that of `origin` is the first of `patches`."""
    for tile in range(tiles[0], tiles[1]):
        y, x = divmod(tile, across)
        corner = y * TILE - 1, x * TILE - 1
        _enter(read, corner, patch, patches, (tile - origin) * patch.shape[1])


@numba.njit
def _finish(patches, weights, panel, tiles, across, products, written):
    """Multiply the patches of a range of tiles with a panel of the weights; write the results."""
    first, last = tiles
    _multiply(patches, weights[panel], last - first, products)
    for tile in range(first, last):
        _leave(products, tile - first, panel, divmod(tile, across), written)


@numba.njit
def _enter(read, corner, patch, patches, to):
    """Transform the patch at a corner, to element `to` of the patches."""
    source, codes, back, pool, height, width, down, across, depth = read
    top, left = corner
    line, apart = patch.shape[1], patches.shape[1] * patches.shape[2]
    column = source.shape[2]
    row = source.shape[1] * column
    inside = top >= 0 and left >= 0 and top + TILE + 2 <= height and left + TILE + 2 <= width
    if inside and not back and depth % LANES == 0:
        for k in range(0, depth, LANES):
            at = top * row + left * column + k
            transform_patch(source, at, row, column, patches, to + k, apart)
        return
    half = 1 if back and pool else 0
    if not back:
        down, across = height, width
    for position in range(POSITIONS):
        y, x = top + position // (TILE + 2), left + position % (TILE + 2)
        above, before = y >> half, x >> half
        inside = 0 <= y < height and 0 <= x < width
        if not inside or above >= down or before >= across:
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
def _leave(products, tile, panel, place, written):
    """Transform back the products of a tile, which lies at this place."""
    back, pool, height, width, bias, target, codes = written
    apart = (BLOCK + 1) * PANEL
    side = TILE // 2 if pool and not back else TILE
    column = target.shape[2]
    row = target.shape[1] * column
    y, x = place
    down, across = height - y * TILE, width - x * TILE
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
