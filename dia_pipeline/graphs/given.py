"""What a sequence is given: frames on one side, images that do not move on the other."""

from __future__ import annotations

from bisect import bisect_right
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dia_pipeline.graphs.carrying import Carrying, carried_name
from dia_pipeline.graphs.preparing import prepare
from dia_pipeline.guides import GUIDES, LABELS, deciding
from dia_pipeline.runs.sequence import Chunk, Sequence, keyed
from dia_pipeline.settings import Step
from dia_pipeline.store.artefacts import File, Input, Remembered, digest, given_image
from dia_pipeline.store.folders import Folder, Written
from dia_pipeline.store.frames import Carried, FrameFile, Together, Video, Whole
from dia_pipeline.store.provenance import describe_file
from dia_pipeline.temporal.coherence import Locked

if TYPE_CHECKING:
    from dia_pipeline.machine.effort import Progress


Image = FrameFile | Remembered
"""An image of a sequence, of which the pixels are taken: one that moves, or one that does not."""


def whole(image: Image) -> Input:
    """All of an image of a sequence, a `Picture`."""
    return Whole(image) if isinstance(image, FrameFile) else image.of


class GivenSequence:
    """The images of a sequence, and what is found out of them before any is matched.

    Args:
        folder: of the results.
        progress: see `machine.effort.Progress`.
    """

    def __init__(self, sequence: Sequence, folder: Path, progress: Progress):
        self.sequence = sequence
        self.folder = folder
        self.progress = progress
        self.fixed = {
            path: Remembered(given_image(path), lambda picture: picture.pixels)
            for path in self._fixed_paths
        }

    @cached_property
    def _film(self) -> Video | None:
        """The video that the frames are of, if they are; they are kept as images in a folder."""
        if not self.sequence.of_video:
            return None
        return Video(self.sequence.source, self.sequence.frames, self.folder / "source")

    @cached_property
    def given(self) -> list[FrameFile]:
        """The frames of the side that moves."""
        if self._film:
            return list(self._film.frames)
        return [FrameFile(path) for path in self.sequence.frames]

    def steady(self) -> AbstractContextManager:
        """A context in which the video that the frames are of, if they are, is read by its path."""
        return self._film.steady() if self._film else nullcontext()

    @property
    def asked(self) -> dict[str, Any]:
        """What the provenance says of what is given."""
        sequence = asdict(self.sequence)
        names = sequence.pop("frames")
        del sequence["a_prime"]  # nothing is made of it
        files = self.sequence.guide_files
        described = {n: describe_file(files[n], guide.key) for n, guide in self._guides.items()}
        return {
            **({"guides": described} if described else {}),
            "sequence": sequence,
            "frames": [
                {"path": name, "sha256": frame.key}
                for name, frame in zip(names, self.given, strict=True)
            ],
            "fixed": {path: image.key for path, image in self.fixed.items()},
        }

    @property
    def _fixed_paths(self) -> list[str]:
        """The images of the side that does not move."""
        if self.sequence.content_moves:
            return list(dict.fromkeys(self.sequence.references.values()))
        return [self.sequence.a]

    def a(self, frame: int) -> Image:
        """A of a frame."""
        moves = self.sequence.content_moves
        return self.given[frame] if moves else self.fixed[self.sequence.a]

    def b_prime(self, chunk: Chunk, frame: int) -> Image:
        """B' of a frame in a chunk."""
        return (
            self.fixed[self.fixed_path(chunk)] if self.sequence.content_moves else self.given[frame]
        )

    def fixed_path(self, chunk: Chunk) -> str:
        """The image of the side that does not move with which a chunk is matched."""
        return chunk.reference or self.sequence.a

    @cached_property
    def prepared(self) -> Folder:
        """Which frames are gaps and where scenes begin; the medians of these, if need be."""
        medians = isinstance(self.sequence.mode, Locked) and not self.sequence.keyframes
        still = self.sequence.still_guides
        moving = {name: guide for name, guide in self._guides.items() if name not in still}
        folder = self.folder / "prepared"
        return Folder(
            folder,
            stage="prepare",
            name="prepared",
            settings={"keyframes": list(self.sequence.keyframes), "medians": medians},
            inputs={"frames": Together(self.given), **moving},
            make=partial(self._prepare, folder, medians),
        )

    def _prepare(
        self, folder: Path, medians: bool, frames: list[FrameFile], **said: Any
    ) -> Written:
        keyframes = {
            name: {frame: (path, said[keyed(name, frame)]) for frame, path in by_frame.items()}
            for name, by_frame in self.sequence.moving_guides.items()
        }
        carrying = Carrying(folder, keyframes, "a" if self.sequence.content_moves else "b_prime")
        return prepare(folder, frames, medians, self.progress, carrying)

    @cached_property
    def _guides(self) -> dict[str, Input]:
        """The files of all guides, by their names in `Sequence.guide_files`."""
        files = self.sequence.guide_files
        return {
            name: given_image(path) if GUIDES[name.partition(" ")[0]].over else File(path)
            for name, path in files.items()
        }

    def guiding(self, frame: int, steps: Step) -> dict[str, Input]:
        """What is said of a frame that decides steps, by the names of the guides."""
        found: dict[str, Input] = {}
        for name in deciding(steps, self.sequence.guides):
            still = name in self.sequence.still_guides
            guide = self._guides[name] if still else self._carried(name, frame)
            if guide:
                found[name] = guide
        if not found.keys() >= set(LABELS):  # beyond a cut the one of the moving side is not known
            found = {name: guide for name, guide in found.items() if name not in LABELS}
        return found

    def _carried(self, name: str, frame: int) -> Carried | None:
        """A guide of the last keyframe before a frame of its scene, as it is there."""
        file = carried_name(name, frame)
        if file not in self.report.get("outputs", {}):
            return None
        return Carried(self.prepared.path / file, self._carried_keys[name][frame])

    @cached_property
    def _carried_keys(self) -> dict[str, dict[int, str]]:
        """The key of each carried guide at every frame: of its file and the frames since."""
        found: dict[str, dict[int, str]] = {}
        for name, by_frame in self.sequence.moving_guides.items():
            key, keys = "", found.setdefault(name, {})
            for frame in range(min(by_frame), len(self.given)):
                if frame in by_frame:
                    key = self._guides[keyed(name, frame)].key
                if frame not in self.gaps:
                    key = digest([key, self.given[frame].key])
                keys[frame] = key
        return found

    @cached_property
    def report(self) -> dict[str, Any]:
        """What is prepared: the numbers of the first frames of scenes, gaps, the size."""
        return self.prepared.read()

    @property
    def one_scene(self) -> dict[str, Any]:
        """What the report will be where there is one scene and no gap, by what the files say.

        The size is (0, 0) where they do not tell it.
        """
        from dia_pipeline.io.images import ImageError, image_size

        size = 0, 0
        if self.sequence.of_video:
            from dia_pipeline.io.video import read_pace

            with suppress(ImageError):
                size = read_pace(self.sequence.source).size
        else:
            size = next(filter(all, map(image_size, self.sequence.frames)), size)
        return {"scenes": [0], "gaps": {}, "size": size}

    @property
    def size(self) -> tuple[int, ...]:
        """Height and width of the frames."""
        return tuple(self.report["size"])

    @cached_property
    def gaps(self) -> dict[int, str]:
        """Why each frame that cannot be used cannot."""
        return {int(frame): reason for frame, reason in self.report["gaps"].items()}

    @cached_property
    def scenes(self) -> list[range]:
        """The frames of every scene, gaps among them."""
        bounds = [*self.report["scenes"], len(self.sequence.frames)]
        return [range(*both) for both in pairwise(bounds)]

    def scene_of(self, frame: int) -> range:
        """The frames of the scene of a frame that is no gap."""
        return self.scenes[bisect_right(self.scenes, frame, key=lambda scene: scene.start) - 1]
