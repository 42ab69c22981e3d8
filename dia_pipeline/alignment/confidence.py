"""Confidence: which parts of A and B' are matched by what belongs to them, and how large they are.

    belongs(p) = sigmoid((2 s(p, B') - s(p, turned B') - EVEN) / WIDTH)

s is how like a position is to its best match at relu5_1 of small images. B' that is turned by a
right angle has the same colours and textures, but no longer shows the same things: what is like B'
by its textures alone is as like the turned one. The confidence is the mean over both images. No
setting changes it. `benchmarks/confidence.py` shows how it parts pairs that match from others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from dia_pipeline.alignment.likeness import likeness, unit
from dia_pipeline.errors import JobError
from dia_pipeline.machine.convolution import push_all
from dia_pipeline.networks.network import Network
from dia_pipeline.networks.sizes import working_size
from dia_pipeline.pixels import resize_image
from dia_pipeline.settings import LEVELS

SIDE = 160
"""Longest side in pixels at which the images are compared."""

EVEN, WIDTH = 0.33, 0.05
"""Where it is as likely as not that a match belongs, and how fast that changes."""


def compare(a: np.ndarray, b_prime: np.ndarray, network: Network) -> tuple[np.ndarray, np.ndarray]:
    """How likely every part of two images (H, W, 3) uint8 is matched by what belongs to it.

    It is told in float32, whatever the precision of the network.

    Returns:
        Of each image, (h, w) float64 from 0 to 1.

    Raises:
        JobError: the features are no numbers.
    """
    network = network.precise
    push = push_all(network, LEVELS[0])
    upright, turned = zip(*(_features(image, network, push) for image in (a, b_prime)), strict=True)
    if not all(np.isfinite(features).all() for features in upright):
        raise JobError(
            f"backbone {network.entry.title}",
            "its features are none, or infinite",
            "check its parameters, and scale, mean and deviation in its entry",
        )
    return tuple(
        _belongs(_best(own, other), _best(own, other_turned))
        for own, other, other_turned in zip(upright, upright[::-1], turned[::-1], strict=True)
    )


def _features(image: np.ndarray, network: Network, push: Any) -> list[np.ndarray]:
    """Unit features (h, w, C) float64 of a small image, upright and turned by a right angle."""
    size = working_size(image.shape[:2], SIDE / max(image.shape[:2]), SIDE)
    small = resize_image(image, size)
    found = []
    for drawn in (small, np.rot90(small).copy()):
        with torch.no_grad():
            batch = push(network.preprocess(drawn)[None])
        found.append(unit(batch[0].permute(1, 2, 0).cpu().double().numpy()))
    return found


def _best(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How like every position (h, w) is to its best match in the other image."""
    return likeness(own, other).max(axis=(2, 3))


def _belongs(upright: np.ndarray, turned: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp((EVEN - (2 * upright - turned)) / WIDTH))
