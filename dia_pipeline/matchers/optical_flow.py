"""Optical flow: OpenCV's dense inverse search (DIS), preset medium, on grey images.

Kroeger et al., Fast Optical Flow using Dense Inverse Search, ECCV 2016. It is made for the frames
of a video: one size, one style, small motion. The target is first brought to the size of
the source.
"""

from __future__ import annotations

import numpy as np

from dia_pipeline.pixels import resize_image
from dia_pipeline.settings import Settings
from dia_pipeline.temporal.motion import flow_between, grid


def match(
    a: np.ndarray, b_prime: np.ndarray, a_prime: np.ndarray | None, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """See the package `matchers`."""
    return _field(a, b_prime), _field(b_prime, a)


def _field(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    shape, target_shape = np.array(source.shape[:2]), np.array(target.shape[:2])
    centres = (
        grid(source.shape[:2]) + 0.5 + flow_between(source, resize_image(target, tuple(shape)))
    )
    positions = np.floor(centres * (target_shape / shape))
    return np.clip(positions, 0, target_shape - 1).astype(np.int32)
