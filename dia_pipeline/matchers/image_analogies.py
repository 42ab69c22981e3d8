"""Image analogies, for the case that A' is given: B is to B' what A is to A'.

Hertzmann et al., Image Analogies, SIGGRAPH 2001, section 3. From coarse to fine and in scan order,
each pixel of B takes the pixel of A whose neighbourhood fits best: A' against B', and A against
what is there of B already, all by luminance, at this level and the coarser one. The best
approximate match in the whole image competes with the best that continues a neighbour's match
(Ashikhmin 2001). Which pixels were taken is the field from B' to A. That from A to B' is of the
reverse analogy: A is to A' what this B is to B'.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from scipy.spatial import cKDTree

from dia_pipeline.matchers.matcher import MatcherError
from dia_pipeline.settings import Settings

COHERENCE = 5.0
"""The paper's kappa: by so much, halved with every coarser level, a coherent match may be worse."""

MIN_SIDE = 16
"""The coarsest level has no side less than this."""

VARIANCE = 0.99
"""The share of the variance that the reduced neighbourhoods keep, in which matches are sought."""

SLACK = 1.0
"""The approximate match is at most 1 + SLACK times as far as the nearest."""

_MARGIN = 2
_FINE = np.array([(y, x) for y in range(-2, 3) for x in range(-2, 3)])
_COARSE = np.array([(y, x) for y in range(-1, 2) for x in range(-1, 2)])
_BEFORE = _FINE[:12]
"""The neighbourhoods at a level and the coarser one, and the pixels before one in scan order."""


def match(
    a: np.ndarray, b_prime: np.ndarray, a_prime: np.ndarray | None, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """See the package `matchers`.

    Raises:
        MatcherError: there is no A', or it has another size than A.
    """
    if a_prime is None:
        raise MatcherError(
            "",
            "image-analogies needs the A' of the pair: name its image in the "
            "column a_prime of the table of pairs, or choose another matcher",
        )
    if a_prime.shape != a.shape:
        sizes = " and ".join(f"{p.shape[1]}x{p.shape[0]}" for p in (a, a_prime))
        raise MatcherError(
            "", f"a and a_prime must show the same places, but are {sizes}: scale one"
        )
    a, a_prime, b_prime = (_luminance(image) for image in (a, a_prime, b_prime))
    nnf_ba = source_map(a_prime, a, b_prime)
    b = a[nnf_ba[..., 0], nnf_ba[..., 1]]
    return source_map(b_prime, b, a_prime), nnf_ba


def source_map(unfiltered: np.ndarray, filtered: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Where the analogy takes every pixel of its result from.

    Args:
        unfiltered, filtered: (H, W) float32 luminances of the example, an image and what a filter
            made of it.
        given: (h, w) float32 luminance of the image to be filtered alike.

    Returns:
        (h, w, 2) int32 positions (y, x) in the example.
    """
    scale, mean = given.std() / max(unfiltered.std(), 1e-6), unfiltered.mean()
    example = [scale * (image - mean) + given.mean() for image in (unfiltered, filtered)]
    depth = int(np.log2(max(min(*given.shape, *filtered.shape) / MIN_SIDE, 1)))
    unfiltered, filtered, given = (_pyramid(image, depth) for image in (*example, given))
    coarse_example, coarse = [np.zeros_like(unfiltered[-1])] * 2, [np.zeros_like(given[-1])] * 2
    for level in reversed(range(depth + 1)):
        example_known = _known(unfiltered[level], *coarse_example)
        known = _known(given[level], *coarse)
        penalty = 1 + COHERENCE * 0.5**level
        result, positions = _synthesise(filtered[level], example_known, known, penalty)
        coarse_example, coarse = [unfiltered[level], filtered[level]], [given[level], result]
    return positions


def _luminance(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2GRAY)


def _pyramid(image: np.ndarray, depth: int) -> list[np.ndarray]:
    """The Gaussian pyramid from fine to coarse, of depth + 1 levels."""
    levels = [image.astype(np.float32)]
    for _ in range(depth):
        levels.append(cv2.pyrDown(levels[-1]))
    return levels


def _known(image: np.ndarray, *coarse: np.ndarray) -> np.ndarray:
    """Neighbourhoods (H, W, K) that do not wait for the scan: of the image, and coarser ones."""
    y, x = np.indices(image.shape)
    parts = [_around(_padded(other), y // 2, x // 2, _COARSE) for other in coarse]
    return np.concatenate([_around(_padded(image), y, x, _FINE), *parts], axis=-1)


def _padded(image: np.ndarray) -> np.ndarray:
    return np.pad(image, _MARGIN, "edge")


def _around(padded: np.ndarray, y: np.ndarray, x: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The values (..., K) at offsets (K, 2) from the pixels (y, x), weighted.

    Their squared differences then count by a Gaussian of sum 1.
    """
    gaussian = np.exp(-(offsets**2).sum(axis=-1) / np.abs(offsets).max())
    weights = np.sqrt(gaussian / gaussian.sum()).astype(np.float32)
    return padded[_at(y, x, offsets)] * weights


def _at(y: np.ndarray, x: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The indices (..., K) into a padded array of what lies at offsets (K, 2) from (y, x)."""
    return y[..., None] + _MARGIN + offsets[:, 0], x[..., None] + _MARGIN + offsets[:, 1]


def _synthesise(
    filtered: np.ndarray, example_known: np.ndarray, known: np.ndarray, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """One level in scan order: the result (h, w) float32 and where it is from (h, w, 2) int32.

    What comes before the first pixels counts as the mean luminance.
    """
    shape, mean = known.shape[:2], filtered.mean()
    before = np.pad(filtered, _MARGIN, constant_values=mean)
    y, x = np.indices(filtered.shape)
    before = _around(before, y, x, _BEFORE)
    example = np.concatenate([example_known, before], axis=-1)
    axes = _principal_axes(example)
    tree = cKDTree(_reduced(example.reshape(-1, example.shape[-1]), axes))
    result = np.full(np.add(shape, 2 * _MARGIN), mean, np.float32)
    positions = np.full((*result.shape, 2), -1, np.int32)
    for y, x in _fronts(shape):
        wanted = np.concatenate([known[y, x], _around(result, y, x, _BEFORE)], axis=-1)
        _, nearest = tree.query(_reduced(wanted, axes), eps=SLACK)
        position = np.stack(np.unravel_index(nearest, filtered.shape), axis=-1)
        near = positions[_at(y, x, _BEFORE)]
        position = _more_coherent(example, wanted, position, near, penalty)
        positions[y + _MARGIN, x + _MARGIN] = position
        result[y + _MARGIN, x + _MARGIN] = filtered[position[:, 0], position[:, 1]]
    inside = np.s_[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    return result[inside], positions[inside]


def _more_coherent(
    example: np.ndarray, wanted: np.ndarray, position: np.ndarray, near: np.ndarray, penalty: float
) -> np.ndarray:
    """The match that best continues one of those near, unless that is too much worse.

    Args:
        example: (H, W, D) neighbourhoods.
        wanted: (N, D) neighbourhoods.
        position: (N, 2) approximate matches.
        near: (N, 12, 2) the matches of the pixels before each, -1 where there are none.
        penalty: how many times the squared distance of the approximate match is not too much.
    """
    limits = np.array(example.shape[:2])
    continued = near - _BEFORE
    possible = ((near >= 0) & (continued >= 0) & (continued < limits)).all(axis=-1)
    y, x = np.moveaxis(np.clip(continued, 0, limits - 1), -1, 0)
    distances = ((example[y, x] - wanted[:, None]) ** 2).sum(axis=-1)
    distances = np.where(possible, distances, np.inf)
    best = np.arange(len(near)), distances.argmin(axis=-1)
    limit = penalty * ((example[position[:, 0], position[:, 1]] - wanted) ** 2).sum(axis=-1)
    return np.where((distances[best] <= limit)[:, None], continued[best], position)


def _fronts(shape: tuple[int, ...]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The pixels (y, x) of each x + 3 y, in order: no two need each other in the scan.

    A pixel needs those up to two rows above and two columns aside, whose x + 3 y is less.
    """
    height, width = shape
    for front in range(width + 3 * (height - 1)):
        y = np.arange(max(0, -((width - 1 - front) // 3)), min(height - 1, front // 3) + 1)
        yield y, front - 3 * y


def _principal_axes(vectors: np.ndarray) -> np.ndarray:
    """The axes (D, K) that keep `VARIANCE` of vectors (..., D)."""
    vectors = vectors.reshape(-1, vectors.shape[-1])
    values, axes = np.linalg.eigh(np.cov(vectors, rowvar=False))
    values, axes = values[::-1], axes[:, ::-1]
    return axes[:, : np.searchsorted(np.cumsum(values), VARIANCE * values.sum()) + 1]


def _reduced(vectors: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Vectors (N, D) on the axes (D, K); einsum adds in one order whatever the threads."""
    return np.einsum("nd,dk->nk", vectors, axes)
