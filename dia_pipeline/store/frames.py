"""Frames as artefacts and as their inputs: image files, frames of a video, guides at a frame."""

from __future__ import annotations

from collections.abc import Sequence as Many
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import numpy as np

from dia_pipeline.io.files import digest_file, fault_of_file
from dia_pipeline.io.frames import frame_fault, write_frame
from dia_pipeline.io.images import ImageError, Picture, read_picture
from dia_pipeline.io.reading import read_file
from dia_pipeline.store.artefacts import Artefact, ArtefactError, File, InputError, digest


class FrameFile(File):
    """A frame that is an image file of its own; its key is empty where there is none."""

    @cached_property
    def key(self) -> str:
        with suppress(InputError):
            return super().key
        return ""

    def ensure(self) -> np.ndarray:
        """The frame, (H, W, 3) uint8 RGB.

        Raises:
            ImageError: there is no image.
            InputError: the file was changed after the key was taken.
        """
        return self.picture().pixels

    def picture(self) -> Picture:
        """All of the frame; see `ensure`."""
        if not self.key:
            fault = fault_of_file(self.path) or "there was no such file"
            raise ImageError(self.path, fault, "give the path of an image")
        return read_picture(super().ensure(), self.path)


class Whole:
    """A frame as an input that gives all of it, its depth and its opacity too.

    Args:
        of: the frame, which gives its pixels alone.
    """

    def __init__(self, of: FrameFile):
        self.of = of

    @property
    def key(self) -> str:
        return self.of.key

    def ensure(self) -> Picture:
        return self.of.picture()


class Carried:
    """A guide as it is at a frame, a file among what is prepared.

    Args:
        key: the digest of all that it is made of.
    """

    def __init__(self, path: Path, key: str):
        self.path = path
        self.key = key

    def ensure(self) -> Picture | bytes:
        """The picture, or the content of the table.

        Raises:
            ImageError, OSError: it cannot be read.
        """
        return read_picture(self.path) if self.path.suffix == ".png" else read_file(self.path)


class Video(File):
    """A video, from which the frames that lack are taken in one pass.

    Args:
        names: of the frames, `VIDEO#N`.
        folder: in which they are kept as images.
    """

    def __init__(self, path: str, names: Many[str], folder: Path):
        super().__init__(path)
        self.frames = [
            VideoFrame(self, name, folder / f"{frame:04d}.png")
            for frame, name in enumerate(names, 1)
        ]

    @cached_property
    def extracted(self) -> set[int]:
        """Those of the frames that lack which the video has; they are written as images.

        Raises:
            InputError: the video was changed after the key was taken.
        """
        from dia_pipeline.io.video import decode_frames

        wanted = {frame.number: frame for frame in self.frames if frame.fault}
        found: set[int] = set()
        with self.steady() as check, suppress(ImageError):
            for number, image in enumerate(decode_frames(self.path, deep=True)):
                check()
                if number in wanted:
                    write_frame(wanted[number].file, image, wanted[number].key)
                    found.add(number)
                if len(found) == len(wanted):
                    break
        return found


class VideoFrame(FrameFile):
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

    def picture(self) -> Picture:
        """All of the frame.

        Raises:
            ImageError: the video has no such frame.
        """
        if self.fault and self.number not in self.video.extracted:
            raise ImageError(self.path, "the frame cannot be decoded", "the video is damaged")
        return read_picture(self.file)


class Frame(Artefact):
    """An image that carries its key; its value is its path."""

    def read(self) -> Path:
        self.check()
        return self.path

    def check(self) -> str:
        fault = frame_fault(self.path, self.key)
        if fault:
            raise ArtefactError(self.path, fault)
        return digest_file(self.path)

    def write(self, value: np.ndarray) -> Path:
        write_frame(self.path, value, self.key)
        return self.path


class Together:
    """Many inputs as one, of which the maker reads each when it is its turn."""

    def __init__(self, parts: Many[Artefact] | Many[FrameFile]):
        self.parts = parts

    @cached_property
    def key(self) -> str:
        return digest([part.key for part in self.parts])

    def ensure(self) -> Many:
        return self.parts
