"""The last step: rebuild the images at full resolution from the finest field (section 4.4).

    A'(p) = mean over patch offsets o of B'(phi(p - o) + o)

is the published form, `composition: voted`; `composition.py` removes its visible steps.
"""

from __future__ import annotations

import numpy as np
import torch

from dia_pipeline.algorithm.nnf import upsample
from dia_pipeline.algorithm.voting import vote
from dia_pipeline.composition.composition import compose
from dia_pipeline.composition.enlargement import enlarge
from dia_pipeline.networks.sizes import Size
from dia_pipeline.pixels import as_levels, resize_image
from dia_pipeline.settings import PATCH, Settings

SAME_SCALE = 1.1
"""Up to this factor two images count as equally fine, and neither is resampled."""

Shape = tuple[int, ...]
"""Height and width of an image in pixels."""


def full_field(
    nnf: torch.Tensor, level: int, own: np.ndarray, size: Size, target: Size, settings: Settings
) -> torch.Tensor:
    """Carry the field of a level to the pixels of an image.

    The CPU does it for every device: others round divisions otherwise and would take other pixels.

    Args:
        nnf: (h, w, 2) int32 field of `level`, on any device.
        own: (H, W, 3) uint8, the image that is carried.
        size, target: the sizes of that image and of the one that the field leads to.

    Returns:
        (H, W, 2) float32 on the CPU, (y, x) in the target: for `seamless` as `enlargement`
        describes, for `voted` whole pixels by nearest neighbour, as published.
    """
    nnf = nnf.cpu()
    if settings.composition == "voted":
        return nearest_field(nnf, level, size, target).float()
    return enlarge(nnf, own, size.cell(level), target.cell(level), target.full)


def nearest_field(
    nnf: torch.Tensor, level: int, size: Size, target: Size, wanted: Shape | None = None
) -> torch.Tensor:
    """Carry the field of a level to the pixels of an image by nearest neighbour.

    Args:
        nnf: (h, w, 2) int32 field of `level`.
        size, target: the sizes of the source and of the target image.
        wanted: (height, width) at which the source is wanted; its own by default.

    Returns:
        (H, W, 2) int32.
    """
    wanted = wanted or size.full
    down, across = size.cell(level)
    scale = down * (wanted[0] / size.full[0]), across * (wanted[1] / size.full[1])
    return upsample(nnf, wanted, target.full, scale, target.cell(level))


def rebuild(
    own: np.ndarray,
    reference: np.ndarray,
    positions: torch.Tensor,
    size: Size,
    target: Size,
    settings: Settings,
) -> np.ndarray:
    """The image that a field makes of `reference`.

    Args:
        own: (H, W, 3) uint8 or float32, the image whose structure the output has.
        reference: (h, w, 3) uint8, or float32 in grey levels, the image whose pixels it is made of.
        positions: (H, W, 2) float32, what `full_field` gave for the two.
        size, target: their sizes.

    Returns:
        (H, W, 3) of the type of `reference`.
    """
    if settings.composition != "voted":
        reference, positions = at_scale_of(size, target, reference, positions)
    return put_together(own, reference, positions, size, settings)


def put_together(
    own: np.ndarray,
    reference: np.ndarray,
    positions: torch.Tensor,
    size: Size,
    settings: Settings,
) -> np.ndarray:
    """The image that a field makes of a reference that is as fine as `own`; see `rebuild`."""
    if settings.composition == "voted":
        return voted(reference, nearest_pixels(positions))
    average = _vote(reference, nearest_pixels(positions))
    return compose(own, reference, positions, average, size.working)


def voted(reference: np.ndarray, nnf: torch.Tensor) -> np.ndarray:
    """The image (H, W, 3) that a field (H, W, 2) int32 makes by average voting alone."""
    average = _vote(reference, nnf).permute(1, 2, 0).numpy()
    return as_levels(average, reference.dtype)


def nearest_pixels(positions: torch.Tensor) -> torch.Tensor:
    """Positions between pixels, (H, W, 2) float32, as those of the nearest pixels, int32."""
    return positions.round().int()


def preview(
    nnf: torch.Tensor, level: int, wanted: Shape, size: Size, b_prime: np.ndarray, target: Size
) -> np.ndarray:
    """The A' that the field of one level would give by voting, drawn at the size `wanted`."""
    return voted(b_prime, nearest_field(nnf, level, size, target, wanted))


def _vote(reference: np.ndarray, nnf: torch.Tensor) -> torch.Tensor:
    values = torch.tensor(reference).permute(2, 0, 1).float()
    return vote(values, nnf, PATCH[0])


def at_scale_of(
    size: Size, target: Size, reference: np.ndarray, positions: torch.Tensor
) -> tuple[np.ndarray, torch.Tensor]:
    """The reference, of the size `target`, with as many pixels in a cell as an image of `size`.

    So patches of both images show as much, and a coarser reference is sampled between its pixels.
    """
    finer = [own / other for own, other in zip(size.cell(1), target.cell(1), strict=True)]
    if all(1 / SAME_SCALE <= factor <= SAME_SCALE for factor in finer):
        return reference, positions
    wanted = tuple(
        max(1, round(side * factor)) for side, factor in zip(target.full, finer, strict=True)
    )
    factors = [s / side for s, side in zip(wanted, target.full, strict=True)]
    moved = (positions + 0.5) * torch.tensor(factors) - 0.5
    last = torch.tensor(wanted) - 1.0
    return resize_image(reference, wanted), torch.minimum(moved.clamp(min=0), last).float()
