"""Films in and out, through FFmpeg's libraries (PyAV)."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import dropwhile, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from dia_pipeline.io.codecs import CODECS, Codec
from dia_pipeline.io.files import digest_file, replace_file
from dia_pipeline.io.films import Film, open_film
from dia_pipeline.io.frames import colours_of
from dia_pipeline.io.images import read_picture
from dia_pipeline.io.interlacing import deinterlaced, first_field, is_woven
from dia_pipeline.io.notes import say_once
from dia_pipeline.io.sound import Sound, carry
from dia_pipeline.io.yuv import UNKNOWN, frame_of, image_of, is_readable
from dia_pipeline.pixels import resize_image

HIGH_DEFINITION = 720
"""Rows from which on colours that a file does not name are those of ITU-R BT.709, else BT.601."""

UNEVEN = 0.02
"""By so much of their mean the times between frames may differ at one rate."""

_HDR = {16: "PQ", 18: "HLG"}
"""Transfers of H.273 whose tones are brighter than those of sRGB."""

_BT709 = 1
"""Primaries and transfer of ITU-R BT.709, the numbers of H.273."""

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


def count_frames(path: str | Path) -> int:
    """How many frames of a film are shown, by what the file says of them, without decoding.

    Raises:
        ImageError: the file cannot be read as a film.
    """
    lost = _count_lost(path)
    with open_film(path) as film:
        return (_promised(film) or len(_stamps(film))) - lost


def read_pace(path: str | Path) -> Pace:
    """When the frames of a film are shown, and whether it has sound, without decoding.

    Raises:
        ImageError: the file cannot be read as a film.
    """
    lost = _count_lost(path)
    with open_film(path) as film:
        stream, sound = film.stream, bool(film.container.streams.audio)
        rate = float(stream.average_rate or stream.guessed_rate or 24)
        unit, size = stream.time_base, (stream.height, stream.width)
        stamps = _stamps(film)
        count = _promised(film) or len(stamps)
    known = [stamp for stamp in stamps if stamp is not None]
    if len(known) < count:  # no times, or the file is cut short
        times = [number / rate for number in range(count - lost)]
    else:
        times = [float(stamp * unit) for stamp in sorted(known)[lost:]]
    return Pace(rate, times, sound, size)


def decode_frames(path: str | Path, deep: bool = False) -> Iterator[np.ndarray]:
    """The frames of a film in order as they are meant to be seen, (H, W, 3) uint8 RGB.

    They are turned and mirrored as the file says, deinterlaced if they are of two fields, laid over
    white where they are transparent, and their pixels made square.

    Args:
        deep: frames of more than 8 bits are given with all of them, as float32 in grey levels.

    Raises:
        ImageError: the file cannot be read any further; the frames before that were given.
    """
    faults: list[av.FFmpegError] = []
    with open_film(path) as film:
        aspect = film.stream.sample_aspect_ratio or Fraction(1)
        for frame in deinterlaced(film, _told(path, film, _decoded(film, faults), deep)):
            yield _as_seen(frame, aspect, deep)
        for fault in faults:
            raise fault


def bits_of(path: str | Path) -> int:
    """The bits of each colour of a film, by what the file says.

    Raises:
        ImageError: the file cannot be read as a film.
    """
    with open_film(path) as film:
        pixels = film.stream.codec_context.format
        return pixels.components[0].bits if pixels else 8


def notes_on(path: str | Path, deep: bool = False) -> list[str]:
    """What is chosen, changed or lost when a film is read, by its key frames.

    Args:
        deep: whether more than 8 bits are kept.

    Raises:
        ImageError: the file cannot be read as a film.
    """
    with open_film(path) as film:
        film.stream.codec_context.skip_frame = "NONKEY"
        notes = (note for frame in _decoded(film, []) for note in _notes(film, frame, deep))
        return list(dict.fromkeys(notes))


def write_video(
    path: str | Path,
    frames: Iterable[np.ndarray],
    timing: Timing,
    sound: Sound | None = None,
    codec: Codec = CODECS["h264"],
) -> str:
    """Write images of one size as a film, in H.264 as browsers play it unless a codec is named.

    An odd height or width, where the codec has none, is made even by repeating the last row or
    column. The same frames always give the same bytes.

    Args:
        frames: (H, W, 3), or 4 with opacity, uint8 or float32 in grey levels, of which is kept what
            the pixels of the codec can hold.

    Returns:
        The SHA-256 of the file in hexadecimal.
    """
    with replace_file(path) as temporary:
        _encode(temporary, frames, timing, sound, codec)
        return digest_file(temporary)


def _encode(
    path: Path, frames: Iterable[np.ndarray], timing: Timing, sound: Sound | None, codec: Codec
) -> None:
    with av.open(path, "w", options=_CONTAINER) as container:
        stream = None
        packets: Iterator[av.Packet] = iter(())
        for number, image in enumerate(frames):
            image = _padded(image, codec.pixels)
            if stream is None:
                stream = _open_stream(container, image.shape[:2], timing, codec)
                packets = carry(container, sound) if sound else packets
            frame = _as_stored(image, codec.pixels)
            if timing.times:
                frame.pts = round(timing.times[number] * _TICKS)
                frame.time_base = Fraction(1, _TICKS)
            with _scheduled_as_before():
                container.mux(stream.encode(frame))
        if stream:
            container.mux(stream.encode())
        for packet in packets:
            with suppress(av.InvalidDataError):  # what is damaged is left out, as players do
                container.mux(packet)


@contextmanager
def _scheduled_as_before() -> Iterator[None]:
    """Within it an encoder may change how the system schedules this thread; not beyond it.

    Where it may, that of AV1 puts the thread that opens it before all others of the machine. Work
    that is then shared with others, and waits for them, never ends.
    """
    if not hasattr(os, "sched_setscheduler"):  # Linux alone lets it
        yield
        return
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            os.sched_setscheduler(0, policy, priority)


def _padded(image: np.ndarray, pixels: str) -> np.ndarray:
    """An image with as many rows and columns as whole samples of chroma take."""
    two = av.VideoFormat(pixels, 2, 2)
    steps = 2 // two.chroma_height(2), 2 // two.chroma_width(2)
    more = [(0, -side % step) for side, step in zip(image.shape[:2], steps, strict=True)]
    return np.pad(image, [*more, (0, 0)], "edge")


def _as_stored(image: np.ndarray, pixels: str) -> av.VideoFrame:
    """An image as a frame of BT.709."""
    if av.VideoFormat(pixels).components[0].bits > 8:
        return frame_of(image, pixels)
    frame = av.VideoFrame.from_ndarray(colours_of(image), format="rgb24")
    return frame.reformat(format=pixels, dst_colorspace=Colorspace.ITU709)


def _promised(film: Film) -> int:
    """How many frames are shown, by the index of the file; 0 if that is missing or incomplete."""
    listed = list(film.stream.index_entries)
    return len(_shown(listed)) if len(listed) == film.stream.frames else 0


def _stamps(film: Film) -> list[int | None]:
    """When the frames that are shown are, in the order of their packets and in the film's unit."""
    packets = (packet for packet in film.container.demux(film.stream) if packet.size)
    entries = [_Entry(each.pts, each.is_keyframe, each.is_discard) for each in packets]
    return [each.pts for each in _shown(entries)]


class _Entry(NamedTuple):
    """What a packet says, without its content."""

    pts: int | None
    is_keyframe: bool
    is_discard: bool


def _shown(entries: list[Any]) -> list[Any]:
    """Of packets, or what the file's index says of them, those whose frames are shown.

    A video that was cut without being encoded anew keeps frames before its first whole one, which
    cannot be decoded, and some that are there for the decoder alone.
    """
    first = next((n for n, each in enumerate(entries) if each.is_keyframe), 0)
    return [each for each in entries[first:] if not each.is_discard]


def _count_lost(path: str | Path) -> int:
    """How many frames before the first that can be decoded follow a whole one in the file.

    They are made of frames before the cut, too, as in the recording of a broadcast.
    """
    earlier: list[int] = []
    with open_film(path) as film, suppress(av.FFmpegError):
        packets = film.container.demux(film.stream)
        for packet in dropwhile(lambda packet: not packet.is_keyframe, packets):
            if packet.pts is not None and not packet.is_discard:
                earlier.append(packet.pts)
            for frame in packet.decode():
                return sum(pts < frame.pts for pts in earlier if frame.pts is not None)
    return 0


def _decoded(film: Film, faults: list[av.FFmpegError]) -> Iterator[av.VideoFrame]:
    """The frames of a film up to its first fault, which is added to `faults`."""
    try:
        for packet in film.container.demux(film.stream):
            yield from packet.decode()
    except av.FFmpegError as fault:
        yield from film.stream.codec_context.decode(None)  # those that the decoder still holds
        faults.append(fault)


def _told(
    path: str | Path, film: Film, frames: Iterator[av.VideoFrame], deep: bool
) -> Iterator[av.VideoFrame]:
    """The frames of a film, of which is said what is chosen, changed or lost."""
    for frame in frames:
        for note in _notes(film, frame, deep):
            say_once(f"{path}: {note}", logging.WARNING)
        yield frame


def _notes(film: Film, frame: av.VideoFrame, deep: bool) -> Iterator[str]:
    if film.note:
        yield film.note
    bits = frame.format.components[0].bits
    if frame.color_trc in _HDR:
        yield f"the video is HDR ({_HDR[frame.color_trc]}); its tones are not mapped"
    elif bits > 8 and not (deep and _is_deep(frame)):
        yield f"the {bits} bits of its colours become 8"
    if is_woven(film, frame) or first_field(film):
        yield "it is interlaced: each frame becomes the whole picture of its first field"
    elif frame.interlaced_frame:
        yield "it is interlaced, and each of its fields is a frame by itself, of half the height"


def _as_seen(frame: av.VideoFrame, aspect: Fraction, deep: bool) -> np.ndarray:
    """A frame as (H, W, 3) RGB, upright, with square pixels, over white.

    It is uint8, or float32 in grey levels if it is asked to be deep, and is.
    """
    if frame.colorspace == UNKNOWN:
        named = Colorspace.ITU709 if frame.height >= HIGH_DEFINITION else Colorspace.ITU601
        frame.colorspace = named
    picture = read_picture(_values(frame, deep and _is_deep(frame)), "a frame")
    image = picture.pixels if picture.deep is None else picture.deep
    if aspect != 1:
        image = resize_image(image, (image.shape[0], max(1, round(image.shape[1] * aspect))))
    return np.ascontiguousarray(_upright(image, frame))


def _is_deep(frame: av.VideoFrame) -> bool:
    """Whether a frame has more than 8 bits that can be read."""
    bits = frame.format.components[0].bits
    return bits > 8 and (frame.format.is_rgb or is_readable(frame))


def _values(frame: av.VideoFrame, deep: bool) -> np.ndarray:
    """What a frame holds, (H, W, 3), or 4 with opacity: uint8, or uint16 if it is deep."""
    if deep and not frame.format.is_rgb:
        return image_of(frame)
    clear = any(each.is_alpha for each in frame.format.components)
    kinds = ("rgb48le", "rgba64le") if deep else ("rgb24", "rgba")
    return frame.reformat(format=kinds[clear], src_colorspace=frame.colorspace).to_ndarray()


def _upright(image: np.ndarray, frame: av.VideoFrame) -> np.ndarray:
    """An image, turned and mirrored as its frame is displayed.

    The display matrix takes (x, y) to (a x + c y, b x + d y).
    """
    try:
        matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV does not know what else the frame says
        return np.rot90(image, round(frame.rotation / 90))
    if matrix is None:
        return image
    a, b, _, c, d, *_ = np.frombuffer(matrix, np.int32).tolist()
    if abs(b) > abs(a):
        image, a, d = image.swapaxes(0, 1), c, b
    return image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]


def _open_stream(
    container: Any, size: tuple[int, int], timing: Timing, codec: Codec
) -> av.VideoStream:
    rate = Fraction(timing.rate).limit_denominator(1001)
    stream = container.add_stream(codec.encoder, rate)
    stream.height, stream.width = size
    stream.pix_fmt = codec.pixels
    if codec.tag:
        stream.codec_context.codec_tag = codec.tag
    if timing.times:
        stream.codec_context.time_base = Fraction(1, _TICKS)
    # Said in the file: players otherwise guess the colours from the size.
    stream.codec_context.colorspace = Colorspace.ITU709
    stream.codec_context.color_range = ColorRange.MPEG
    stream.codec_context.color_primaries = stream.codec_context.color_trc = _BT709
    # Where frames are reordered, the muxer takes the times of packets for those of the pictures.
    stream.options = codec.options | ({"bf": "0"} if timing.times else {})
    return stream
