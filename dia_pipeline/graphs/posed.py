"""In which pose the images of a sequence are matched: one for a scene or a reference."""

from __future__ import annotations

import logging
from bisect import bisect_left
from dataclasses import asdict
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dia_pipeline.graphs.given import GivenSequence
from dia_pipeline.graphs.preparing import PREPARE
from dia_pipeline.graphs.shared import Job, Matching, pose_in
from dia_pipeline.io.notes import say_once
from dia_pipeline.runs.sequence import Chunk, Sequence
from dia_pipeline.settings import Settings
from dia_pipeline.store.arrays import Arrays, Content
from dia_pipeline.store.artefacts import Input
from dia_pipeline.store.provenance import Backbone

if TYPE_CHECKING:
    import numpy as np

    from dia_pipeline.affine import Shape
    from dia_pipeline.algorithm.features import Pyramid
    from dia_pipeline.alignment.canvas import Canvas
    from dia_pipeline.alignment.pose import Pose


class PosedSequence(GivenSequence):
    """The poses of a sequence, and the features of what does not move in them.

    Args:
        folder: of the results.
    """

    def __init__(
        self,
        sequence: Sequence,
        settings: Settings,
        backbone: Backbone,
        folder: Path,
        job: Job,
    ):
        super().__init__(sequence, folder, job.progress)
        self.settings = settings
        self.matching = Matching(settings, backbone, job.networks)
        self.fixed_features = lru_cache(1)(self._extract_fixed)

    @property
    def asked(self) -> dict[str, Any]:
        """What the provenance says of what is given, of the settings and of the network."""
        backbone = asdict(self.matching.backbone)
        return {**super().asked, "settings": asdict(self.settings), "backbone": backbone}

    @cached_property
    def poses(self) -> dict[int, Arrays]:
        """The pose and how sure it is that the images match, by each frame that is compared."""
        found: dict[int, Arrays] = {}
        for frame in self._compared:
            found[frame] = self._pose(frame, found)
        return found

    @property
    def _compared(self) -> list[int]:
        """The keyframes that are matched; else the first frames of all scenes and references."""
        if self.sequence.keyframes:
            return [key for keys in self.keys.values() for key in keys]
        begins = self.sequence.references if self.sequence.content_moves else ()
        count = len(self.sequence.frames)
        known = [[n for n in range(begin, count) if n not in self.gaps] for begin in begins]
        return sorted({*(scene.start for scene in self.scenes), *(n[0] for n in known if n)})

    def _pose(self, frame: int, earlier: dict[int, Arrays]) -> Arrays:
        pair = {"a": self.a(frame), "b_prime": self.b_prime(self._chunk_of(frame), frame)}
        return Arrays(
            self.folder / "fields" / "poses" / f"{frame + 1:04d}.h5",
            stage="prepare",
            name="pose",
            settings={**self.settings.deciding_pose, "network": self.matching.backbone.digest},
            inputs={**pair, **self.found(frame, self.image_of(frame), earlier)},
            make=partial(self._compare, frame),
        )

    def found(self, frame: int, fixed: str, poses: dict[int, Arrays]) -> dict[str, Input]:
        """The pose in which a frame is matched with a fixed image, where that is looked for.

        It is one for all frames of a scene, and for all of a reference where scenes tell of none.
        """
        compared = self._compared_with.get(fixed)
        if not (self.settings.finds_pose and compared):
            return {}
        scene = self.scene_of(frame)
        first = bisect_left(compared, scene.start)
        inside = first < len(compared) and compared[first] in scene
        deciding = compared[first if inside else max(first - 1, 0)]
        return {"pose": poses[deciding]} if deciding in poses else {}

    @cached_property
    def _compared_with(self) -> dict[str, list[int]]:
        """The frames that are compared, by the fixed image with which they are."""
        found: dict[str, list[int]] = {}
        for frame in sorted(self._compared):
            found.setdefault(self.image_of(frame), []).append(frame)
        return found

    def _chunk_of(self, frame: int) -> Chunk:
        return self.sequence.chunk_of(frame)[1]

    def _compare(
        self, frame: int, a: np.ndarray, b_prime: np.ndarray, pose: Content | None = None
    ) -> Content:
        """The pose of a frame, unless it is known, and how sure the match is; said if it is not."""
        from dia_pipeline.analogy import compared, pose_of

        self.progress(0, PREPARE, 0.0)
        pair = a, b_prime, self.matching.network, self.settings
        found = compared(*pair, pose_in(pose)) if pose else pose_of(*pair)
        which = f"frame {frame + 1} and {self.image_of(frame)}"
        if not pose and found.found and found.found.better:
            say_once(f"{which}: {found}", logging.INFO)
        if not found.sound:
            say_once(f"{which} may have little in common: {found.match}", logging.WARNING)
        return self.matching.content({}, pose=asdict(found))

    def image_of(self, frame: int) -> str:
        """The path of the image that stands still with which a frame is matched."""
        return self.fixed_path(self._chunk_of(frame))

    @cached_property
    def keys(self) -> dict[range, list[int]]:
        """The keyframes of every scene in order; none where its median is matched."""
        keys: dict[range, list[int]] = {scene: [] for scene in self.scenes}
        for key in sorted(self.sequence.keyframes):
            if key not in self.gaps:
                keys[self.scene_of(key)].append(key)
        if not self.sequence.keyframes:
            return keys
        return {scene: inside or [scene.start] for scene, inside in keys.items()}

    def _extract_fixed(self, path: str, pose: Pose, a: Shape) -> Pyramid:
        """The features of an image that does not move, on its canvas if it is B'."""
        image = self.fixed[path].ensure()
        if not self.sequence.content_moves:
            return self.matching.extract(image)
        canvas = self.canvas(pose, a, image.shape)
        return canvas.features(image, self.matching.network, self.settings)

    def canvas(self, pose: Pose, a: Shape, b_prime: Shape) -> Canvas:
        """The canvas of images of these shapes, (height, width, ...), in a pose."""
        from dia_pipeline.alignment.canvas import Canvas

        return Canvas.of(pose.matrix, a, b_prime, self.settings)
