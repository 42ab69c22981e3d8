"""Video files in and out, through FFmpeg's libraries (PyAV).

Files are opened here and handed over as streams, and only as containers of video: FFmpeg itself
would also follow addresses and lists of other files.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from dia_pipeline.io.files import digest_file, fault_of_file, replace_file
from dia_pipeline.io.images import ImageError
from dia_pipeline.io.notes import say_once
from dia_pipeline.pixels import resize_image

CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,flv,asf,mxf,gif"
"""The formats of files that are opened, as FFmpeg calls them."""

HIGH_DEFINITION = 720
"""Rows from which on colours that a file does not name are those of ITU-R BT.709, else BT.601."""

UNEVEN = 0.02
"""By so much of their mean the times between frames may differ at one rate."""

_HDR = {16: "PQ", 18: "HLG"}
"""Transfers of H.273 whose tones are brighter than those of sRGB."""

_COPIED = ("aac", "mp3", "ac3", "eac3", "alac", "opus")
"""Kinds of sound that an MP4 holds; others are encoded anew, as AAC."""

_BT709 = 1
"""Primaries and transfer of ITU-R BT.709, the numbers of H.273."""

_UNKNOWN = 2
"""What H.273 says of colours that a file does not name."""

_CONTAINER = {"movflags": "+faststart", "fflags": "+bitexact"}
"""The index in front, so that playing begins at once; no dates."""

_TICKS = 90_000
"""Of a second, in which frames of uneven times are placed."""


@dataclass(frozen=True)
class Pace:
    """What a video file says of its frames: how many a second, when each is shown (s), whether it
    has sound, and their height and width in pixels before they are turned."""

    rate: float
    times: list[float]
    sound: bool
    size: tuple[int, int]


@dataclass(frozen=True)
class Timing:
    """When frames are shown.

    Attributes:
        rate: frames a second, on the average.
        times: seconds from the first frame to each, if they are uneven.
    """

    rate: float
    times: tuple[float, ...] | None = None

    @classmethod
    def of(cls, times: list[float], rate: float) -> Timing:
        """The timing of frames at these times (s); `rate` is that of a single one."""
        steps = [later - earlier for earlier, later in pairwise(times)]
        if not steps or min(steps) <= 0:
            return cls(rate)
        mean = sum(steps) / len(steps)
        even = max(abs(step - mean) for step in steps) <= UNEVEN * mean
        return cls(rate if even else 1 / mean, None if even else tuple(t - times[0] for t in times))


@dataclass(frozen=True)
class Sound:
    """The sound of a video from `start` to `stop`, in seconds."""

    path: Path
    start: float
    stop: float


def count_frames(path: str | Path) -> int:
    """How many frames of a video are shown, by what the file says of them, without decoding.

    Raises:
        ImageError: the file cannot be read as a video.
    """
    with _opened(path) as container:
        return _promised(container) or len(_shown_packets(container))


def read_pace(path: str | Path) -> Pace:
    """When the frames of a video are shown, and whether it has sound, without decoding.

    Raises:
        ImageError: the file cannot be read as a video.
    """
    with _opened(path) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or stream.guessed_rate or 24)
        stamps = [packet.pts for packet in _shown_packets(container)]
        unit, sound = stream.time_base, bool(container.streams.audio)
        size = stream.height, stream.width
        count = _promised(container) or len(stamps)
    if None in stamps or len(stamps) < count:  # no times, or the file is cut short
        times = [number / rate for number in range(count)]
    else:
        times = [float(stamp * unit) for stamp in sorted(stamps)]
    return Pace(rate, times, sound, size)


def decode_frames(path: str | Path) -> Iterator[np.ndarray]:
    """The frames of a video in order as they are meant to be seen, (H, W, 3) uint8 RGB.

    They are turned as the file says, and their pixels made square.

    Raises:
        ImageError: the file cannot be read any further; the frames before that were given.
    """
    with _opened(path) as container:
        stream = container.streams.video[0]
        aspect = stream.sample_aspect_ratio or Fraction(1)
        for frame in _decoded(container, stream):
            _say_what_is_lost(str(path), frame)
            yield _as_seen(frame, aspect)


def write_video(
    path: str | Path, frames: Iterable[np.ndarray], timing: Timing, sound: Sound | None = None
) -> str:
    """Write images (H, W, 3) uint8 RGB of one size as H.264 in 4:2:0, as browsers play it.

    An odd height or width, which 4:2:0 does not have, is made even by repeating the last row or
    column. The same frames always give the same bytes.

    Returns:
        The SHA-256 of the file in hexadecimal.
    """
    with replace_file(path) as temporary:
        _encode(temporary, frames, timing, sound)
        return digest_file(temporary)


def _encode(path: Path, frames: Iterable[np.ndarray], timing: Timing, sound: Sound | None) -> None:
    with av.open(path, "w", options=_CONTAINER) as container:
        stream = None
        packets: Iterator[av.Packet] = iter(())
        for number, image in enumerate(frames):
            image = np.pad(image, [(0, s % 2) for s in image.shape[:2]] + [(0, 0)], "edge")
            if stream is None:
                stream = _open_stream(container, image.shape[:2], timing)
                packets = _sound_packets(container, sound) if sound else packets
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
            if timing.times:
                frame.pts = round(timing.times[number] * _TICKS)
                frame.time_base = Fraction(1, _TICKS)
            container.mux(stream.encode(frame))
        if stream:
            container.mux(stream.encode())
        for packet in packets:
            container.mux(packet)


@contextmanager
def _opened(path: str | Path) -> Iterator[Any]:
    """A video file that has a stream of images."""
    fault = fault_of_file(path)
    if fault:
        raise ImageError(path, fault, "give the path of a video")
    try:
        with (
            Path(path).open("rb") as file,
            av.open(file, options={"format_whitelist": CONTAINERS}) as container,
        ):
            if not container.streams.video:  # a sound file
                raise ImageError(path, "it holds no video", "check that it plays")
            if container.streams.video[0].codec_context is None:
                raise ImageError(path, "its kind of video is not known", "save it as H.264")
            yield container
    except (av.FFmpegError, ValueError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(
            path, f"the video cannot be read ({reason})", "check that it plays"
        ) from error


def _promised(container: Any) -> int:
    """How many frames are shown, by the index of the file; 0 if that is missing or incomplete."""
    stream = container.streams.video[0]
    listed = list(stream.index_entries)
    return len(_shown(listed)) if len(listed) == stream.frames else 0


def _shown_packets(container: Any) -> list[Any]:
    stream = container.streams.video[0]
    return _shown([packet for packet in container.demux(stream) if packet.size])


def _shown(entries: list[Any]) -> list[Any]:
    """Of packets, or what the file's index says of them, those whose frames are shown.

    A video that was cut without being encoded anew keeps frames before its first whole one, which
    cannot be decoded, and some that are there for the decoder alone.
    """
    first = next((n for n, each in enumerate(entries) if each.is_keyframe), 0)
    return [each for each in entries[first:] if not each.is_discard]


def _decoded(container: Any, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    try:
        for packet in container.demux(stream):
            yield from packet.decode()
    except av.FFmpegError:
        yield from stream.codec_context.decode(None)  # those that the decoder still holds
        raise


def _as_seen(frame: av.VideoFrame, aspect: Fraction) -> np.ndarray:
    """A frame as (H, W, 3) uint8 RGB, upright, with square pixels."""
    space = frame.colorspace
    if space == _UNKNOWN:
        named = Colorspace.ITU709 if frame.height >= HIGH_DEFINITION else Colorspace.ITU601
        frame.colorspace = space = named
    image = frame.reformat(format="rgb24", src_colorspace=space).to_ndarray()
    if aspect != 1:
        image = resize_image(image, (image.shape[0], max(1, round(image.shape[1] * aspect))))
    return np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90)))


def _open_stream(container: Any, size: tuple[int, int], timing: Timing) -> av.VideoStream:
    rate = Fraction(timing.rate).limit_denominator(1001)
    stream = container.add_stream("libx264", rate)
    stream.height, stream.width = size
    stream.pix_fmt = "yuv420p"
    if timing.times:
        stream.codec_context.time_base = Fraction(1, _TICKS)
    # Said in the file: players otherwise guess the colours from the size.
    stream.codec_context.colorspace = Colorspace.ITU709
    stream.codec_context.color_range = ColorRange.MPEG
    stream.codec_context.color_primaries = stream.codec_context.color_trc = _BT709
    # Macroblock-tree rate control gives other bytes now and then, even on one thread.
    stream.options = {"crf": "16", "preset": "medium", "threads": "1", "x264-params": "mbtree=0"}
    return stream


def _sound_packets(container: Any, sound: Sound) -> Iterator[Any]:
    """The packets of the sound, for a stream that is added to a video that is written."""
    with _opened(sound.path) as given:
        own = given.streams.audio[0]
        copied = own.codec_context.name in _COPIED
        if copied:
            stream = container.add_stream_from_template(own)
        else:
            stream = container.add_stream("aac", own.codec_context.sample_rate)
    return _copied(sound, stream) if copied else _encoded(sound, stream)


def _copied(sound: Sound, stream: Any) -> Iterator[Any]:
    with _opened(sound.path) as given:
        for packet in given.demux(given.streams.audio[0]):
            if packet.pts is None:
                continue
            unit = packet.time_base
            if sound.start <= float(packet.pts * unit) < sound.stop:
                shift = round(Fraction(sound.start) / unit)
                packet.pts, packet.dts = packet.pts - shift, (packet.dts or packet.pts) - shift
                packet.stream = stream
                yield packet


def _encoded(sound: Sound, stream: Any) -> Iterator[Any]:
    with _opened(sound.path) as given:
        own = given.streams.audio[0]
        resampler = av.AudioResampler("fltp", own.codec_context.layout, own.sample_rate)
        for frame in given.decode(own):
            if frame.time is None or not sound.start <= frame.time < sound.stop:
                continue
            frame.pts = None
            for resampled in resampler.resample(frame):
                yield from stream.encode(resampled)
        yield from stream.encode(None)


def _say_what_is_lost(path: str, frame: av.VideoFrame) -> None:
    if frame.color_trc in _HDR:
        lost = f"the video is HDR ({_HDR[frame.color_trc]}); its tones are not mapped"
    elif frame.format.components[0].bits > 8:
        lost = f"the {frame.format.components[0].bits} bits of its colours become 8"
    else:
        return
    say_once(f"{path}: {lost}", logging.WARNING)
