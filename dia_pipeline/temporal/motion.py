"""Motion between the frames of a video: optical flow, and where it can be trusted."""

from __future__ import annotations

import cv2
import numpy as np

CUT = 0.6
"""Less correlated frames belong to different scenes: moved or relit ones measure 0.8 and more."""

ALIKE = 0.9
"""Correlation of the surroundings of two pixels from which on both show the same."""

_THUMBNAIL = 64
_SURROUNDINGS = (9, 9)
_NOISE = 2.0
"""Grey levels by which surroundings vary that show nothing of their own."""


def flow_between(image: np.ndarray, other: np.ndarray, fine: bool = False) -> np.ndarray:
    """Where each pixel of `image` lies in `other`: displacements (H, W, 2) float32, (y, x).

    Dense inverse search: Kroeger et al., Fast Optical Flow using Dense Inverse Search, ECCV 2016.

    Args:
        image, other: (H, W, 3) uint8 RGB of one size.
        fine: at every pixel, and not at every other; four times the work.
    """
    height, width = image.shape[:2]
    padding = [(0, max(0, 16 - height)), (0, max(0, 16 - width))]  # it wants at least 12 x 12
    grey = [np.pad(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY), padding, "edge") for p in (image, other)]
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    if fine:
        search.setFinestScale(0)
    return np.ascontiguousarray(search.calc(*grey, None)[:height, :width, ::-1])


def sample(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Values (H, W, C) float32 at positions (h, w, 2), (y, x), bilinear, clamped to the border."""
    y, x = np.moveaxis(positions.astype(np.float32), -1, 0)
    return cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def followed(flow: np.ndarray, way: np.ndarray) -> np.ndarray:
    """The way (H, W, 2) float32 of each pixel along a flow, and then along the way from there."""
    return flow + sample(way.astype(np.float32), grid(flow.shape[:2]) + flow)


def homeward(
    image: np.ndarray, home: np.ndarray, about: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The way of the pixels of an image to where they lie in another, which may be far.

    The other one is drawn as the image should look by what is about the way; what is left of the
    motion between the two is small, and found however far the way is.

    Args:
        image, home: (H, W, 3) uint8 RGB of one size.
        about: (H, W, 2), displacements, (y, x).

    Returns:
        (H, W, 2) float32, displacements, and where they can be trusted, (H, W) bool: what lies
        there is in sight, and like what is here. None leads farther out of sight than the image
        is long, however long the film.
    """
    here, size = grid(image.shape[:2]), np.array(image.shape[:2])
    expected = _moved(home, here + about)
    left, back = flow_between(image, expected, fine=True), flow_between(expected, image, fine=True)
    way = (here + followed(left, about)).clip(-size, 2 * size).astype(np.float32) - here
    likeness = _likeness(image, _moved(home, here + way))
    return way, trusted(left, back) & inside(here + way) & (likeness > ALIKE)


def _moved(image: np.ndarray, positions: np.ndarray) -> np.ndarray:
    return np.rint(sample(image.astype(np.float32), positions)).astype(np.uint8)


def _likeness(image: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How the surroundings of each pixel correlate in two images (H, W, 3) uint8: (H, W)."""
    one, two = (
        cv2.cvtColor(each, cv2.COLOR_RGB2GRAY).astype(np.float32) for each in (image, other)
    )

    def shared(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        both = cv2.blur(first * second, _SURROUNDINGS)
        return both - cv2.blur(first, _SURROUNDINGS) * cv2.blur(second, _SURROUNDINGS) + _NOISE**2

    return shared(one, two) / np.sqrt(shared(one, one) * shared(two, two))


def inside(positions: np.ndarray) -> np.ndarray:
    """Which positions (H, W, 2) lie in an image of that size, (H, W) bool."""
    last = np.array(positions.shape[:2]) - 1
    return ((positions >= 0) & (positions <= last)).all(axis=-1)


def trusted(forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """Where going forward and back leads home, (H, W) bool: neither hidden nor out of the image.

    The limit is that of Sundaram et al., Dense Point Trajectories by GPU-accelerated Large
    Displacement Optical Flow, ECCV 2010: |f + b|^2 < 0.01 (|f|^2 + |b|^2) + 0.5.
    """
    there = grid(forward.shape[:2]) + forward
    back = sample(backward, there)
    length = (forward**2).sum(axis=-1) + (back**2).sum(axis=-1)
    return inside(there) & (((forward + back) ** 2).sum(axis=-1) < 0.01 * length + 0.5)


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
