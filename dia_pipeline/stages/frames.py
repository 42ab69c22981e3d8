"""The frames that a sequence is given, as the beginnings of its graph."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Many
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dia_pipeline.io.frames import frame_fault, write_frame
from dia_pipeline.io.images import ImageError, read_image
from dia_pipeline.runs.sequences import Sequence
from dia_pipeline.store.artefacts import (
    Artefact,
    ArtefactError,
    File,
    ImageFile,
    InputError,
    digest,
)


def given_frames(sequence: Sequence, folder: Path) -> list[ImageFile]:
    """The frames of a sequence; those of a video are kept as images in a folder."""
    if not sequence.of_video:
        return [FrameFile(path) for path in sequence.frames]
    return list(Video(sequence, folder).frames)


class FrameFile(ImageFile):
    """A frame that is an image file of its own; its key is empty where there is none."""

    @cached_property
    def key(self) -> str:
        with suppress(InputError):
            return super().key
        return ""


class Video(File):
    """A video, from which the frames that lack are taken in one pass."""

    def __init__(self, sequence: Sequence, folder: Path):
        super().__init__(sequence.source)
        self.frames = [
            VideoFrame(self, name, folder / f"{frame:04d}.png")
            for frame, name in enumerate(sequence.frames, 1)
        ]

    @cached_property
    def extracted(self) -> set[int]:
        """Those of the frames that lack which the video has; they are written as images."""
        from dia_pipeline.io.video import decode_frames

        wanted = {frame.number: frame for frame in self.frames if frame.fault}
        found: set[int] = set()
        with suppress(ImageError):
            for number, image in enumerate(decode_frames(self.path)):
                if number in wanted:
                    write_frame(wanted[number].file, image, wanted[number].key)
                    found.add(number)
                if len(found) == len(wanted):
                    break
        return found


class VideoFrame(ImageFile):
    """A frame of a video, called `VIDEO#N`."""

    def __init__(self, video: Video, name: str, file: Path):
        super().__init__(name)
        self.video = video
        self.file = file

    @property
    def number(self) -> int:
        return int(self.path.rsplit("#", 1)[1])

    @cached_property
    def key(self) -> str:
        return digest([self.video.key, str(self.number)])

    @property
    def fault(self) -> str | None:
        """What is wrong with the image of the frame."""
        return frame_fault(self.file, self.key)

    def ensure(self) -> np.ndarray:
        """The frame, (H, W, 3) uint8 RGB.

        Raises:
            ImageError: the video has no such frame.
        """
        if self.fault and self.number not in self.video.extracted:
            raise ImageError(self.path, "the frame cannot be decoded", "the video is damaged")
        return read_image(self.file)


class Frame(Artefact):
    """An image that carries its key; its value is its path."""

    def read(self) -> Path:
        fault = frame_fault(self.path, self.key)
        if fault:
            raise ArtefactError(self.path, fault)
        return self.path

    def write(self, value: np.ndarray) -> Path:
        write_frame(self.path, value, self.key)
        return self.path


class Remembered:
    """An input whose value stays in memory: for what many frames are made of.

    Args:
        make: makes the value of that of the input `of`.
    """

    def __init__(self, of: Any, make: Callable[[Any], Any] = lambda value: value):
        self.of = of
        self._make = make

    @property
    def key(self) -> str:
        return self.of.key

    def ensure(self) -> Any:
        return self._value

    @cached_property
    def _value(self) -> Any:
        return self._make(self.of.ensure())


class Together:
    """Many inputs as one, of which the maker reads each when it is its turn."""

    def __init__(self, parts: Many[Artefact] | Many[ImageFile]):
        self.parts = parts

    @cached_property
    def key(self) -> str:
        return digest([part.key for part in self.parts])

    def ensure(self) -> Many:
        return self.parts
