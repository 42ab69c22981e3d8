"""The feature pyramid of one image (section 4.1 of the paper).

F^L = relu{L}_1(image), L = 1 to 5;   F^0 = the image as the network is given it

Beyond the paper, F^6 and F^7 are relu5_1 of the image at half and at a quarter of its size.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from dia_pipeline.machine.memory import MATCHING
from dia_pipeline.machine.sharing import with_memory
from dia_pipeline.networks.network import Network
from dia_pipeline.networks.sizes import MIN_SIDE
from dia_pipeline.pixels import resize_image
from dia_pipeline.settings import LEVELS, OCTAVES

Pyramid = dict[int, torch.Tensor]
"""Level to features (C, H, W) float32; level 0 is the preprocessed working image, 6 and 7 are its
octaves, where the image is large enough for them."""

BAND = 2**20
"""Values that are rounded at a time."""

LEGIBLE = 100
"""Longest side in pixels of the smallest image in which the network still knows what is shown."""


def extract(image: np.ndarray, network: Network, feature_dtype: str) -> Pyramid:
    """All levels of a working image.

    Args:
        image: (H, W, 3) uint8 RGB, already at its working size.
        feature_dtype: precision the features are rounded to, so that those read back from a
            feature file equal those computed in memory.

    Returns:
        Level 0 to 5, each (C, H, W) float32; level 0 is the preprocessed image itself. And the
        octaves of `octave_sizes`.

    Raises:
        JobError: other processes hold the memory.
    """

    def work() -> Pyramid:
        pyramid = {0: network.preprocess(image)}
        with torch.no_grad():
            for level in range(1, 6):
                pyramid[level] = network.forward(pyramid[level - 1], level - 1, level)
            for octave, size in octave_sizes(image.shape[:2]).items():
                small = network.preprocess(resize_image(image, size))
                pyramid[octave] = network.forward(small, 0, LEVELS[0])
        return {0: pyramid.pop(0)} | {
            level: round_features(features, feature_dtype) for level, features in pyramid.items()
        }

    return with_memory(work, MATCHING * math.prod(image.shape[:2]), network.device)


def octave_sizes(working: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
    """Heights and widths of the images of whose deepest level the octaves are, finest first."""
    sizes = {
        octave: tuple(round(side / 2 ** (octave - LEVELS[0])) for side in working)
        for octave in reversed(OCTAVES)
    }
    return {
        octave: size
        for octave, size in sizes.items()
        if max(size) >= LEGIBLE and min(size) >= MIN_SIDE
    }


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
