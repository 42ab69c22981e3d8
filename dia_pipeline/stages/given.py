"""What a sequence is given: frames on one side, images that do not move on the other."""

from __future__ import annotations

from bisect import bisect_right
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dia_pipeline.runs.sequences import Chunk, Sequence
from dia_pipeline.stages.frames import FrameFile, Together, Video
from dia_pipeline.stages.preparing import prepare
from dia_pipeline.store.artefacts import Input, Remembered, given_image
from dia_pipeline.store.folders import Folder
from dia_pipeline.temporal.coherence import Locked

if TYPE_CHECKING:
    from dia_pipeline.algorithm.effort import Progress


class GivenSequence:
    """The images of a sequence, and what is found out of them before any is matched.

    Args:
        folder: of the results.
        progress: see `algorithm.effort.Progress`.
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
        return Video(self.sequence, self.folder / "source") if self.sequence.of_video else None

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
        return {
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

    def a(self, frame: int) -> Input:
        """A of a frame."""
        moves = self.sequence.content_moves
        return self.given[frame] if moves else self.fixed[self.sequence.a]

    def b_prime(self, chunk: Chunk, frame: int) -> Input:
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
        folder = self.folder / "prepared"
        return Folder(
            folder,
            stage="prepare",
            name="prepared",
            settings={"keyframes": list(self.sequence.keyframes), "medians": medians},
            inputs={"frames": Together(self.given)},
            make=partial(prepare, folder, medians=medians, progress=self.progress),
        )

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
