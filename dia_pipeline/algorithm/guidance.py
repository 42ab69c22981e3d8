"""Guidance: what a person says of the matches, as further channels of the matching maps.

Labels that A and B' share make a match between them better, and points that belong together pull
the matches around them. Both add at most `guidance` to the dot product of a match, whose own part
lies between -1 and 2: a soft wish, which clear features can outweigh.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from dia_pipeline.affine import Matrix, Shape, centres, moved
from dia_pipeline.algorithm.canvas import in_units
from dia_pipeline.errors import DiaError
from dia_pipeline.pixels import same_aspect

MAX_LABELS = 16
"""Colours that label maps may have together."""

MIN_SHARE = 0.005
"""What a colour covers at least of a map to be a label: softened borders are none."""

MIN_COVER = 0.9
"""What the labels together cover at least of a map."""

ALIKE = 40.0
"""Up to this distance two colours are the same label, so that JPEG will do."""

REACH = 0.12
"""Standard deviation of the pull of a point, where the longest side of A is 1."""

WAVES = (0.5, 1.0, 2.0, 4.0)
"""Waves along the longest side by which positions are compared: the longest is nowhere ambiguous,
the shortest leaves the exact place to the features."""

FINER = 4
"""Samples along a side of a position, of which the labels are counted."""


class GuidanceError(DiaError):
    """Labels or points cannot be used; the message says which and why."""


@dataclass(frozen=True, eq=False)
class Guidance:
    """What is said of a pair.

    Attributes:
        weight: the most that it adds to the dot product of a match.
        labels: (h, w) ints for A and for B', from 0 on; None if there are none.
        points: (N, 4), y and x in A and in B', both in unit coordinates.
        sides: height and width of A and of B'.
    """

    weight: float
    labels: tuple[np.ndarray, np.ndarray] | None
    points: np.ndarray
    sides: tuple[Shape, Shape]

    def channels(
        self, shape: Shape, target: Shape, pose: Matrix
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The channels of A and of B' in its pose, at maps of these shapes: (H, W, K) float32."""
        on_canvas = in_units(pose)
        maps: tuple[list[np.ndarray], list[np.ndarray]] = [], []
        if self.labels:
            count = max(int(labels.max()) for labels in self.labels) + 1
            ways = (np.eye(3), on_canvas)
            for own, labels, way, size in zip(
                maps, self.labels, ways, (shape, target), strict=True
            ):
                own.append(_memberships(labels, count, way, size))
        if len(self.points):
            here, there = centres(shape) / shape, moved(on_canvas, centres(target) / target)
            wanted, pull = _wanted(here, self.points, self.sides[0])
            maps[0].append(pull[..., None] * _waves(wanted, self.sides[1]))
            maps[1].append(_waves(there, self.sides[1]))
        scale = np.sqrt(self.weight)
        return tuple(
            torch.from_numpy((scale * np.concatenate(own, -1)).astype(np.float32)) for own in maps
        )


def make_guidance(
    a: np.ndarray,
    b_prime: np.ndarray,
    labels_a: np.ndarray | None,
    labels_b_prime: np.ndarray | None,
    points: np.ndarray | None,
    weight: float,
) -> Guidance | None:
    """What guides the matches of a pair; None if nothing does.

    Args:
        a, b_prime: (H, W, 3), the images.
        labels_a, labels_b_prime: images (h, w, 3) uint8 whose colours are labels, of any sizes
            with the aspects of A and of B'.
        points: (N, 4), y and x in A and in B', both in unit coordinates.

    Raises:
        GuidanceError: the labels cannot be used.
    """
    labels = [each for each in (labels_a, labels_b_prime) if each is not None]
    if not labels and points is None:
        return None
    if len(labels) == 1:
        raise GuidanceError("labels", "those of one image are missing", "give those of both")
    names, images = ("labels_a", "labels_b_prime"), (a, b_prime)
    for name, image, given in zip(names, images, labels, strict=False):
        _check_shape(name, given.shape, image.shape)
    maps = labels_of(*labels) if labels else None
    chosen = np.empty((0, 4)) if points is None else points
    return Guidance(weight, maps, chosen, (a.shape[:2], b_prime.shape[:2]))


def labels_of(*images: np.ndarray) -> tuple[np.ndarray, ...]:
    """Label maps (H, W) of images (H, W, 3) uint8 whose colours are labels, the same in all.

    Raises:
        GuidanceError: there are too many colours, or they are those of a photograph.
    """
    colours = np.empty((0, 3))
    for image in images:
        found, counts = np.unique(image.reshape(-1, 3), axis=0, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        for colour in found[order][counts[order] >= MIN_SHARE * counts.sum()]:
            if not (np.linalg.norm(colours - colour, axis=1) <= ALIKE).any():
                colours = np.vstack([colours, colour])
    if len(colours) > MAX_LABELS:
        raise _no_labels(f"the label maps have {len(colours)} colours")
    labels = []
    for image in images:
        away = np.array([np.linalg.norm(image - colour, axis=-1) for colour in colours])
        if not len(away) or (away.min(axis=0) <= ALIKE).mean() < MIN_COVER:
            raise _no_labels("a label map has more than a few colours")
        labels.append(away.argmin(axis=0))
    return tuple(labels)


def _check_shape(name: str, given: Shape, image: Shape) -> None:
    if not same_aspect(given, image):
        (height, width), (h, w) = given[:2], image[:2]
        raise GuidanceError(
            name,
            f"the label map is {width}x{height}, but its image is {w}x{h}",
            "paint it over the image, the same way up",
        )


def _no_labels(problem: str) -> GuidanceError:
    return GuidanceError(
        "labels", problem, f"paint each label in one colour, {MAX_LABELS} labels at most"
    )


def _memberships(labels: np.ndarray, count: int, way: np.ndarray, shape: Shape) -> np.ndarray:
    """How much of each position shows each label: (H, W, count), 1 in all."""
    fine = tuple(FINER * side for side in shape)
    there = moved(way, centres(fine) / fine)
    y, x = (
        np.floor(there[..., axis] * side).clip(0, side - 1).astype(int)
        for axis, side in enumerate(labels.shape)
    )
    one_hot = np.eye(count, dtype=np.float32)[labels[y, x]]
    return one_hot.reshape(shape[0], FINER, shape[1], FINER, count).mean(axis=(1, 3))


def _wanted(here: np.ndarray, points: np.ndarray, sides: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Where points say that positions (H, W, 2) of A belong in B', and how strongly: (H, W)."""
    longest = np.array(sides) / max(sides)
    away = (here[..., None, :] - points[:, :2]) * longest
    squares = (away**2).sum(axis=-1)
    pull = np.exp(-squares / (2 * REACH**2))
    weights = 1 / (squares + 1e-6)
    weights /= weights.sum(axis=-1, keepdims=True)
    return here + weights @ (points[:, 2:] - points[:, :2]), pull.max(axis=-1)


def _waves(positions: np.ndarray, sides: Shape) -> np.ndarray:
    """Positions (H, W, 2) as waves whose dot product is 1 for the same, and less for others."""
    phases = 2 * np.pi * positions[..., None] * np.array(WAVES)
    phases = phases * (np.array(sides) / max(sides))[:, None]
    phases = phases.reshape(*positions.shape[:2], -1)
    return np.concatenate([np.cos(phases), np.sin(phases)], -1) / np.sqrt(phases.shape[-1])
