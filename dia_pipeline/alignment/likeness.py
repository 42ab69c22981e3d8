"""How like each other the parts of two images are, by their features."""

from __future__ import annotations

from itertools import product

import numpy as np


def likeness(a: np.ndarray, b_prime: np.ndarray) -> np.ndarray:
    """The mean cosine over 3 x 3 patches, as far as they lie inside both images.

    It is rounded, so that it is the same however many threads made the features.

    Args:
        a, b_prime: (h, w, C), (H, W, C) float64 features of length 1, or 0 where nothing is seen.

    Returns:
        (h, w, H, W) float64: of every position of A and every one of B'.
    """
    cosines = np.einsum("ijc,klc->ijkl", a, b_prime, optimize=True)
    total, count = np.zeros_like(cosines), np.zeros_like(cosines)
    for down, across in product((-1, 0, 1), repeat=2):
        here = (_ahead(down), _ahead(across)) * 2
        there = (_ahead(-down), _ahead(-across)) * 2
        total[there] += cosines[here]
        count[there] += 1
    return (total / count).round(6)


def unit(features: np.ndarray) -> np.ndarray:
    """Features (h, w, C) at length 1; those of length 0 stay as they are."""
    return features / np.maximum(np.linalg.norm(features, axis=-1, keepdims=True), 1e-12)


def _ahead(step: int) -> slice:
    """All positions of an axis but the first one, for -1 but the last one."""
    return slice(max(step, 0), min(step, 0) or None)
