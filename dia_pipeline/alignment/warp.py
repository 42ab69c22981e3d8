"""Images drawn through affine maps."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from dia_pipeline.affine import Shape, centres, factor_of, moved, resizing
from dia_pipeline.pixels import as_levels, resize_image


def draw(image: np.ndarray, matrix: np.ndarray, shape: Shape) -> np.ndarray:
    """An image as it looks through a map; what lies outside is like the nearest border.

    Pixels that a map only exchanges are taken as they are; others are sampled bicubically, from
    the image shrunk first where the map shrinks it.

    Args:
        image: (h, w, 3) uint8, or float32 in grey levels.
        matrix: from the coordinates of what is drawn to those of the image.
        shape: of what is drawn.

    Returns:
        (H, W, 3) of the type of `image`.
    """
    if np.array_equal(matrix, np.eye(3)) and image.shape[:2] == tuple(shape):
        return image
    positions = moved(matrix, centres(shape)) - 0.5
    whole = np.rint(positions)
    if np.abs(positions - whole).max() < 1e-6:
        y, x = (
            whole[..., axis].astype(int).clip(0, side - 1)
            for axis, side in enumerate(image.shape[:2])
        )
        return image[y, x]
    shrink = max(1.0, factor_of(matrix))
    if shrink > 1.1:
        size = tuple(max(1, round(side / shrink)) for side in image.shape[:2])
        factors = [s / side for s, side in zip(size, image.shape[:2], strict=True)]
        image, matrix = resize_image(image, size), resizing(tuple(factors)) @ matrix
        positions = moved(matrix, centres(shape)) - 0.5
    return as_levels(_sampled(image, positions), image.dtype)


def _sampled(image: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """An image between its pixels: (H, W, 3) float32 at positions (H, W, 2), 0 the first pixel."""
    sides = np.array(image.shape[:2])
    grid = (2 * positions + 1) / sides - 1
    values = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]
    sampled = F.grid_sample(
        values,
        torch.from_numpy(grid[None, ..., ::-1].astype(np.float32)),
        mode="bicubic",
        padding_mode="border",
        align_corners=False,
    )
    return sampled[0].permute(1, 2, 0).numpy()
