"""PatchMatch for the CPU: parallel over rows, free of races, compiled once and cached."""

from __future__ import annotations

import numba
import numpy as np
import torch

MASK = np.uint64(0xFFFFFFFF)
WORST = np.float32(-1e30)
REORDER = {"reassoc", "contract"}
"""The freedom the compiler needs to vectorise a dot product; the order is fixed once compiled."""


def search(source, target, nnf, patch, radii, jumps, iterations, seed):
    """See `patchmatch.search`; tensors on the CPU."""
    shape, target_shape = tuple(source.shape), tuple(target.shape)
    bound = np.float32(source.square().sum(dim=-1).max().item() * 1.0001)
    maps = (source.numpy().ravel(), target.numpy().ravel(), shape, target_shape, patch // 2)
    field = nnf.numpy()
    best = evaluate(*maps, field)
    changed = np.zeros(shape[:2], np.int32)
    now = 0
    for iteration in range(iterations):
        for jump in jumps:
            now += 1
            before = now - len(jumps) - 1  # the pass that last tried this jump
            field, best, changed = _propagate(*maps, field, best, changed, jump, now, before, bound)
        now += 1
        for trial, radius in enumerate(radii):
            step = iteration * len(radii) + trial
            _search_randomly(*maps, field, best, changed, radius, seed, step, now, bound)
    return torch.from_numpy(field.copy()), torch.from_numpy(-best)


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


@numba.njit(fastmath=REORDER)
def _similarity(source, target, shape, target_shape, radius, y, x, ty, tx, beat, bound):
    """The mean dot product of two patches; `beat` itself as soon as it cannot be exceeded.

    `bound` is the largest dot product there can be: the rows still to come add no more than that.
    """
    height, width, depth = shape
    target_height, target_width, _ = target_shape
    top = min(radius, y, ty)
    left = min(radius, x, tx)
    bottom = min(radius, height - 1 - y, target_height - 1 - ty)
    right = min(radius, width - 1 - x, target_width - 1 - tx)
    columns = left + right + 1
    count = columns * (top + bottom + 1)
    length = columns * depth
    total = np.float32(0)
    needed = np.float32((beat - bound) * count)
    for dy in range(-top, bottom + 1):
        start = ((y + dy) * width + x - left) * depth
        target_start = ((ty + dy) * target_width + tx - left) * depth
        row = source[start : start + length]
        target_row = target[target_start : target_start + length]
        dot = np.float32(0)
        for k in range(length):
            dot += row[k] * target_row[k]
        total += dot
        needed += bound * np.float32(columns)
        if total <= needed:
            return beat
    return total / np.float32(count)


@numba.njit(parallel=True, cache=True)
def evaluate(source, target, shape, target_shape, radius, field):
    """The similarity (H, W) float32 of every match of a field; minus the energy."""
    best = np.empty(field.shape[:2], np.float32)
    for y in numba.prange(field.shape[0]):
        for x in range(field.shape[1]):
            ty, tx = field[y, x]
            best[y, x] = _similarity(
                source, target, shape, target_shape, radius, y, x, ty, tx, WORST, np.float32(0)
            )
    return best


@numba.njit(parallel=True, cache=True)
def _propagate(
    source, target, shape, target_shape, radius, field, best, changed, jump, now, before, bound
):
    """One pass: every pixel tries the matches of its four neighbours at `jump`.

    A neighbour whose match has not changed since this jump was last tried is not tried again.
    """
    height, width = field.shape[:2]
    new_field, new_best, new_changed = field.copy(), best.copy(), changed.copy()
    for y in numba.prange(height):
        for x in range(width):
            for dy, dx in ((-jump, 0), (jump, 0), (0, -jump), (0, jump)):
                if not (0 <= y + dy < height and 0 <= x + dx < width):
                    continue
                if changed[y + dy, x + dx] < before:
                    continue
                ty = field[y + dy, x + dx, 0] - dy
                tx = field[y + dy, x + dx, 1] - dx
                if not (0 <= ty < target_shape[0] and 0 <= tx < target_shape[1]):
                    continue
                if ty == new_field[y, x, 0] and tx == new_field[y, x, 1]:
                    continue
                beat = new_best[y, x]
                similarity = _similarity(
                    source, target, shape, target_shape, radius, y, x, ty, tx, beat, bound
                )
                if similarity > beat:
                    new_best[y, x] = similarity
                    new_field[y, x, 0] = ty
                    new_field[y, x, 1] = tx
                    new_changed[y, x] = now
    return new_field, new_best, new_changed


@numba.njit(parallel=True, cache=True)
def _search_randomly(
    source,
    target,
    shape,
    target_shape,
    radius,
    field,
    best,
    changed,
    window,
    seed,
    step,
    now,
    bound,
):
    """One pass, in place: every pixel tries one random match at most `window` from its best."""
    height, width = field.shape[:2]
    key = _hash(np.uint64(step) ^ _hash(np.uint64(seed)))
    for y in numba.prange(height):
        for x in range(width):
            random = _hash(np.uint64(y * width + x) ^ key)
            low, high = (
                max(field[y, x, 0] - window, 0),
                min(field[y, x, 0] + window, target_shape[0] - 1),
            )
            ty = _pick(random, low, high)
            low, high = (
                max(field[y, x, 1] - window, 0),
                min(field[y, x, 1] + window, target_shape[1] - 1),
            )
            tx = _pick(_hash(random), low, high)
            if ty == field[y, x, 0] and tx == field[y, x, 1]:
                continue
            beat = best[y, x]
            similarity = _similarity(
                source, target, shape, target_shape, radius, y, x, ty, tx, beat, bound
            )
            if similarity > beat:
                best[y, x] = similarity
                field[y, x, 0] = ty
                field[y, x, 1] = tx
                changed[y, x] = now
