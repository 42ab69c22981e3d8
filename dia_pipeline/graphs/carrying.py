"""What is said of keyframes, carried along the motion to the frames after them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dia_pipeline.guides import GUIDES, check_shape

if TYPE_CHECKING:
    import numpy as np

    from dia_pipeline.temporal.propagation import Motion

Keyframes = Mapping[str, Mapping[int, tuple[str, Any]]]
"""Guides by name and frame: the path and the value of each, a picture or the content of a table."""


def carried_name(guide: str, frame: int) -> str:
    """The file of a guide at a frame, counted from 0."""
    return f"{guide}-{frame + 1:04d}.{'png' if GUIDES[guide].over else 'csv'}"


class Carrying:
    """Follows guides from frame to frame, and writes what they are at each into a folder.

    Attributes:
        written: the SHA-256 of every file by name.
    """

    def __init__(self, folder: Path, keyframes: Keyframes, moving: str):
        self.written: dict[str, str] = {}
        self._folder = folder
        self._keyframes = keyframes
        self._side = slice(0, 2) if moving == "a" else slice(2, 4)
        self._now: dict[str, np.ndarray] = {}

    def follow(self, number: int, image: np.ndarray, before: np.ndarray | None) -> None:
        """Go on to a frame (H, W, 3), from the one before; a scene begins where there is none.

        Raises:
            GuidanceError, PointsError: what is said of this frame cannot be used.
        """
        from dia_pipeline.temporal.propagation import Motion

        if before is None:
            self._now = {}
        elif self._now:
            motion = Motion(before, image)
            self._now = {name: self._carried(motion, each) for name, each in self._now.items()}
        for name, by_frame in self._keyframes.items():
            if number in by_frame:
                self._now[name] = _begun(name, *by_frame[number], image)
        self._now = {name: each for name, each in self._now.items() if len(each)}
        for name, value in self._now.items():
            file = carried_name(name, number)
            self.written[file] = _write(self._folder / file, value)

    def _carried(self, motion: Motion, value: np.ndarray) -> np.ndarray:
        if value.ndim == 3:
            return motion.carry_image(value)
        moved, seen = motion.carry_points(value[:, self._side][:, ::-1])
        value = value.copy()
        value[:, self._side] = moved[:, ::-1]
        return value[seen]


def _begun(name: str, path: str, value: Any, image: np.ndarray) -> np.ndarray:
    """A guide at its keyframe: points as rows in pixels, an image at the size of the frame."""
    from dia_pipeline.io.points import rows_of
    from dia_pipeline.pixels import nearest_image

    if not GUIDES[name].over:
        return rows_of(value, path)
    check_shape(name, value.pixels.shape, image.shape, path)
    return nearest_image(value.pixels, image.shape)


def _write(path: Path, value: np.ndarray) -> str:
    from dia_pipeline.io.images import write_image
    from dia_pipeline.io.points import write_points

    return write_image(path, value) if value.ndim == 3 else write_points(path, value)
