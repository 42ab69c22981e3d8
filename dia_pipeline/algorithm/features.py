"""The feature pyramid of one image (section 4.1 of the paper).

F^L = relu{L}_1(image), L = 1 to 5;   F^0 = the image as the network is given it
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch

from dia_pipeline.algorithm.memory import MATCHING
from dia_pipeline.algorithm.network import Network
from dia_pipeline.algorithm.sharing import with_memory
from dia_pipeline.pixels import resize_image
from dia_pipeline.settings import Settings

Pyramid = dict[int, torch.Tensor]
"""Level to features (C, H, W) float32; level 0 is the preprocessed working image."""

BAND = 2**20
"""Values that are rounded at a time."""

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


def extract(image: np.ndarray, network: Network, feature_dtype: str) -> Pyramid:
    """All levels of a working image.

    Args:
        image: (H, W, 3) uint8 RGB, already at its working size.
        feature_dtype: precision the features are rounded to, so that those read back from a
            feature file equal those computed in memory.

    Returns:
        Level 0 to 5, each (C, H, W) float32; level 0 is the preprocessed image itself.

    Raises:
        JobError: other processes hold the memory.
    """

    def work() -> Pyramid:
        pyramid = {0: network.preprocess(image)}
        with torch.no_grad():
            for level in range(1, 6):
                pyramid[level] = network.forward(pyramid[level - 1], level - 1, level)
        return {0: pyramid.pop(0)} | {
            level: round_features(features, feature_dtype) for level, features in pyramid.items()
        }

    return with_memory(work, MATCHING * math.prod(image.shape[:2]), network.device)


def round_features(features: torch.Tensor, feature_dtype: str) -> torch.Tensor:
    """Round features (C, H, W) float32 in place to what comes back from storage in `feature_dtype`.

    Some rows at a time, so that the arrays in between stay in the cache.
    """
    dtype = getattr(torch, feature_dtype)
    largest = torch.finfo(dtype).max
    channels, _, width = features.shape
    for rows in features.split(max(1, BAND // (channels * width)), dim=1):
        rows.copy_(rows.to(dtype).clamp_(-largest, largest))
    return features


def working_image(image: np.ndarray, ratio: float, max_side: int) -> np.ndarray:
    """The image (H, W, 3) uint8 resized to its working size."""
    return resize_image(image, working_size(image.shape[:2], ratio, max_side))
