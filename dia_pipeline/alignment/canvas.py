"""The canvas: B' drawn so that it stands as A does, by the pose that was found.

A is matched with the canvas, which shows all of B'; what is made of it is then carried back to B'
as it was given. A pose that only mirrors or turns by right angles exchanges pixels and loses
nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from dia_pipeline.affine import (
    Matrix,
    Shape,
    centres,
    covered,
    factor_of,
    moved,
    resizing,
    shifting,
)
from dia_pipeline.algorithm.features import Pyramid, extract
from dia_pipeline.alignment.warp import draw
from dia_pipeline.networks.network import Network
from dia_pipeline.networks.sizes import MIN_SIDE, Size, seen
from dia_pipeline.pixels import resize_image
from dia_pipeline.settings import Settings


@dataclass(frozen=True, eq=False)
class Canvas:
    """Where B' is drawn.

    Attributes:
        pose: (3, 3), from A to B', both in unit coordinates; see `affine`.
        given: height and width of B'.
        size: of the canvas.
    """

    pose: np.ndarray
    given: Shape
    size: Size

    @classmethod
    def of(cls, pose: Matrix, a: Shape, b_prime: Shape, settings: Settings) -> Canvas:
        """The canvas for images of these shapes, (H, W, ...).

        It is as fine as B'; a position of a level covers as much of it as of A, unless there would
        be more of them than in a square of `max_side`.
        """
        a, b_prime, matrix = a[:2], b_prime[:2], np.array(pose, float)
        if _exchanges(matrix):
            shape = b_prime if matrix[0, 0] else b_prime[::-1]
            return cls(matrix, b_prime, Size.of(shape, settings))
        top, left, bottom, right = covered(matrix)
        extent = bottom - top, right - left
        fine = factor_of(resizing(b_prime) @ matrix @ np.linalg.inv(resizing(a)))
        shape = tuple(max(1, round(e * side * fine)) for e, side in zip(extent, a, strict=True))
        seen = [e * side for e, side in zip(extent, Size.of(a, settings).working, strict=True)]
        scale = min(1, settings.max_side / math.sqrt(math.prod(seen)))
        working = tuple(max(MIN_SIDE, round(side * scale)) for side in seen)
        return cls(matrix, b_prime, Size(shape, working))

    def draw(self, image: np.ndarray) -> np.ndarray:
        """B', or what has its shape, on the canvas: (H, W, 3)."""
        return draw(image, self._there, self.size.full)

    def restore(self, image: np.ndarray) -> np.ndarray:
        """What is drawn on the canvas as B' was given: (h, w, 3)."""
        return draw(image, self._back, self.given)

    def restore_shares(self, shares: np.ndarray) -> np.ndarray:
        """What is told of positions (h, w) of the canvas, of as many of B' as it was given."""
        if self._as_given:
            return shares
        finest = max(shares.shape) / max(self.given)
        shape = tuple(max(1, round(side * finest)) for side in self.given)
        to_canvas = resizing(shares.shape) @ np.linalg.inv(resizing(self.size.full)) @ self._back
        y, x = _pixels(
            moved(to_canvas @ resizing(self.given), centres(shape) / shape), shares.shape
        )
        return shares[y, x]

    def draw_field(self, nnf: np.ndarray) -> np.ndarray:
        """A field of B', (h, w, 2) int32, as one of the canvas, (H, W, 2)."""
        return self._looked_up(nnf, self._there, self.size.full)

    def restore_field(self, nnf: np.ndarray) -> np.ndarray:
        """A field of the canvas, (H, W, 2) int32, as one of B' as it was given, (h, w, 2)."""
        return self._looked_up(nnf, self._back, self.given)

    def draw_targets(self, nnf: np.ndarray) -> np.ndarray:
        """A field into B' as one into the canvas; int32."""
        return self._moved(nnf, self._back, self.size.full)

    def restore_targets(self, nnf: np.ndarray) -> np.ndarray:
        """A field into the canvas as one into B' as it was given; int32."""
        return self._moved(nnf, self._there, self.given)

    def features(self, b_prime: np.ndarray, network: Network, settings: Settings) -> Pyramid:
        """The features of B' (h, w, 3) uint8 on the canvas; outside of B' they are zero."""
        image = resize_image(self.draw(seen(b_prime, settings)), self.size.working)
        pyramid = extract(image, network, settings.feature_dtype)
        if _exchanges(self.pose):
            return pyramid
        return {level: features * self._seen(features) for level, features in pyramid.items()}

    def _seen(self, features: torch.Tensor) -> torch.Tensor:
        """Where features (C, h, w) show B': (h, w) float32, 1 there and else 0."""
        shape = tuple(features.shape[1:])
        there = moved(in_units(self.pose), centres(shape) / shape)
        inside = ((there >= 0) & (there <= 1)).all(axis=-1)
        return torch.from_numpy(inside.astype(np.float32)).to(features.device)

    @cached_property
    def _there(self) -> np.ndarray:
        """From the canvas to B', both in pixels."""
        return resizing(self.given) @ in_units(self.pose) @ np.linalg.inv(resizing(self.size.full))

    @cached_property
    def _back(self) -> np.ndarray:
        return np.linalg.inv(self._there)

    @cached_property
    def _as_given(self) -> bool:
        return np.array_equal(self.pose, np.eye(3))

    def _looked_up(self, nnf: np.ndarray, matrix: np.ndarray, shape: Shape) -> np.ndarray:
        """A field where a map leads the pixels of an image of `shape`."""
        if self._as_given:
            return nnf
        y, x = _pixels(moved(matrix, centres(shape)), nnf.shape[:2])
        return nnf[y, x]

    def _moved(self, nnf: np.ndarray, matrix: np.ndarray, shape: Shape) -> np.ndarray:
        """A field whose targets a map moves into an image of `shape`."""
        if self._as_given:
            return nnf
        return np.stack(_pixels(moved(matrix, nnf + 0.5), shape), axis=-1)


def _exchanges(pose: np.ndarray) -> bool:
    """Whether a pose covers A, and only mirrors or turns by right angles."""
    return bool(np.isin(np.abs(pose), (0, 1)).all())


def in_units(pose: Matrix | np.ndarray) -> np.ndarray:
    """From the canvas to B', both in unit coordinates: (3, 3)."""
    top, left, bottom, right = covered(pose)
    return np.array(pose) @ shifting((top, left)) @ resizing((bottom - top, right - left))


def _pixels(points: np.ndarray, shape: Shape) -> tuple[np.ndarray, ...]:
    """The pixels (y, x) of an image of `shape` in which points lie, or the nearest; int32."""
    whole = np.floor(points + 1e-6)  # what a map moves onto a border may lie a little before it
    return tuple(
        whole[..., axis].clip(0, side - 1).astype(np.int32) for axis, side in enumerate(shape)
    )
