"""Small images drawn in many ways, and the matches of their features with which maps agree."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage

from dia_pipeline.affine import Shape, centres, fit_affine, fit_similarity, moved
from dia_pipeline.alignment.likeness import likeness, unit
from dia_pipeline.alignment.warp import draw
from dia_pipeline.networks.network import Network

LEVEL = 4
"""The level whose features are compared."""

CELL = 2 ** (LEVEL - 1)
"""Pixels that a position of that level covers along an axis."""

REFITS = 3
"""Times that a map is fitted to the matches near it."""

COARSE, FINE = 1.5, 1.25
"""Within so many cells a match agrees with a pose that is fitted at first, and refined."""

SAMPLES = 1000
"""Pairs of matches of which the first poses are made."""

MIN_MATCHES = 6
"""Fewer matches make no pose."""

MAX_OCTAVES = 1.6
"""So often may a pose double or halve lengths between one drawing and the next."""

MAX_DISTORTION = 2.0
"""By so much at most may it lengthen one direction more than another."""


class Drawn(NamedTuple):
    """A drawn image: the map to the pixels of what is drawn, its features, where there are any."""

    matrix: np.ndarray
    features: np.ndarray
    seen: np.ndarray


def draw_all(
    drawings: Sequence[tuple[np.ndarray, np.ndarray]],
    shape: Shape,
    network: Network,
    push: Callable[[torch.Tensor], torch.Tensor],
) -> list[Drawn]:
    """Images (h, w, 3) uint8 drawn through maps: their features less their mean, of length 1.

    All have one shape, so that one batch makes them.
    """
    pictures = [network.preprocess(draw(image, matrix, shape)) for image, matrix in drawings]
    with torch.no_grad():
        batch = push(torch.stack(pictures))
    found = batch.permute(0, 2, 3, 1).cpu().double().numpy()
    return [
        _centred(features, matrix, image.shape[:2])
        for features, (image, matrix) in zip(found, drawings, strict=True)
    ]


def _centred(features: np.ndarray, matrix: np.ndarray, shape: Shape) -> Drawn:
    there = moved(matrix, CELL * centres(features.shape[:2]))
    seen = ((there >= 0) & (there <= shape)).all(axis=-1)
    centred = features - (features[seen].mean(axis=0) if seen.any() else 0)
    return Drawn(matrix, np.where(seen[..., None], unit(centred), 0), seen)


@dataclass(frozen=True, eq=False)
class Matches:
    """Positions of two drawn images that match each other.

    Attributes:
        sources, targets: (N, 2), in pixels.
        similarities: (N,), from -1 to 1.
        inner: (N,), whether the target has only seen ones around it: all that lies beyond what
            is seen matches its border.
        cells: of A.
    """

    sources: np.ndarray
    targets: np.ndarray
    similarities: np.ndarray
    inner: np.ndarray
    cells: int

    @classmethod
    def between(cls, a: Drawn, b_prime: Drawn) -> Matches:
        """The best matches that lead back to within a cell of where they come from."""
        similar = likeness(a.features, b_prime.features)
        similar[:, :, ~b_prime.seen] = -np.inf
        similar[~a.seen] = -np.inf
        shape, other = a.seen.shape, b_prime.seen.shape
        flat = similar.reshape(math.prod(shape), math.prod(other))
        there, back = flat.argmax(axis=1), flat.argmax(axis=0)
        own = np.stack(np.unravel_index(np.arange(len(flat)), shape), axis=-1)
        returned = np.stack(np.unravel_index(back[there], shape), axis=-1)
        best = flat[np.arange(len(flat)), there]
        kept = (np.abs(returned - own).max(axis=1) <= 1) & (best > 0)
        targets = np.stack(np.unravel_index(there, other), axis=-1)
        inner = ndimage.binary_erosion(b_prime.seen, iterations=2).ravel()[there]
        return cls(
            CELL * (own[kept] + 0.5),
            CELL * (targets[kept] + 0.5),
            best[kept],
            inner[kept],
            int(a.seen.sum()),
        )

    def score(self, matrix: np.ndarray, cells: float) -> float:
        """How well matches within so many cells of a map agree, over all of A: 0 to 1."""
        return float(self.similarities[self.near(matrix, cells)].sum() / self.cells)

    def similarity(self, seed: int) -> np.ndarray | None:
        """The map that turns, scales and shifts, with which most inner matches agree."""
        inner = np.flatnonzero(self.inner)
        if len(inner) < MIN_MATCHES:
            return None
        pairs = inner[np.random.default_rng(seed).integers(0, len(inner), (SAMPLES, 2))]
        z, w = (points[:, 0] + 1j * points[:, 1] for points in (self.sources, self.targets))
        away = z[pairs[:, 0]] - z[pairs[:, 1]]
        pairs, away = pairs[away != 0], away[away != 0]
        factors = (w[pairs[:, 0]] - w[pairs[:, 1]]) / away
        possible = np.abs(np.log2(np.maximum(np.abs(factors), 1e-9))) < MAX_OCTAVES
        pairs, factors = pairs[possible], factors[possible]
        if not len(pairs):
            return None
        offsets = w[pairs[:, 0]] - factors * z[pairs[:, 0]]
        misses = np.abs(factors[:, None] * z[inner] + offsets[:, None] - w[inner])
        near = misses <= COARSE * CELL
        chosen = near[(near * self.similarities[inner]).sum(axis=1).argmax()]
        fitted = fit_similarity(self.sources[inner[chosen]], self.targets[inner[chosen]])
        return self._refitted(fitted, fit_similarity, COARSE)

    def affine(self, seed: int) -> np.ndarray | None:
        """The affine map with which most inner matches agree."""
        similarity = self.similarity(seed)
        return None if similarity is None else self._refitted(similarity, fit_affine, FINE)

    def _refitted(
        self, matrix: np.ndarray, fit: Callable[[np.ndarray, np.ndarray], np.ndarray], cells: float
    ) -> np.ndarray | None:
        """A map fitted anew to the inner matches that are near it, until it stays."""
        for _ in range(REFITS):
            near = self.near(matrix, cells) & self.inner
            if near.sum() < MIN_MATCHES:
                return None
            matrix = fit(self.sources[near], self.targets[near])
            if not _sound(matrix):
                return None
        return matrix

    def near(self, matrix: np.ndarray, cells: float) -> np.ndarray:
        """Which matches lie within so many cells of where a map leads, (N,)."""
        misses = np.linalg.norm(moved(matrix, self.sources) - self.targets, axis=1)
        return misses <= cells * CELL


def cells_of(points: np.ndarray) -> tuple[np.ndarray, ...]:
    """The cells that points (..., 2) in pixels lie in, as an index."""
    return tuple(np.moveaxis((points / CELL).astype(int), -1, 0))


def _sound(matrix: np.ndarray) -> bool:
    """Whether a map could be a pose: it neither mirrors nor distorts much."""
    lengths = np.linalg.svd(matrix[:2, :2], compute_uv=False)
    within = np.abs(np.log2(np.maximum(lengths, 1e-9))).max() < MAX_OCTAVES
    return bool(within and lengths[0] < MAX_DISTORTION * lengths[1] and np.linalg.det(matrix) > 0)
