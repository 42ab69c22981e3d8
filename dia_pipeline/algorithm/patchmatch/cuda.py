"""PatchMatch for CUDA: the passes of the CPU, as Triton kernels.

A program works on BLOCK pixels, and on up to CHANNELS neighbouring channels of each at a time. The
sums are float32, every pass reads the field of the pass before, and all passes are queued without
waiting for the device.

In the kernels, `maps` is (source, target, height, width, target height, target width, smoothness),
`before` the field of the pass before, `match` is (similarity, y, x) of the best matches of a block,
and `sizes` is (depth, radius, BLOCK, channels).
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from dia_pipeline.algorithm.patchmatch import reference

BLOCK = 16
CHANNELS = 128
MAX_ROUGHNESS = tl.constexpr(reference.MAX_ROUGHNESS)


def search(maps, nnf, radii, jumps, iterations, seed, smoothness=0.0):
    """See `patchmatch.search`; tensors on a CUDA device."""
    maps, sizes, grid = _prepared(maps, smoothness)
    field = nnf.clone(memory_format=torch.contiguous_format)
    best = maps[0].new_empty(field.shape[:2])
    new_field, new_best = torch.empty_like(field), torch.empty_like(best)
    with torch.cuda.device_of(best):
        _evaluate[grid](maps, field, best, sizes)
        for iteration in range(iterations):
            for jump in jumps:
                _propagate[grid](maps, field, best, new_field, new_best, jump, sizes)
                field, new_field, best, new_best = new_field, field, new_best, best
            for trial, window in enumerate(radii):
                key = _key(seed, iteration * len(radii) + trial)
                _search_randomly[grid](maps, new_field, field, best, window, key, sizes)
    return field, -best


def energy(maps, nnf):
    """See `patchmatch.energy`; tensors on a CUDA device."""
    maps, sizes, grid = _prepared(maps, smoothness=0.0)
    best = maps[0].new_empty(nnf.shape[:2])
    with torch.cuda.device_of(best):
        _evaluate[grid](maps, nnf.contiguous(), best, sizes)
    return -best


def _prepared(maps, smoothness):
    """What all kernels are told, and how many programs run them."""
    height, width, depth = maps.source.shape
    source, target = maps.source.contiguous(), maps.target.contiguous()  # kernels know no strides
    told = source, target, height, width, *target.shape[:2], smoothness
    sizes = depth, maps.patch // 2, BLOCK, min(CHANNELS, triton.next_power_of_2(depth))
    return told, sizes, (triton.cdiv(height * width, BLOCK),)


def _key(seed, step):
    """What makes a pass random: 32 bits, as a signed number."""
    key = reference._hash(step ^ reference._hash(seed))
    return key - (key >> 31 << 32)


@triton.jit
def _evaluate(maps, field, best, sizes: tl.constexpr):
    """The similarity of every match of a field; minus the energy."""
    pixel, y, x, there = _pixels(maps, sizes)
    ty = tl.load(field + 2 * pixel, there, 0)
    tx = tl.load(field + 2 * pixel + 1, there, 0)
    tl.store(best + pixel, _similarity(maps, y, x, ty, tx, there, sizes), there)


@triton.jit(do_not_specialize=["jump"])
def _propagate(maps, field, best, new_field, new_best, jump, sizes: tl.constexpr):
    """One pass: every pixel tries the matches of its four neighbours at `jump`."""
    pixel, y, x, there = _pixels(maps, sizes)
    match = _load(field, best, pixel, there)
    for sign in tl.static_range(-1, 2, 2):
        match = _try_neighbour(maps, field, pixel, y, x, there, match, sign * jump, 0, sizes)
    for sign in tl.static_range(-1, 2, 2):
        match = _try_neighbour(maps, field, pixel, y, x, there, match, 0, sign * jump, sizes)
    _store(new_field, new_best, pixel, there, match)


@triton.jit(do_not_specialize=["window", "key"])
def _search_randomly(maps, before, field, best, window, key, sizes: tl.constexpr):
    """One pass, in place: every pixel tries one random match at most `window` from its best."""
    pixel, y, x, there = _pixels(maps, sizes)
    match = _load(field, best, pixel, there)
    random = _mixed((pixel ^ key).to(tl.uint32))
    ty = _pick(random, match[1], window, maps[4])
    tx = _pick(_mixed(random), match[2], window, maps[5])
    _store(field, best, pixel, there, _better(maps, before, y, x, ty, tx, there, match, sizes))


@triton.jit
def _pixels(maps, sizes: tl.constexpr):
    """The pixels of this program, their rows and columns, and which of them there are."""
    block: tl.constexpr = sizes[2]
    pixel = tl.program_id(0) * block + tl.arange(0, block)
    return pixel, pixel // maps[3], pixel % maps[3], pixel < maps[2] * maps[3]


@triton.jit
def _load(field, best, pixel, there):
    """The best matches so far."""
    y = tl.load(field + 2 * pixel, there, 0)
    x = tl.load(field + 2 * pixel + 1, there, 0)
    return tl.load(best + pixel, there, 0.0), y, x


@triton.jit
def _store(field, best, pixel, there, match):
    tl.store(best + pixel, match[0], there)
    tl.store(field + 2 * pixel, match[1], there)
    tl.store(field + 2 * pixel + 1, match[2], there)


@triton.jit
def _try_neighbour(maps, field, pixel, y, x, there, match, dy, dx, sizes: tl.constexpr):
    """The better of the best matches and those of the neighbours at (dy, dx)."""
    in_rows = (y + dy >= 0) & (y + dy < maps[2])
    beside = there & in_rows & (x + dx >= 0) & (x + dx < maps[3])
    neighbour = pixel + dy * maps[3] + dx
    ty = tl.load(field + 2 * neighbour, beside, 0) - dy
    tx = tl.load(field + 2 * neighbour + 1, beside, 0) - dx
    return _better(maps, field, y, x, ty, tx, beside, match, sizes)


@triton.jit
def _better(maps, before, y, x, ty, tx, active, match, sizes: tl.constexpr):
    """The better of the best matches and the candidates, where these are inside the target."""
    similarity, best_y, best_x = match
    active &= (ty >= 0) & (ty < maps[4]) & (tx >= 0) & (tx < maps[5])
    active &= (ty != best_y) | (tx != best_x)
    if tl.max(active.to(tl.int32), axis=0) > 0:
        rougher = _roughness(maps, before, y, x, ty, tx, active)
        rougher -= _roughness(maps, before, y, x, best_y, best_x, active)
        found = _similarity(maps, y, x, ty, tx, active, sizes)
        better = active & (found > similarity + maps[6] * rougher.to(tl.float32))
        similarity = tl.where(better, found, similarity)
        best_y = tl.where(better, ty, best_y)
        best_x = tl.where(better, tx, best_x)
    return similarity, best_y, best_x


@triton.jit
def _roughness(maps, before, y, x, ty, tx, active):
    """By how many pixels offsets differ from their four neighbours' before, in all."""
    total = tl.zeros_like(ty)
    for sign in tl.static_range(-1, 2, 2):
        total += _difference(maps, before, y, x, ty, tx, active, sign, 0)
        total += _difference(maps, before, y, x, ty, tx, active, 0, sign)
    return total


@triton.jit
def _difference(maps, before, y, x, ty, tx, active, dy, dx):
    in_rows = (y + dy >= 0) & (y + dy < maps[2])
    beside = active & in_rows & (x + dx >= 0) & (x + dx < maps[3])
    neighbour = (y + dy) * maps[3] + x + dx
    along_y = tl.abs(tl.load(before + 2 * neighbour, beside, 0) - dy - ty)
    along_x = tl.abs(tl.load(before + 2 * neighbour + 1, beside, 0) - dx - tx)
    return tl.where(beside, tl.minimum(along_y + along_x, MAX_ROUGHNESS), 0)


@triton.jit
def _similarity(maps, y, x, ty, tx, active, sizes: tl.constexpr):
    """The mean dot product of the patches of every active pixel and its candidate."""
    source, target, height, width, target_height, target_width, _ = maps
    depth: tl.constexpr = sizes[0]
    radius: tl.constexpr = sizes[1]
    block: tl.constexpr = sizes[2]
    channels: tl.constexpr = sizes[3]
    total = tl.zeros((block, channels), tl.float32)
    count = tl.zeros((block,), tl.float32)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            in_source = (y + dy >= 0) & (y + dy < height) & (x + dx >= 0) & (x + dx < width)
            in_rows = (ty + dy >= 0) & (ty + dy < target_height)
            in_columns = (tx + dx >= 0) & (tx + dx < target_width)
            inside = active & in_source & in_rows & in_columns
            count += inside.to(tl.float32)
            at = ((y + dy) * width + x + dx).to(tl.int64) * depth
            target_at = ((ty + dy) * target_width + tx + dx).to(tl.int64) * depth
            for first in range(0, depth, channels):
                channel = first + tl.arange(0, channels)
                mask = inside[:, None] & (channel < depth)[None, :]
                values = tl.load(source + at[:, None] + channel[None, :], mask, 0.0)
                others = tl.load(target + target_at[:, None] + channel[None, :], mask, 0.0)
                total += values * others
    return tl.sum(total, axis=1) / tl.maximum(count, 1.0)


@triton.jit
def _mixed(value):
    """32-bit integers mixed to look random; `_hash` of `reference`."""
    value = (value ^ (value >> 16)) * 0x7FEB352D
    value = (value ^ (value >> 15)) * 0x846CA68B
    return value ^ (value >> 16)


@triton.jit
def _pick(random, best, window, side):
    """A coordinate of the target at most `window` from the best, by 32 random bits."""
    low = tl.maximum(best - window, 0)
    choices = tl.minimum(best + window, side - 1) - low + 1
    return low + ((random.to(tl.uint64) * choices.to(tl.uint64)) >> 32).to(tl.int32)
