"""PatchMatch for the CPU: parallel over tiles, free of races, compiled once and cached.

What it looks at are the integers and the short maps of `prepared`.
"""

from __future__ import annotations

import numba
import numpy as np
import torch

from dia_pipeline.algorithm.patchmatch import reference
from dia_pipeline.algorithm.patchmatch.prepared import SHORT, prepared
from dia_pipeline.algorithm.patchmatch.products import UNIT, sum_of_products
from dia_pipeline.algorithm.patchmatch.reference import MAX_ROUGHNESS
from dia_pipeline.machine.compiled import divided

MASK = np.uint64(reference.MASK)

TILE = 16
"""Side of the squares of pixels visited one after another, while their patches are near."""


def search(maps, nnf, radii, jumps, iterations, seed, smoothness=0.0):
    """See `patchmatch.search`; tensors on the CPU."""
    maps = prepared(maps)
    field = nnf.numpy().copy()
    before = field, _similarities(maps, field), np.zeros(field.shape[:2], np.int32)
    after = tuple(map(np.empty_like, before))
    smoothness = np.float32(smoothness * maps.scale**2)
    height, width = field.shape[:2]
    for now in range(iterations * len(jumps)):
        iteration, turn = divmod(now, len(jumps))
        windows = radii if turn == len(jumps) - 1 else ()
        steps = range(iteration * len(radii), iteration * len(radii) + len(windows))
        keys = [reference._hash(step ^ reference._hash(seed)) for step in steps]
        _pass(
            -(-height // TILE) * -(-width // TILE),
            maps.arrays,
            maps.margin,
            maps.sides,
            before,
            after,
            smoothness,
            (jumps[turn], now, now - len(jumps)),
            (np.array(windows, np.int64), np.array(keys, np.uint64)),
        )
        before, after = after, before
    field, best, _ = before
    return torch.from_numpy(field), _energies(maps, best)


def energy(maps, nnf):
    """See `patchmatch.energy`; tensors on the CPU."""
    maps = prepared(maps)
    return _energies(maps, _similarities(maps, nnf.numpy()))


def _similarities(maps, field):
    best = np.empty(field.shape[:2], np.float32)
    evaluate(len(field), *maps.arrays[:2], maps.sides, field, best)
    return best


def _energies(maps, similarities):
    """Of the maps as they were given."""
    return torch.from_numpy(similarities / np.float32(-(maps.scale**2)))


@numba.njit(inline="always")
def _hash(value):
    """A 32-bit integer mixed to look random."""
    value = ((value ^ (value >> np.uint64(16))) * np.uint64(0x7FEB352D)) & MASK
    value = ((value ^ (value >> np.uint64(15))) * np.uint64(0x846CA68B)) & MASK
    return value ^ (value >> np.uint64(16))


@numba.njit(inline="always")
def _pick(random, low, high):
    """An integer from low to high, by 32 random bits."""
    return low + np.int64((random * np.uint64(high - low + 1)) >> np.uint64(32))


@numba.njit(inline="always")
def _reach(sides, y, x, ty, tx):
    """How far two patches reach up and left inside both maps, and their rows and columns there."""
    height, width, _, target_height, target_width, radius = sides
    top, left = min(radius, y, ty), min(radius, x, tx)
    bottom = min(radius, height - 1 - y, target_height - 1 - ty)
    right = min(radius, width - 1 - x, target_width - 1 - tx)
    return top, left, top + bottom + 1, left + right + 1


@numba.njit(inline="always")
def _similarity(source, target, sides, y, x, ty, tx):
    """The mean dot product of two patches."""
    _, width, units, _, target_width, _ = sides
    top, left, rows, columns = _reach(sides, y, x, ty, tx)
    depth = units * UNIT
    start, at = (
        ((y - top) * width + x - left) * depth,
        ((ty - top) * target_width + tx - left) * depth,
    )
    total = np.int64(0)
    for _ in range(rows):
        total += sum_of_products(source, start, 0, target, at, 0, 1, columns * units)
        start += width * depth
        at += target_width * depth
    return np.float32(total / (rows * columns))


@numba.njit(inline="always")
def _at_most(short_source, short_target, margin, sides, y, x, ty, tx):
    """What the mean dot product of two patches does not exceed."""
    _, width, _, _, target_width, radius = sides
    top, left, rows, columns = _reach(sides, y, x, ty, tx)
    start, at = (
        ((y - top) * width + x - left) * SHORT,
        ((ty - top) * target_width + tx - left) * SHORT,
    )
    row, other_row = width * SHORT, target_width * SHORT
    total = sum_of_products(short_source, start, row, short_target, at, other_row, rows, columns)
    return np.float32(total) * np.float32(2 * radius + 1) / np.float32(rows * columns) + margin


@divided
def evaluate(begin, end, source, target, sides, field, best):
    """The similarity (H, W) float32 of every match of a field; minus the energy."""
    for y in range(begin, end):
        for x in range(field.shape[1]):
            best[y, x] = _similarity(source, target, sides, y, x, field[y, x, 0], field[y, x, 1])


@numba.njit
def _roughness(before, y, x, ty, tx):
    """By how many pixels the offset of a match differs from its four neighbours' before, in all."""
    total = 0
    for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        if 0 <= y + dy < before.shape[0] and 0 <= x + dx < before.shape[1]:
            along_y = abs(before[y + dy, x + dx, 0] - dy - ty)
            along_x = abs(before[y + dy, x + dx, 1] - dx - tx)
            total += min(along_y + along_x, MAX_ROUGHNESS)
    return total


@numba.njit
def _settled(changed, y, x, last):
    """Whether neither the match of a pixel nor one beside it has changed since the pass `last`."""
    for dy, dx in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)):
        inside = 0 <= y + dy < changed.shape[0] and 0 <= x + dx < changed.shape[1]
        if inside and changed[y + dy, x + dx] >= last:
            return False
    return True


@numba.njit(inline="always")
def _neighbour(field, changed, sides, y, x, number, turn, settled):
    """The match that a neighbour hands on; (-1, -1) for none, or for one not to be tried again."""
    height, width, _, target_height, target_width, _ = sides
    jump, _, last = turn
    step = jump if number % 2 else -jump
    dy, dx = (step, 0) if number < 2 else (0, step)
    if not (0 <= y + dy < height and 0 <= x + dx < width):
        return -1, -1
    if settled and changed[y + dy, x + dx] < last:
        return -1, -1
    ty, tx = field[y + dy, x + dx, 0] - dy, field[y + dy, x + dx, 1] - dx
    if 0 <= ty < target_height and 0 <= tx < target_width:
        return ty, tx
    return -1, -1


@numba.njit(inline="always")
def _random(sides, y, x, at_y, at_x, window, key):
    """A random match, at most `window` from (at_y, at_x)."""
    _, width, _, target_height, target_width, _ = sides
    random = _hash(np.uint64(y * width + x) ^ key)
    ty = _pick(random, max(at_y - window, 0), min(at_y + window, target_height - 1))
    tx = _pick(_hash(random), max(at_x - window, 0), min(at_x + window, target_width - 1))
    return ty, tx


@divided
def _pass(begin, end, maps, margin, sides, before, after, smoothness, turn, trials):
    """Every pixel tries the matches of its four neighbours at `jump`, then one in each window.

    The field, its similarities and the passes in which they last changed are read from `before` and
    written to `after`.

    A neighbour whose match has not changed since this jump was last tried, in the pass `last`, is
    not tried again, with smoothness only if nothing changed around the pixel either. The random
    matches depend on nothing but the pixel itself.
    """
    height, width = sides[:2]
    source, target, short_source, short_target = maps
    field, best, changed = before
    new_field, new_best, new_changed = after
    windows, keys = trials
    across = -(-width // TILE)
    for tile in range(begin, end):
        top, left = tile // across * TILE, tile % across * TILE
        for pixel in range(TILE * TILE):
            y, x = top + pixel // TILE, left + pixel % TILE
            if y >= height or x >= width:
                continue
            settled = not smoothness or _settled(changed, y, x, turn[2])
            at_y, at_x = np.int64(field[y, x, 0]), np.int64(field[y, x, 1])
            similarity, when = best[y, x], changed[y, x]
            for number in range(4 + len(windows)):
                if number < 4:
                    ty, tx = _neighbour(field, changed, sides, y, x, number, turn, settled)
                else:
                    trial = number - 4
                    ty, tx = _random(sides, y, x, at_y, at_x, windows[trial], keys[trial])
                if ty < 0 or (ty == at_y and tx == at_x):
                    continue
                beat = similarity
                if smoothness:
                    rougher = _roughness(field, y, x, ty, tx) - _roughness(field, y, x, at_y, at_x)
                    beat += smoothness * np.float32(rougher)
                if _at_most(short_source, short_target, margin, sides, y, x, ty, tx) <= beat:
                    continue
                found = _similarity(source, target, sides, y, x, ty, tx)
                if found > beat:
                    at_y, at_x, similarity, when = ty, tx, found, turn[1]
            new_field[y, x, 0], new_field[y, x, 1] = at_y, at_x  # a slice compiles for a second
            new_best[y, x], new_changed[y, x] = similarity, when
