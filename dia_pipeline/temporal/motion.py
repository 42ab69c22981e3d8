"""Motion between the frames of a video: optical flow, and where it can be trusted."""

from __future__ import annotations

import cv2
import numpy as np

CUT = 0.6
"""Less correlated frames belong to different scenes: moved or relit ones measure 0.8 and more."""

_THUMBNAIL = 64


def flow_between(image: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Where each pixel of `image` lies in `other`: displacements (H, W, 2) float32, (y, x).

    Dense inverse search: Kroeger et al., Fast Optical Flow using Dense Inverse Search, ECCV 2016.

    Args:
        image, other: (H, W, 3) uint8 RGB of one size.
    """
    height, width = image.shape[:2]
    padding = [(0, max(0, 16 - height)), (0, max(0, 16 - width))]  # it wants at least 12 x 12
    grey = [np.pad(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY), padding, "edge") for p in (image, other)]
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.ascontiguousarray(search.calc(*grey, None)[:height, :width, ::-1])


def sample(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Values (H, W, C) float32 at positions (h, w, 2), (y, x), bilinear, clamped to the border."""
    y, x = np.moveaxis(positions.astype(np.float32), -1, 0)
    return cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def trusted(forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """Where going forward and back leads home, (H, W) bool: neither hidden nor out of the image.

    The limit is that of Sundaram et al., Dense Point Trajectories by GPU-accelerated Large
    Displacement Optical Flow, ECCV 2010: |f + b|^2 < 0.01 (|f|^2 + |b|^2) + 0.5.
    """
    there = grid(forward.shape[:2]) + forward
    back = sample(backward, there)
    length = (forward**2).sum(axis=-1) + (back**2).sum(axis=-1)
    inside = ((there >= 0) & (there <= np.array(forward.shape[:2]) - 1)).all(axis=-1)
    return inside & (((forward + back) ** 2).sum(axis=-1) < 0.01 * length + 0.5)


def grid(shape: tuple[int, ...]) -> np.ndarray:
    """The position (y, x) of every pixel, (H, W, 2) float32."""
    return np.moveaxis(np.indices(shape, dtype=np.float32), 0, -1)


def is_cut(image: np.ndarray, following: np.ndarray) -> bool:
    """Whether another scene begins: the content has changed, not the light.

    The details of the two, without the large gradients that the light makes, no longer correlate.
    """
    height, width = (_THUMBNAIL // 4,) * 2
    middle = _details(image)[height:-height, width:-width]
    return bool(cv2.matchTemplate(_details(following), middle, cv2.TM_CCORR_NORMED).max() < CUT)


def _details(image: np.ndarray) -> np.ndarray:
    size = (_THUMBNAIL, _THUMBNAIL)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32).mean(axis=-1)
    return cv2.GaussianBlur(small, (0, 0), 1) - cv2.GaussianBlur(small, (0, 0), 6)
