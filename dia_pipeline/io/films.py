"""Files of films, and which of their streams is the film.

Files are opened here and handed over as streams, and only as containers of video: FFmpeg itself
would also follow addresses and lists of other files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import av
from av.stream import Disposition

from dia_pipeline.io.files import fault_of_file
from dia_pipeline.io.images import ImageError

CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,flv,asf,mxf,gif"
"""The formats of files that are opened, as FFmpeg calls them."""

_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
"""What a stream is that holds pictures beside the film: a cover, for example."""

_MANY = 100
"""Packets of a film beside which a single one of another stream is a picture."""


class Film(NamedTuple):
    """A film in an open file: PyAV's container and stream, and what to tell a person of the choice
    among several streams."""

    container: Any
    stream: Any
    note: str


@contextmanager
def open_film(path: str | Path) -> Iterator[Film]:
    """A file, and the stream in it that is the film.

    Raises:
        ImageError: the file cannot be read as a film, or no further.
    """
    with open_container(path) as container:
        yield _find_film(path, container)


@contextmanager
def open_container(path: str | Path) -> Iterator[Any]:
    """A file of video or sound, as PyAV's container.

    Raises:
        ImageError: it cannot be read, or no further.
    """
    fault = fault_of_file(path)
    if fault:
        raise ImageError(path, fault, "give the path of a video")
    try:
        with (
            Path(path).open("rb") as file,
            av.open(file, options={"format_whitelist": CONTAINERS}) as container,
        ):
            yield container
    except (av.FFmpegError, ValueError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(
            path, f"the video cannot be read ({reason})", "check that it plays"
        ) from error


def _find_film(path: str | Path, container: Any) -> Film:
    """The film: of several the default one, then the one of most pixels."""
    streams = [each for each in container.streams.video if not each.disposition & _PICTURES]
    if not streams:  # a sound file, perhaps with a cover
        raise ImageError(path, "it holds no video", "check that it plays")
    films = [each for each in streams if each.codec_context]
    if not films:
        raise ImageError(path, "its kind of video is not known", "save it as H.264")
    if len(films) > 1:
        counts = _count_packets(path, films)
        films = [each for each in films if counts[each.index] > 1] or films
    best = max(films, key=lambda s: (bool(s.disposition & Disposition.default), s.width * s.height))
    which = f"stream {best.index}, {best.width}x{best.height} pixels"
    note = f"of its {len(films)} videos this is taken: {which}" if len(films) > 1 else ""
    return Film(container, best, note)


def _count_packets(path: str | Path, streams: list[Any]) -> Counter[int]:
    """How many packets streams have by their number, until one has many: a picture has but one.

    The file is opened once more, for this one is to be read from its start.
    """
    counts: Counter[int] = Counter()
    with open_container(path) as container:
        own = [container.streams[each.index] for each in streams]
        for packet in container.demux(own):
            counts[packet.stream.index] += packet.size > 0
            if counts[packet.stream.index] == _MANY:
                break
    return counts
