"""Confidence: whether A and B' show the same kind of thing at all, before they are matched.

The mean energy of the best matches at level 5 of small images tells that: it reads what the images
show, and no size or setting changes it. `benchmarks/confidence.py` shows how it parts pairs that
match from those that do not.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from dia_pipeline.algorithm.features import working_size
from dia_pipeline.algorithm.network import Network
from dia_pipeline.algorithm.nnf import identity
from dia_pipeline.algorithm.patchmatch import Maps, exact, stack
from dia_pipeline.errors import JobError
from dia_pipeline.pixels import resize_image
from dia_pipeline.settings import HOPELESS, LEVELS, PATCH, SOUND

SIDE = 128
"""Longest side in pixels at which the images are compared."""

EVEN, WIDTH = 0.32, 0.03
"""The mean similarity of matches at which the confidence is one half, and its width."""

REMEDY = (
    "give images of the same kind of scene; or labels or points, if the parts that belong together "
    "are there but look unlike"
)


def confidence(a: np.ndarray, b_prime: np.ndarray, network: Network) -> float:
    """How sure it is that two images (H, W, 3) uint8 match: 0 to 1, to three digits.

    Raises:
        JobError: the features are no numbers.
    """
    maps = Maps(_map(a, network), _map(b_prime, network), PATCH[LEVELS[0]])
    energies = []
    for each in (maps, maps.turned()):
        shape, target_shape = tuple(each.source.shape[:2]), tuple(each.target.shape[:2])
        _, energy = exact.search(each, identity(shape, target_shape, each.source.device))
        energies.append(energy.cpu().double().mean().item())
    similarity = -np.mean(energies)
    if not math.isfinite(similarity):
        raise JobError(
            f"backbone {network.entry.title}",
            "its features are none, or infinite",
            "check its parameters, and scale, mean and deviation in its entry",
        )
    return round(1 / (1 + math.exp((EVEN - similarity) / WIDTH)), 3)


def verdict(confidence: float) -> str:
    """The confidence in a word."""
    if confidence >= SOUND:
        return "sound"
    return "hopeless" if confidence < HOPELESS else "doubtful"


def _map(image: np.ndarray, network: Network) -> torch.Tensor:
    """The matching map (h, w, C) of a small image."""
    size = working_size(image.shape[:2], SIDE / max(image.shape[:2]), SIDE)
    with torch.no_grad():
        features = network.forward(network.preprocess(resize_image(image, size)), 0, LEVELS[0])
    return stack(features.float())
