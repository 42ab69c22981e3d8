"""What is said of one pair, carried to others whose images show the same kind of thing.

Between the images of both pairs the fields are found as between those of any pair, by our own
matcher: a point goes where its pixel is matched, and what lies over an image is looked up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from dia_pipeline.alignment.parts import CHANCE, Percents
from dia_pipeline.guides import DRAWN, IMAGES
from dia_pipeline.io.images import read_image
from dia_pipeline.runs.pair import Pair
from dia_pipeline.settings import resolve
from dia_pipeline.studio.project import Project

if TYPE_CHECKING:
    from dia_pipeline.networks.network import Network

NEAR = 0.02
"""A sure match leads back to within this share of the longest side."""

Rows = list[list[float | None]]
"""Points as `Project.points` has them."""


@dataclass(frozen=True, eq=False)
class Way:
    """How one image leads to another that shows the like.

    Attributes:
        there: (H, W, 2) int32, for every pixel its match in the other image.
        back: (h, w, 2) int32, for every pixel of the other image its match in this one.
        belongs: in percent, how likely every part of the image is matched by what belongs to it;
            rows of equal length, at any size.
    """

    there: np.ndarray
    back: np.ndarray
    belongs: Percents = ((100,),)

    @classmethod
    def straight(cls, shape: tuple[int, ...]) -> Way:
        """From an image (H, W, ...) to itself."""
        same = np.moveaxis(np.indices(shape[:2], np.int32), 0, -1)
        return cls(same, same)

    def point(self, x: float, y: float) -> tuple[float, float, bool]:
        """Where a point lies in the other image, in pixels, and whether that is sure.

        It is if the match leads back, and its part of the image is not alone.
        """
        height, width = self.there.shape[:2]
        own = min(int(y), height - 1), min(int(x), width - 1)
        there = self.there[own]
        missed = np.linalg.norm(self.back[tuple(there)] - own)
        inside = np.array((y, x)) - own  # of the pixel
        moved = there + inside
        rows, columns = np.shape(self.belongs)
        likely = self.belongs[own[0] * rows // height][own[1] * columns // width]
        sure = missed <= NEAR * max(height, width) and likely >= CHANCE
        return float(moved[1]), float(moved[0]), bool(sure)

    def image(self, image: np.ndarray) -> np.ndarray:
        """What lies over this image, at any size, as it lies over the other: (h, w, 3) uint8."""
        height, width = self.there.shape[:2]
        over = cv2.resize(image, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        return over[self.back[..., 0], self.back[..., 1]]

    @property
    def scale(self) -> float:
        """How much longer the longest side of the other image is."""
        return max(self.back.shape[:2]) / max(self.there.shape[:2])


class Ways:
    """The ways between images; one that the next pair has too, as that of a B', is found once.

    Args:
        match: finds the way from an image (H, W, 3) uint8 to another.
    """

    def __init__(self, match: Callable[[np.ndarray, np.ndarray], Way]):
        self._match = match
        self._between = lru_cache(len(IMAGES))(self._find)  # more would fill the memory

    def of(self, source: Pair, target: Pair) -> dict[str, Way]:
        """The ways from both images of a pair to those of another, by `a` and `b_prime`."""
        return {
            name: self._between(*(getattr(each, name) for each in (source, target)))
            for name in IMAGES
        }

    def _find(self, path: str, other: str) -> Way:
        image, target = read_image(path), read_image(other)
        same = image.shape == target.shape and bool((image == target).all())
        return Way.straight(image.shape) if same else self._match(image, target)


def matcher(backbone: str, device: str) -> Callable[[np.ndarray, np.ndarray], Way]:
    """Our own matcher, as `Ways` takes it; its network is loaded once it is needed."""
    settings = resolve({"task": "correspondence", "quality": "draft", "backbone": backbone})

    @cache
    def network() -> Network:
        from dia_pipeline.networks.network import Network, pick_device
        from dia_pipeline.networks.weights import find_weights

        return Network(find_weights(backbone), pick_device(device), settings.precision)

    def match(image: np.ndarray, other: np.ndarray) -> Way:
        from dia_pipeline.analogy import analogy  # with torch, which equal images need not

        result = analogy(image, other, network(), settings)
        assert result.nnf_ba is not None and result.pose.parts, "a pair is matched both ways"
        return Way(result.nnf_ab, result.nnf_ba, result.pose.parts.a)

    return match


def carried(
    project: Project,
    source: Pair,
    guides: list[str],
    ways: dict[str, Way],
    take: Callable[[str], bool],
) -> dict[str, Any]:
    """What is said of a pair as it holds for another, as `Project.save` takes it, by guide.

    Args:
        guides: those that are carried.
        ways: to both images of the other pair.
        take: whether a point is taken that is not sure, told in words.

    Raises:
        ImageError, PointsError: a guide cannot be read.
    """
    found: dict[str, Any] = {}
    for name in guides:
        if over := DRAWN[name].over:
            image = ways[over].image(read_image(project.image(source, name)))
            png = BytesIO()
            Image.fromarray(image).save(png, "PNG")
            found[name] = png.getvalue()
        else:
            found[name] = _points(project.points(source), ways, take)
    return found


def _points(rows: Rows, ways: dict[str, Way], take: Callable[[str], bool]) -> Rows:
    found: Rows = []
    for number, row in enumerate(np.array(rows, float).tolist(), 1):
        a, b_prime = ways["a"].point(*row[:2]), ways["b_prime"].point(*row[2:4])
        ends = zip(IMAGES.values(), (a, b_prime), strict=True)
        doubtful = [f"{name} at {x:.0f}, {y:.0f}" for name, (x, y, sure) in ends if not sure]
        if not doubtful or take(f"Point {number}, in {' and '.join(doubtful)},"):
            reach = None if np.isnan(row[4]) else row[4] * ways["a"].scale
            found.append([*a[:2], *b_prime[:2], reach])
    return found
