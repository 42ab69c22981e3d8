"""Average voting for CUDA, as one Triton kernel: each program works on BLOCK pixels and on up to
CHANNELS of their channels.

Votes are added in the order of `vote_in_bands`: the bytes are the same.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

BLOCK = 16
CHANNELS = 128


def vote(source, nnf, radius):
    """See `voting.vote_in_bands`; tensors on a CUDA device."""
    height, width = nnf.shape[:2]
    depth = source.shape[2]
    result = source.new_empty(height, width, depth)
    channels = min(CHANNELS, triton.next_power_of_2(depth))
    grid = triton.cdiv(height * width, BLOCK), triton.cdiv(depth, channels)
    shapes = height, width, *source.shape[:2]
    with torch.cuda.device_of(source):
        _vote[grid](source, nnf.contiguous(), result, shapes, (depth, radius, BLOCK, channels))
    return result


@triton.jit
def _vote(source, field, result, shapes, sizes: tl.constexpr):
    height, width, target_height, target_width = shapes
    depth: tl.constexpr = sizes[0]
    radius: tl.constexpr = sizes[1]
    block: tl.constexpr = sizes[2]
    channels: tl.constexpr = sizes[3]
    pixel = tl.program_id(0) * block + tl.arange(0, block)
    channel = tl.program_id(1) * channels + tl.arange(0, channels)
    y, x, there = pixel // width, pixel % width, pixel < height * width
    total = tl.zeros((block, channels), tl.float32)
    count = tl.zeros((block,), tl.float32)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            inside = there & (y - dy >= 0) & (y - dy < height) & (x - dx >= 0) & (x - dx < width)
            centre = pixel - dy * width - dx
            ty = tl.load(field + 2 * centre, inside, 0) + dy
            tx = tl.load(field + 2 * centre + 1, inside, 0) + dx
            inside &= (ty >= 0) & (ty < target_height) & (tx >= 0) & (tx < target_width)
            at = (ty * target_width + tx).to(tl.int64) * depth
            mask = inside[:, None] & (channel < depth)[None, :]
            total += tl.load(source + at[:, None] + channel[None, :], mask, 0.0)
            count += inside.to(tl.float32)
    to = pixel.to(tl.int64)[:, None] * depth + channel[None, :]
    mask = there[:, None] & (channel < depth)[None, :]
    tl.store(result + to, tl.div_rn(total, tl.maximum(count, 1.0)[:, None]), mask)
