"""PatchMatch for any torch device: the same passes as on the CPU, an image at a time.

This is the plain float32 form, which the others are tested against.
"""

from __future__ import annotations

import torch

MASK = 0xFFFFFFFF
MAX_ROUGHNESS = 8
"""By how many pixels an offset differs from a neighbour's at most, as far as that counts."""


def search(maps, nnf, radii, jumps, iterations, seed, smoothness=0.0):
    """See `patchmatch.search`; tensors on any device."""
    field = nnf.long()
    best = evaluate(maps, field)
    for iteration in range(iterations):
        for jump in jumps:
            before = field
            field, best = _propagate(maps, smoothness, before, best, jump)
        for trial, radius in enumerate(radii):
            step = iteration * len(radii) + trial
            candidate = _random_candidates(field, maps.target.shape, radius, seed, step)
            field, best = _keep_better(maps, smoothness, before, field, best, candidate)
    return field.int(), -best


def energy(maps, nnf):
    """See `patchmatch.energy`; tensors on any device."""
    return -evaluate(maps, nnf.long())


def evaluate(maps, field):
    """The similarity (H, W) float32 of every match of a field; minus the energy.

    Targets outside the target map count as WORST.
    """
    source, target, radius = maps.source, maps.target, maps.patch // 2
    height, width = field.shape[:2]
    total = source.new_zeros(height, width)
    count = source.new_zeros(height, width)
    rows = target.reshape(-1, target.shape[-1])
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            at, moved = _beside((height, width), dy, dx)
            index, inside = _index(_shifted(field[at], dy, dx), target.shape)
            other = rows.index_select(0, index.reshape(-1)).reshape(*index.shape, rows.shape[1])
            total[at] += (source[moved] * other).sum(dim=-1) * inside
            count[at] += inside
    _, inside = _index(field, target.shape)
    return torch.where(inside, total / count.clamp(min=1), -torch.inf)


def _beside(shape, dy, dx):
    """The pixels that have another at (dy, dx) from them inside the image, and those others."""
    height, width = shape
    return (
        (_inside(-dy, height), _inside(-dx, width)),
        (_inside(dy, height), _inside(dx, width)),
    )


def _inside(shift, side):
    """Those of so many positions that are still there when all are moved by `-shift`."""
    return slice(max(shift, 0), max(side + min(shift, 0), 0))


def _shifted(positions, dy, dx):
    """Positions (..., 2) that are moved; by numbers, as a tensor of them would have to be sent."""
    return torch.stack((positions[..., 0] + dy, positions[..., 1] + dx), dim=-1)


def _index(positions, shape):
    """The row of each position (..., 2) in the flattened map, and whether it is inside the map."""
    y, x = positions[..., 0], positions[..., 1]
    inside = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
    return y.clamp(0, shape[0] - 1) * shape[1] + x.clamp(0, shape[1] - 1), inside


def _keep_better(maps, smoothness, before, field, best, candidate):
    similarity = evaluate(maps, candidate)
    better = similarity > best
    if smoothness:
        rougher = roughness(candidate, before) - roughness(field, before)
        better = similarity > best + smoothness * rougher
    return torch.where(better[..., None], candidate, field), torch.where(better, similarity, best)


def roughness(field, before):
    """By how many pixels (H, W) every offset differs from its four neighbours' before, in all."""
    height, width = field.shape[:2]
    axes = (torch.arange(side, device=field.device) for side in (height, width))
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
    offset, others = field - grid, before - grid
    total = torch.zeros_like(field[..., 0])
    for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        at, moved = _beside((height, width), dy, dx)
        total[at] += (offset[at] - others[moved]).abs().sum(dim=-1).clamp(max=MAX_ROUGHNESS)
    return total


def _propagate(maps, smoothness, before, best, jump):
    """Every pixel tries the matches of its four neighbours at `jump`."""
    field = before
    height, width = field.shape[:2]
    for dy, dx in ((-jump, 0), (jump, 0), (0, -jump), (0, jump)):
        candidate = torch.full_like(field, -1)  # outside: never better
        at, moved = _beside((height, width), dy, dx)
        candidate[at] = _shifted(before[moved], -dy, -dx)
        field, best = _keep_better(maps, smoothness, before, field, best, candidate)
    return field, best


def _random_candidates(field, target_shape, window, seed, step):
    """A random match for every pixel, at most `window` from its best."""
    height, width = field.shape[:2]
    key = _hash(step ^ _hash(seed))
    pixels = torch.arange(height * width, device=field.device).reshape(height, width)
    random_y = _hash(pixels ^ key)
    positions = []
    for axis, random in enumerate((random_y, _hash(random_y))):
        low = (field[..., axis] - window).clamp(min=0)
        high = (field[..., axis] + window).clamp(max=target_shape[axis] - 1)
        positions.append(low + ((random * (high - low + 1)) >> 32))
    return torch.stack(positions, dim=-1)


def _hash(value):
    """32-bit integers mixed to look random; a number or a tensor; the same as in `cpu`."""
    value = ((value ^ (value >> 16)) * 0x7FEB352D) & MASK
    value = ((value ^ (value >> 15)) * 0x846CA68B) & MASK
    return value ^ (value >> 16)
