"""From frame to frame: how the matches of one carry over to the next."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import torch

from dia_pipeline.algorithm.aggregation import full_field, rebuild
from dia_pipeline.algorithm.coarse_to_fine import Fields, run_levels
from dia_pipeline.algorithm.effort import Progress
from dia_pipeline.algorithm.features import Pyramid, Size
from dia_pipeline.algorithm.network import Network
from dia_pipeline.settings import LEVELS, Settings
from dia_pipeline.temporal.motion import flow_between, grid, trusted

LevelFields = dict[int, Fields]
"""The fields of every level: what one frame hands to the next."""


def match_frame(
    features_a: Pyramid,
    features_b_prime: Pyramid,
    network: Network,
    settings: Settings,
    earlier: LevelFields | None = None,
    progress: Progress = lambda level, step, share: None,
) -> LevelFields:
    """Match one frame, afresh or, with fewer iterations, from the fields of the frame before."""
    settings = fewer_iterations(settings) if earlier else settings
    levels = run_levels(features_a, features_b_prime, network, settings, progress, earlier)
    return {number: (level.nnf_ab, level.nnf_ba) for number, level in levels.items()}


def fewer_iterations(settings: Settings) -> Settings:
    """The settings of a frame that starts from the one before."""
    return replace(
        settings,
        iterations=-(-settings.iterations // 4),
        deconvolution=settings.deconvolution // 4,
    )


def image_field(
    nnf: torch.Tensor, own: np.ndarray, target_shape: tuple[int, ...], settings: Settings
) -> np.ndarray:
    """The field (H, W, 2) float32 of A's pixels, from that of the finest level."""
    size, target = Size.of(own.shape, settings), Size.of(target_shape, settings)
    return full_field(nnf, LEVELS[-1], own, size, target, settings).numpy()


Part = tuple[float, np.ndarray, np.ndarray]
"""A weight of a frame, the reference (h, w, 3) uint8 it is made of, and its field (H, W, 2)."""


def make_frame(own: np.ndarray, parts: list[Part], settings: Settings) -> np.ndarray:
    """The frame (H, W, 3) uint8 that parts, whose weights sum to 1, make of the content `own`."""

    def made_of(reference: np.ndarray, field: np.ndarray) -> np.ndarray:
        size, target = Size.of(own.shape, settings), Size.of(reference.shape, settings)
        positions = torch.from_numpy(_inside(field, reference.shape))
        return rebuild(own, reference, positions, size, target, settings)

    images = [weight * made_of(reference, field) for weight, reference, field in parts]
    return np.rint(sum(images)).astype(np.uint8)


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
            (H, W, 2) float32. The part of a pixel by which the motion misses a pixel of the frame
            before is kept in the coordinates, so that roundings do not add up.
        """
        there = grid(field.shape[:2]) + self._back
        pixel = _pixels(there, field.shape[:2])
        carried = field[pixel[..., 0], pixel[..., 1]] + (there - pixel)
        known = trusted(self._back, self._forth)[..., None]
        return np.where(known, carried, fresh).astype(np.float32)

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
