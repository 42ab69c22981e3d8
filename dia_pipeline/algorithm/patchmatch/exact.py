"""Exact search: every patch is compared with every other, by matrix products.

The energy is that of `patchmatch`, and the field its true minimum. The work grows with the product
of the two images' pixels, the memory does not: exact search is for the coarse levels.
"""

from __future__ import annotations

from math import isqrt

import torch

from dia_pipeline.algorithm.patchmatch.maps import Maps

BLOCK_BYTES = 2**27
"""Size of the dot products held at a time; about three times as much is taken in all."""


def search(maps: Maps, nnf: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The best match of every patch.

    Args:
        nnf: (H, W, 2) int32 field, kept wherever no match is better; of several better and equally
            good matches the first, row by row, is taken.

    Returns:
        The field (H, W, 2) int32 and its energy (H, W) float32, on the device of the maps.
    """
    source, target, radius = maps.source, maps.target, maps.patch // 2
    height, width = nnf.shape[:2]
    side = isqrt(BLOCK_BYTES // (4 * target.shape[0] * target.shape[1]))
    side = max(side - 2 * radius, 1)
    field, energy = torch.empty_like(nnf), source.new_empty(height, width)
    for top in range(0, height, side):
        for left in range(0, width, side):
            block = slice(top, top + side), slice(left, left + side)
            similarity = _similarities(source, target, radius, block)
            field[block], best = _best(similarity, nnf[block])
            energy[block] = -best
    return field, energy


def _similarities(source, target, radius, block):
    """The mean dot product of the patches of a block (H, W) with all others: (H, W, h, w)."""
    wide, core = zip(*(_widened(axis, radius) for axis in block), strict=True)
    map_ = source[wide]
    shape, target_shape = map_.shape[:2], target.shape[:2]
    dots = map_.flatten(0, 1) @ target.flatten(0, 1).T
    total = _box_sum(dots.reshape(*shape, *target_shape), radius, 0)[core[0]]
    total = _box_sum(total, radius, 1)[:, core[1]]
    rows = _box_sum(source.new_ones(shape[0], 1, target_shape[0], 1), radius, 0)[core[0]]
    columns = _box_sum(source.new_ones(1, shape[1], 1, target_shape[1]), radius, 1)[:, core[1]]
    return total / (rows * columns)


def _widened(axis, radius):
    """A slice with `radius` more on either side, as far as there is, and where it lies in that."""
    start = max(axis.start - radius, 0)
    inner = axis.start - start
    return slice(start, axis.stop + radius), slice(inner, inner + axis.stop - axis.start)


def _box_sum(values, radius, axis):
    """Sums over offsets of at most `radius` along an axis (0 or 1) of both images at once."""
    total = values.clone()
    for offset in range(1, radius + 1):
        low, high = [slice(None)] * 4, [slice(None)] * 4
        low[axis] = low[axis + 2] = slice(None, -offset)
        high[axis] = high[axis + 2] = slice(offset, None)
        total[tuple(low)] += values[tuple(high)]
        total[tuple(high)] += values[tuple(low)]
    return total


def _best(similarity, nnf):
    """The field and the similarity of the best matches; a match that is as good is kept."""
    target_width = similarity.shape[3]
    similarity = similarity.flatten(2)
    kept = nnf[..., 0].long() * target_width + nnf[..., 1]
    best, first = similarity.amax(dim=2), similarity.argmax(dim=2)
    index = torch.where(best > similarity.gather(2, kept[..., None])[..., 0], first, kept)
    return torch.stack((index // target_width, index % target_width), dim=-1).int(), best
