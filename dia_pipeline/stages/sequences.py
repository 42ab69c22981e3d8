"""The graph of a sequence: what is made of it, from the frames to the video.

    frames ── prepared ─┬─ fields 1 ── fields 2 ── fields 3 ── ...    by the mode of coherence
                        │     │           │           │
                        └─ frame 1     frame 2     frame 3 ── ... ── video

What is prepared says which frames are gaps and where scenes begin: only then the rest is known.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dia_pipeline.runs.sequences import Chunk, Sequence
from dia_pipeline.settings import Settings, Step
from dia_pipeline.stages.chains import Link
from dia_pipeline.stages.frames import Frame, FrameFile, Together
from dia_pipeline.stages.given import GivenSequence
from dia_pipeline.stages.jobs import Job, Matching, Networks, features_of, find_backbone
from dia_pipeline.stages.preparing import median_name
from dia_pipeline.stages.single import make_single
from dia_pipeline.stages.video import make_video
from dia_pipeline.store.arrays import Arrays, Content
from dia_pipeline.store.artefacts import Graph, Input, Remembered
from dia_pipeline.store.folders import Folder
from dia_pipeline.store.provenance import Backbone
from dia_pipeline.temporal.coherence import FULL, Before, Locked, Matched

if TYPE_CHECKING:
    import numpy as np

    from dia_pipeline.algorithm.effort import Estimate
    from dia_pipeline.temporal.frames import Part

SequenceProgress = Callable[[str, "Estimate"], None]
"""Told what is being made, by its name in `SequenceGraph.numbered`, and how far everything is."""


class PartOf(NamedTuple):
    """The weight of a part of a frame, its reference, and the fields into that."""

    weight: float
    reference: Input
    fields: Input


class SequenceGraph(GivenSequence):
    """What is made of a sequence, by the mode of its coherence.

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
        self._matching = Matching(settings, backbone, job.networks)
        self._features = {
            path: Remembered(features_of(image.of, self._matching, job))
            for path, image in self.fixed.items()
        }

    @property
    def asked(self) -> dict[str, Any]:
        """What the provenance says of what is given, of the settings and of the network."""
        backbone = asdict(self._matching.backbone)
        return {**super().asked, "settings": asdict(self.settings), "backbone": backbone}

    @cached_property
    def artefacts(self) -> Graph:
        """Everything that is made of the sequence, by name, each after what it is made of.

        Raises:
            ArtefactError: the frames are not prepared.
        """
        return {
            "prepared": self.prepared,
            **{f"features of {path}": each.of for path, each in self._features.items()},
            **{f"fields of {name}": each.of for name, each in self._locks.items()},
            **{f"fields {chunk} {n + 1}": each.of for (chunk, n), each in self._fields.items()},
            **{f"frame {n + 1}": frame for n, frame in self.frames.items()},
            "video": self.video,
        }

    @property
    def numbered(self) -> Graph:
        """The artefacts of every stage in order, by stage and number: `match: 3 of 24`."""
        found = {}
        for stage in self.sequence.stages:
            made = [each for each in self.artefacts.values() if each.stage == stage]
            for number, artefact in enumerate(made, 1):
                found[f"{stage}: {number} of {len(made)}" if len(made) > 1 else stage] = artefact
        return found

    # The fields.

    @cached_property
    def _fields(self) -> dict[tuple[str, int], Link]:
        """The fields by chunk and frame; none where they are locked."""
        fields: dict[tuple[str, int], Link] = {}
        if isinstance(self.sequence.mode, Locked):
            return fields
        for name, chunk in self.sequence.chunks.items():
            link: Link | None = None
            before = chunk.start
            for frame in range(chunk.start, chunk.end):
                if frame in self.gaps:
                    continue
                if not self._goes_on(before, frame):
                    link = None
                earlier: dict[str, Input] = {}
                if link:
                    earlier = {"before": link, "a_before": self.a(before)}
                link = Link(self._match_frame(name, chunk, frame, earlier), link)
                fields[name, frame], before = link, frame
        return fields

    def _goes_on(self, before: int, frame: int) -> bool:
        """Whether a frame depends on the one before: the two are of the same scene."""
        return self.sequence.mode.chained and frame in self.scene_of(before)

    def _match_frame(
        self, name: str, chunk: Chunk, frame: int, earlier: dict[str, Input]
    ) -> Arrays:
        pair = {"a": self.a(frame), "b_prime": self.b_prime(chunk, frame), **earlier}
        path = self.folder / "fields" / name / f"{frame + 1:04d}.h5"
        return self._matched(path, "match", pair, self.fixed_path(chunk), name)

    def _matched(
        self, path: Path, stage: str, pair: dict[str, Input], fixed: str, chunk: str = ""
    ) -> Arrays:
        """The fields of a pair of which one image is fixed."""
        decided = {"coherence": self.sequence.coherence, "network": self._matching.backbone.digest}
        needs = {**pair, "fixed": self._features[fixed]}
        settings = decided | self.settings.deciding(~Step.RESULTS & ~Step.MATCHED_FEATURES)
        return Arrays(
            path,
            stage=stage,
            name="fields",
            settings=settings,
            inputs=pair,
            make=self._match,
            needs=needs,
            chunk=chunk,
        )

    def _match(
        self,
        a: np.ndarray,
        b_prime: np.ndarray,
        fixed: Content,
        before: Content | None = None,
        a_before: np.ndarray | None = None,
    ) -> Content:
        from dia_pipeline.algorithm.effort import FEATURES
        from dia_pipeline.store.packing import unpack_features

        network = self._matching.network
        self.progress(0, FEATURES, 0.0)
        known = unpack_features(fixed.arrays, network.device)
        moves = self.sequence.content_moves
        extracted = self._matching.extract(a if moves else b_prime)
        features = (extracted, known) if moves else (known, extracted)
        pair = Matched(a, b_prime, features)
        earlier = None
        if before is not None and a_before is not None:
            earlier = Before(a_before, before.arrays)
        fields = self.sequence.mode.match(pair, earlier, network, self.settings, self.progress)
        return self._matching.content(fields)

    @cached_property
    def _locks(self) -> dict[str, Remembered]:
        """Where the matches are locked: the full field of every keyframe or median, by its name."""
        return {name: self._lock(name, image) for name, image in self._lock_images()}

    def _lock_images(self) -> Iterator[tuple[str, FrameFile]]:
        if isinstance(self.sequence.mode, Locked):
            for scene in self.scenes:
                for key in self._keys[scene]:
                    yield _key_name(key), self.given[key]
                if not self.sequence.keyframes:
                    median = self.prepared.path / median_name(scene.start)
                    yield _median_name(scene), FrameFile(str(median))

    def _lock(self, name: str, image: FrameFile) -> Remembered:
        path = self.folder / "fields" / "locked" / f"{name}.h5"
        pair: dict[str, Input] = {"a": self.fixed[self.sequence.a], "b_prime": image}
        fields = self._matched(path, "prepare", pair, self.sequence.a)
        return Remembered(fields, self._with_full_field)

    @cached_property
    def _keys(self) -> dict[range, list[int]]:
        """The keyframes of every scene in order; none where its median is matched."""
        keys: dict[range, list[int]] = {scene: [] for scene in self.scenes}
        for key in sorted(self.sequence.keyframes):
            if key not in self.gaps:
                keys[self.scene_of(key)].append(key)
        if not self.sequence.keyframes:
            return keys
        return {scene: inside or [scene.start] for scene, inside in keys.items()}

    def _with_full_field(self, fields: Content) -> Content:
        """Locked fields with that of A's pixels, which all frames share."""
        a = self.a(0).ensure()
        full = self.sequence.mode.field(fields.arrays, a, self.size, self.settings)
        return Content({FULL: full}, fields.attributes)

    # The images.

    @cached_property
    def frames(self) -> dict[int, Frame]:
        """What is made of every frame that is no gap."""
        return {
            frame: self._frame(name, frame)
            for name, chunk in self.sequence.chunks.items()
            for frame in range(chunk.start, chunk.stop)
            if frame not in self.gaps
        }

    def _frame(self, chunk: str, frame: int) -> Frame:
        parts = self.parts_of(frame)
        weights = [part.weight for part in parts]
        inputs: dict[str, Input] = {"a": self.a(frame)}
        for number, part in enumerate(parts):
            inputs |= {f"reference{number}": part.reference, f"fields{number}": part.fields}
        return Frame(
            self.folder / "frames" / f"{frame + 1:04d}.png",
            stage="frames",
            name="frame",
            settings={**self.settings.deciding(Step.RESULTS), "weights": weights},
            inputs=inputs,
            make=partial(self._make_frame, weights),
            chunk=chunk,
        )

    def _make_frame(self, weights: list[float], a: np.ndarray, **inputs: Any) -> np.ndarray:
        """A' of a frame, (H, W, 3) uint8."""
        from dia_pipeline.algorithm.effort import COMPOSE
        from dia_pipeline.algorithm.refinement import take
        from dia_pipeline.temporal.frames import make_frame

        self.progress(0, COMPOSE, 0.0)
        parts = [
            self.part(weight, a, inputs[f"reference{number}"], inputs[f"fields{number}"])
            for number, weight in enumerate(weights)
        ]
        made = make_frame(a, parts, self.settings)
        return take(a, made, self.settings.take)

    def part(self, weight: float, a: np.ndarray, reference: np.ndarray, fields: Content) -> Part:
        """A part of a frame, of the values of what it is made of."""
        shape = reference.shape[:2]
        return weight, reference, self.sequence.mode.field(fields.arrays, a, shape, self.settings)

    def parts_of(self, frame: int) -> list[PartOf]:
        """What a frame is made of."""
        if isinstance(self.sequence.mode, Locked):
            weights = self._lock_weights(frame)
            return [PartOf(w, self.given[frame], self._locks[name]) for name, w in weights.items()]
        return [
            PartOf(
                weight,
                self.b_prime(self.sequence.chunks[name], frame),
                self._fields[name, frame],
            )
            for name, weight in self.sequence.weights(frame).items()
        ]

    def _lock_weights(self, frame: int) -> dict[str, float]:
        """The locks by which a frame is made: those of the keyframes around it."""
        scene = self.scene_of(frame)
        keys = self._keys[scene]
        if not keys:
            return {_median_name(scene): 1.0}
        if frame <= keys[0] or frame >= keys[-1]:
            return {_key_name(keys[0] if frame <= keys[0] else keys[-1]): 1.0}
        number = bisect_right(keys, frame)
        before, after = keys[number - 1], keys[number]
        weight = (frame - before) / (after - before)
        weights = {before: 1 - weight, after: weight}
        return {_key_name(key): weight for key, weight in weights.items() if weight}

    @cached_property
    def video(self) -> Folder:
        """Video, preview, contact sheet, measures; with all frames the folder of results."""
        return Folder(
            self.folder,
            stage="video",
            name="video",
            settings={"frame_rate": self.sequence.frame_rate},
            inputs={"frames": Together(list(self.frames.values()))},
            make=partial(make_video, self),
        )


def _median_name(scene: range) -> str:
    return f"{scene.start + 1:04d}-median"


def _key_name(frame: int) -> str:
    return f"{frame + 1:04d}"


def run_sequence(
    sequence: Sequence,
    folder: Path,
    settings: Settings,
    device: str = "auto",
    progress: SequenceProgress = lambda name, estimate: None,
    replace: bool = False,
) -> dict[int, str]:
    """Process a sequence in one go and leave the same results as the workflow does.

    Args:
        progress: see `SequenceProgress`.
        replace: whether results of other inputs or settings may be replaced.

    Returns:
        Why each frame that is missing, counted from 0, is.

    Raises:
        ImageError, InputError: an image that all frames need, or every frame, cannot be read, or
            one would be overwritten.
        FolderError, LockError: the folder holds other results, or another run is at work there.
        JobError, OSError: weights, device or disk are at fault.
    """
    from dia_pipeline.algorithm.effort import Estimate
    from dia_pipeline.stages.efforts import sequence_efforts

    backbone, _ = find_backbone(settings.backbone)

    def tell(level: int, step: str, share: float) -> None:
        """Of what is being made: the last `name` below."""
        estimate.tell(level, f"{name}, {step}", share)
        progress(name, estimate)

    job = Job(Networks(device), lambda key: folder / "features" / f"{key}.h5", progress=tell)
    graph, expected = (SequenceGraph(sequence, settings, backbone, folder, job) for _ in range(2))
    expected.report = graph.one_scene
    name, estimate = next(iter(expected.numbered)), Estimate([sequence_efforts(expected)])

    def read() -> dict[int, str]:
        graph.prepared.read()
        for artefact in graph.numbered.values():
            artefact.read()
        return graph.gaps

    def make() -> dict[int, str]:
        nonlocal name, estimate
        graph.prepared.ensure()
        estimate = Estimate([sequence_efforts(graph)])
        for name, artefact in graph.numbered.items():  # noqa: B007  it is what `tell` names
            artefact.ensure()
        return graph.gaps

    return make_single(folder, sequence.files, lambda: graph.asked, read, make, replace)
