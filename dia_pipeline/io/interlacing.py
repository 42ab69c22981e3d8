"""Interlaced films: a frame is woven of two fields, each every other line, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby

import av
from av.filter import Graph

from dia_pipeline.io.films import Film

_FIRST = {2: "tff", 3: "bff", 4: "bff", 5: "tff"}
"""Of FFmpeg's orders of fields, which is shown first, the top or the bottom one."""


def is_woven(film: Film, frame: av.VideoFrame) -> bool:
    """Whether a frame says that it is woven. In HEVC it then is a single field instead."""
    return frame.interlaced_frame and film.stream.codec_context.name != "hevc"


def first_field(film: Film) -> str:
    """Which field is first by what the file says, as FFmpeg's filters call it; empty for none.

    It counts for codecs of single pictures; others, as H.264, tell it of each frame.
    """
    own = film.stream.codec_context
    return _FIRST.get(own.field_order, "") if own.codec.intra_only else ""


def deinterlaced(film: Film, frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """Frames of whole pictures: one for each, and the same where a frame is not woven.

    The picture of a woven frame is that of its first field. Where the file says that it is
    interlaced and the frames say nothing, all are woven.
    """
    by_file = first_field(film)
    for _, alike in groupby(frames, lambda frame: (frame.format.name, frame.width, frame.height)):
        graph, first = None, ""
        for number, frame in enumerate(alike):
            woven = is_woven(film, frame)
            if number == 0 and not woven:
                first = by_file
            if graph is None and (woven or first):
                graph = _filter(frame, first)
            yield from _filtered(graph, frame) if graph else [frame]
        if graph:
            yield from _filtered(graph, None)


def _filter(frame: av.VideoFrame, first: str) -> Graph:
    """FFmpeg's filter for frames such as this one: all of them, if the first field is named."""
    graph, size = Graph(), f"{frame.width}x{frame.height}"
    nodes = [graph.add("buffer", f"video_size={size}:pix_fmt={frame.format.name}:time_base=1")]
    if first:
        nodes.append(graph.add("setfield", first))
    nodes += [graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink")]
    graph.link_nodes(*nodes).configure()
    return graph


def _filtered(graph: Graph, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
    """What comes out of a filter when a frame goes in, or none any more."""
    graph.push(frame)
    with suppress(av.BlockingIOError, av.EOFError):
        while True:
            yield graph.vpull()
