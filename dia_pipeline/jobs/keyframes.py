"""Frames of a film that are proposed to be painted: found, and written out with a table."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dia_pipeline.figures.sequence import write_sheet
from dia_pipeline.io.cells import write_cells
from dia_pipeline.io.files import FolderError, check_folder
from dia_pipeline.io.images import ImageError, read_image, write_image
from dia_pipeline.pixels import nearest_image, shrunk
from dia_pipeline.runs.sources import number_of
from dia_pipeline.temporal import keyframes
from dia_pipeline.temporal.keyframes import Chosen, Compared, Served, choose, serving
from dia_pipeline.temporal.motion import is_cut

TABLE = "keyframes.tsv"
"""The table of the frames that are proposed."""

SHEET = "contact_sheet.png"

GREY = 2.0
"""Grey levels by which the channels of a film in black and white differ at most, on the average."""

PALE = 4
"""What others show already is so many times nearer to white on the contact sheet."""


@dataclass(frozen=True)
class Proposal:
    """Frames of a film that are proposed.

    Attributes:
        scenes: the frames of each that can be read.
        chosen: in the order of what they add.
        served: how they serve the scenes, by number.
        needed: how many would give every scene one that shows it.
        unread: how many frames cannot be read, or have another size than the first.
        grey: whether the film is in black and white.
    """

    scenes: list[list[int]]
    chosen: list[Chosen]
    served: dict[int, Served]
    needed: int
    unread: int
    grey: bool

    @property
    def wanting(self) -> list[int]:
        """The numbers of the scenes that have none, and are shown too little by those of others."""
        own = {each.scene for each in self.chosen}
        return [
            scene
            for scene in range(len(self.scenes))
            if scene not in own
            and (scene not in self.served or self.served[scene].share < keyframes.SERVED)
        ]

    @property
    def keys(self) -> dict[int, int]:
        """The frame whose picture is the reference, by the frame from which on it is.

        It is that of the scene, from its beginning on; without one, that which shows most of it.
        A scene of which none shows enough keeps the one before.
        """
        keys: dict[int, int] = {}
        for number, scene in enumerate(self.scenes):
            begin = scene[0] if number else 0
            own = sorted(each.frame for each in self.chosen if each.scene == number)
            if own:
                keys |= {begin: own[0]} | {frame: frame for frame in own}
            elif number not in self.wanting:
                keys[begin] = self.served[number].best
        return {0: next(iter(keys.values()))} | keys

    def b_prime(self, folder: Path) -> str:
        """What `dia timelapse` takes as B', once the pictures in a folder are painted."""
        return ",".join(f"{at}={folder / name_of(frame)}" for at, frame in self.keys.items())

    @property
    def preset(self) -> list[str]:
        """The option of the preset for films such as this one."""
        return ["--preset", "colour-film"] if self.grey else []


class Clip(NamedTuple):
    """A film: what it is called, and its frames by their names, see `sources.list_frames`."""

    source: str
    frames: list[str]
    of_video: bool

    def read(self, wanted: Collection[int]) -> Iterator[tuple[int, np.ndarray]]:
        """Those of the wanted frames that can be read, (H, W, 3) uint8, in order."""
        if self.of_video:
            yield from self._decoded(wanted)
            return
        for number in sorted(wanted):
            with suppress(ImageError):
                yield number, read_image(self.frames[number])

    def _decoded(self, wanted: Collection[int]) -> Iterator[tuple[int, np.ndarray]]:
        from dia_pipeline.io.video import decode_frames

        numbers = {number_of(self.frames[each]): each for each in wanted}
        with suppress(ImageError):
            for number, image in enumerate(decode_frames(self.source)):
                if number in numbers:
                    yield numbers.pop(number), image
                if not numbers:
                    return


def propose(clip: Clip, count: int | None = None) -> Proposal:
    """Find the frames of a film that show what the others do not.

    Args:
        count: how many; by default as many as give every scene one that shows it.

    Raises:
        ImageError: no frame can be read.
    """
    scenes, firsts = _scenes(clip)
    if not scenes:
        raise ImageError(clip.source, "no frame of it can be read", "check it")
    groups = keyframes.alike(firsts)
    picked = {
        scene: keyframes.sampled(scenes[scene], len(group), len(scenes))
        for group in groups
        for scene in group
    }
    wanted = {frame for frames in picked.values() for frame in frames}
    small = {number: shrunk(image, keyframes.SIDE) for number, image in clip.read(wanted)}
    compared = [
        _compared(small, {scene: (scenes[scene], picked[scene]) for scene in group})
        for group in groups
    ]
    needed = choose(compared)
    chosen = needed if count is None else choose(compared, count)
    served = serving(compared, [each.frame for each in chosen])
    unread = len(clip.frames) - sum(map(len, scenes))
    grey = all(map(_is_grey, small.values()))
    return Proposal(scenes, chosen, served, len(needed), unread, grey)


def _scenes(clip: Clip) -> tuple[list[list[int]], list[np.ndarray]]:
    """The frames of every scene that can be read and are of one size, and its first, small."""
    scenes: list[list[int]] = []
    firsts: list[np.ndarray] = []
    before: np.ndarray | None = None
    for number, image in clip.read(range(len(clip.frames))):
        if before is not None and image.shape != before.shape:
            continue
        if before is None or is_cut(before, image):
            scenes.append([])
            firsts.append(shrunk(image, keyframes.SIDE))
        scenes[-1].append(number)
        before = image
    return scenes, firsts


def _compared(
    small: dict[int, np.ndarray], group: dict[int, tuple[list[int], list[int]]]
) -> Compared:
    """What frames of scenes show of each other.

    Args:
        small: the images of the frames that are compared.
        group: all frames of each scene, and those that are compared, by its number.
    """
    rows = [
        (frame, scene, len(all_of) / len(picked))
        for scene, (all_of, picked) in group.items()
        for frame in picked
    ]
    frames, scenes, stands = (np.array(column) for column in zip(*rows, strict=True))
    found = keyframes.compare([small[frame] for frame in frames], scenes.tolist())
    return Compared(frames, scenes, stands, found)


def _is_grey(image: np.ndarray) -> bool:
    return float(np.ptp(image, axis=-1).mean()) <= GREY


def check_empty(folder: Path) -> None:
    """Make sure that nothing can be overwritten: there may be pictures that somebody painted.

    Raises:
        FolderError: there is something in the folder, or nothing can be written into it.
    """
    check_folder(folder)
    if folder.is_dir() and any(folder.iterdir()):
        raise FolderError(folder, "there is something in it", "name a new folder, or an empty one")
    if "," in str(folder):
        raise FolderError(folder, "a comma parts keyframes", "name a folder without one")


def write_proposal(folder: Path, clip: Clip, proposal: Proposal) -> None:
    """Write the frames that are proposed into a folder, with a table and a contact sheet."""
    write_sheet(folder / SHEET, _written(folder, clip, proposal))
    rows = [
        (each.frame, name_of(each.frame), each.scene + 1, f"{100 * each.adds:.1f}")
        for each in proposal.chosen
    ]
    write_cells(folder / TABLE, [("frame", "file", "scene", "adds"), *rows])


def _written(
    folder: Path, clip: Clip, proposal: Proposal
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Write the frames one by one; what the contact sheet shows of each."""
    by_frame = {each.frame: each for each in proposal.chosen}
    for number, image in clip.read(by_frame):
        write_image(folder / name_of(number), image)
        pale = _with_known_pale(image, by_frame[number].known)
        yield f"{number}: adds {by_frame[number].adds:.0%}", image, pale


def name_of(frame: int) -> str:
    """The file of a frame."""
    return f"{frame + 1:04d}.png"


def _with_known_pale(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """A frame (H, W, 3) uint8, pale where others show the same."""
    height, width = shrunk(image, keyframes.SIDE).shape[:2]
    seen = np.unpackbits(known, count=height * width).reshape(height, width).astype(bool)
    pale = 255 - (255 - image) // PALE
    return np.where(nearest_image(seen, image.shape[:2])[..., None], pale, image)
