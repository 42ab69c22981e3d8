"""Pose: how B' must be mirrored, turned, scaled and moved so that it stands as A does.

B' is drawn in many ways and compared with A by its features: the pose whose matches agree best
is refined. What is found counts only where it is certain, more than a small change, and where the
matches agree better for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, product
from typing import Any, NamedTuple

import numpy as np
import torch

from dia_pipeline.affine import (
    Matrix,
    Shape,
    centres,
    factor_of,
    fit_affine,
    fit_similarity,
    moved,
    resizing,
    shifting,
    turning,
)
from dia_pipeline.algorithm.confidence import verdict
from dia_pipeline.algorithm.drawing import draw
from dia_pipeline.algorithm.network import Network
from dia_pipeline.pixels import shrunk

SIDE = 150
"""Longest side in pixels at which the images are compared."""

MIN_SIDE = 16
"""Shortest side in pixels at which something can be compared."""

LEVEL = 4
"""The level whose features are compared."""

CELL = 2 ** (LEVEL - 1)
"""Pixels that a position of that level covers along an axis."""

TURN = 45
"""Degrees between the turns that are tried."""

TURNS = range(0, 360, TURN)

SHRINKING = 0.6
"""By so much one of the images is shrunk in two of the trials."""

OTHERS = 2
"""Of the poses of another kind than the best one so many are refined too."""

REFINEMENTS = 4
"""Times that B' is drawn anew by the pose found so far."""

REFITS = 3
"""Times that a map is fitted to the matches near it."""

MARGIN = 0.15
"""What is drawn beyond A on each side in a refinement, as a share of its sides."""

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

MIN_LEFT = 0.1
"""The share of A that must be left for another pose to be looked for."""

AROUND = 2
"""Cells over which what agrees with a pose is closed."""

MIN_SCORE = 0.12
"""The score of a certain pose; pairs with none in common stay below it."""

MIN_GAIN = 1.05
"""So much better must the images match for it; most pairs of upright faces stay below."""

SAME_TURN, SAME_SCALE = 10.0, 1.2
"""Up to so many degrees and this factor a pose is as good as none: the search copes with it."""


AS_GIVEN: Matrix = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
MIRRORED: Matrix = ((1, 0, 0), (0, -1, 1), (0, 0, 1))


@dataclass(frozen=True)
class Pose:
    """How B' lies in A's plane.

    Attributes:
        matrix: from A to B', both in unit coordinates.
        found: what the search said, if there was one.
        confidence: whether the images match at all in this pose, from 0 to 1; None if not asked.
    """

    matrix: Matrix = AS_GIVEN
    found: Found | None = None
    confidence: float | None = None

    @classmethod
    def read(cls, record: dict[str, Any]) -> Pose:
        """The pose that `asdict` recorded, as it comes back from JSON."""
        found = record["found"]
        matrix = tuple(map(tuple, record["matrix"]))
        return cls(matrix, found and Found(**found), record["confidence"])

    def __str__(self) -> str:
        if self.found is None:
            return "B' mirrored" if self.matrix == MIRRORED else ""
        if not self.found.certain:
            return f"B' as given: no pose is certain ({self.found.figures})"
        if self.matrix == AS_GIVEN:
            return f"B' as given: it stands as A does (score {self.found.score:.2f})"
        return f"B' drawn in its pose: {self.found}"

    @property
    def hopeless(self) -> bool:
        """Whether the images have nothing in common, so far as that was asked."""
        return self.confidence is not None and verdict(self.confidence) == "hopeless"

    @property
    def match(self) -> str:
        """The confidence in words; empty if there is none."""
        if self.confidence is None:
            return ""
        return f"{verdict(self.confidence)} (confidence {self.confidence:.2f})"


POSES = {"given": Pose(), "mirrored": Pose(MIRRORED)}
"""The poses that need no search, by their names among the settings."""


@dataclass(frozen=True)
class Found:
    """What a search for the pose found.

    Attributes:
        turn: degrees from -180 to 180 by which what B' shows is turned against A, counterclockwise.
        scale: by how much it is larger than in A, if both images have the same longest side.
        mirrored: whether it is mirrored, before it is turned.
        score: how well the matches agree, from 0 to 1.
        gain: how much better the images match where they cover each other in this pose: by the
            sum of the similarities, in proportion to that of B' as it is given.
    """

    turn: float
    scale: float
    mirrored: bool
    score: float
    gain: float

    @property
    def certain(self) -> bool:
        """Whether the pose is to be trusted."""
        as_given = self.right_angles == 0 and not self.mirrored
        return self.score >= MIN_SCORE and (as_given or self.gain >= MIN_GAIN)

    @property
    def right_angles(self) -> int | None:
        """The degrees of a turn by right angles that is as good, where there is one."""
        nearest = 90 * round(self.turn / 90)
        near = abs(self.turn - nearest) < SAME_TURN
        return nearest if near and max(self.scale, 1 / self.scale) < SAME_SCALE else None

    def __str__(self) -> str:
        parts = ["mirrored"] if self.mirrored else []
        parts += [f"turned by {round(self.turn)} degrees", f"scale {self.scale:.2f}"]
        return f"{', '.join(parts)} ({self.figures})"

    @property
    def figures(self) -> str:
        return f"score {self.score:.2f}, gain {self.gain:.2f}"


@dataclass(frozen=True, eq=False)
class _Trial:
    """A pose between the pixels of the small images, and how well the matches agree with it."""

    matrix: np.ndarray
    score: float

    @property
    def mirrored(self) -> bool:
        return bool(np.linalg.det(self.matrix[:2, :2]) < 0)

    @property
    def turn(self) -> float:
        """Degrees from -180 to 180."""
        (a, b), (c, d) = (self.matrix @ turning(0, self.mirrored))[:2, :2]
        return math.degrees(math.atan2(b - c, a + d))

    def differs(self, other: _Trial) -> bool:
        """Whether the other is of another kind: mirrored otherwise or turned elsewhere."""
        apart = abs((self.turn - other.turn + 180) % 360 - 180)
        return self.mirrored != other.mirrored or apart > TURN


GIVEN = _Trial(np.eye(3), 0.0)
"""B' as it is given."""


def find_pose(
    a: np.ndarray, b_prime: np.ndarray, network: Network, seed: int = 0, rank: int = 0
) -> Pose:
    """The pose of B': as it is given, unless another one is certain and more than a small change.

    One that is close to mirroring or to turns by right angles becomes exactly that.

    Args:
        a, b_prime: (H, W, 3) uint8 RGB, of any sizes.
        seed: of the choice of matches of which poses are made.
        rank: 0 for the best pose, 1 for that of what the best one leaves of A; the best one again
            where no other is certain.
    """
    poses = [Pose(AS_GIVEN)]
    for matrix, found in islice(search(a, b_prime, network, seed), rank + 1):
        if found.certain and found.right_angles is not None:
            matrix = _around_middle(turning(found.right_angles, found.mirrored))
        chosen = tuple(map(tuple, matrix.tolist())) if found.certain else poses[-1].matrix
        poses.append(Pose(chosen, found))
    return poses[-1]


def search(
    a: np.ndarray, b_prime: np.ndarray, network: Network, seed: int = 0
) -> Iterator[tuple[np.ndarray, Found]]:
    """The best pose, whether certain or not, then that of what this leaves of A, and so on.

    Yields:
        (3, 3) from A to B' in unit coordinates, and what was found.
    """
    small = shrunk(a, SIDE), shrunk(b_prime, SIDE)
    sides = [image.shape[:2] for image in small]
    if min(*sides[0], *sides[1]) >= MIN_SIDE:
        search = _Search(*small, network, seed)
        while search.left.mean() >= MIN_LEFT:
            best = search.best()
            in_units = np.linalg.inv(resizing(sides[1])) @ best.matrix @ resizing(sides[0])
            scale = factor_of(best.matrix) * max(sides[0]) / max(sides[1])
            gain = search.gain(best)
            yield in_units, Found(best.turn, scale, best.mirrored, best.score, gain)
            search.leave_out(best)
    yield GIVEN.matrix, Found(0.0, 1.0, False, 0.0, 1.0)


def _score(trial: _Trial) -> float:
    return trial.score


class _Search:
    """The search for the pose of one small image in the plane of the other."""

    def __init__(self, a: np.ndarray, b_prime: np.ndarray, network: Network, seed: int):
        self.a = a
        self.b_prime = b_prime
        self._network = network
        self._seed = seed
        self._whole_a = self._drawn(a, np.eye(3), a.shape[:2])
        self._whole_b_prime = self._drawn(b_prime, np.eye(3), b_prime.shape[:2])
        self.left = np.ones(self._whole_a.seen.shape, bool)

    def best(self) -> _Trial:
        """The best pose of what is left of A."""
        first = sorted(self.trials(), key=_score, reverse=True)
        others = [trial for trial in first if trial.differs(first[0])]
        refined = map(self.refined, [*first[:1], *others[:OTHERS]])
        return max(refined, key=_score, default=GIVEN)

    def gain(self, trial: _Trial) -> float:
        """How much better what is left of A matches in a pose than as given (see `Found`)."""
        a = self._left_of_a()
        drawn = self._drawn(self.b_prime, trial.matrix, self.a.shape[:2])
        posed, given = (
            _Matches.between(a, b_prime).agreement(drawn.seen)
            for b_prime in (drawn, self._whole_b_prime)
        )
        return posed / max(given, 1.0)  # nothing may match as given

    def leave_out(self, trial: _Trial) -> None:
        """Leave out what of A agrees with a pose."""
        from scipy import ndimage

        drawn = self._drawn(self.b_prime, trial.matrix, self.a.shape[:2])
        matches = _Matches.between(self._whole_a, drawn)
        agreeing = matches.sources[matches.near(np.eye(3), COARSE)]
        explained = np.zeros(np.add(self.left.shape, 2 * AROUND), bool)
        explained[_cells(agreeing + AROUND * CELL)] = True
        closed = ndimage.binary_closing(explained, iterations=AROUND)
        self.left &= ~closed[AROUND:-AROUND, AROUND:-AROUND]

    def trials(self) -> Iterator[_Trial]:
        """A pose for each way to draw the images in which matches agree."""
        shape, other = self.a.shape[:2], self.b_prime.shape[:2]
        larger = resizing((1 / SHRINKING, 1 / SHRINKING))
        a = self._left_of_a()
        ways = [_turned(other, *way) for way in product(TURNS, (False, True))]
        ways.append((larger, _shrunk(other)))
        drawings = [(a, self._drawn(self.b_prime, *way)) for way in ways]
        if self.left.all():
            smaller = self._drawn(self.a, larger, _shrunk(shape))
            drawings.append((smaller, self._whole_b_prime))
        for of_a, of_b_prime in drawings:
            matches = _Matches.between(of_a, of_b_prime)
            fitted = matches.similarity(self._seed)
            if fitted is not None:
                matrix = of_b_prime.matrix @ fitted @ np.linalg.inv(of_a.matrix)
                yield _Trial(matrix, matches.score(fitted, COARSE))

    def refined(self, trial: _Trial) -> _Trial:
        """The best of the refinements of a pose."""
        shape = self.a.shape[:2]
        frame = shifting(tuple(-MARGIN * side for side in shape))
        larger = tuple(round((1 + 2 * MARGIN) * side) for side in shape)
        a = self._left_of_a()
        found = [_Trial(trial.matrix, 0.0)]
        for _ in range(REFINEMENTS):
            drawn = self._drawn(self.b_prime, found[-1].matrix @ frame, larger)
            matches = _Matches.between(a, drawn)
            fitted = matches.affine(self._seed)
            if fitted is None:
                break
            found.append(_Trial(drawn.matrix @ fitted, matches.score(fitted, FINE)))
        return max(found, key=_score)

    def _left_of_a(self) -> _Drawn:
        """A as it is, without what is left out."""
        kept = self._whole_a.features * self.left[..., None]
        return self._whole_a._replace(features=kept, seen=self._whole_a.seen & self.left)

    def _drawn(self, image: np.ndarray, matrix: np.ndarray, shape: Shape) -> _Drawn:
        """An image drawn through a map: its features less their mean, of length 1."""
        level0 = self._network.preprocess(draw(image, matrix, shape))
        with torch.no_grad():
            found = self._network.forward(level0, 0, LEVEL)
        features = found.permute(1, 2, 0).cpu().double().numpy()
        there = moved(matrix, CELL * centres(features.shape[:2]))
        seen = ((there >= 0) & (there <= image.shape[:2])).all(axis=-1)
        centred = features - (features[seen].mean(axis=0) if seen.any() else 0)
        lengths = np.linalg.norm(centred, axis=-1, keepdims=True)
        unit = np.where(seen[..., None], centred / np.maximum(lengths, 1e-12), 0)
        return _Drawn(matrix, unit, seen)


class _Drawn(NamedTuple):
    """A drawn image: the map to the pixels of what is drawn, its features, where there are any."""

    matrix: np.ndarray
    features: np.ndarray
    seen: np.ndarray


@dataclass(frozen=True, eq=False)
class _Matches:
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
    def between(cls, a: _Drawn, b_prime: _Drawn) -> _Matches:
        """The best matches that lead back to within a cell of where they come from."""
        from scipy import ndimage

        similar = _similarities(a.features, b_prime.features)
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

    def agreement(self, seen: np.ndarray) -> float:
        """The sum of the similarities where A is seen."""
        return float(self.similarities[seen[_cells(self.sources)]].sum())

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


def _cells(points: np.ndarray) -> tuple[np.ndarray, ...]:
    """The cells that points in pixels lie in, as an index."""
    return tuple((points / CELL).astype(int).T)


def _sound(matrix: np.ndarray) -> bool:
    """Whether a map could be a pose: it neither mirrors nor distorts much."""
    lengths = np.linalg.svd(matrix[:2, :2], compute_uv=False)
    within = np.abs(np.log2(np.maximum(lengths, 1e-9))).max() < MAX_OCTAVES
    return bool(within and lengths[0] < MAX_DISTORTION * lengths[1] and np.linalg.det(matrix) > 0)


def _turned(shape: Shape, turn: float, mirrored: bool) -> tuple[np.ndarray, Shape]:
    """How an image is drawn turned: the map to its pixels, and the shape that shows all of it."""
    matrix = turning(turn, mirrored)
    corners = np.array([(0, 0), (0, shape[1]), (shape[0], 0), shape])
    drawn = moved(np.linalg.inv(matrix), corners)
    least = drawn.min(axis=0)
    size = tuple(round(float(side)) for side in drawn.max(axis=0) - least)
    return matrix @ shifting(tuple(least)), size


def _shrunk(shape: Shape) -> Shape:
    return tuple(max(1, round(SHRINKING * side)) for side in shape)


def _similarities(a: np.ndarray, b_prime: np.ndarray) -> np.ndarray:
    """The mean cosine over 3 x 3 patches inside both images of every two cells, (h, w, H, W).

    It is rounded, so that it is the same however many threads made the features.
    """
    cosines = np.einsum("ijc,klc->ijkl", a, b_prime, optimize=True)
    total, count = np.zeros_like(cosines), np.zeros_like(cosines)
    for down, across in product((-1, 0, 1), repeat=2):
        here = (_ahead(down), _ahead(across)) * 2
        there = (_ahead(-down), _ahead(-across)) * 2
        total[there] += cosines[here]
        count[there] += 1
    return (total / count).round(6)


def _ahead(step: int) -> slice:
    """All positions of an axis but the first one, for -1 but the last one."""
    return slice(max(step, 0), min(step, 0) or None)


def _around_middle(matrix: np.ndarray) -> np.ndarray:
    """A turn by right angles in unit coordinates, around the middle of the image."""
    exact = np.rint(matrix)
    return shifting((0.5, 0.5)) @ exact @ shifting((-0.5, -0.5)) + 0.0  # no negative zeros
