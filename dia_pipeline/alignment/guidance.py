"""Guidance: what a person says of a pair.

Of the matches, as further channels of the matching maps: labels that A and B' share make a match
between them better, and points that belong together pull the matches of what they reach. Both add
at most `guidance` to the dot product of a match, whose own part lies between -1 and 2: a soft wish,
which clear features can outweigh. Descriptors of another network add their cosine, times
`descriptor_weight`, at the levels where they count.

Of the regions of A: `regions` says what becomes of those that are kept or restyled less.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from dia_pipeline.affine import Matrix, Shape, centres, moved
from dia_pipeline.alignment.canvas import in_units
from dia_pipeline.guides import (
    GUIDES,
    GuidanceError,
    check_channels,
    check_guides,
    check_shape,
)

MAX_LABELS = 16
"""Colours that label maps may have together."""

MIN_SHARE = 0.005
"""What a colour covers at least of a map to be a label: softened borders are none."""

MIN_COVER = 0.9
"""What the labels together cover at least of a map."""

ALIKE = 40.0
"""Up to this distance two colours are the same label, so that JPEG will do."""

WAVES = (0.5, 1.0, 2.0, 4.0)
"""Waves along the longest side by which positions are compared: the longest is nowhere ambiguous,
the shortest leaves the exact place to the features."""

FINER = 4
"""Samples along a side of a position, of which the labels are counted."""


@dataclass(frozen=True, eq=False)
class Guidance:
    """What is said of a pair.

    Attributes:
        weight: the most that it adds to the dot product of a match.
        sides: height and width of A and of B'.
        labels: (h, w) ints for A and for B', from 0 on; None if there are none.
        points: (N, 4), y and x in A and in B', both in unit coordinates.
        reaches: (N, h, w) float32, how strongly each of them pulls what A shows, from 0 to 1.
        keep: (h, w) float32, from 0 to 1, where A stays as it is; None where nowhere.
        strength: the same, how strongly A is restyled; None where in full.
        descriptors: (C, h, w) float32 of A and of B', from another network; None without.
    """

    weight: float
    sides: tuple[Shape, Shape]
    labels: tuple[np.ndarray, np.ndarray] | None = None
    points: np.ndarray = field(default_factory=lambda: np.empty((0, 4)))
    reaches: np.ndarray = field(default_factory=lambda: np.empty((0, 1, 1), np.float32))
    keep: np.ndarray | None = None
    strength: np.ndarray | None = None
    descriptors: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def described(self) -> int:
        """The channels of descriptors, 0 where there are none."""
        return len(self.descriptors[0]) if self.descriptors else 0

    @property
    def of_regions(self) -> bool:
        """Whether something is said of the regions of A."""
        return self.keep is not None or self.strength is not None

    def channels(
        self, shape: Shape, target: Shape, pose: Matrix, described: float = 0.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The channels of A and of B' in its pose, at maps of these shapes: (H, W, K) float32.

        There are none, K is 0, where nothing is said of the matches.

        Args:
            described: the weight of descriptors at these maps, 0 where they do not count.
        """
        on_canvas = in_units(pose)
        maps: tuple[list[np.ndarray], list[np.ndarray]] = (
            [_no_channels(shape)],
            [_no_channels(target)],
        )
        if self.labels:
            count = max(int(labels.max()) for labels in self.labels) + 1
            ways = (np.eye(3), on_canvas)
            for own, labels, way, size in zip(
                maps, self.labels, ways, (shape, target), strict=True
            ):
                own.append(_memberships(labels, count, way, size))
        if len(self.points):
            there = moved(on_canvas, centres(target) / target)
            wanted, pull = self._wanted(shape)
            maps[0].append(pull[..., None] * _waves(wanted, self.sides[1]))
            maps[1].append(_waves(there, self.sides[1]))
        scale = np.sqrt(self.weight)
        said = tuple(
            torch.from_numpy((scale * np.concatenate(own, -1)).astype(np.float32)) for own in maps
        )
        if not (described and self.descriptors):
            return said
        a, b_prime = self.descriptors
        seen = _described(a, np.eye(3), shape), _described(b_prime, on_canvas, target)
        return tuple(
            torch.cat([own, described**0.5 * more], dim=-1)
            for own, more in zip(said, seen, strict=True)
        )

    def _wanted(self, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
        """Where points say that positions (H, W, 2) of A belong in B', how strongly: (H, W)."""
        here = centres(shape) / shape
        longest = np.array(self.sides[0]) / max(self.sides[0])
        shift, weights, pull = np.zeros((*shape, 2)), np.zeros(shape), np.zeros(shape)
        for point, reach in zip(self.points, self.reaches, strict=True):
            own = F.adaptive_avg_pool2d(torch.from_numpy(reach)[None], shape)[0].double().numpy()
            squares = (((here - point[:2]) * longest) ** 2).sum(axis=-1)
            weight = own / (squares + 1e-6)
            shift += weight[..., None] * (point[2:] - point[:2])
            weights += weight
            pull = np.maximum(pull, own)
        return here + shift / np.maximum(weights, 1e-12)[..., None], pull


def make_guidance(
    a: np.ndarray,
    b_prime: np.ndarray,
    weight: float,
    labels_a: np.ndarray | None = None,
    labels_b_prime: np.ndarray | None = None,
    points: np.ndarray | None = None,
    keep: np.ndarray | None = None,
    strength: np.ndarray | None = None,
    descriptors_a: np.ndarray | None = None,
    descriptors_b_prime: np.ndarray | None = None,
) -> Guidance | None:
    """What is said of a pair; None if nothing is.

    Args:
        a, b_prime: (H, W, 3) uint8, the images.
        weight: the setting `guidance`.
        labels_a, labels_b_prime: images (h, w, 3) uint8 whose colours are labels, of any sizes
            with the aspects of A and of B'.
        points: (N, 5), y and x in A and in B', both in unit coordinates; how far each reaches, as a
            share of the longest side of A.
        keep, strength: (h, w) float32 from 0 to 1, of any size with the aspect of A.
        descriptors_a, descriptors_b_prime: (C, h, w) float32, finite, of any sizes with about the
            aspects of A and of B'.

    Raises:
        GuidanceError: the labels cannot be used, something does not lie over its image, or the
            descriptors cannot be compared.
    """
    images = {
        "labels_a": labels_a,
        "labels_b_prime": labels_b_prime,
        "keep": keep,
        "strength": strength,
    }
    vectors = {"descriptors_a": descriptors_a, "descriptors_b_prime": descriptors_b_prime}
    shapes = {name: image.shape for name, image in images.items() if image is not None}
    shapes |= {name: each.shape[1:] for name, each in vectors.items() if each is not None}
    if not shapes and points is None:
        return None
    check_guides(shapes)
    for name, shape in shapes.items():
        check_shape(name, shape, b_prime.shape if GUIDES[name].over == "b_prime" else a.shape)
    descriptors = None
    if descriptors_a is not None and descriptors_b_prime is not None:
        check_channels(descriptors_a.shape, descriptors_b_prime.shape)
        descriptors = descriptors_a, descriptors_b_prime
    maps = labels_of(labels_a, labels_b_prime) if "labels_a" in shapes else None
    guidance = Guidance(
        weight,
        (a.shape[:2], b_prime.shape[:2]),
        maps,
        keep=keep,
        strength=strength,
        descriptors=descriptors,
    )
    if points is None:
        return guidance
    from dia_pipeline.alignment.reach import reaches_of  # with scipy's graphs

    reaches = reaches_of(points[:, :2], points[:, 4], a, maps[0] if maps else None)
    return replace(guidance, points=points[:, :4], reaches=reaches)


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


def _described(descriptors: np.ndarray, way: np.ndarray, shape: Shape) -> torch.Tensor:
    """Descriptors (C, h, w) where a map leads positions: (H, W, C) of unit length.

    Zero vectors stay zero, and so is what lies outside. Where a position covers more than one of
    the map's, it has their mean.
    """
    steps = np.hypot(*(way[:2, axis] / side for axis, side in enumerate(shape)))
    size = [max(1, round(1 / step)) for step in steps]
    values = torch.from_numpy(descriptors)[None]
    values = F.interpolate(values, size, mode="bilinear", antialias=True)
    there = moved(way, centres(shape) / shape)
    whole = np.rint(there * size - 0.5).astype(int).clip(0, np.array(size) - 1)
    if np.abs(there * size - 0.5 - whole).max() < 1e-6:  # else a zero vector would be nearly one
        values = values[0][:, whole[..., 0], whole[..., 1]]
    else:
        grid = torch.from_numpy((2 * there[..., ::-1] - 1).astype(np.float32))[None]
        values = F.grid_sample(values, grid, padding_mode="border", align_corners=False)[0]
    inside = ((there >= 0) & (there <= 1)).all(axis=-1)
    values = (values * torch.from_numpy(inside)).permute(1, 2, 0).contiguous()
    return F.normalize(values, dim=-1, eps=torch.finfo(values.dtype).tiny)


def _no_channels(shape: Shape) -> np.ndarray:
    return np.empty((*shape, 0))


def _waves(positions: np.ndarray, sides: Shape) -> np.ndarray:
    """Positions (H, W, 2) as waves whose dot product is 1 for the same, and less for others."""
    phases = 2 * np.pi * positions[..., None] * np.array(WAVES)
    phases = phases * (np.array(sides) / max(sides))[:, None]
    phases = phases.reshape(*positions.shape[:2], -1)
    return np.concatenate([np.cos(phases), np.sin(phases)], -1) / np.sqrt(phases.shape[-1])
