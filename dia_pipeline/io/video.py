"""Video files in and out, through FFmpeg's libraries (PyAV)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from dia_pipeline.io.files import replace_file
from dia_pipeline.io.images import ImageError


def count_frames(path: str | Path) -> int:
    """How many frames a video file says it holds, or else holds, counted without decoding.

    Raises:
        ImageError: the file cannot be read as a video.
    """
    try:
        with av.open(path) as container:
            stream = container.streams.video[0]
            return stream.frames or sum(packet.size > 0 for packet in container.demux(stream))
    except (av.FFmpegError, IndexError) as error:  # a sound file has no first video stream
        raise _unreadable(path, error) from error


def decode_frames(path: str | Path) -> Iterator[np.ndarray]:
    """The frames of a video in order, (H, W, 3) uint8 RGB.

    Raises:
        ImageError: the file cannot be read any further; the frames before that were given.
    """
    try:
        with av.open(path) as container:
            stream = container.streams.video[0]
            for frame in _decoded(container, stream):
                yield frame.to_ndarray(format="rgb24")
    except (av.FFmpegError, IndexError) as error:
        raise _unreadable(path, error) from error


def write_video(path: str | Path, frames: Iterable[np.ndarray], frame_rate: float) -> None:
    """Write images (H, W, 3) uint8 RGB of one size as H.264 in 4:2:0, as browsers play it.

    An odd height or width, which 4:2:0 does not have, is made even by repeating the last row or
    column. The same frames always give the same bytes.
    """
    with replace_file(path) as temporary, av.open(temporary, "w", options=_CONTAINER) as container:
        stream = None
        for image in frames:
            image = np.pad(image, [(0, s % 2) for s in image.shape[:2]] + [(0, 0)], "edge")
            stream = stream or _open_stream(container, image.shape[:2], frame_rate)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
            container.mux(stream.encode(frame))
        if stream:
            container.mux(stream.encode())


_BT709 = 1
"""Primaries and transfer of ITU-R BT.709, the numbers of H.273."""

_CONTAINER = {"movflags": "+faststart", "fflags": "+bitexact"}
"""The index in front, so that playing begins at once; no dates."""


def _decoded(container, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    try:
        for packet in container.demux(stream):
            yield from packet.decode()
    except av.FFmpegError:
        yield from stream.codec_context.decode(None)  # those that the decoder still holds
        raise


def _open_stream(container, size: tuple[int, int], frame_rate: float) -> av.VideoStream:
    stream = container.add_stream("libx264", Fraction(frame_rate).limit_denominator(1001))
    stream.height, stream.width = size
    stream.pix_fmt = "yuv420p"
    # Said in the file: players otherwise guess the colours from the size.
    stream.codec_context.colorspace = Colorspace.ITU709
    stream.codec_context.color_range = ColorRange.MPEG
    stream.codec_context.color_primaries = stream.codec_context.color_trc = _BT709
    # Macroblock-tree rate control gives other bytes now and then, even on one thread.
    stream.options = {"crf": "16", "preset": "medium", "threads": "1", "x264-params": "mbtree=0"}
    return stream


def _unreadable(path: str | Path, error: Exception) -> ImageError:
    reason = getattr(error, "strerror", None) or "it holds no video"
    return ImageError(path, f"the video cannot be read ({reason})", "check that it plays")
