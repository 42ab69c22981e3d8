"""Nearest-neighbour fields: the first one, and carrying one to a finer level.

A field phi is (H, W, 2) int32: the absolute target coordinates (y, x) of every source position.
From level L to L - 1 the offset phi(p) - p grows with the size of the maps.
"""

from __future__ import annotations

import torch

from dia_pipeline.affine import Rectangle

WHOLE: Rectangle = (0.0, 0.0, 1.0, 1.0)


def identity(
    shape: tuple[int, ...],
    target_shape: tuple[int, ...],
    device="cpu",
    covered: Rectangle = WHOLE,
) -> torch.Tensor:
    """The field that leaves everything where it is: scaled and clamped.

    Args:
        covered: what the target covers of the source's plane.
    """
    axes = [
        ((torch.arange(s, device=device) + 0.5 - start * s) * (t / (s * (end - start))))
        .floor()
        .clamp(0, t - 1)
        for s, t, start, end in zip(shape, target_shape, covered[:2], covered[2:], strict=True)
    ]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).int()


def seen_from(covered: Rectangle) -> Rectangle:
    """What the source covers of the target's plane, where the target covers so much of its own."""
    top, left, bottom, right = covered
    high, wide = bottom - top, right - left
    return -top / high, -left / wide, (1 - top) / high, (1 - left) / wide


def uniform(
    shape: tuple[int, ...], target_shape: tuple[int, ...], seed: int, device="cpu"
) -> torch.Tensor:
    """A field of independent, uniformly random targets."""
    generator = torch.Generator().manual_seed(seed)
    axes = [torch.randint(0, side, shape, generator=generator) for side in target_shape]
    return torch.stack(axes, dim=-1).int().to(device)


def upsample(
    nnf: torch.Tensor,
    shape: tuple[int, ...],
    target_shape: tuple[int, ...],
    scale: tuple[float, float],
    target_scale: tuple[float, float],
) -> torch.Tensor:
    """Carry a field to a finer grid (section 4.4): nearest, offsets scaled, clamped.

    Args:
        nnf: (h, w, 2) int32.
        shape, target_shape: (height, width) of the finer source and target.
        scale, target_scale: how many fine pixels a coarse one covers, (y, x), in the source and
            the target: a power of two between levels, the ratio of the sizes to the full image.

    Returns:
        (H, W, 2) int32. The position of a fine pixel inside its coarse cell is kept.
    """
    device = nnf.device
    cells, positions = [], []
    for side, coarse, ratio in zip(shape, nnf.shape[:2], scale, strict=True):
        centre = (torch.arange(side, device=device) + 0.5) / ratio
        cell = centre.floor().clamp(0, coarse - 1).long()
        cells.append(cell)
        positions.append(centre - cell)  # in (0, 1) inside the cell
    nearest = nnf[cells[0]][:, cells[1]]
    position = torch.stack(torch.meshgrid(*positions, indexing="ij"), dim=-1)
    fine = (nearest + position) * torch.tensor(target_scale, device=device)
    highest = torch.tensor(target_shape, device=device) - 1
    return torch.minimum(fine.floor().clamp(min=0), highest).int()


def upsample_levels(
    nnf: torch.Tensor, shape: tuple[int, ...], target_shape: tuple[int, ...], levels: int = 1
) -> torch.Tensor:
    """Carry a field `levels` levels finer, each of which doubles the resolution."""
    scale = (2.0**levels, 2.0**levels)
    return upsample(nnf, shape, target_shape, scale, scale)
