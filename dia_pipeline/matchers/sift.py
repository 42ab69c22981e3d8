"""SIFT flow: a SIFT descriptor at every pixel, matched under a smoothness.

Liu, Yuen, Torralba, SIFT Flow: Dense Correspondence across Scenes and its Applications, PAMI 2011:
the L1 distance of dense descriptors, truncated L1 smoothness, and belief propagation on two layers
(`belief_propagation`), coarse to fine on a pyramid of descriptors. Written anew from the paper,
with the weights and windows of its authors' release; the distance itself is not truncated. Offsets
are from the scaled place, so that images of different sizes start from the identity.
"""

from __future__ import annotations

import cv2
import numba
import numpy as np

from dia_pipeline.algorithm import nnf
from dia_pipeline.machine.compiled import compiled
from dia_pipeline.matchers.belief_propagation import propagate
from dia_pipeline.settings import Settings

CELL = 3
"""Side of one of the 4 x 4 cells of a descriptor, in pixels."""

COARSEST = 40
"""The longest side that the coarsest level has at most."""

WINDOW, TOP_WINDOW = 2, 10
"""How far offsets are sought around those of the coarser level, and at the coarsest around 0."""

ITERATIONS, TOP_ITERATIONS = 10, 60
"""Below the coarsest level, where 30, as in the release, find no more; and at it."""

SMALL, SLOPE, MAX_COST = 0.005, 2.0, 40.0
"""The weights of small offsets and of smoothness, and the most that a difference costs.

The unit is the L1 distance of descriptors of length 1.
"""

_UNIT = 512
"""Descriptors are kept as bytes; this is the length 1."""

_TENT = 1 - np.abs(np.arange(1 - CELL, CELL)) / CELL
"""How a gradient is shared between the cells around it, along each axis."""


def match(
    a: np.ndarray, b_prime: np.ndarray, a_prime: np.ndarray | None, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """See the package `matchers`."""
    longest = max(*a.shape, *b_prime.shape)
    depth = max(0, int(np.ceil(np.log2(longest / COARSEST))))
    pyramid_a, pyramid_b_prime = (_pyramid(dense_sift(image), depth) for image in (a, b_prime))
    return _field(pyramid_a, pyramid_b_prime), _field(pyramid_b_prime, pyramid_a)


def dense_sift(image: np.ndarray) -> np.ndarray:
    """A SIFT descriptor at every pixel, upright and of one scale.

    Lowe, Distinctive Image Features from Scale-Invariant Keypoints, IJCV 2004, section 6, without
    the Gaussian window, like Liu et al.: 4 x 4 cells of `CELL` pixels, 8 orientations each, shared
    linearly between neighbouring cells and orientations; length 1, entries cut at 0.2, length 1.

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        (H, W, 128) uint8, 512 for 1: cells by row, then column, then orientation, from that of
        growing x towards that of growing y.
    """
    cells = cv2.sepFilter2D(_orientations(image), -1, _TENT, _TENT, borderType=cv2.BORDER_REPLICATE)
    height, width = image.shape[:2]
    margin = 2 * CELL
    cells = np.pad(cells, ((margin, margin), (margin, margin), (0, 0)), "edge")
    places = margin + np.round((np.arange(4) - 1.5) * CELL).astype(int)
    parts = [cells[y : y + height, x : x + width] for y in places for x in places]
    descriptors = np.concatenate(parts, axis=-1)
    descriptors = np.minimum(_normalised(descriptors), 0.2)
    return np.minimum(_UNIT * _normalised(descriptors) + 0.5, 255).astype(np.uint8)


def _orientations(image: np.ndarray) -> np.ndarray:
    """The gradient of every pixel, shared between the two nearest of 8 orientations: (H, W, 8)."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    dy, dx = np.gradient(grey)
    angle = np.arctan2(dy, dx) * (4 / np.pi)
    apart = np.abs((angle[..., None] - np.arange(8) + 4) % 8 - 4)
    return np.hypot(dy, dx)[..., None] * np.maximum(1 - apart, 0).astype(np.float32)


def _normalised(descriptors: np.ndarray) -> np.ndarray:
    """Of length 1, or less where there is next to no gradient."""
    return descriptors / (np.linalg.norm(descriptors, axis=-1, keepdims=True) + 1e-2)


def _pyramid(descriptors: np.ndarray, depth: int) -> list[np.ndarray]:
    """Descriptors from fine to coarse, depth times the mean of 2 x 2 of the level before."""
    levels = [descriptors]
    for _ in range(depth):
        height, width = levels[-1].shape[:2]
        even = np.pad(levels[-1], ((0, height % 2), (0, width % 2), (0, 0)), "edge")
        quarters = [even[y::2, x::2] for y in (0, 1) for x in (0, 1)]
        total = np.sum(quarters, axis=0, dtype=np.uint16)
        levels.append(((total + 2) // 4).astype(np.uint8))
    return levels


def _field(source: list[np.ndarray], target: list[np.ndarray]) -> np.ndarray:
    offsets = np.zeros((*source[-1].shape[:2], 2), np.int32)
    for level in reversed(range(len(source))):
        top = level == len(source) - 1
        if not top:
            height, width = source[level].shape[:2]
            offsets = 2 * offsets.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
        shape, target_shape = source[level].shape[:2], target[level].shape[:2]
        home = nnf.identity(shape, target_shape).numpy()
        radius = TOP_WINDOW if top else WINDOW
        data = _data_cost(source[level], target[level], home + offsets, radius)
        weights = (_UNIT * SMALL, _UNIT * SLOPE, _UNIT * MAX_COST)
        offsets = propagate(data, offsets, *weights, TOP_ITERATIONS if top else ITERATIONS)
    return np.clip(home + offsets, 0, np.array(target_shape) - 1).astype(np.int32)


@compiled
def _data_cost(source, target, centre, radius):
    """The L1 distance of descriptors at every offset (H, W, S, S) float32 around a target.

    Outside the target it is that to the nearest pixel inside.
    """
    height, width, depth = source.shape
    side = 2 * radius + 1
    costs = np.empty((height, width, side, side), np.float32)
    for y in numba.prange(height):
        for x in range(width):
            for v in range(side):
                for u in range(side):
                    ty = min(max(centre[y, x, 0] + v - radius, 0), target.shape[0] - 1)
                    tx = min(max(centre[y, x, 1] + u - radius, 0), target.shape[1] - 1)
                    distance = 0
                    for k in range(depth):
                        distance += abs(np.int32(source[y, x, k]) - np.int32(target[ty, tx, k]))
                    costs[y, x, v, u] = distance
    return costs
