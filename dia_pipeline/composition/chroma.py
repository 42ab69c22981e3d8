"""The chroma of a transfer on the lightness of A, which stays the same to the last digit.

Lightness is luma, to which a picture turns in black and white; chroma is by what red and blue
exceed it.

1. A' seldom lies over A to the pixel. Every pixel of A looks around in A' for patches that are as
   light as its own, and takes the mean of their chroma; that is scaled as the mean lightness is,
   so that what is darker in A is as saturated.
2. Where nothing around is like A, the chroma is that of the neighbours: what is sure is spread
   along the edges of A.
3. A chroma that would leave the gamut is scaled down. Red and blue are rounded, and green is what
   gives the luma of A with them: as it weighs more than half, there always is one.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from dia_pipeline.composition.smoothing import smooth
from dia_pipeline.pixels import DEEP, LUMA

REACH = 4
"""Steps up, down and to the sides in which like patches are looked for."""

PATCH = 2
"""Steps from the middle of a patch to its border."""

FINE = 700
"""Pixels of the longest side for which a step is one pixel."""

LIKE = 1.0, 4.0
"""Grey levels by which a patch may be less like than the best one and still count: where A' lies
over A to the digit, and at most."""

NEAR = 0.3
"""By how much the square of a step makes a patch count less: the logarithm of its weight."""

SHADE = 3.0
"""Steps over which lightness is averaged where chroma is scaled by it."""

DARK = 4.0
"""Grey levels that are added to it, so that little is made of differences in the dark."""

SURE = 12.0
"""Grey levels by which the best patch differs where it is half sure."""

SPREAD = 1e-2
"""How far chroma is spread; see `smoothing.smooth`."""

BAND = 2**18
"""Pixels whose colours are made at a time, so that large images need little more memory."""

Planes = np.ndarray
"""Red and blue above the luma, (H, W, 2) float32 in grey levels."""


def colour(own: np.ndarray, transferred: np.ndarray) -> np.ndarray:
    """A with the chroma of A'.

    Args:
        own: (H, W, 3) uint8 or float32 in grey levels, A.
        transferred: (H, W, 3) of the same type, A' with everything.

    Returns:
        (H, W, 3) of that type. In black and white it is what A is, to the last of 8 or 16 bits.
    """
    luma, other = ((image @ LUMA).astype(np.float32) for image in (own, transferred))
    found, sure = look_around(luma, other, transferred[..., ::2] - other[..., None])
    spread = smooth(found, luma / 255, SPREAD, sure)
    spread += sure[..., None] * (found - spread)
    return with_chroma(own, spread)


def look_around(luma: np.ndarray, other: np.ndarray, chroma: Planes) -> tuple[Planes, np.ndarray]:
    """The chroma of what is like every pixel around its place in A'.

    Args:
        luma, other: (H, W) float32, of A and of A'.
        chroma: of A'.

    Returns:
        The chroma, and how sure it is, (H, W) float32 above 0 and up to 1.
    """
    step = max(1, round(max(luma.shape) / FINE))
    best = np.full_like(luma, np.inf)
    for there, _ in _around(luma.shape, step):
        np.minimum(best, _unlike(luma, other, there, step), out=best)
    usual = 2 * float(np.median(best))
    least, most = (levels**2 for levels in LIKE)
    total = np.zeros((*luma.shape, 4), np.float32)
    for there, away in _around(luma.shape, step):
        less = (_unlike(luma, other, there, step) - best) / min(least + usual, most)
        weight = np.exp(-less - np.float32(NEAR * away))
        total[..., :2] += weight[..., None] * _moved(chroma, there)
        total[..., 2] += weight * _moved(other, there)
        total[..., 3] += weight
    total /= total[..., 3:]
    sure = 1 / (1 + (best / SURE**2) ** 2)
    shades = [_blurred(each, SHADE * step) + DARK for each in (luma, total[..., 2])]
    return total[..., :2] * (shades[0] / shades[1]).clip(0.5, 2)[..., None], sure


def _around(
    shape: tuple[int, ...], step: int
) -> Iterator[tuple[tuple[np.ndarray, np.ndarray], int]]:
    """Rows and columns that lie by some steps elsewhere, and the square of the steps."""
    steps = range(-REACH, REACH + 1)
    for down in steps:
        for right in steps:
            yield (
                tuple(
                    (np.arange(side) + move * step).clip(0, side - 1)
                    for side, move in zip(shape, (down, right), strict=True)
                ),
                down**2 + right**2,
            )


def _moved(values: np.ndarray, there: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return values[there[0]][:, there[1]]


def _unlike(
    luma: np.ndarray, other: np.ndarray, there: tuple[np.ndarray, np.ndarray], step: int
) -> np.ndarray:
    """The mean square difference of the patches around pixels and what lies elsewhere."""
    square = (luma - _moved(other, there)) ** 2
    side = 2 * PATCH * step + 1
    row = np.full(side, 1 / side, np.float32)
    return cv2.sepFilter2D(square, -1, row, row, borderType=cv2.BORDER_REFLECT)


def _blurred(plane: np.ndarray, spread: float) -> np.ndarray:
    return cv2.GaussianBlur(plane, (0, 0), spread, borderType=cv2.BORDER_REFLECT)


def with_chroma(own: np.ndarray, chroma: Planes) -> np.ndarray:
    """The image of the luma of `own` (H, W, 3) with a chroma, as far as there are such colours."""
    result = np.empty_like(own)
    rows = max(1, BAND // own.shape[1])
    for top in range(0, len(own), rows):
        band = slice(top, top + rows)
        result[band] = _with_chroma(own[band], chroma[band])
    return result


def _with_chroma(own: np.ndarray, chroma: Planes) -> np.ndarray:
    unit = 1 if own.dtype == np.uint8 else DEEP
    luma = np.rint(own @ LUMA * unit)
    red, blue = np.moveaxis(chroma * float(unit), -1, 0)
    green = -(LUMA[0] * red + LUMA[2] * blue) / LUMA[1]
    room = np.ones_like(luma)
    for part in (red, green, blue):
        space = np.where(part > 0, 255 * unit - luma, luma)
        room = np.minimum(room, space / np.maximum(np.abs(part), 1e-9))
    red, blue = (np.rint(luma + room * part) for part in (red, blue))
    green = np.rint((luma - LUMA[0] * red - LUMA[2] * blue) / LUMA[1])
    return (np.stack([red, green, blue], -1) / unit).astype(own.dtype)
