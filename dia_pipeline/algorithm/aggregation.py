"""The last step: rebuild the images at full resolution from the finest field (section 4.4).

    A'(p) = mean over patch offsets o of B'(phi(p - o) + o)

is the published form, `composition: voted`; `composition.py` removes its visible steps.
"""

from __future__ import annotations

import numpy as np
import torch

from dia_pipeline.algorithm.composition import compose
from dia_pipeline.algorithm.enlargement import enlarge
from dia_pipeline.algorithm.features import working_size
from dia_pipeline.algorithm.nnf import upsample
from dia_pipeline.algorithm.voting import vote
from dia_pipeline.pixels import as_levels, resize_image
from dia_pipeline.settings import PATCH, Settings

SAME_SCALE = 1.1
"""Up to this factor two images count as equally fine, and neither is resampled."""

Shape = tuple[int, ...]
"""Height and width of an image in pixels."""


def full_field(
    nnf: torch.Tensor, level: int, own: np.ndarray, target_shape: Shape, settings: Settings
) -> torch.Tensor:
    """Carry the field of a level to the pixels of an image.

    Args:
        nnf: (h, w, 2) int32 field of `level`.
        own: (H, W, 3) uint8, the image that is carried.

    Returns:
        (H, W, 2) float32, (y, x) in the target: for `seamless` as `enlargement` describes, for
        `voted` whole pixels by nearest neighbour, as published.
    """
    if settings.composition == "voted":
        return nearest_field(nnf, level, own.shape[:2], target_shape, settings).float()
    scale = _scale(level, own.shape[:2], settings)
    target_scale = _scale(level, target_shape, settings)
    return enlarge(nnf, own, scale, target_scale, target_shape)


def nearest_field(
    nnf: torch.Tensor,
    level: int,
    shape: Shape,
    target_shape: Shape,
    settings: Settings,
    size: Shape | None = None,
) -> torch.Tensor:
    """Carry the field of a level to the pixels of an image by nearest neighbour.

    Args:
        nnf: (h, w, 2) int32 field of `level`.
        shape, target_shape: of the source and the target image.
        size: (height, width) at which the source is wanted; its own by default.

    Returns:
        (H, W, 2) int32.
    """
    size = size or shape
    down, across = _scale(level, shape, settings)
    scale = down * (size[0] / shape[0]), across * (size[1] / shape[1])
    target_scale = _scale(level, target_shape, settings)
    return upsample(nnf, size, target_shape, scale, target_scale)


def rebuild(
    own: np.ndarray, reference: np.ndarray, positions: torch.Tensor, settings: Settings
) -> np.ndarray:
    """The image that a field makes of `reference`.

    Args:
        own: (H, W, 3) uint8 or float32, the image whose structure the output has.
        reference: (h, w, 3) uint8, or float32 in grey levels, the image whose pixels it is made of.
        positions: (H, W, 2) float32, what `full_field` gave for the two.

    Returns:
        (H, W, 3) of the type of `reference`.
    """
    if settings.composition == "voted":
        return voted(reference, nearest_pixels(positions))
    if positions.device.type == "mps":  # it lacks bicubic sampling
        positions = positions.cpu()
    reference, positions = _at_scale_of(own.shape[:2], reference, positions, settings)
    average = _vote(reference, nearest_pixels(positions))
    working = working_size(own.shape[:2], settings.ratio, settings.max_side)
    return compose(own, reference, positions, average, working)


def voted(reference: np.ndarray, nnf: torch.Tensor) -> np.ndarray:
    """The image (H, W, 3) that a field (H, W, 2) int32 makes by average voting alone."""
    average = _vote(reference, nnf).permute(1, 2, 0).cpu().numpy()
    return as_levels(average, reference.dtype)


def nearest_pixels(positions: torch.Tensor) -> torch.Tensor:
    """Positions between pixels, (H, W, 2) float32, as those of the nearest pixels, int32."""
    return positions.round().int()


def preview(
    nnf: torch.Tensor,
    level: int,
    size: Shape,
    a_shape: Shape,
    b_prime: np.ndarray,
    settings: Settings,
) -> np.ndarray:
    """The A' that the field of one level would give by voting, drawn at `size`."""
    nearest = nearest_field(nnf, level, a_shape, b_prime.shape[:2], settings, size)
    return voted(b_prime, nearest)


def _vote(reference: np.ndarray, nnf: torch.Tensor) -> torch.Tensor:
    values = torch.tensor(reference, device=nnf.device).permute(2, 0, 1).float()
    return vote(values, nnf, PATCH[0])


def _scale(level: int, shape: Shape, settings: Settings) -> tuple[float, float]:
    """How many pixels of an image a cell of a level covers, (y, x)."""
    working = working_size(shape, settings.ratio, settings.max_side)
    return tuple(2 ** (level - 1) * f / w for f, w in zip(shape, working, strict=True))


def _at_scale_of(
    shape: Shape, reference: np.ndarray, positions: torch.Tensor, settings: Settings
) -> tuple[np.ndarray, torch.Tensor]:
    """The reference resampled so that a cell covers as many of its pixels as of an image `shape`.

    So patches of both images show as much, and a coarser reference is sampled between its pixels.
    """
    finer = [
        own / other
        for own, other in zip(
            _scale(1, shape, settings), _scale(1, reference.shape[:2], settings), strict=True
        )
    ]
    if all(1 / SAME_SCALE <= factor <= SAME_SCALE for factor in finer):
        return reference, positions
    size = tuple(
        max(1, round(side * factor))
        for side, factor in zip(reference.shape[:2], finer, strict=True)
    )
    factors = [s / side for s, side in zip(size, reference.shape[:2], strict=True)]
    moved = (positions + 0.5) * torch.tensor(factors, device=positions.device) - 0.5
    last = torch.tensor(size, device=positions.device) - 1.0
    return resize_image(reference, size), torch.minimum(moved.clamp(min=0), last).float()
