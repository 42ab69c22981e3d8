"""The search for a pose: small images are drawn in many ways and compared by their features.

The pose whose matches agree best is refined, and proposed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import ndimage

from dia_pipeline.affine import factor_of, moved, resizing, shifting, turning
from dia_pipeline.alignment.pose import Proposal
from dia_pipeline.alignment.pose.matches import (
    CELL,
    COARSE,
    FINE,
    LEVEL,
    Drawn,
    Matches,
    cells_of,
    draw_all,
)
from dia_pipeline.machine.convolution import push_all
from dia_pipeline.networks.network import Network
from dia_pipeline.pixels import shrunk

SIDE = 150
"""Longest side in pixels at which the images are compared."""

FRAME = 176
"""Side in pixels of the square that they are drawn in."""

MIN_SIDE = 16
"""Shortest side in pixels at which something can be compared."""

TURN = 45
"""Degrees between the turns that are tried."""

SHRINKING = 0.6
"""By so much one of the images is shrunk in two of the trials."""

OTHERS = 2
"""Of the poses of another kind than the best one so many are refined too."""

REFINEMENTS = 2
"""Times that B' is drawn anew by the pose found so far."""

AROUND = 2
"""Cells over which what agrees with a pose is closed."""

WAYS = [turning(*way) for way in product(range(0, 360, TURN), (False, True))]
"""The ways in which B' is drawn."""


@dataclass(frozen=True, eq=False)
class _Trial:
    """A pose between the pixels of the small images, and how well the matches agree with it."""

    matrix: np.ndarray
    score: float = 0.0

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


class Search:
    """The search for the pose of B' in the plane of A.

    Args:
        a, b_prime: (H, W, 3) uint8 RGB, of any sizes.
        seed: of the choice of matches of which poses are made.
    """

    def __init__(self, a: np.ndarray, b_prime: np.ndarray, network: Network, seed: int):
        self._a, self._b_prime = shrunk(a, SIDE), shrunk(b_prime, SIDE)
        self._network, self._seed = network, seed
        self._push = push_all(network, LEVEL)
        self._place = _middle(self._a)
        larger = resizing((1 / SHRINKING, 1 / SHRINKING))
        of_a = [self._place, _middle(self._a, larger)]
        of_b_prime = [_middle(self._b_prime, way) for way in (*WAYS, larger)]
        drawn = self._drawn(
            [(self._a, each) for each in of_a] + [(self._b_prime, each) for each in of_b_prime]
        )
        self._whole_a, self._smaller_a, *self._ways = drawn
        self._left = np.ones(self._whole_a.seen.shape, bool)

    def best(self) -> tuple[np.ndarray, Proposal] | None:
        """The best pose of what is left of A; None where nothing agrees.

        Returns:
            (3, 3) from A to B' in unit coordinates, and what that is.
        """
        first = sorted(self._trials(), key=_score, reverse=True)
        others = [trial for trial in first if trial.differs(first[0])]
        best = max(self._refined([*first[:1], *others[:OTHERS]]), key=_score, default=None)
        if best is None:
            return None
        sides = [image.shape[:2] for image in (self._a, self._b_prime)]
        in_units = np.linalg.inv(resizing(sides[1])) @ best.matrix @ resizing(sides[0])
        scale = factor_of(best.matrix) * max(sides[0]) / max(sides[1])
        return in_units, Proposal(best.turn, scale, best.mirrored)

    def leave_out(self, pose: np.ndarray) -> None:
        """Leave out what of A agrees with a pose (3, 3), from A to B' in unit coordinates."""
        sides = [image.shape[:2] for image in (self._a, self._b_prime)]
        matrix = resizing(sides[1]) @ pose @ np.linalg.inv(resizing(sides[0]))
        (drawn,) = self._drawn([(self._b_prime, matrix @ self._place)])
        matches = Matches.between(self._whole_a, drawn)
        agreeing = matches.sources[matches.near(np.eye(3), COARSE)]
        explained = np.zeros(np.add(self._left.shape, 2 * AROUND), bool)
        explained[cells_of(agreeing + AROUND * CELL)] = True
        closed = ndimage.binary_closing(explained, iterations=AROUND)
        self._left &= ~closed[AROUND:-AROUND, AROUND:-AROUND]

    def left(self, points: np.ndarray) -> np.ndarray:
        """Which points (..., 2) of A, in unit coordinates, are left; none outside of A."""
        in_frame = moved(np.linalg.inv(self._place), points.clip(0, 1) * self._a.shape[:2])
        return inside(points) & self._left[cells_of(in_frame)]

    def _trials(self) -> Iterator[_Trial]:
        """A pose for each way to draw the images in which matches agree."""
        pairs = [(self._left_of_a, drawn) for drawn in self._ways]
        if self._left.all():
            pairs.append((self._smaller_a, self._ways[0]))
        for of_a, of_b_prime in pairs:
            matches = Matches.between(of_a, of_b_prime)
            fitted = matches.similarity(self._seed)
            if fitted is not None:
                matrix = of_b_prime.matrix @ fitted @ np.linalg.inv(of_a.matrix)
                yield _Trial(matrix, matches.score(fitted, COARSE))

    def _refined(self, trials: list[_Trial]) -> list[_Trial]:
        """The poses, and their refinements."""
        found = [_Trial(trial.matrix) for trial in trials]
        last = found
        for _ in range(REFINEMENTS if found else 0):
            drawings = [(self._b_prime, trial.matrix @ self._place) for trial in last]
            last = [each for drawn in self._drawn(drawings) for each in self._refit(drawn)]
            if not last:
                break
            found = found + last
        return found

    def _refit(self, drawn: Drawn) -> Iterator[_Trial]:
        """The pose that fits what is drawn in a pose."""
        matches = Matches.between(self._left_of_a, drawn)
        fitted = matches.affine(self._seed)
        if fitted is not None:
            matrix = drawn.matrix @ fitted @ np.linalg.inv(self._place)
            yield _Trial(matrix, matches.score(fitted, FINE))

    @property
    def _left_of_a(self) -> Drawn:
        """A as it is, without what is left out."""
        kept = self._whole_a.features * self._left[..., None]
        return self._whole_a._replace(features=kept, seen=self._whole_a.seen & self._left)

    def _drawn(self, drawings: list[tuple[np.ndarray, np.ndarray]]) -> list[Drawn]:
        return draw_all(drawings, (FRAME, FRAME), self._network, self._push)


def comparable(*images: np.ndarray) -> bool:
    """Whether images (H, W, 3) are large enough for a search."""
    return all(min(shrunk(image, SIDE).shape[:2]) >= MIN_SIDE for image in images)


def inside(points: np.ndarray) -> np.ndarray:
    """Which points (..., 2) in unit coordinates lie in the image."""
    return ((points >= 0) & (points <= 1)).all(axis=-1)


def _score(trial: _Trial) -> float:
    return trial.score


def _middle(image: np.ndarray, way: np.ndarray | None = None) -> np.ndarray:
    """The map from the frame to the pixels of an image that is drawn some way in its middle."""
    middle = tuple(side / 2 for side in image.shape[:2])
    around = np.eye(3) if way is None else way
    return shifting(middle) @ around @ shifting((-FRAME / 2, -FRAME / 2))
