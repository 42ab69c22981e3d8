"""The video of a sequence: its frames put together, to be played, seen at a glance and measured."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dia_pipeline.alignment.parts import verdict
from dia_pipeline.graphs.shared import pose_in
from dia_pipeline.io.codecs import CODECS
from dia_pipeline.io.frames import colours_of, is_frame, kind_of_frame, read_frame
from dia_pipeline.runs.sequence import USUAL
from dia_pipeline.store.arrays import Arrays
from dia_pipeline.store.folders import Written
from dia_pipeline.store.frames import Frame

if TYPE_CHECKING:
    from dia_pipeline.alignment.pose import Pose
    from dia_pipeline.graphs.composed import ComposedSequence
    from dia_pipeline.io.sound import Sound
    from dia_pipeline.io.video import Timing
    from dia_pipeline.runs.sequence import Sequence
    from dia_pipeline.temporal.propagation import Part

VIDEO = "video"
"""The step, as `machine.effort` has those of a pair."""

Measured = dict[str, list[float | None]]
"""Measures from frame to frame; None where one of the two is missing."""


def make_video(graph: ComposedSequence, frames: list[Frame], poses: list[Arrays]) -> Written:
    """Write video, preview, contact sheet and plot of the flicker into the sequence's folder."""
    from dia_pipeline.figures import sequence as figures
    from dia_pipeline.io.video import write_video

    folder, sequence = graph.folder, graph.sequence
    paths = {number: frame.ensure() for number, frame in zip(graph.frames, frames, strict=True)}
    matches = {
        number: pose_in(each.ensure()) for number, each in zip(graph.poses, poses, strict=True)
    }
    shown = Shown(graph, paths, matches)
    measures = _measure(graph, paths)
    codec = CODECS[sequence.codec]
    with graph.steady():
        timing, sound = pace_of(sequence)
        moments = moments_of(sequence, timing.rate)
        encoded = codec.of_depth(shown.deep)
        film = write_video(folder / codec.file, map(shown.at, moments), timing, sound, encoded)
    preview = figures.write_preview(
        folder / "preview.webp",
        lambda number: colours_of(shown.at(moments[number])),
        len(moments),
        timing.rate,
    )
    cells = map(shown.cell, figures.picked(len(sequence.frames)))
    written = {
        codec.file: film,
        "preview.webp": preview,
        "contact_sheet.png": figures.write_sheet(folder / "contact_sheet.png", cells),
        "flicker.png": figures.plot_flicker(folder / "flicker.png", measures, list(graph.gaps)),
        **{f"frames/{frame.path.name}": frame.check() for frame in frames},
    }
    for path in set((folder / "frames").glob("[0-9]*.png")) - set(paths.values()):
        if is_frame(path):  # and nothing of somebody's own
            path.unlink()
    return Written(written, _about(graph, measures, matches))


def pace_of(sequence: Sequence) -> tuple[Timing, Sound | None]:
    """When the frames are shown, and with which sound: as in the video that they are of, unless a
    rate is given. A video of references gives its times alone."""
    from dia_pipeline.io.sound import Sound
    from dia_pipeline.io.video import Timing, read_pace

    if sequence.frame_rate or not sequence.of_video:
        return Timing(sequence.frame_rate or USUAL), None
    pace, numbers = read_pace(sequence.source), sequence.numbers
    own = [pace.times[number] for number in numbers if number < len(pace.times)]
    timing = Timing.of(own, pace.rate / sequence.stride)
    if not (sequence.carries_sound and pace.sound):
        return timing, None
    after = numbers[-1] + 1
    stop = pace.times[after] if after < len(pace.times) else math.inf
    return timing, Sound(Path(sequence.source), own[0], stop)


class Moment(NamedTuple):
    """What a film shows at a time: a frame, and the share of the next one in it."""

    frame: int
    share: float = 0


def moments_of(sequence: Sequence, rate: float) -> list[Moment]:
    """What a film of so many frames a second shows: the frames of the sequence one by one.

    Where it is to last a time, it goes from each frame to the next, slowly at both (by the
    smoothstep polynomial).
    """
    last = len(sequence.frames) - 1
    if not sequence.duration:
        return [Moment(frame) for frame in range(last + 1)]
    length = max(2, round(sequence.duration * rate))
    moments = []
    for number in range(length):
        frame, left = divmod(number * last, length - 1)
        share = left / (length - 1)
        moments.append(Moment(frame, share**2 * (3 - 2 * share)))
    return moments


class Shown:
    """The frames as they are shown: a slate where one is missing.

    All of them have opacity if any has, and more than 8 bits if any has.
    """

    def __init__(self, graph: ComposedSequence, paths: dict[int, Path], matches: dict[int, Pose]):
        self._graph = graph
        self._paths = paths
        self._matches = matches
        kinds = [kind_of_frame(path) for path in paths.values()]
        self.deep = any(kind.deep for kind in kinds)
        self._clear = any(kind.clear for kind in kinds)

    def at(self, moment: Moment) -> np.ndarray:
        """What the film shows at a moment, as `io.frames` has frames."""
        if not moment.share:
            return self.output(moment.frame)
        import cv2

        now, later = (self.output(moment.frame + n) for n in (0, 1))
        return cv2.addWeighted(now, 1 - moment.share, later, moment.share, 0)

    def output(self, frame: int) -> np.ndarray:
        """What is made of a frame."""
        from dia_pipeline.figures.sequence import slate

        if frame in self._paths:
            return self._alike(read_frame(self._paths[frame]))
        name = Path(self._graph.sequence.frames[frame]).name
        return self._alike(slate(self._size, f"frame {frame + 1} is missing: {name}"))

    def _alike(self, image: np.ndarray) -> np.ndarray:
        """An image of the kind that all frames are of."""
        if self._clear and image.shape[-1] == 3:
            image = np.dstack([image, np.full_like(image[..., 0], 255)])
        return image.astype(np.float32) if self.deep else image

    def cell(self, frame: int) -> tuple[str, np.ndarray, np.ndarray]:
        """A frame of the contact sheet: its label, what is given and what is made of it."""
        from dia_pipeline.figures.sequence import slate

        missing = frame in self._graph.gaps
        given = slate(self._graph.size, "missing") if missing else self._graph.given[frame].ensure()
        return self._label(frame), given, colours_of(self.output(frame))

    def _label(self, frame: int) -> str:
        """The number of a frame, and how it matches if that is not sound."""
        before = [number for number in self._matches if number <= frame]
        pose = self._matches[max(before, default=min(self._matches))]
        told = "" if pose.sound else f": {verdict(pose.confidence or 0)} {pose.confidence:.2f}"
        return f"{frame + 1}{told}"

    @property
    def _size(self) -> tuple[int, ...]:
        first = next(iter(self._paths))
        return self._graph.a(first).ensure().shape[:2]


class Seen(NamedTuple):
    """What the measures compare of a frame: what came out, what came in, and its parts."""

    output: np.ndarray
    given: np.ndarray
    parts: list[Part]


def _measure(graph: ComposedSequence, paths: dict[int, Path]) -> Measured:
    """Change of the output and flicker from frame to frame."""
    from dia_pipeline.temporal.flicker import change

    measures: Measured = {"change": [], "flicker": []}
    starts = {scene.start for scene in graph.scenes}
    count = len(graph.sequence.frames)
    before: Seen | None = None
    for frame in range(count):
        graph.progress(0, VIDEO, frame / count)
        if frame in starts:
            before = None
        now = _seen(graph, frame, paths[frame]) if frame in paths else None
        found: tuple[float | None, float | None] = None, None
        if now and before:
            found = change(now.output, before.output), _flicker(graph, now, before)
        for name, value in zip(("change", "flicker"), found, strict=True):
            measures[name].append(None if value is None else round(value, 4))
        before = now
    return measures


def _seen(graph: ComposedSequence, frame: int, path: Path) -> Seen:
    parts: list[Part] = []
    if not graph.sequence.content_moves:
        a = graph.a(frame).ensure()
        for weight, reference, fields in graph.parts_of(frame):
            parts.append(graph.part(weight, a, reference.ensure(), fields.ensure()))
    return Seen(colours_of(read_frame(path)), graph.given[frame].ensure(), parts)


def _flicker(graph: ComposedSequence, now: Seen, before: Seen) -> float:
    from dia_pipeline.temporal.flicker import relighting_error, restyling_error
    from dia_pipeline.temporal.propagation import make_frame

    if graph.sequence.content_moves:
        return restyling_error(now.output, before.output, now.given, before.given)
    a = graph.a(0).ensure()
    light = before.parts[0].reference
    old_light = [part._replace(reference=light) for part in now.parts]
    parts = now.parts, before.parts, old_light
    return relighting_error(*(make_frame(a, each, graph.settings) for each in parts))


def _about(graph: ComposedSequence, measures: Measured, matches: dict[int, Pose]) -> dict[str, Any]:
    return {
        **graph.asked,
        **_made_by(graph),
        "pose": asdict(min(matches.values(), key=lambda pose: pose.confidence or 0)),
        "matches": [
            {"frame": frame + 1, "image": graph.image_of(frame), "pose": asdict(pose)}
            for frame, pose in matches.items()
        ],
        "gaps": {str(frame + 1): reason for frame, reason in graph.gaps.items()},
        "scenes": [scene.start + 1 for scene in graph.scenes],
        "measures": measures,
        "mean": {name: _mean(values) for name, values in measures.items()},
        "notes": _notes(graph.sequence, graph.settings.depth != 8),
    }


def _notes(sequence: Sequence, deep: bool) -> list[str]:
    """What a person may want to know of how a film was read and its sound carried over."""
    from dia_pipeline.io.sound import find_track
    from dia_pipeline.io.video import notes_on

    if not sequence.of_video:
        return []
    codec = CODECS[sequence.codec]
    of_sound = find_track(sequence.source, codec.container)[1] if sequence.carries_sound else ""
    of_film = notes_on(sequence.source, deep and codec.keeps_depth)
    return [*of_film, *([of_sound] if of_sound else [])]


def _made_by(graph: ComposedSequence) -> dict[str, Any]:
    """Network, device and packages of the matches, and the packages of the video."""
    import av
    import cv2

    *_, own = graph.parts_of(next(iter(graph.frames)))
    made_by = own.fields.ensure().attributes
    versions = {"av": av.__version__, "opencv": cv2.__version__}
    return {**made_by, "versions": made_by["versions"] | versions}


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 4) if known else None
