"""PatchMatch for the CPU: parallel over tiles, free of races, compiled once and cached.

Maps are searched as 16-bit integers, which are half the memory to read and multiply twice as fast;
what they lose is less than what features lose that are kept in float16. Sums of integers are
exact: the field depends neither on threads nor on how a machine adds.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import torch

from dia_pipeline.algorithm.compiled import compiled
from dia_pipeline.algorithm.patchmatch.reference import MAX_ROUGHNESS

MASK = np.uint64(0xFFFFFFFF)
WORST = np.float32(-1e30)
MEMORY = 4
"""A pixel remembers its last candidate in every cell of a MEMORY x MEMORY lattice, and the most its
similarity can be."""
TILE = 16
"""Side of the squares of pixels visited one after another, while their patches are near."""


def search(source, target, nnf, patch, radii, jumps, iterations, seed, smoothness=0.0):
    """See `patchmatch.search`; tensors on the CPU."""
    maps, sides, scale = _prepared(source, target, patch)
    field = nnf.numpy()
    best = evaluate(maps, sides, field)
    changed = np.zeros(field.shape[:2], np.int32)
    smoothness = np.float32(smoothness * scale**2)
    cells = (*field.shape[:2], MEMORY * MEMORY)
    tried = np.full(cells, -1, np.int32), np.empty(cells, np.float32)
    for now in range(iterations * len(jumps)):
        iteration, turn = divmod(now, len(jumps))
        windows = np.array(radii if turn == len(jumps) - 1 else (), np.int64)
        field, best, changed = _pass(
            maps,
            sides,
            (field, best, changed),
            tried,
            smoothness,
            (jumps[turn], now, now - len(jumps)),
            (windows, seed, iteration * len(radii)),
        )
    return torch.from_numpy(field.copy()), torch.from_numpy(best / np.float32(-(scale**2)))


def energy(source, target, nnf, patch):
    """See `patchmatch.energy`; tensors on the CPU."""
    maps, sides, scale = _prepared(source, target, patch)
    return torch.from_numpy(evaluate(maps, sides, nnf.numpy()) / np.float32(-(scale**2)))


def _prepared(source, target, patch):
    """The maps as integers with the largest dot product there can be, their sides, their scale."""
    longest = max(torch.linalg.vector_norm(map_, dim=-1).max().item() for map_ in (source, target))
    scale = _scale(longest, patch)
    bound = np.float32((longest * scale) ** 2 * 1.01)
    maps = (*(_quantised(map_.numpy().ravel(), scale) for map_ in (source, target)), bound)
    return maps, (*source.shape, *target.shape[:2], patch // 2), scale


def _scale(longest, patch):
    """What the values of a map are multiplied by before they are rounded.

    The dot product of two patches' rows fits in 32 bits; rounding adds less than a hundredth to it.

    Args:
        longest: length of the longest vector.
    """
    return min(math.sqrt(2**31 / (1.01 * patch)), 2**15 - 1) / (longest or 1)


@compiled
def _quantised(values, scale):
    result = np.empty(len(values), np.int16)
    for i in numba.prange(len(values)):
        result[i] = np.int16(np.rint(values[i] * np.float32(scale)))
    return result


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


@numba.njit
def _similarity(maps, sides, y, x, ty, tx, beat):
    """The mean dot product of two patches; the most it can be as soon as that is below `beat`.

    The rows still to come add no more than `bound`, the largest dot product there can be, a pixel.
    """
    source, target, bound = maps
    height, width, depth, target_height, target_width, radius = sides
    top = min(radius, y, ty)
    left = min(radius, x, tx)
    bottom = min(radius, height - 1 - y, target_height - 1 - ty)
    right = min(radius, width - 1 - x, target_width - 1 - tx)
    columns = left + right + 1
    count = columns * (top + bottom + 1)
    length = columns * depth
    most = np.float64(bound) * count
    needed = np.float64(beat) * count
    for dy in range(-top, bottom + 1):
        # Unsigned, so that no index is taken for one from the end.
        start = np.uint64(((y + dy) * width + x - left) * depth)
        target_start = np.uint64(((ty + dy) * target_width + tx - left) * depth)
        dot = np.int32(0)
        for k in range(np.uint64(length)):
            product = np.int32(source[start + k]) * np.int32(target[target_start + k])
            dot = np.int32(dot + np.int32(product))
        most += dot - np.float64(bound) * columns
        if most <= needed:
            break
    return np.float32(most / count)


@compiled
def evaluate(maps, sides, field):
    """The similarity (H, W) float32 of every match of a field; minus the energy."""
    best = np.empty(field.shape[:2], np.float32)
    for y in numba.prange(field.shape[0]):
        for x in range(field.shape[1]):
            ty, tx = field[y, x]
            best[y, x] = _similarity(maps, sides, y, x, ty, tx, WORST)
    return best


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
def _improves(maps, sides, field, best, tried, smooth, y, x, ty, tx):
    """Whether a candidate inside the target is better than the match, whose place it then takes."""
    old_y, old_x = field[y, x]
    if ty == old_y and tx == old_x:
        return False
    before, smoothness = smooth
    beat = best[y, x]
    if smoothness:
        rougher = _roughness(before, y, x, ty, tx) - _roughness(before, y, x, old_y, old_x)
        beat += smoothness * np.float32(rougher)
    candidates, most = tried
    cell = ty % MEMORY * MEMORY + tx % MEMORY
    candidate = ty * sides[4] + tx
    if candidates[y, x, cell] == candidate and most[y, x, cell] <= beat:
        return False
    similarity = _similarity(maps, sides, y, x, ty, tx, beat)
    candidates[y, x, cell] = candidate
    most[y, x, cell] = similarity
    if similarity <= beat:
        return False
    best[y, x] = similarity
    field[y, x, 0] = ty
    field[y, x, 1] = tx
    return True


@numba.njit
def _settled(changed, y, x, last):
    """Whether neither the match of a pixel nor one beside it has changed since the pass `last`."""
    for dy, dx in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)):
        inside = 0 <= y + dy < changed.shape[0] and 0 <= x + dx < changed.shape[1]
        if inside and changed[y + dy, x + dx] >= last:
            return False
    return True


@compiled
def _pass(maps, sides, state, tried, smoothness, turn, trials):
    """Every pixel tries the matches of its four neighbours at `jump`, then one in each window.

    A neighbour whose match has not changed since this jump was last tried, in the pass `last`, is
    not tried again, with smoothness only if nothing changed around the pixel either. The random
    matches depend on nothing but the pixel itself.
    """
    height, width, _, target_height, target_width, _ = sides
    field, best, changed = state
    jump, now, last = turn
    smooth = field, smoothness
    windows, seed, step = trials
    seed_hash = _hash(np.uint64(seed))
    new_field, new_best, new_changed = field.copy(), best.copy(), changed.copy()
    across = -(-width // TILE)
    for tile in numba.prange(-(-height // TILE) * across):
        top, left = tile // across * TILE, tile % across * TILE
        for pixel in range(TILE * TILE):
            y, x = top + pixel // TILE, left + pixel % TILE
            if y >= height or x >= width:
                continue
            settled = not smoothness or _settled(changed, y, x, last)
            for dy, dx in ((-jump, 0), (jump, 0), (0, -jump), (0, jump)):
                if not (0 <= y + dy < height and 0 <= x + dx < width):
                    continue
                if settled and changed[y + dy, x + dx] < last:
                    continue
                ty = field[y + dy, x + dx, 0] - dy
                tx = field[y + dy, x + dx, 1] - dx
                if not (0 <= ty < target_height and 0 <= tx < target_width):
                    continue
                if _improves(maps, sides, new_field, new_best, tried, smooth, y, x, ty, tx):
                    new_changed[y, x] = now
            for trial in range(len(windows)):
                window = windows[trial]
                key = _hash(np.uint64(step + trial) ^ seed_hash)
                random = _hash(np.uint64(y * width + x) ^ key)
                low = max(new_field[y, x, 0] - window, 0)
                high = min(new_field[y, x, 0] + window, target_height - 1)
                ty = _pick(random, low, high)
                low = max(new_field[y, x, 1] - window, 0)
                high = min(new_field[y, x, 1] + window, target_width - 1)
                tx = _pick(_hash(random), low, high)
                if _improves(maps, sides, new_field, new_best, tried, smooth, y, x, ty, tx):
                    new_changed[y, x] = now
    return new_field, new_best, new_changed
