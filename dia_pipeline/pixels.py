"""Images as arrays, wherever they come from: scaled, mirrored, grey."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in the brightness of a pixel (ITU-R BT.601)."""

DEEP = 257
"""Steps of 16 bits in a grey level."""

ASPECT = 0.05
"""By what share the same aspects may differ, as published images are cut out of figures."""


def same_aspect(shape: tuple[int, ...], other: tuple[int, ...], slack: int = 0) -> bool:
    """Whether images of two shapes (H, W, ...) may show the same places, each scaled as a whole.

    Args:
        slack: by so many pixels a side of the first may be rounded beside.
    """
    (height, width), (h, w) = shape[:2], other[:2]
    most = ASPECT + slack / min(height, width)
    return abs((width * h) / (height * w) - 1) <= most


def resize_image(image: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Resample (H, W, 3) uint8 or float32 to `size` = (height, width), antialiased (Lanczos)."""
    height, width = size
    if image.dtype == np.uint8:
        return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))
    channels = [resize_plane(channel, size) for channel in np.moveaxis(image, -1, 0)]
    return np.stack(channels, -1).clip(0, 255)


def nearest_image(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """An image (H, W, ...) at the height and width of `shape`; no two values are mixed."""
    y, x = (
        (np.arange(n) + 0.5) * side // n for n, side in zip(shape, image.shape[:2], strict=False)
    )
    return image[np.ix_(y.astype(int), x.astype(int))]


def resize_plane(plane: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Resample (H, W) float32 to `size` = (height, width), antialiased (Lanczos)."""
    height, width = size
    resized = Image.fromarray(np.ascontiguousarray(plane)).resize(
        (width, height), Image.Resampling.LANCZOS
    )
    return np.array(resized)


def resize_share(plane: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A map (h, w) float32 from 0 to 1 at the height and width of an image: (H, W, 1)."""
    return resize_plane(plane, shape[:2]).clip(0, 1)[..., None]


def as_levels(values: np.ndarray, kind: Any) -> np.ndarray:
    """Grey levels as pixels of a type: uint8, or float32 for images of 16 bits."""
    if values.dtype == kind == np.uint8:
        return values
    levels = values.clip(0, 255)
    return levels.round().astype(np.uint8) if kind == np.uint8 else levels.astype(np.float32)


def shrunk(image: np.ndarray, side: int) -> np.ndarray:
    """The image (H, W, 3) uint8 with its longer side at most `side` pixels."""
    scale = min(1, side / max(image.shape[:2]))
    return resize_image(image, tuple(max(1, round(s * scale)) for s in image.shape[:2]))


def mirror(image: np.ndarray) -> np.ndarray:
    """An image or field (H, W, ...) with left and right exchanged."""
    return np.ascontiguousarray(image[:, ::-1])


def mirror_targets(nnf: np.ndarray, width: int) -> np.ndarray:
    """A field (H, W, 2) into an image of `width` as one into its mirror image, or back."""
    return np.stack([nnf[..., 0], width - 1 - nnf[..., 1]], axis=-1)


def turned_grey(image: np.ndarray) -> np.ndarray:
    """The image (H, W, 3) uint8 in black and white."""
    return np.rint(image @ LUMA).astype(np.uint8)[..., None].repeat(3, axis=-1)


def to_bytes(values: np.ndarray) -> np.ndarray:
    """Values from 0 to 1 as uint8."""
    return np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)
