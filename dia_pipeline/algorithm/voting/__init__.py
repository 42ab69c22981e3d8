"""Average voting: rebuild a map from the patches that a field phi points to (section 4.3).

V(p) = mean over patch offsets o of S(phi(p - o) + o)
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import torch

BAND = 2**25
"""Values processed at a time by the reference, so that large images need little more memory."""


def vote(source: torch.Tensor, nnf: torch.Tensor, patch: int) -> torch.Tensor:
    """Warp `source` by a field; overlapping patches are averaged.

    Position p is covered by the patches centred at p - o for every offset o of the patch; each
    says that p looks like nnf(p - o) + o. Votes from outside either map are left out; the centre's
    own vote always counts.

    Args:
        source: (C, h, w) map of the target image, any float dtype.
        nnf: (H, W, 2) int32 field into it.
        patch: odd patch side.

    Returns:
        (C, H, W) map, same dtype as `source`; the values of a pixel lie side by side.
    """
    backend = _backend(source.device)
    return backend(source.permute(1, 2, 0).contiguous(), nnf, patch // 2).permute(2, 0, 1)


def _backend(device: torch.device) -> Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]:
    """The fastest backend that there is for a device."""
    if device.type == "cpu":
        from dia_pipeline.algorithm.voting import cpu

        return cpu.vote
    if device.type == "cuda" and find_spec("triton"):
        from dia_pipeline.algorithm.voting import cuda

        return cuda.vote
    return vote_in_bands


def vote_in_bands(source: torch.Tensor, nnf: torch.Tensor, radius: int) -> torch.Tensor:
    """`vote` for any device, of maps (h, w, C) and (H, W, C)."""
    height, width = nnf.shape[:2]
    channels = source.shape[2]
    result = source.new_empty(height, width, channels)
    band = max(1, BAND // (width * channels))
    for top in range(0, height, band):
        bottom = min(top + band, height)
        result[top:bottom] = _vote_band(source, nnf, radius, top, bottom)
    return result


def _vote_band(
    source: torch.Tensor, nnf: torch.Tensor, radius: int, top: int, bottom: int
) -> torch.Tensor:
    """The rows from `top` to `bottom` of the map, (rows, W, C), from `source` (h, w, C)."""
    height, width = nnf.shape[:2]
    target_height, target_width, channels = source.shape
    rows = source.reshape(-1, channels)
    total = source.new_zeros(bottom - top, width, channels)
    count = source.new_zeros(bottom - top, width, 1)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            # The positions p of the band whose patch centre p - o is inside the map.
            first, last = max(top, dy), min(bottom, height + dy)
            left, right = max(0, dx), min(width, width + dx)
            if first >= last or left >= right:
                continue
            votes_for = nnf[first - dy : last - dy, left - dx : right - dx]
            y, x = votes_for[..., 0].long() + dy, votes_for[..., 1].long() + dx
            inside = (y >= 0) & (y < target_height) & (x >= 0) & (x < target_width)
            index = y.clamp(0, target_height - 1) * target_width + x.clamp(0, target_width - 1)
            votes = rows.index_select(0, index.reshape(-1)).reshape(*index.shape, channels)
            inside = inside[..., None].to(source.dtype)
            total[first - top : last - top, left:right] += votes * inside
            count[first - top : last - top, left:right] += inside
    return total / count
