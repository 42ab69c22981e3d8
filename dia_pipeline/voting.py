"""Average voting: rebuild a map from the patches that a field points to (section 4.3)."""

from __future__ import annotations

import torch


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
        (C, H, W) map, same dtype as `source`.
    """
    height, width = nnf.shape[:2]
    channels, target_height, target_width = source.shape
    rows = source.permute(1, 2, 0).reshape(-1, channels)
    total = source.new_zeros(height, width, channels)
    count = source.new_zeros(height, width, 1)
    radius = patch // 2
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            at = _window(height, width, dy, dx)  # the p whose centre p - o is inside
            centre = _window(height, width, -dy, -dx)
            y = nnf[centre][..., 0].long() + dy
            x = nnf[centre][..., 1].long() + dx
            inside = (y >= 0) & (y < target_height) & (x >= 0) & (x < target_width)
            index = y.clamp(0, target_height - 1) * target_width + x.clamp(0, target_width - 1)
            votes = rows.index_select(0, index.reshape(-1)).reshape(*index.shape, channels)
            inside = inside[..., None].to(source.dtype)
            total[at] += votes * inside
            count[at] += inside
    return (total / count).permute(2, 0, 1).contiguous()


def _window(height: int, width: int, dy: int, dx: int) -> tuple[slice, slice]:
    """The positions p inside a map for which p - (dy, dx) is inside too."""
    return (
        slice(max(dy, 0), height + min(dy, 0)),
        slice(max(dx, 0), width + min(dx, 0)),
    )
