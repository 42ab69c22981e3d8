"""Sequences: one image relit by many references, or a video restyled by one or by keyframes.

Frames are counted from 0 here and in tables, as in a Python slice; files are numbered from 0001.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from dia_pipeline.guides import DESCRIPTORS, GUIDES, check_guides
from dia_pipeline.io.codecs import CODECS, lacks
from dia_pipeline.io.files import fault_of_file
from dia_pipeline.io.notes import say_once
from dia_pipeline.runs.sources import (
    Kind,
    SequenceError,
    check_pyav,
    kind_of,
    list_frames,
    number_of,
)
from dia_pipeline.temporal.coherence import MODES, Independent
from dia_pipeline.text import fault_of_characters, number_in, quoted

FASTEST = 240
"""Frames per second at most."""

USUAL = 24.0
"""Frames per second of images that are of no video."""

LONGEST = 3600
"""Seconds at most that a film is made to last."""

BRIEF = 2
"""Seconds; a film that does not last longer is said to be short."""


@dataclass(frozen=True)
class Chunk:
    """Frames that one job matches in order: its own, `start` to `stop`, then on to `end`.

    Those from `stop` to `end` the next chunk matches too; there the two are blended.
    """

    start: int
    stop: int
    end: int
    reference: str | None


@dataclass(frozen=True)
class Sequence:
    """A row of the table of sequences; `config/README.md` explains the columns.

    `frames` are those of the side that moves, as `find_frames` finds them. Nothing is made of
    `a_prime`, the true A'.
    """

    name: str
    a: str
    b_prime: str
    start: int = 0
    stop: int | None = None
    stride: int = 1
    frame_rate: float | None = None
    duration: float | None = None
    codec: str = "h264"
    coherence: str = "warm-start"
    keyframes: tuple[int, ...] = ()
    chunk: int = 48
    overlap: int = 6
    options: dict[str, Any] = field(default_factory=dict)
    guides: dict[str, str] = field(default_factory=dict)
    frames: tuple[str, ...] = ()
    a_prime: str = ""

    @property
    def content_moves(self) -> bool:
        """Whether the frames are those of A, and not those of B'."""
        return self.kinds[0] != "image"

    @property
    def of_video(self) -> bool:
        """Whether the frames are those of a video file."""
        return self.kinds[0 if self.content_moves else 1] == "video"

    @cached_property
    def kinds(self) -> tuple[Kind, Kind]:
        """What A and B' are."""
        return kind_of(self.a), kind_of(self.b_prime)

    @property
    def references(self) -> dict[int, str]:
        """Of a content video: each reference by the frame from which on it holds.

        Raises:
            SequenceError: they are written in a way that means nothing.
        """
        found = _by_keyframe("b_prime", self.b_prime)
        if 0 not in found:
            raise SequenceError("b_prime", "name the first reference from frame 0 on")
        return found

    @property
    def still_guides(self) -> dict[str, str]:
        """The guides that hold for every frame, by name."""
        return {name: path for name, path in self.guides.items() if not self._moves(name)}

    @property
    def moving_guides(self) -> dict[str, dict[int, str]]:
        """Those that lie over a frame, and are carried on from there, by name and frame.

        Raises:
            SequenceError: they are written in a way that means nothing.
        """
        return {
            name: _by_keyframe(name, text)
            for name, text in self.guides.items()
            if self._moves(name)
        }

    def _moves(self, guide: str) -> bool:
        moving = "a" if self.content_moves else "b_prime"
        return not self.mode.still and GUIDES[guide].over in ("", moving)

    @property
    def guide_files(self) -> dict[str, str]:
        """The files of all guides by their names; those of keyframes see `keyed`."""
        files = dict(self.still_guides)
        for name, by_frame in self.moving_guides.items():
            files |= {keyed(name, frame): path for frame, path in by_frame.items()}
        return files

    @property
    def numbers(self) -> list[int]:
        """The number in its video of every frame."""
        return [number_of(frame) for frame in self.frames]

    @property
    def files(self) -> list[str]:
        """The files of all images, and the video if the frames are of one."""
        fixed = self.references.values() if self.content_moves else [self.a]
        moving = [self.source] if self.of_video else self.frames
        return [*fixed, *self.guide_files.values(), *moving]

    @property
    def source(self) -> str:
        """The side that moves: where the frames come from."""
        return self.a if self.content_moves else self.b_prime

    @property
    def film(self) -> str:
        """The name of the file of the video that is made."""
        return CODECS[self.codec].file

    @property
    def carries_sound(self) -> bool:
        """Whether the video has the sound of the one that the frames are of, at its pace."""
        return self.of_video and self.content_moves and not self.frame_rate

    @property
    def mode(self) -> Independent:
        """How the frames hang together."""
        return MODES[self.coherence]

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages of the sequence, in order; `match` and `frames` are processed by chunks."""
        return self.mode.stages

    @cached_property
    def chunks(self) -> dict[str, Chunk]:
        """What is processed by one job each, by name."""
        count = len(self.frames)
        references = self.references if self.content_moves else {0: None}
        begins = [n for n in references if n < count]
        bounds = []
        for begin, end in zip(begins, [*begins[1:], count], strict=True):
            bounds += [
                (n, min(n + self.chunk, end), references[begin])
                for n in range(begin, end, self.chunk)
            ]
        chunks = {}
        for number, (start, stop, reference) in enumerate(bounds):
            end = stop
            if number + 1 < len(bounds):
                _, next_stop, next_reference = bounds[number + 1]
                goes_on = next_reference == reference
                if self.mode.chained if goes_on else not self.mode.anchored:
                    end = min(stop + self.overlap, next_stop)
            chunks[f"{number + 1:04d}"] = Chunk(start, stop, end, reference)
        return chunks

    def weights(self, frame: int) -> dict[str, float]:
        """The chunks whose matches make a frame, and how much of it each makes."""
        own = self._number_of(frame)
        name, chunk = self._ordered[own]
        earlier, before = self._ordered[max(0, own - 1)]
        if not own or frame >= before.end:
            return {name: 1.0}
        weight = (frame - chunk.start + 1) / (before.end - before.stop + 1)
        return {earlier: 1 - weight, name: weight}

    def chunk_of(self, frame: int) -> tuple[str, Chunk]:
        """The chunk whose own a frame is, and its name."""
        return self._ordered[self._number_of(frame)]

    def _number_of(self, frame: int) -> int:
        return bisect_right(self._ordered, frame, key=lambda each: each[1].start) - 1

    @cached_property
    def _ordered(self) -> list[tuple[str, Chunk]]:
        """The chunks with their names, in order."""
        return list(self.chunks.items())


def keyed(guide: str, frame: int) -> str:
    """The name of a guide at a keyframe."""
    return f"{guide} {frame}" if frame else guide


def _by_keyframe(column: str, text: str) -> dict[int, str]:
    """The files of `FILE` or `0=FILE,60=FILE` by the frame from which on each holds.

    Raises:
        SequenceError: it means nothing.
    """
    entries = [entry.strip() for entry in text.split(",")]
    if len(entries) == 1 and "=" not in entries[0]:
        return {0: entries[0]}
    try:
        pairs = [entry.split("=", 1) for entry in entries]
        found = {_frame(number): path.strip() for number, path in pairs}
    except ValueError as error:
        raise SequenceError(
            column,
            f"{quoted(text)} does not name a file for each keyframe",
            "write 0=FILE, 60=FILE and so on",
        ) from error
    if list(found) != sorted(found) or len(found) < len(pairs):
        raise SequenceError(column, "name the files in order, and each frame once")
    return found


def _check_guides(sequence: Sequence) -> None:
    """Make sure that what is said of a sequence can be read, and lies over its images.

    Raises:
        SequenceError, GuidanceError: it does not.
    """
    if said := [name for name in DESCRIPTORS if name in sequence.guides]:
        remedy = "leave them out, or match frames as pairs"
        raise SequenceError(", ".join(said), "descriptors are those of a pair", remedy)
    several = sequence.content_moves and len(sequence.references) > 1
    check_guides(sequence.guides, references=several)
    for name, path in sequence.guide_files.items():
        _check_image(name, path)
    if sequence.still_guides:
        from dia_pipeline.io.guides import check_sizes  # most planning needs no Pillow

        moves = sequence.content_moves
        fixed, image = ("b_prime", sequence.references[0]) if moves else ("a", sequence.a)
        still = sequence.still_guides
        check_sizes({n: p for n, p in still.items() if GUIDES[n].over == fixed}, {fixed: image})


def _frame(text: str) -> int:
    """The number of a frame.

    Raises:
        ValueError: it is none.
    """
    number = number_in(text.strip())
    if number is None or number < 0 or number != int(number):
        raise ValueError(text)
    return int(number)


def _check_image(column: str, path: str) -> None:
    fault = fault_of_characters(path) or fault_of_file(path)
    if fault:
        raise SequenceError(column, f"{quoted(path)}: {fault}", "paths are as seen from here")


def find_frames(sequence: Sequence) -> Sequence:
    """The sequence with its frames.

    Raises:
        SequenceError: sides, coherence and keyframes do not go together, there are no frames, or
            no library that writes their video.
        GuidanceError: a guide does not lie over its image.
    """
    check_pyav()
    _check_codec(sequence.codec)
    _check_pace(sequence)
    if sequence.content_moves:
        if sequence.coherence == "locked":
            raise SequenceError(
                "coherence",
                "'locked' needs a content that stands still",
                "a video can be 'propagated'",
            )
        for path in sequence.references.values():
            _check_image("b_prime", path)
    elif sequence.kinds[1] == "image":
        raise SequenceError(
            "a, b_prime",
            "one of the two must be a sequence of frames: a folder, a pattern, a "
            "list (.txt) or a video",
        )
    elif sequence.coherence == "propagated":
        raise SequenceError(
            "coherence",
            "'propagated' follows the motion of a content video",
            "for one image take 'locked' or 'warm-start'",
        )
    else:
        _check_image("a", sequence.a)
    _check_guides(sequence)
    frames = list_frames(sequence.source, sequence.start, sequence.stop, sequence.stride)
    wrong = [n for n in sequence.keyframes if n >= len(frames)]
    if wrong:
        raise SequenceError("keyframes", f"{wrong} are beyond the last of {len(frames)} frames")
    if sequence.keyframes and sequence.coherence != "locked":
        raise SequenceError(
            "keyframes", "only 'locked' has them", "a content video names them in b_prime"
        )
    if sequence.of_video:
        _say_of_depth(sequence)
    if sequence.carries_sound:
        _say_of_sound(sequence)
    if not (sequence.content_moves or sequence.of_video):
        _say_of_length(sequence, len(frames))
    return replace(sequence, frames=tuple(frames))


def _check_codec(name: str) -> None:
    """Make sure that videos can be made in a codec.

    Raises:
        SequenceError: they cannot.
    """
    if name not in CODECS:
        raise SequenceError("codec", f"{quoted(name)} is not one of {', '.join(CODECS)}")
    if lacks(CODECS[name]):
        known = ", ".join(each for each, codec in CODECS.items() if not lacks(codec)) or "none"
        problem = f"the PyAV that is installed cannot make {name}: it lacks {CODECS[name].encoder}"
        remedy = f"it can make {known}; PyAV's own, of `pip install av`, makes all"
        raise SequenceError("codec", problem, remedy)


def _check_pace(sequence: Sequence) -> None:
    """Make sure that the film that is made can have this rate, and last as long.

    Raises:
        SequenceError: it cannot.
    """
    for name, value, most in (
        ("frame_rate", sequence.frame_rate, FASTEST),
        ("duration", sequence.duration, LONGEST),
    ):
        if value is not None and not 0 < value <= most:
            problem = f"{quoted(value)} is not possible"
            raise SequenceError(name, problem, f"it must be above 0 and at most {most}")
    if sequence.duration is not None and sequence.content_moves:
        remedy = "leave it out: frame_rate changes the pace"
        raise SequenceError("duration", "a content video lasts as long as it does", remedy)


def _say_of_length(sequence: Sequence, count: int) -> None:
    """Say that few images make a short film, before any is made."""
    seconds = count / (sequence.frame_rate or USUAL)
    if not sequence.duration and seconds < BRIEF:
        told = f"{count} frames make a film of {seconds:.1f} s; duration makes it last longer"
        say_once(f"{sequence.source}: {told}", logging.INFO)


def _say_of_depth(sequence: Sequence) -> None:
    """Say that the video will have fewer bits than the one that is given."""
    from dia_pipeline.io.video import bits_of

    bits = bits_of(sequence.source)
    if bits > 8 and not CODECS[sequence.codec].keeps_depth:
        keeping = ", ".join(name for name, codec in CODECS.items() if codec.keeps_depth)
        told = f"of its {bits} bits {sequence.codec} keeps 8; codecs that keep 10: {keeping}"
        say_once(f"{sequence.source}: {told}", logging.WARNING)


def _say_of_sound(sequence: Sequence) -> None:
    """Say which sound of a film is carried over, or why none is, before any frame is made."""
    from dia_pipeline.io.sound import find_track

    track, note = find_track(sequence.source, CODECS[sequence.codec].container)
    if note:
        say_once(f"{sequence.source}: {note}", logging.INFO if track else logging.WARNING)
