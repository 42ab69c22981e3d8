"""The decision for a pose: a pair is matched with and without it, and the better match wins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, partial

import numpy as np
import torch

from dia_pipeline.affine import Matrix, centres, covered, moved, shifting, turning
from dia_pipeline.algorithm.coarse_to_fine import Level, run_levels
from dia_pipeline.algorithm.features import Pyramid, extract
from dia_pipeline.algorithm.nnf import identity
from dia_pipeline.alignment.canvas import Canvas, in_units
from dia_pipeline.alignment.pose import Agreement, Found, Pose
from dia_pipeline.alignment.pose.search import Search, comparable, inside
from dia_pipeline.networks.network import Network
from dia_pipeline.networks.sizes import working_image
from dia_pipeline.settings import resolve

COARSE = replace(
    resolve({"quality": "draft"}), finest=4, ratio=1.0, max_side=160, feature_dtype="float32"
)
"""How both are matched: at levels 5 and 4, at a small size."""

DIGITS = 4
"""Digits of what is compared, which no number of threads changes."""


def find_pose(
    a: np.ndarray, b_prime: np.ndarray, network: Network, seed: int = 0, rank: int = 0
) -> Pose:
    """The pose of B': as it is given, unless it matches better in the one that is proposed.

    One that is close to mirroring or to turns by right angles becomes exactly that.

    Args:
        a, b_prime: (H, W, 3) uint8 RGB, of any sizes.
        seed: of the choice of matches of which poses are made.
        rank: 0 for the best pose, 1 for that of what the best one leaves of A; the best one again
            where no other is better there.
    """
    pose = Pose()
    if not comparable(a, b_prime):
        return pose
    trial = _Trial(a, b_prime, network.precise, seed)
    for _ in range(rank):
        pose = trial.decide(pose.matrix)
        trial.search.leave_out(np.array(pose.matrix, float))
    return trial.decide(pose.matrix)


class _Trial:
    """A pair on trial."""

    def __init__(self, a: np.ndarray, b_prime: np.ndarray, network: Network, seed: int):
        self._a, self._b_prime, self._network = a, b_prime, network
        self.search = Search(a, b_prime, network, seed)

    def decide(self, known: Matrix) -> Pose:
        """The better one of a known pose and the one that is proposed for what is left of A."""
        best = self.search.best()
        if best is None:
            return Pose(known)
        matrix, proposal = best
        if proposal.right_angles is not None:
            matrix = _around_middle(turning(proposal.right_angles, proposal.mirrored))
        proposed = tuple(map(tuple, matrix.tolist()))
        if proposed == known:
            return Pose(known, Found(proposal))
        shared = partial(self._shared, np.array(proposed, float))
        given, posed = (agreement(self._match(each), each, shared) for each in (known, proposed))
        found = Found(proposal, given, posed)
        return Pose(proposed if found.better else known, found)

    @cached_property
    def _features(self) -> Pyramid:
        """The features of A."""
        working = working_image(self._a, COARSE.ratio, COARSE.max_side)
        return extract(working, self._network, COARSE.feature_dtype)

    def _match(self, pose: Matrix) -> dict[int, Level]:
        """Levels 5 and 4, with B' in a pose."""
        canvas = Canvas.of(pose, self._a.shape, self._b_prime.shape, COARSE)
        features = dict(self._features), canvas.features(self._b_prime, self._network, COARSE)
        return run_levels(*features, self._network, COARSE, pose=pose)

    def _shared(self, pose: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Which points (..., 2) of A, in unit coordinates, are left and shown by B' in a pose."""
        return self.search.left(points) & inside(moved(pose, points))


def agreement(
    levels: dict[int, Level], pose: Matrix, shared: Callable[[np.ndarray], np.ndarray]
) -> Agreement:
    """How well a pair matches, as far as both images show the same.

    Args:
        levels: 5 and 4, with B' in the pose.
        shared: which points (..., 2) of A, in unit coordinates, both show.
    """
    to_a = np.linalg.inv(np.array(pose, float)) @ in_units(pose)

    def mean(values: torch.Tensor, plane: np.ndarray) -> float:
        """Of values (H, W), over what is shared."""
        shape = tuple(values.shape)
        chosen = values.cpu().double().numpy()[shared(moved(plane, centres(shape) / shape))]
        return float(chosen.mean()) if chosen.size else 0.0

    whole = np.eye(3)
    both_ways = mean(levels[5].energy_ab, whole), mean(levels[5].energy_ba, to_a)
    fine = levels[4]
    shape, other = tuple(fine.nnf_ab.shape[:2]), tuple(fine.nnf_ba.shape[:2])
    y, x = fine.nnf_ab.long().unbind(dim=-1)
    device = fine.nnf_ab.device
    returning = _near(fine.nnf_ba[y, x], identity(shape, shape, device))
    in_place = _near(fine.nnf_ab, identity(shape, other, device, covered(pose)))
    kept = (torch.where(each, fine.energy_ab, 0.0) for each in (returning, in_place))
    figures = sum(both_ways) / 2, *(mean(energy, whole) for energy in kept)
    return Agreement(*(round(figure / -2, DIGITS) for figure in figures))  # of stacked features


def _near(field: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Where two fields (H, W, 2) lead to within a position of each other, (H, W) bool."""
    return ((field - other).abs() <= 1).all(dim=-1)


def _around_middle(matrix: np.ndarray) -> np.ndarray:
    """A turn by right angles in unit coordinates, around the middle of the image."""
    exact = np.rint(matrix)
    return shifting((0.5, 0.5)) @ exact @ shifting((-0.5, -0.5)) + 0.0  # no negative zeros
