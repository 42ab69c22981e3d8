"""What is made of the frames of a sequence: their fields, and of these the images."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import asdict
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dia_pipeline.graphs.chains import Link
from dia_pipeline.graphs.given import Image, whole
from dia_pipeline.graphs.posed import PosedSequence
from dia_pipeline.graphs.preparing import median_name
from dia_pipeline.graphs.shared import deep, guidance_of, pose_in
from dia_pipeline.guides import GUIDES
from dia_pipeline.runs.sequence import Chunk
from dia_pipeline.settings import Step
from dia_pipeline.store.arrays import Arrays, Content
from dia_pipeline.store.artefacts import Input, Remembered
from dia_pipeline.store.frames import Frame, FrameFile
from dia_pipeline.temporal.coherence import FULL, KNOWN, Known, Locked

if TYPE_CHECKING:
    import numpy as np

    from dia_pipeline.alignment.guidance import Guidance
    from dia_pipeline.io.images import Picture
    from dia_pipeline.temporal.propagation import Part

FIELDS = Step.LEVELS | Step.RECONSTRUCTION
"""The steps of the fields."""


class PartOf(NamedTuple):
    """The weight of a part of a frame, its reference, and the fields into that."""

    weight: float
    reference: Image
    fields: Input


class ComposedSequence(PosedSequence):
    """The fields and the frames of a sequence, by the mode of its coherence."""

    # The fields.

    @cached_property
    def _fields(self) -> dict[tuple[str, int], Link]:
        """The fields by chunk and frame; none where they are locked."""
        fields: dict[tuple[str, int], Link] = {}
        if isinstance(self.sequence.mode, Locked):
            return fields
        for name, chunk in self.sequence.chunks.items():
            link: Link | None = None
            before = first = chunk.start
            for frame in self._frames_of(chunk):
                earlier: dict[str, Input] = {}
                if link and self._goes_on(before, frame):
                    earlier = {"before": link, "a_before": self.a(before)}
                    if self.sequence.mode.anchored:
                        anchor = fields[name, first]
                        earlier |= {"anchor": anchor, "a_anchor": self.a(first)}
                else:
                    link, first = None, frame
                link = Link(self._match_frame(name, chunk, frame, earlier), link)
                fields[name, frame], before = link, frame
        return fields

    @cached_property
    def _back(self) -> dict[tuple[str, int], Link]:
        """The fields into the keyframe after a chunk, by that chunk and frame but its first.

        They are carried back from the keyframe, and belong to the chunk that ends there.
        """
        found: dict[tuple[str, int], Link] = {}
        for (name, chunk), (next_name, following) in pairwise(self.sequence.chunks.items()):
            key = next(iter(self._frames_of(following)), None)
            if key is None or following.reference == chunk.reference:
                continue
            if not (self.sequence.mode.anchored and self._reaches(chunk, key)):
                continue
            anchor = link = self._fields[next_name, key]
            before = key
            own = [n for n in self._frames_of(chunk) if n > chunk.start and self._goes_on(n, key)]
            for frame in reversed(own):
                earlier: dict[str, Input] = {"before": link, "a_before": self.a(before)}
                earlier |= {"anchor": anchor, "a_anchor": self.a(key)}
                link = Link(self._match_frame(name, following, frame, earlier, "-back"), link)
                found[name, frame], before = link, frame
        return found

    def _frames_of(self, chunk: Chunk) -> list[int]:
        """The frames that a chunk matches: of those that it shares, the ones before a cut."""
        frames = range(chunk.start, chunk.end)
        return [n for n in frames if n not in self.gaps and self._reaches(chunk, n)]

    def _reaches(self, chunk: Chunk, frame: int) -> bool:
        """Whether a frame is a chunk's own, or one after these with no cut between."""
        return frame < chunk.stop or frame in self.scene_of(chunk.stop - 1)

    def _goes_on(self, before: int, frame: int) -> bool:
        """Whether a frame depends on the one before: the two are of the same scene."""
        return self.sequence.mode.chained and frame in self.scene_of(before)

    def _match_frame(
        self, name: str, chunk: Chunk, frame: int, earlier: dict[str, Input], way: str = ""
    ) -> Arrays:
        fixed = self.fixed_path(chunk)
        said = {**self.found(frame, fixed, self.poses), **self.guiding(frame, FIELDS)}
        pair = {"a": self.a(frame), "b_prime": self.b_prime(chunk, frame), **earlier, **said}
        path = self.folder / "fields" / name / f"{frame + 1:04d}{way}.h5"
        return self._matched(path, "match", pair, fixed, name)

    def _matched(
        self, path: Path, stage: str, pair: dict[str, Input], fixed: str, chunk: str = ""
    ) -> Arrays:
        """The fields of a pair of which one image is fixed."""
        decided = {"coherence": self.sequence.coherence, "network": self.matching.backbone.digest}
        settings = decided | self.settings.deciding(~Step.RESULTS & ~Step.NETWORK)
        return Arrays(
            path,
            stage=stage,
            name="fields",
            settings=settings,
            inputs=pair,
            make=partial(self._match, fixed),
            chunk=chunk,
        )

    def _match(
        self,
        fixed: str,
        a: np.ndarray,
        b_prime: np.ndarray,
        pose: Content | None = None,
        before: Content | None = None,
        a_before: np.ndarray | None = None,
        anchor: Content | None = None,
        a_anchor: np.ndarray | None = None,
        **guides: Any,
    ) -> Content:
        from dia_pipeline.alignment.pose import POSES, Pose
        from dia_pipeline.machine.effort import FEATURES
        from dia_pipeline.temporal.propagation import Matched

        network = self.matching.network
        self.progress(0, FEATURES, 0.0)
        known = pose_in(pose) if pose else POSES.get(self.settings.pose, Pose())
        canvas = self.canvas(known, a.shape, b_prime.shape)
        still = dict(self.fixed_features(fixed, known, a.shape[:2]))
        if self.sequence.content_moves:
            features = self.matching.extract(a), still
        else:
            features = still, canvas.features(b_prime, network, self.settings)
        pair = Matched(a, canvas, features, self._guidance(a, b_prime, guides))
        earlier = _known(a_before, before), _known(a_anchor, anchor)
        fields = self.sequence.mode.match(pair, *earlier, network, self.settings, self.progress)
        return self.matching.content(fields, pose=asdict(known))

    def _guidance(
        self, a: np.ndarray, b_prime: np.ndarray, guides: dict[str, Any]
    ) -> Guidance | None:
        return guidance_of(a, b_prime, guides, self.sequence.guides, self.settings)

    @cached_property
    def _locks(self) -> dict[str, Remembered]:
        """Where the matches are locked: the full field of every keyframe or median, by its name."""
        return {each[0]: self._lock(*each) for each in self._lock_images()}

    def _lock_images(self) -> Iterator[tuple[str, int, FrameFile]]:
        """Each with its name and a frame of its scene."""
        if isinstance(self.sequence.mode, Locked):
            for scene in self.scenes:
                for key in self.keys[scene]:
                    yield _key_name(key), key, self.given[key]
                if not self.sequence.keyframes:
                    median = self.prepared.path / median_name(scene.start)
                    yield _median_name(scene), scene.start, FrameFile(str(median))

    def _lock(self, name: str, frame: int, image: FrameFile) -> Remembered:
        path = self.folder / "fields" / "locked" / f"{name}.h5"
        found = self.found(frame, self.sequence.a, self.poses)
        said = {**found, **self.guiding(0, FIELDS)}  # the references stand still
        pair: dict[str, Input] = {"a": self.fixed[self.sequence.a], "b_prime": image, **said}
        fields = self._matched(path, "prepare", pair, self.sequence.a)
        return Remembered(fields, self._with_full_field)

    def _with_full_field(self, fields: Content) -> Content:
        """Locked fields with that of A's pixels, which all frames share."""
        a = self.a(0).ensure()
        target = self.canvas(pose_in(fields), a.shape, self.size).size
        full = self.sequence.mode.field(fields.arrays, a, target, self.settings)
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
        a = whole(self.a(frame))
        inputs: dict[str, Input] = {"a": a, **self.guiding(frame, Step.RESULTS)}
        for number, part in enumerate(parts):
            reference = whole(part.reference)
            inputs |= {f"reference{number}": reference, f"fields{number}": part.fields}
        return Frame(
            self.folder / "frames" / f"{frame + 1:04d}.png",
            stage="frames",
            name="frame",
            settings={**self.settings.deciding(Step.RESULTS), "weights": weights},
            inputs=inputs,
            make=partial(self._make_frame, weights, (chunk, frame) in self._back),
            chunk=chunk,
        )

    def _make_frame(
        self, weights: list[float], between: bool, a: Picture, **inputs: Any
    ) -> np.ndarray:
        """A' of a frame, as `io.frames` has frames; `between` two keyframes of both."""
        from dia_pipeline.alignment.regions import restrain
        from dia_pipeline.composition.refinement import take
        from dia_pipeline.io.images import with_opacity
        from dia_pipeline.machine.effort import COMPOSE
        from dia_pipeline.temporal.propagation import make_frame, weighed

        self.progress(0, COMPOSE, 0.0)
        fields: list[Content] = [inputs[f"fields{number}"] for number in range(len(weights))]
        pictures = [a, *(inputs[f"reference{number}"] for number in range(len(weights)))]
        own, *references = deep(pictures, self.settings.depth) or [p.pixels for p in pictures]
        parts = [
            self.part(weight, a.pixels, reference, each)
            for weight, reference, each in zip(weights, references, fields, strict=True)
        ]
        if between:
            maps = weighed(weights, [each.arrays.get(KNOWN) for each in fields])
            parts = [part._replace(weight=own) for part, own in zip(parts, maps, strict=True)]
        guides = {name: inputs[name] for name in inputs.keys() & GUIDES.keys()}
        guidance = self._guidance(a.pixels, pictures[1].pixels, guides)
        made = make_frame(own, parts, self.settings)
        made = restrain(own, take(own, made, self.settings.take), guidance)
        return with_opacity(made, a.alpha)

    def part(self, weight: float, a: np.ndarray, reference: np.ndarray, fields: Content) -> Part:
        """A part of a frame, of the values of what it is made of; the reference may be deep."""
        from dia_pipeline.temporal.propagation import Part

        canvas = self.canvas(pose_in(fields), a.shape, reference.shape)
        field = self.sequence.mode.field(fields.arrays, a, canvas.size, self.settings)
        return Part(weight, canvas.draw(reference), canvas.size, field)

    def parts_of(self, frame: int) -> list[PartOf]:
        """What a frame is made of."""
        if isinstance(self.sequence.mode, Locked):
            weights = self._lock_weights(frame)
            return [PartOf(w, self.given[frame], self._locks[name]) for name, w in weights.items()]
        parts = [
            PartOf(
                weight,
                self.b_prime(self.sequence.chunks[name], frame),
                self._fields[name, frame],
            )
            for name, weight in self._weights(frame).items()
        ]
        return self._with_next_keyframe(frame, parts)

    def _with_next_keyframe(self, frame: int, parts: list[PartOf]) -> list[PartOf]:
        """The parts of a frame with that of the keyframe after it, if there is one in its scene."""
        name, chunk = self.sequence.chunk_of(frame)
        back = self._back.get((name, frame))
        if not back:
            return parts
        share = (frame - chunk.start) / (chunk.stop - chunk.start)
        earlier = [part._replace(weight=(1 - share) * part.weight) for part in parts]
        following = self._chunk_of(chunk.stop)
        return [*earlier, PartOf(share, self.b_prime(following, frame), back)]

    def _weights(self, frame: int) -> dict[str, float]:
        """The chunks whose matches make a frame; across a cut nothing is blended."""
        weights = self.sequence.weights(frame)
        chunks = self.sequence.chunks
        reaching = [name for name in weights if self._reaches(chunks[name], frame)]
        return weights if len(reaching) == len(weights) else dict.fromkeys(reaching, 1.0)

    def _lock_weights(self, frame: int) -> dict[str, float]:
        """The locks by which a frame is made: those of the keyframes around it."""
        scene = self.scene_of(frame)
        keys = self.keys[scene]
        if not keys:
            return {_median_name(scene): 1.0}
        if frame <= keys[0] or frame >= keys[-1]:
            return {_key_name(keys[0] if frame <= keys[0] else keys[-1]): 1.0}
        number = bisect_right(keys, frame)
        before, after = keys[number - 1], keys[number]
        weight = (frame - before) / (after - before)
        weights = {before: 1 - weight, after: weight}
        return {_key_name(key): weight for key, weight in weights.items() if weight}


def _known(a: np.ndarray | None, fields: Content | None) -> Known | None:
    return Known(a, fields.arrays) if a is not None and fields is not None else None


def _median_name(scene: range) -> str:
    return f"{scene.start + 1:04d}-median"


def _key_name(frame: int) -> str:
    return f"{frame + 1:04d}"
