"""From frame to frame: how the matches of one carry over to the next."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
import torch

from dia_pipeline.algorithm.aggregation import full_field, rebuild
from dia_pipeline.algorithm.coarse_to_fine import Fields, run_levels
from dia_pipeline.algorithm.features import Pyramid
from dia_pipeline.alignment.canvas import Canvas
from dia_pipeline.alignment.guidance import Guidance
from dia_pipeline.machine.effort import Progress
from dia_pipeline.networks.network import Network
from dia_pipeline.networks.sizes import Size
from dia_pipeline.pixels import as_levels
from dia_pipeline.settings import LEVELS, Settings
from dia_pipeline.temporal.motion import flow_between, followed, grid, sample, trusted

BORDER = 2.0
"""Standard deviation in pixels of the border between what is taken of two keyframes."""

DOUBT = 0.02
"""How much what is not known counts of what is."""

LevelFields = dict[int, Fields]
"""The fields of every level: what one frame hands to the next."""


class Matched(NamedTuple):
    """A and B' of a frame that is matched.

    Attributes:
        a: (H, W, 3) uint8.
        canvas: on which B' is drawn in its pose.
        features: of A and of the canvas.
        guidance: what is said of the two.
    """

    a: np.ndarray
    canvas: Canvas
    features: tuple[Pyramid, Pyramid]
    guidance: Guidance | None = None


def match_frame(
    pair: Matched,
    network: Network,
    settings: Settings,
    earlier: LevelFields | None = None,
    progress: Progress = lambda level, step, share: None,
) -> LevelFields:
    """Match one frame, afresh or, with fewer iterations, from the fields of the frame before."""
    settings = fewer_iterations(settings) if earlier else settings
    matched = *pair.features, network, settings, progress, earlier
    levels = run_levels(*matched, pose=pair.canvas.pose, guidance=pair.guidance)
    return {number: (level.nnf_ab, level.nnf_ba) for number, level in levels.items()}


def fewer_iterations(settings: Settings) -> Settings:
    """The settings of a frame that starts from the one before."""
    return replace(
        settings,
        iterations=-(-settings.iterations // 4),
        deconvolution=tuple(count // 4 for count in settings.deconvolution),
    )


def image_field(nnf: torch.Tensor, own: np.ndarray, target: Size, settings: Settings) -> np.ndarray:
    """The field (H, W, 2) float32 of A's pixels, from that of the finest level."""
    size = Size.of(own.shape, settings)
    return full_field(nnf, LEVELS[-1], own, size, target, settings).numpy()


class Part(NamedTuple):
    """A part of what a frame is made of.

    Attributes:
        weight: those of all parts of a frame sum to 1; (H, W, 1) where they differ by place.
        reference: (h, w, 3) uint8, or float32 in grey levels, B' on its canvas.
        size: of the canvas.
        field: (H, W, 2) float32, from the frame into the canvas.
    """

    weight: float | np.ndarray
    reference: np.ndarray
    size: Size
    field: np.ndarray


def weighed(shares: list[float], known: list[np.ndarray | None]) -> list[np.ndarray]:
    """The weight of parts at every pixel, (H, W, 1) each, by how far they are known there.

    What one keyframe does not show is taken of the other, with soft borders.

    Args:
        shares: the weights by time; they sum to 1.
        known: (H, W) from 0 to 1, or None where all of it is.
    """
    shape = next((each.shape for each in known if each is not None), (1, 1))
    trust = [
        cv2.GaussianBlur(
            np.ones(shape, np.float32) if each is None else each.astype(np.float32), (0, 0), BORDER
        )
        for each in known
    ]
    weights = [
        share * (DOUBT + (1 - DOUBT) * each) for share, each in zip(shares, trust, strict=True)
    ]
    return [(weight / sum(weights))[..., None] for weight in weights]


def make_frame(own: np.ndarray, parts: list[Part], settings: Settings) -> np.ndarray:
    """The frame (H, W, 3) that parts make of the content `own`, of the type of their references."""
    size = Size.of(own.shape, settings)

    def made_of(part: Part) -> np.ndarray:
        positions = torch.from_numpy(_inside(part.field, part.reference.shape))
        return rebuild(own, part.reference, positions, size, part.size, settings)

    images = [part.weight * made_of(part) for part in parts]
    return as_levels(np.asarray(sum(images)), parts[0].reference.dtype)


class Motion:
    """The motion of the content from the frame before, and what it carries along.

    Args:
        before, now: (H, W, 3) uint8, two neighbouring frames.
    """

    def __init__(self, before: np.ndarray, now: np.ndarray):
        self._back = flow_between(now, before)
        self._forth = flow_between(before, now)

    def carry(self, field: np.ndarray, fresh: np.ndarray) -> np.ndarray:
        """The field of the frame before, carried along; what was hidden there is taken from fresh.

        Args:
            field: (H, W, 2), absolute target coordinates, of the frame before.
            fresh: the same for this frame.

        Returns:
            (H, W, 2) float32.
        """
        known = trusted(self._back, self._forth)[..., None]
        return np.where(known, sent_on(field, self._back), fresh)

    def carry_way(self, way: np.ndarray) -> np.ndarray:
        """The way (H, W, 2) of the pixels of the frame before to another, as that of this one's."""
        return followed(self._back, way)

    def carry_image(self, image: np.ndarray) -> np.ndarray:
        """An image (H, W, C) that lies over the frame before, over this one; no value is mixed."""
        there = _pixels(grid(image.shape[:2]) + self._back, image.shape)
        return image[there[..., 0], there[..., 1]]

    def carry_points(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where points (N, 2), y and x in pixels of the frame before, lie in this one.

        Returns:
            (N, 2), and which of them are still seen, (N,) bool.
        """
        here = points[None].astype(np.float32) - 0.5
        moved = points + sample(self._forth, here)[0]
        known = trusted(self._forth, self._back).astype(np.float32)
        inside = ((moved >= 0) & (moved <= known.shape)).all(axis=-1)
        return moved, inside & (sample(known, here)[0] >= 0.5)

    def carry_levels(self, levels: LevelFields) -> LevelFields:
        """The fields of all levels, moved along: a start for matching the frame."""
        return {number: self._carry_fields(*fields) for number, fields in levels.items()}

    def _carry_fields(self, nnf_ab: torch.Tensor, nnf_ba: torch.Tensor | None) -> Fields:
        shape = tuple(nnf_ab.shape[:2])
        there = _pixels(grid(shape) + _scaled(self._back, shape), shape)
        moved = nnf_ab.cpu().numpy()[there[..., 0], there[..., 1]]
        if nnf_ba is None:
            return _tensor(moved, nnf_ab.device), None
        targets = nnf_ba.cpu().numpy()
        forth = _scaled(self._forth, shape)[targets[..., 0], targets[..., 1]]
        moved_ba = _pixels(targets + forth, shape)
        return _tensor(moved, nnf_ab.device), _tensor(moved_ba, nnf_ab.device)


def sent_on(field: np.ndarray, way: np.ndarray) -> np.ndarray:
    """The field (H, W, 2) float32 of pixels that lead by a way to those that have a field.

    Args:
        field: (H, W, 2), absolute target coordinates.
        way: (H, W, 2), displacements. The part of a pixel by which they miss a pixel is kept in
            the coordinates, so that roundings do not add up.
    """
    there = grid(way.shape[:2]) + way
    pixel = _pixels(there, field.shape)
    return (field[pixel[..., 0], pixel[..., 1]] + (there - pixel)).astype(np.float32)


def pack_fields(levels: LevelFields) -> dict[str, np.ndarray]:
    """Fields as arrays for a file, `level5/nnf_ab` and so on; 16 bits hold every coordinate."""
    return {
        f"level{number}/{name}": nnf.cpu().numpy().astype(np.uint16)
        for number, fields in levels.items()
        for name, nnf in zip(("nnf_ab", "nnf_ba"), fields, strict=True)
        if nnf is not None
    }


def unpack_fields(arrays: dict[str, np.ndarray], device: torch.device | str = "cpu") -> LevelFields:
    """The inverse of `pack_fields`."""
    numbers = {int(name[5]) for name in arrays if name.startswith("level")}
    return {
        number: (
            _tensor(arrays[f"level{number}/nnf_ab"], device),
            _tensor(arrays[f"level{number}/nnf_ba"], device)
            if f"level{number}/nnf_ba" in arrays
            else None,
        )
        for number in numbers
    }


def _tensor(field: np.ndarray, device: torch.device | str) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(field, np.int32)).to(device)


def _scaled(flow: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A flow of pixels as one of the cells of a level of `shape`."""
    height, width = shape
    small = cv2.resize(flow, (width, height), interpolation=cv2.INTER_AREA)
    return small * np.divide(shape, flow.shape[:2], dtype=np.float32)


def _inside(positions: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Positions (H, W, 2) as float32, moved into an image (h, w) or (h, w, 3)."""
    return positions.clip(0, np.array(shape[:2]) - 1).astype(np.float32)


def _pixels(positions: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The nearest pixels of an image (h, w), (H, W, 2) int32."""
    return _inside(np.rint(positions), shape).astype(np.int32)
