"""Where the frames of a sequence come from: a folder, a pattern, a list of images or a video."""

from __future__ import annotations

import re
from glob import glob
from itertools import pairwise
from pathlib import Path

from dia_pipeline.errors import DiaError

IMAGES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
VIDEOS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm")
LIST = ".txt"


class SequenceError(DiaError):
    """A sequence cannot be processed as it is described; the message says what to change."""


def is_image(source: str) -> bool:
    """Whether a source is the path of one image, and so no sequence."""
    path = Path(source)
    return path.suffix.lower() in IMAGES and not path.is_dir() and not _is_pattern(source)


def is_video(source: str) -> bool:
    return Path(source).suffix.lower() in VIDEOS and not _is_pattern(source)


def list_frames(source: str, start: int = 0, stop: int | None = None, stride: int = 1) -> list[str]:
    """The frames of a source, `start` to `stop` (not included) in steps, as of a Python slice.

    Of a folder or pattern, the images in the order of the numbers in their names; a number that
    is missing from otherwise evenly numbered names is a frame too, and so is every line of a list
    (a text file of paths, relative to its folder): reading them then says what is missing. Frame N
    of a video is called `VIDEO#N`.

    Raises:
        SequenceError: there is no such source, or no frame in it.
    """
    path = Path(source)
    if is_video(source):
        frames = [f"{source}#{number}" for number in range(_count_frames(source))]
    elif path.suffix.lower() == LIST:
        frames = _listed(path)
    else:
        names = (
            glob(f"{source}/*") if path.is_dir() else glob(source) if _is_pattern(source) else []
        )
        frames = _without_holes([n for n in names if Path(n).suffix.lower() in IMAGES])
    frames = frames[start:stop:stride]
    if not frames:
        raise SequenceError(
            source,
            "there are no frames",
            "give a folder of images, a pattern such as "
            f"'day/*.jpg', a list of images in a {LIST} file, or a video ({' '.join(VIDEOS)}); "
            "and check start, stop and stride",
        )
    return frames


def _is_pattern(source: str) -> bool:
    return any(sign in source for sign in "*?[") and not Path(source).exists()


def _count_frames(video: str) -> int:
    from dia_pipeline.io.images import ImageError
    from dia_pipeline.io.video import count_frames

    try:
        return count_frames(video)
    except ImageError as error:
        raise SequenceError(error.place, error.problem, error.remedy) from error


def _listed(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SequenceError(path, f"the list cannot be read ({error})", "check it") from error
    names = (line.strip() for line in lines)
    return [str(path.parent / name) for name in names if name and not name.startswith("#")]


def _without_holes(names: list[str]) -> list[str]:
    """File names by their last numbers, with those put in that an even numbering lacks."""
    found = {name: re.fullmatch(r"(.*?)(\d+)(\D*)", name, re.DOTALL) for name in names}
    parts = {name: part for name, part in found.items() if part}
    if not names or len(parts) < len(names):
        return sorted(names)
    numbers = {int(part[2]): part for part in parts.values()}
    ordered = sorted(numbers)
    steps = [later - earlier for earlier, later in pairwise(ordered)]
    alike = len({(part[1], part[3]) for part in parts.values()}) == 1
    if not alike or len(numbers) < len(names) or not steps or any(s % min(steps) for s in steps):
        return sorted(names, key=lambda name: (parts[name][1], int(parts[name][2]), name))
    head, digits, tail = numbers[ordered[0]].groups()
    return [
        numbers[n][0] if n in numbers else f"{head}{n:0{len(digits)}d}{tail}"
        for n in range(ordered[0], ordered[-1] + 1, min(steps))
    ]
