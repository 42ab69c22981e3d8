"""No matching at all: every pixel keeps its position, scaled to the size of the other image."""

from __future__ import annotations

import numpy as np

from dia_pipeline.algorithm import nnf
from dia_pipeline.settings import Settings


def match(
    a: np.ndarray, b_prime: np.ndarray, a_prime: np.ndarray | None, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """See the package `matchers`."""
    shape, target_shape = a.shape[:2], b_prime.shape[:2]
    return nnf.identity(shape, target_shape).numpy(), nnf.identity(target_shape, shape).numpy()
