"""The size at which the network sees an image."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dia_pipeline.pixels import resize_image, turned_grey
from dia_pipeline.settings import Settings

MIN_SIDE = 16
"""Shortest working side in pixels for which the deepest level still has a pixel."""


def working_size(size: tuple[int, ...], ratio: float, max_side: int) -> tuple[int, ...]:
    """The size (height, width) at which the network works an image of `size`.

    The image is scaled by `ratio`, then down to `max_side` on its longer side; the result is
    never larger than that, and never so small that a level would be empty.
    """
    scale = min(ratio, max_side / max(size))
    return tuple(max(MIN_SIDE, round(side * scale)) for side in size)


class Size(NamedTuple):
    """Height and width of an image in pixels: in full, and as the network sees it."""

    full: tuple[int, ...]
    working: tuple[int, ...]

    @classmethod
    def of(cls, shape: tuple[int, ...], settings: Settings) -> Size:
        """Those of an image (H, W, ...) that is scaled by the settings."""
        full = shape[:2]
        return cls(full, working_size(full, settings.ratio, settings.max_side))

    def cell(self, level: int) -> tuple[float, float]:
        """How many pixels of the full image a position of a level covers, (y, x)."""
        return tuple(2 ** (level - 1) * f / w for f, w in zip(self.full, self.working, strict=True))


def seen(image: np.ndarray, settings: Settings) -> np.ndarray:
    """What is matched of an image (H, W, 3) uint8."""
    return turned_grey(image) if settings.seen == "lightness" else image


def working_image(image: np.ndarray, ratio: float, max_side: int) -> np.ndarray:
    """The image (H, W, 3) uint8 resized to its working size."""
    return resize_image(image, working_size(image.shape[:2], ratio, max_side))
