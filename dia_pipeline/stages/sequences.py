"""The stages of a sequence: prepare, match and frames by chunks, film.

As with pairs, each makes what is missing or not valid and leaves a receipt; a frame that cannot be
read is a gap, which is reported and does not keep the others from being made.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dia_pipeline.errors import JobError, describe, is_expected
from dia_pipeline.io.files import digest_file
from dia_pipeline.io.frames import frame_fault, read_sized, write_frame
from dia_pipeline.io.images import ImageError, read_image
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.sequences import Chunk, Sequence
from dia_pipeline.runs.sources import is_video
from dia_pipeline.settings import Settings
from dia_pipeline.stages.pairs import (
    Content,
    Networks,
    digest_picture,
    find_backbone,
    stored,
)
from dia_pipeline.store.artefacts import read_artefact
from dia_pipeline.store.outputs import (
    output_faults,
    outputs_valid,
    read_provenance,
    write_provenance,
)
from dia_pipeline.store.provenance import Backbone, circumstances
from dia_pipeline.store.receipts import Failure, Receipt, failed_before
from dia_pipeline.store.recipes import (
    Recipe,
    Sources,
    digest,
    features_recipe,
    nnf_recipe,
    recipe,
    stage_settings,
)

if TYPE_CHECKING:
    import numpy as np

    from dia_pipeline.algorithm.coarse_to_fine import Pyramid
    from dia_pipeline.algorithm.network import Network
    from dia_pipeline.temporal.coherence import Part

log = logging.getLogger("dia")

FrameProgress = Callable[[str, int, int], None]
"""Told the stage, how many of its frames are done and how many there are."""

MEDIAN_FRAMES = 64
"""Most frames, evenly picked, of which the median of a scene is taken."""


class SequenceWork:
    """One sequence: whatever is made of it, read where it is valid.

    Args:
        features: where the features of a key are kept.
    """

    def __init__(
        self,
        sequence: Sequence,
        settings: Settings,
        backbone: Backbone,
        folder: Path,
        features: Callable[[str], Path],
        networks: Networks,
        progress: FrameProgress = lambda stage, done, count: None,
    ):
        self.sequence = sequence
        self.settings = settings
        self.backbone = backbone
        self.folder = folder
        self._features = features
        self._networks = networks
        self._progress = progress
        self._fixed_digests: dict[str, str] = {}
        self._fixed_images: dict[str, np.ndarray] = {}
        self._fixed_pyramids: dict[str, Pyramid] = {}
        self._locked_fields: dict[tuple[int, int | None], np.ndarray] = {}

    @classmethod
    def of_plan(cls, plan: Plan, variant: str, name: str) -> SequenceWork:
        """The work of a sequence of a plan in one variant."""
        sequence = plan.sequences[name]
        settings = plan.settings(variant, sequence)
        return cls(
            sequence,
            settings,
            Backbone.read(plan.weights(settings.backbone)),
            plan.folder(variant, sequence),
            plan.features,
            Networks(plan.config.device),
        )

    def make(self, stage: str, chunk: str = "") -> str:
        """Make what a stage makes unless it is there and valid; return its key."""
        return getattr(self, stage)(chunk) if chunk else getattr(self, stage)()

    # What the frames are.

    def prepare(self) -> str:
        """Read every frame; find gaps and scenes and, if locked, the matches; return the key."""
        if is_video(self._source):
            self._extract_video()
        if not outputs_valid(self._prepared, self._prepare_recipe):
            self._write_prepared()
        if self.sequence.coherence == "locked":
            for number, locks in self._locks.items():
                for lock in locks:
                    self._lock(number, lock)
        return digest(self._prepare_recipe)

    @cached_property
    def gaps(self) -> dict[int, str]:
        """Why each frame that cannot be used cannot."""
        return {int(n): reason for n, reason in self._report["gaps"].items()}

    def frame_file(self, frame: int) -> Path:
        """Where a frame lies as a picture."""
        if is_video(self._source):
            return self.folder / "source" / f"{frame + 1:04d}.png"
        return Path(self.sequence.frames[frame])

    def output_file(self, frame: int) -> Path:
        """Where what is made of a frame lies."""
        return self.folder / "frames" / f"{frame + 1:04d}.png"

    @property
    def _source(self) -> str:
        return self.sequence.a if self.sequence.content_moves else self.sequence.b_prime

    @property
    def _prepared(self) -> Path:
        return self.folder / "prepared"

    @cached_property
    def _report(self) -> dict[str, Any]:
        return read_provenance(self._prepared)

    @cached_property
    def _frame_digests(self) -> list[str]:
        """Of every frame a digest, which is empty where there is no file."""
        if is_video(self._source):
            video = digest_picture(self._source)
            return [digest([video, name.rsplit("#", 1)[1]]) for name in self.sequence.frames]
        digests = []
        for name in self.sequence.frames:
            with suppress(OSError):
                digests.append(digest_file(name))
                continue
            digests.append("")
        return digests

    @cached_property
    def _prepare_recipe(self) -> Recipe:
        settings = {"keyframes": list(self.sequence.keyframes), "medians": self._needs_medians}
        return recipe("prepare", settings, frames=digest(self._frame_digests))

    @property
    def _needs_medians(self) -> bool:
        return self.sequence.coherence == "locked" and not self.sequence.keyframes

    def _extract_video(self) -> None:
        """Write the frames of the video as pictures, unless they are there."""
        from dia_pipeline.io.video import decode_frames

        wanted = {
            int(name.rsplit("#", 1)[1]): frame
            for frame, name in enumerate(self.sequence.frames)
            if frame_fault(self.frame_file(frame), self._frame_digests[frame])
        }
        if not wanted:
            return
        with suppress(ImageError):  # the frames that then lack are gaps
            for number, picture in enumerate(decode_frames(self._source)):
                if number in wanted:
                    frame = wanted.pop(number)
                    write_frame(self.frame_file(frame), picture, self._frame_digests[frame])
                if not wanted:
                    return

    def _write_prepared(self) -> None:
        from dia_pipeline.temporal.motion import is_cut

        gaps: dict[int, str] = {}
        scenes: list[int] = []
        before, size = None, None
        for frame in self._counted("prepare", range(len(self.sequence.frames))):
            try:
                picture = read_sized(self.frame_file(frame), size)
            except ImageError as error:
                gaps[frame] = self._reason(frame, error)
                continue
            size = picture.shape[:2]
            if before is None or is_cut(before, picture):
                scenes.append(frame)
            before = picture
        if not scenes:
            raise ImageError(self._source, "no frame can be read", gaps[0])
        names = self._write_medians(scenes, gaps) if self._needs_medians else []
        reasons = {str(frame): reason for frame, reason in gaps.items()}
        about = {"scenes": scenes, "gaps": reasons, "size": list(size)}
        write_provenance(self._prepared, self._prepare_recipe, about, names)

    def _reason(self, frame: int, error: ImageError) -> str:
        if not is_video(self._source):
            return str(error)
        return f"{self.sequence.frames[frame]}: the frame cannot be decoded; the video is damaged"

    def _write_medians(self, scenes: list[int], gaps: dict[int, str]) -> list[str]:
        """The temporal median of every scene: what stands still, without what passes by."""
        import numpy as np

        names = []
        for start, stop in zip(scenes, [*scenes[1:], len(self.sequence.frames)], strict=True):
            frames = [frame for frame in range(start, stop) if frame not in gaps]
            frames = frames[:: -(-len(frames) // MEDIAN_FRAMES)]
            pictures = [read_image(self.frame_file(frame)) for frame in frames]
            median = np.median(pictures, axis=0).astype(np.uint8)
            names.append(_median_name(start))
            write_frame(self._prepared / names[-1], median, digest(self._prepare_recipe))
        return names

    # Matching.

    def match(self, name: str) -> str:
        """Match the frames of a chunk in order; return the key of the last."""
        chunk = self.sequence.chunks[name]
        keys = [""]
        earlier: tuple[int, Content] | None = None
        for frame in self._counted("match", range(chunk.start, chunk.end)):
            if frame in self.gaps:
                continue
            path, made_by = self._field_file(name, frame), self._field_recipe(name, frame)
            before = earlier if self._continues(chunk, frame) else None
            content = stored(path, made_by, lambda f=frame, b=before: self._match(name, f, b))
            earlier = frame, content
            keys.append(digest(made_by))
        return keys[-1]

    def _match(self, name: str, frame: int, before: tuple[int, Content] | None) -> Content:
        """The fields of a frame, from those of the one before unless that is None."""
        from dia_pipeline.temporal.coherence import Motion, match_frame, pack_fields, unpack_fields

        pyramids = self._pyramids(name, frame)
        earlier, motion = None, None
        if before:
            earlier = unpack_fields(before[1].arrays, self._network.device)
            if self.sequence.coherence == "propagated":
                motion = Motion(self._content(before[0]), self._content(frame))
                earlier = motion.carry_levels(earlier)
        levels = match_frame(*pyramids, self._network, self.settings, earlier)
        made = circumstances(self.backbone, self._network)
        if not self.sequence.moves:
            return Content(pack_fields({1: (levels[1][0], None)}), made)
        arrays = pack_fields(levels)
        if self.sequence.coherence == "propagated":
            own, target = self._content(frame), self._reference(name, frame).shape[:2]
            field = self._picture_field(Content(arrays, made), own, target)
            arrays["nnf_ab"] = motion.carry(before[1].arrays["nnf_ab"], field) if motion else field
        return Content(arrays, made)

    def _lock(self, start: int, lock: int | None) -> Content:
        """The field of the scene from frame `start` on, of one keyframe or of its median."""

        def make() -> Content:
            from dia_pipeline.temporal.coherence import match_frame, pack_fields

            picture = read_image(self._lock_picture(start, lock))
            pyramids = self._fixed_pyramid(self.sequence.a), self._extract(picture)
            levels = match_frame(*pyramids, self._network, self.settings)
            arrays = pack_fields({1: (levels[1][0], None)})
            return Content(arrays, circumstances(self.backbone, self._network))

        return stored(self._lock_file(start, lock), self._lock_recipe(start, lock), make)

    @cached_property
    def _locks(self) -> dict[int, list[int | None]]:
        """By the first frame of every scene its keyframes, or None for its median."""
        scenes = self._report["scenes"]
        locks = {}
        for start, stop in zip(scenes, [*scenes[1:], len(self.sequence.frames)], strict=True):
            inside = [
                n for n in self.sequence.keyframes if start <= n < stop and n not in self.gaps
            ]
            locks[start] = inside or ([start] if self.sequence.keyframes else [None])
        return locks

    def _lock_picture(self, start: int, lock: int | None) -> Path:
        return self._prepared / _median_name(start) if lock is None else self.frame_file(lock)

    def _lock_file(self, start: int, lock: int | None) -> Path:
        name = f"{start + 1:04d}-median" if lock is None else f"{lock + 1:04d}"
        return self.folder / "fields" / "locked" / f"{name}.h5"

    def _lock_recipe(self, start: int, lock: int | None) -> Recipe:
        if lock is None:
            picture = digest([digest(self._prepare_recipe), start])
        else:
            picture = self._frame_digests[lock]
        return self._matching(self._fixed_digest(self.sequence.a), picture)

    def _continues(self, chunk: Chunk, frame: int) -> bool:
        """Whether a frame starts from the one before: neither its chunk nor its scene begins."""
        before = self._before(chunk, frame)
        return (
            self.sequence.moves
            and before is not None
            and not any(before < scene <= frame for scene in self._report["scenes"])
        )

    def _before(self, chunk: Chunk, frame: int) -> int | None:
        """The frame that was matched last in a chunk."""
        return next((n for n in range(frame - 1, chunk.start - 1, -1) if n not in self.gaps), None)

    def _field_file(self, name: str, frame: int) -> Path:
        return self.folder / "fields" / name / f"{frame + 1:04d}.h5"

    @cache  # noqa: B019  (as long-lived as the job)
    def _field_recipe(self, name: str, frame: int) -> Recipe:
        chunk = self.sequence.chunks[name]
        if self.sequence.content_moves:
            pair = self._frame_digests[frame], self._fixed_digest(chunk.reference)
        else:
            pair = self._fixed_digest(self.sequence.a), self._frame_digests[frame]
        before = self._before(chunk, frame) if self._continues(chunk, frame) else None
        earlier = "" if before is None else digest(self._field_recipe(name, before))
        return self._matching(*pair, earlier)

    def _matching(self, a: str, b_prime: str, earlier: str = "") -> Recipe:
        pair = digest(nnf_recipe(Sources(a, b_prime, self.backbone.digest, self.settings)))
        kept = {"coherence": self.sequence.coherence}
        return recipe("match", kept, pair=pair, earlier=earlier)

    # Pictures.

    def frames(self, name: str) -> str:
        """Make the frames that are a chunk's own; return the digest of their keys."""
        chunk = self.sequence.chunks[name]
        keys = []
        for frame in self._counted("frames", range(chunk.start, chunk.stop)):
            if frame in self.gaps:
                continue
            key = digest(self._frame_recipe(frame))
            keys.append(key)
            if frame_fault(self.output_file(frame), key):
                write_frame(self.output_file(frame), self._make_frame(frame), key)
        return digest(keys)

    def _make_frame(self, frame: int) -> np.ndarray:
        """A' of a frame, (H, W, 3) uint8."""
        from dia_pipeline.algorithm.refinement import refine
        from dia_pipeline.temporal.coherence import make_frame

        content = self._content(frame)
        made = make_frame(content, self._parts(frame), self.settings)
        return refine(content, made) if self.settings.refine else made

    def _parts(self, frame: int) -> list[Part]:
        """What a frame is made of: each share with its reference and field."""
        if self.sequence.coherence == "locked":
            reference = read_image(self.frame_file(frame))
            return [
                (share, reference, self._locked_field(start, lock))
                for (start, lock), share in self._lock_shares(frame).items()
            ]
        return [
            (share, self._reference(name, frame), self._matched_field(name, frame))
            for name, share in self.sequence.shares(frame).items()
        ]

    def _lock_shares(self, frame: int) -> dict[tuple[int, int | None], float]:
        """The fields by which a locked frame is made: those of the keyframes around it."""
        start = max(scene for scene in self._locks if scene <= frame)
        locks = self._locks[start]
        if locks == [None] or frame <= locks[0]:
            return {(start, locks[0]): 1.0}
        if frame >= locks[-1]:
            return {(start, locks[-1]): 1.0}
        later = next(n for n, lock in enumerate(locks) if lock > frame)
        before, after = locks[later - 1], locks[later]
        share = (frame - before) / (after - before)
        shares = {(start, before): 1 - share, (start, after): share}
        return {lock: share for lock, share in shares.items() if share}

    def _locked_field(self, start: int, lock: int | None) -> np.ndarray:
        if (start, lock) not in self._locked_fields:
            content = self._fixed_image(self.sequence.a)
            self._locked_fields[start, lock] = self._picture_field(
                self._lock(start, lock), content, tuple(self._report["size"])
            )
        return self._locked_fields[start, lock]

    def _matched_field(self, name: str, frame: int) -> np.ndarray:
        content = Content(
            *read_artefact(self._field_file(name, frame), self._field_recipe(name, frame))
        )
        if "nnf_ab" in content.arrays:
            return content.arrays["nnf_ab"]
        own, target = self._content(frame), self._reference(name, frame).shape[:2]
        return self._picture_field(content, own, target)

    def _picture_field(
        self, content: Content, own: np.ndarray, target_shape: tuple[int, int]
    ) -> np.ndarray:
        from dia_pipeline.temporal.coherence import picture_field, unpack_fields

        nnf = unpack_fields(content.arrays)[1][0]
        return picture_field(nnf, own, target_shape, self.settings)

    def _frame_recipe(self, frame: int) -> Recipe:
        if self.sequence.coherence == "locked":
            parts = [
                [share, digest(self._lock_recipe(*lock))]
                for lock, share in self._lock_shares(frame).items()
            ]
        else:
            parts = [
                [share, digest(self._field_recipe(name, frame))]
                for name, share in self.sequence.shares(frame).items()
            ]
        return recipe(
            "frame",
            stage_settings("aggregate", self.settings),
            frame=self._frame_digests[frame],
            parts=digest(parts),
        )

    # The film.

    def film(self) -> str:
        """Put the frames together: video, preview, contact sheet, measures; return the key."""
        from dia_pipeline.figures import film
        from dia_pipeline.io.video import write_video

        sequence = self.sequence
        count = len(sequence.frames)
        made_by = self._film_recipe
        if outputs_valid(self.folder, made_by):
            return digest(made_by)
        measures = self._measure()
        write_video(self.folder / "video.mp4", self._shown(), sequence.frame_rate)
        film.write_preview(self.folder / "preview.webp", self._shown(), count, sequence.frame_rate)
        film.write_sheet(self.folder / "contact_sheet.png", map(self._cell, film.picked(count)))
        film.plot_flicker(self.folder / "flicker.png", measures, list(self.gaps))
        files = ["video.mp4", "preview.webp", "contact_sheet.png", "flicker.png"]
        files += [f"frames/{n + 1:04d}.png" for n in range(count) if n not in self.gaps]
        for path in set((self.folder / "frames").glob("[0-9]*.png")):
            if f"frames/{path.name}" not in files:
                path.unlink()
        write_provenance(self.folder, made_by, self._about(measures), files)
        return digest(made_by)

    def faults(self) -> Iterator[str]:
        """Each file of the film and its frames that is missing, damaged or outdated."""
        yield from output_faults(self.folder, self._film_recipe)

    @property
    def _film_recipe(self) -> Recipe:
        frames = (n for n in range(len(self.sequence.frames)) if n not in self.gaps)
        keys = [digest(self._frame_recipe(frame)) for frame in frames]
        return recipe("film", {"frame_rate": self.sequence.frame_rate}, frames=digest(keys))

    def _about(self, measures: dict[str, list[float | None]]) -> dict[str, Any]:
        sequence = asdict(self.sequence)
        inputs = [
            {"path": name, "sha256": sha256}
            for name, sha256 in zip(sequence.pop("frames"), self._frame_digests, strict=True)
        ]
        fixed = (
            self.sequence.references.values() if self.sequence.content_moves else [sequence["a"]]
        )
        return {
            "sequence": sequence,
            "frames": inputs,
            "fixed": {path: self._fixed_digest(path) for path in fixed},
            "gaps": {str(frame + 1): reason for frame, reason in self.gaps.items()},
            "scenes": [scene + 1 for scene in self._report["scenes"]],
            "settings": asdict(self.settings),
            "measures": measures,
            "mean": {name: _mean(values) for name, values in measures.items()},
            **self._made_by(),
        }

    def _made_by(self) -> dict[str, Any]:
        """Network, device and packages of the matches, and the packages of the film."""
        import av
        import cv2

        first = self._report["scenes"][0]
        if self.sequence.coherence == "locked":
            made_by = self._lock(first, self._locks[first][0]).attributes
        else:
            name = self._chunk_name(first)
            path, recipe = self._field_file(name, first), self._field_recipe(name, first)
            made_by = read_artefact(path, recipe)[1]
        versions = {"av": av.__version__, "opencv": cv2.__version__}
        return {**made_by, "versions": made_by["versions"] | versions}

    def _measure(self) -> dict[str, list[float | None]]:
        """Change of the output and flicker from frame to frame; None where one is missing."""
        from dia_pipeline.temporal.flicker import change

        measures: dict[str, list[float | None]] = {"change": [], "flicker": []}
        before = None
        for frame in self._counted("film", range(len(self.sequence.frames))):
            neighbour = frame - 1 not in self.gaps and frame not in self._report["scenes"]
            if frame in self.gaps or not neighbour:
                before = None
            now = None if frame in self.gaps else self._seen(frame)
            if before is None or now is None:
                measures["change"].append(None)
                measures["flicker"].append(None)
            else:
                measures["change"].append(round(change(now.output, before.output), 4))
                measures["flicker"].append(round(self._flicker(now, before), 4))
            before = now
        return measures

    def _seen(self, frame: int) -> Seen:
        parts = [] if self.sequence.content_moves else self._parts(frame)
        return Seen(read_image(self.output_file(frame)), read_image(self.frame_file(frame)), parts)

    def _flicker(self, now: Seen, before: Seen) -> float:
        from dia_pipeline.temporal.coherence import make_frame
        from dia_pipeline.temporal.flicker import relighting_error, warping_error

        if self.sequence.content_moves:
            return warping_error(now.output, before.output, now.given, before.given)
        own = self._fixed_image(self.sequence.a)
        old_light = [(share, before.given, field) for share, _, field in now.parts]
        parts = now.parts, before.parts, old_light
        return relighting_error(*(make_frame(own, each, self.settings) for each in parts))

    def _shown(self) -> Iterator[np.ndarray]:
        """Every frame of the film; a slate where one is missing."""
        for frame in range(len(self.sequence.frames)):
            yield self._output(frame)

    def _output(self, frame: int) -> np.ndarray:
        from dia_pipeline.figures.film import slate

        if frame not in self.gaps:
            return read_image(self.output_file(frame))
        name = Path(self.sequence.frames[frame]).name
        return slate(self._size, f"frame {frame + 1} is missing: {name}")

    @property
    def _size(self) -> tuple[int, int]:
        if self.sequence.content_moves:
            return tuple(self._report["size"])
        return self._fixed_image(self.sequence.a).shape[:2]

    def _cell(self, frame: int) -> tuple[str, np.ndarray, np.ndarray]:
        from dia_pipeline.figures.film import slate

        made = self._output(frame)
        missing = frame in self.gaps
        given = (
            slate(tuple(self._report["size"]), "missing")
            if missing
            else read_image(self.frame_file(frame))
        )
        return f"{frame + 1}", given, made

    # What all of these need.

    def _chunk_name(self, frame: int) -> str:
        return list(self.sequence.shares(frame))[-1]

    def _content(self, frame: int) -> np.ndarray:
        """A of a frame, (H, W, 3) uint8."""
        if self.sequence.content_moves:
            return read_image(self.frame_file(frame))
        return self._fixed_image(self.sequence.a)

    def _reference(self, chunk: str, frame: int) -> np.ndarray:
        """B' of a frame, (h, w, 3) uint8."""
        if self.sequence.content_moves:
            return self._fixed_image(self.sequence.chunks[chunk].reference)
        return read_image(self.frame_file(frame))

    def _pyramids(self, name: str, frame: int) -> tuple[Pyramid, Pyramid]:
        if self.sequence.content_moves:
            moving = self._extract(self._content(frame))
            return moving, self._fixed_pyramid(self.sequence.chunks[name].reference)
        return self._fixed_pyramid(self.sequence.a), self._extract(self._reference(name, frame))

    def _fixed_pyramid(self, path: str) -> Pyramid:
        """The features of a picture that does not move: computed once for all jobs."""
        if path not in self._fixed_pyramids:
            from dia_pipeline.store.packing import pack_features, unpack_features

            made_by = features_recipe(self._fixed_digest(path), self.backbone.digest, self.settings)

            def make() -> Content:
                pyramid = self._extract(self._fixed_image(path))
                arrays = pack_features(pyramid, self.settings.feature_dtype)
                return Content(arrays, circumstances(self.backbone, self._network))

            content = stored(self._features(digest(made_by)), made_by, make)
            self._fixed_pyramids = {path: unpack_features(content.arrays, self._network.device)}
        return self._fixed_pyramids[path]

    def _fixed_digest(self, path: str) -> str:
        if path not in self._fixed_digests:
            self._fixed_digests[path] = digest_picture(path)
        return self._fixed_digests[path]

    def _fixed_image(self, path: str) -> np.ndarray:
        if path not in self._fixed_images:
            self._fixed_images[path] = read_image(path)
        return self._fixed_images[path]

    def _extract(self, picture: np.ndarray) -> Pyramid:
        from dia_pipeline.algorithm.features import extract, working_image

        image = working_image(picture, self.settings.ratio, self.settings.max_side)
        return extract(image, self._network, self.settings.feature_dtype)

    @property
    def _network(self) -> Network:
        return self._networks.get(self.backbone, self.settings.precision)

    def _counted(self, stage: str, frames: range) -> Iterator[int]:
        """Frames, telling how far the stage has come in the sequence."""
        for frame in frames:
            self._progress(stage, frame, len(self.sequence.frames))
            yield frame
        self._progress(stage, frames.stop, len(self.sequence.frames))


class Seen(NamedTuple):
    """What the measures compare of a frame: what came out, what came in, and its parts."""

    output: np.ndarray
    given: np.ndarray
    parts: list[Part]


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 4) if known else None


def _median_name(start: int) -> str:
    return f"median-{start + 1:04d}.png"


def work_sequence(plan: Plan, stage: str, variant: str, name: str, chunk: str = "") -> Receipt:
    """Work one stage of a sequence, or of one of its chunks, and leave its receipt.

    The receipt of the film names every gap as a failure. A sequence that failed in an earlier
    stage is not tried again.

    Raises:
        JobError, OSError: not the sequence but the machine is at fault: weights, device, disk.
    """
    failed = failed_before(plan.sequence_receipts_before(stage, variant, name, chunk))
    receipt = Receipt(stage, variant, chunk or name, failed=failed)
    if not receipt.failed:
        start = time.perf_counter()
        work = SequenceWork.of_plan(plan, variant, name)
        try:
            receipt.made[name] = work.make(stage, chunk)
            if stage == "film":
                for frame, reason in work.gaps.items():
                    receipt.failed[f"{name}, frame {frame + 1}"] = Failure("prepare", reason)
        except (JobError, OSError):
            raise
        except Exception as error:
            receipt.failed[name] = Failure(stage, describe(error))
            log.error(
                "%s %s/%s FAILED: %s",
                stage,
                variant,
                name,
                describe(error),
                exc_info=None if is_expected(error) else error,
            )
        else:
            seconds = time.perf_counter() - start
            log.info("%s %s/%s %s done in %.1f s", stage, variant, name, chunk, seconds)
    receipt.write(plan.sequence_receipt(stage, variant, name, chunk))
    return receipt


def run_sequence(
    sequence: Sequence,
    folder: Path,
    settings: Settings,
    device: str = "auto",
    progress: FrameProgress = lambda stage, done, count: None,
) -> dict[int, str]:
    """Work a sequence in one go and write the same results as the workflow does.

    Args:
        progress: told the stage, how many of its frames are done, and how many there are.

    Returns:
        Why each frame that is missing, counted from 0, is.

    Raises:
        ImageError: a picture that all frames need, or every frame, cannot be read.
        JobError, OSError: weights, device or disk are at fault.
    """
    backbone, _ = find_backbone(settings.backbone)
    work = SequenceWork(
        sequence,
        settings,
        backbone,
        folder,
        lambda key: folder / "features" / f"{key}.h5",
        Networks(device),
        progress,
    )
    work.make("prepare")
    for stage in work.sequence.stages[1:-1]:
        for chunk in sequence.chunks:
            work.make(stage, chunk)
    work.make("film")
    return work.gaps
