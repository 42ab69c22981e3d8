"""The last step: rebuild the pictures at full resolution from the finest fields."""

from __future__ import annotations

import numpy as np
import torch

from .features import working_size
from .nnf import upsample
from .settings import PATCH, Settings
from .voting import vote


def full_field(
    nnf: torch.Tensor,
    level: int,
    shape: tuple[int, int],
    target_shape: tuple[int, int],
    settings: Settings,
    size: tuple[int, int] | None = None,
) -> torch.Tensor:
    """Carry the field of a level to the pixels of a picture.

    Args:
        nnf: (h, w, 2) int32 field of `level`.
        shape, target_shape: (height, width) of the source and the target picture.
        size: (height, width) at which the source is wanted; its own by default.

    Returns:
        (H, W, 2) int32.
    """
    cell = 2 ** (level - 1)
    size = size or shape
    working, working_target = (
        working_size(each, settings.ratio, settings.max_side) for each in (shape, target_shape)
    )
    scale = tuple(cell * f / w for f, w in zip(size, working, strict=True))
    target_scale = tuple(cell * f / w for f, w in zip(target_shape, working_target, strict=True))
    return upsample(nnf, size, target_shape, scale, target_scale)


def rebuild(picture: np.ndarray, nnf: torch.Tensor) -> np.ndarray:
    """The picture (H, W, 3) uint8 that a field (H, W, 2) makes of `picture`, by average voting."""
    values = torch.tensor(picture, device=nnf.device).permute(2, 0, 1).float()
    voted = vote(values, nnf, PATCH[0]).round().to(torch.uint8)
    return voted.permute(1, 2, 0).cpu().numpy()


def preview(
    nnf: torch.Tensor,
    level: int,
    size: tuple[int, int],
    a_shape: tuple[int, int],
    b_prime: np.ndarray,
    settings: Settings,
) -> np.ndarray:
    """The A' that the field of one level would give, drawn at `size` (height, width)."""
    return rebuild(b_prime, full_field(nnf, level, a_shape, b_prime.shape[:2], settings, size))
