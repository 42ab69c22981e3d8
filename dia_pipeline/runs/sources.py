"""Where the frames of a sequence come from: a folder, a pattern, a list of images or a video."""

from __future__ import annotations

import re
from collections.abc import Iterable
from glob import glob
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Literal

from dia_pipeline.errors import DiaError
from dia_pipeline.io.files import fault_of_file
from dia_pipeline.text import fault_of_characters

LIST = ".txt"

NUMBERED = re.compile(r"%(0\d+)?d")
"""What stands for the number in the names of numbered files, as `printf` has it."""

Kind = Literal["image", "video", "list", "folder", "pattern", "numbered"]


class SequenceError(DiaError):
    """A sequence cannot be processed as it is described; the message says what to change."""


def kind_of(source: str) -> Kind:
    """What a source is: an image by its name or its content."""
    from dia_pipeline.io.decoding import image_suffixes, is_image

    path = Path(source)
    if path.is_dir():
        return "folder"
    if not path.exists() and NUMBERED.search(path.name):
        return "numbered"
    if not path.exists() and any(sign in source for sign in "*?["):
        return "pattern"
    if path.suffix.lower() == LIST:
        return "list"
    named = path.suffix.lower() in image_suffixes()
    return "image" if named or (path.is_file() and is_image(path)) else "video"


def list_frames(source: str, start: int = 0, stop: int | None = None, stride: int = 1) -> list[str]:
    """The frames of a source, `start` to `stop` (not included) in steps, as of a Python slice.

    Of a folder or pattern, the images that are there, in the order of the numbers in their names.
    Of numbered files such as `frame_%04d.png`, all from the first number to the last: one that
    lacks is a frame too, and so is every line of a list (a text file of paths, relative to its
    folder); reading them then says what is missing. Frame N of a video is called `VIDEO#N`.

    Raises:
        SequenceError: there is no such source, or no frame in it, or one cannot be named.
    """
    readers = {
        "folder": images_in,
        "pattern": _matching,
        "numbered": _numbered,
        "list": _listed,
        "video": _of_video,
        "image": lambda path: [],
    }
    frames = readers[kind_of(source)](source)[start:stop:stride]
    if not frames:
        raise SequenceError(
            source,
            "there are no frames",
            "give a folder of images, a pattern such as 'day/*.jpg' or 'day/%04d.jpg', a list of "
            f"images in a {LIST} file, or a video; and check start, stop and stride",
        )
    for frame in frames:
        fault = fault_of_characters(frame)
        if fault:
            raise SequenceError(frame, fault)
    return frames


def images_in(source: str) -> list[str]:
    """The images of a folder by their endings, in the order of the numbers in their names."""
    return _images(str(path) for path in Path(source).iterdir() if path.name[0] != ".")


def _matching(source: str) -> list[str]:
    return _images(glob(source))


def _images(names: Iterable[str]) -> list[str]:
    """Those of names that are of images, in the order of their numbers."""
    from dia_pipeline.io.decoding import image_suffixes

    known = image_suffixes()
    return sorted((name for name in names if Path(name).suffix.lower() in known), key=_natural)


def _natural(name: str) -> list[tuple[int, str]]:
    """A key by which names are in the order of their numbers."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), part) if part.isdigit() else (-1, part) for part in parts]


def _numbered(source: str) -> list[str]:
    """All numbers from the first to the last, in the step that the files have."""
    path = Path(source)
    head, width, tail = NUMBERED.split(path.name, maxsplit=1)
    name = re.compile(rf"{re.escape(head)}(\d+){re.escape(tail)}")
    folder = path.parent
    there = [name.fullmatch(each.name) for each in folder.iterdir()] if folder.is_dir() else []
    numbers = sorted({int(match[1]) for match in there if match})
    steps = [later - earlier for earlier, later in pairwise(numbers)]
    step = min(steps, default=1)
    if any(each % step for each in steps):
        step = 1
    digits = int(width or 0)
    return [
        str(folder / f"{head}{number:0{digits}d}{tail}")
        for number in (range(numbers[0], numbers[-1] + 1, step) if numbers else ())
    ]


def _listed(source: str) -> list[str]:
    path = Path(source)
    try:
        fault = fault_of_file(path)
        lines = [] if fault else path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        fault = f"it is no text in UTF-8 ({error})"
    if fault:
        raise SequenceError(path, f"the list cannot be read: {fault}", "check it")
    names = (line.strip() for line in lines)
    return [str(path.parent / name) for name in names if name and not name.startswith("#")]


def check_pyav() -> None:
    """Make sure that videos can be read and written.

    Raises:
        SequenceError: they cannot.
    """
    if find_spec("av") is None:
        raise SequenceError("", "videos need PyAV", "pip install 'dia-pipeline[video]'")


def number_of(frame: str) -> int:
    """The number in its video of a frame, by the name that `list_frames` gives it."""
    return int(frame.rsplit("#", 1)[1])


def _of_video(source: str) -> list[str]:
    check_pyav()
    from dia_pipeline.io.images import ImageError
    from dia_pipeline.io.video import count_frames

    if not Path(source).exists():
        return []
    try:
        return [f"{source}#{number}" for number in range(count_frames(source))]
    except ImageError as error:
        raise SequenceError(error.place, error.problem, error.remedy) from error
