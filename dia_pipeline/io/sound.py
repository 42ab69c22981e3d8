"""The sound of a film, carried into a video that is written.

What its container, MP4 or QuickTime's, holds is copied; what else can be decoded becomes AAC of one
or two channels; if neither goes, the next sound of the film is taken, or none. That is found out by
carrying the beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from itertools import chain, groupby, islice
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import av

from dia_pipeline.io.films import open_container, open_film
from dia_pipeline.io.images import ImageError
from dia_pipeline.io.notes import say_once

_BOTH = ("aac", "mp3", "ac3", "eac3", "alac")

_COPIED = {
    "mp4": (*_BOTH, "opus"),
    "mov": (*_BOTH, "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be"),
}
"""Kinds of sound that a container holds and players know."""

_RATE = 48_000
"""Samples a second of AAC, where it does not have as many as the film."""

_REHEARSED = 50
"""Packets, about a second, that are carried to find out whether that is possible."""


@dataclass(frozen=True)
class Sound:
    """The sound of a video from `start` to `stop`, in seconds."""

    path: Path
    start: float
    stop: float


class Track(NamedTuple):
    """A sound of a film: the number of its stream, and whether it is copied or encoded anew."""

    number: int
    copied: bool


def find_track(path: str | Path, container: str = "mp4") -> tuple[Track | None, str]:
    """The sound of a film that is carried over, if one can be; what to tell a person, if anything.

    Args:
        container: `mp4` or `mov`.

    Raises:
        ImageError: the file cannot be read as a film.
    """
    with open_film(path) as film:
        sounds = film.container.streams
        best = sounds.best("audio", film.stream)
        streams = [each for each in (best, *sounds.audio) if each]
        kinds = {each.index: _kind(each) for each in streams}
        tracks = [track for each in streams for track in _ways(each, container)]
    track = next((each for each in tracks if _is_carried(path, each, container)), None)
    return track, _note(kinds, track)


def carry(container: Any, sound: Sound) -> Iterator[Any]:
    """The packets of the sound, for a stream that is added to a video that is written.

    There are none where it cannot be carried over.
    """
    track, _ = find_track(sound.path, container.format.name)
    return _packets(container, sound, track) if track else iter(())


def _kind(stream: Any) -> str:
    own = stream.codec_context
    if not own:
        return "of an unknown kind"
    return f"{own.codec.canonical_name}, {own.sample_rate} Hz, {own.layout.name}"


def _ways(stream: Any, container: str) -> list[Track]:
    """How a sound may be carried over, the best way first."""
    if not stream.codec_context:
        return []
    encoded = Track(stream.index, copied=False)
    kind = stream.codec_context.codec.canonical_name
    return [Track(stream.index, copied=True), encoded] if kind in _COPIED[container] else [encoded]


def _note(kinds: dict[int, str], track: Track | None) -> str:
    """What to tell a person of the sounds of a film, of which this track is carried over."""
    if not kinds:
        return ""
    if track is None:
        return f"its sound cannot be carried over ({'; '.join(kinds.values())}): the video has none"
    taken = f"stream {track.number} ({kinds[track.number]})"
    said = [f"of its {len(kinds)} sounds, {taken} is carried over"] if len(kinds) > 1 else []
    said += [] if track.copied else [f"its sound, {taken}, is encoded anew, as AAC"]
    return "; ".join(said)


def _is_carried(path: str | Path, track: Track, kind: str) -> bool:
    """Whether the beginning of a sound can be carried into a video."""
    with (
        suppress(av.FFmpegError, ImageError, ValueError),
        av.open(BytesIO(), "w", format=kind) as container,
    ):
        packets = list(islice(_packets(container, Sound(Path(path), 0, inf), track), _REHEARSED))
        container.mux(packets)
        return bool(packets)
    return False


def _packets(container: Any, sound: Sound, track: Track) -> Iterator[Any]:
    """The packets of a track, for a stream that is added."""
    with open_container(sound.path) as film:
        given = film.streams[track.number]
        if track.copied:
            return _copied(sound, track.number, container.add_stream_from_template(given))
        own, known = given.codec_context, av.Codec("aac", "w").audio_rates or ()
        stream = container.add_stream("aac", own.sample_rate if own.sample_rate in known else _RATE)
        stream.codec_context.layout = "mono" if own.layout.nb_channels == 1 else "stereo"
        return _encoded(sound, track.number, stream)


def _copied(sound: Sound, number: int, stream: Any) -> Iterator[Any]:
    last = -inf
    for packet in _read(sound, number):
        if packet.pts is None:
            continue
        unit = packet.time_base
        if sound.start <= float(packet.pts * unit) < sound.stop:
            shift = round(Fraction(sound.start) / unit)
            packet.pts, packet.dts = packet.pts - shift, (packet.dts or packet.pts) - shift
            if packet.dts > last:  # an MP4 holds none that go back in time
                last = packet.dts
                packet.stream = stream
                yield packet


def _encoded(sound: Sound, number: int, stream: Any) -> Iterator[Any]:
    own = stream.codec_context
    frames = _decoded(sound, number)
    first = next(frames, None)
    if first is None:
        return
    done = round((first.time - sound.start) * own.sample_rate)  # it may begin after the images
    for _, alike in groupby(chain([first], frames), _setup):
        resampler = av.AudioResampler(own.format, own.layout, own.sample_rate)
        for frame in chain(alike, [None]):
            for samples in filter(None, resampler.resample(frame)):
                samples.pts, samples.time_base = done, Fraction(1, own.sample_rate)
                done += samples.samples
                yield from stream.encode(samples)
    yield from stream.encode(None)


def _setup(frame: av.AudioFrame) -> tuple[str, str, int]:
    """What must be the same of all frames that one resampler takes."""
    return frame.format.name, frame.layout.name, frame.sample_rate


def _decoded(sound: Sound, number: int) -> Iterator[Any]:
    for packet in _read(sound, number):
        with suppress(av.FFmpegError):  # what is damaged is left out, as players do
            for frame in packet.decode():
                if frame.time is not None and sound.start <= frame.time < sound.stop:
                    yield frame


def _read(sound: Sound, number: int) -> Iterator[Any]:
    """The packets of a sound, as far as the file can be read."""
    try:
        with open_container(sound.path) as film:
            yield from film.demux(film.streams[number])
    except ImageError as error:
        say_once(f"{error}; the sound ends there")
