"""The boxes of ISO media files: what AVIF and JPEG 2000 say of their image.

Sources: ISO/IEC 14496-12 (meta), 23008-12 (item properties), 15444-1 (jp2h).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO

from dia_pipeline.io.profiles import Profile, embedded

Box = tuple[bytes, bytes]
"""Kind and content."""

_SRGB, _GREY, _SYCC = 16, 17, 18
"""Colours that JPEG 2000 names by a number and that decoders give back as sRGB."""


def read_boxes(content: bytes) -> Iterator[Box]:
    """The boxes that follow one another in a content; where it is damaged they end."""
    at = 0
    while at + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        head = 8
        if size == 1 and at + 16 <= len(content):
            (size,), head = struct.unpack_from(">Q", content, at + 8), 16
        end = at + size if size else len(content)
        if end < at + head:
            return
        yield kind, content[at + head : end]
        at = end


def primary_properties(content: bytes) -> list[Box]:
    """The properties of the image of an AVIF that is to be shown."""
    meta = _of_kind(read_boxes(content), b"meta")[4:]
    item = BytesIO(_of_kind(read_boxes(meta), b"pitm"))
    version = _number(item, 4) >> 24
    primary = _number(item, 4 if version else 2)
    properties = _of_kind(read_boxes(meta), b"iprp")
    known = list(read_boxes(_of_kind(read_boxes(properties), b"ipco")))
    wanted = _associations(_of_kind(read_boxes(properties), b"ipma")).get(primary, [])
    return [known[index - 1] for index in wanted if 0 < index <= len(known)]


def bits_of(properties: list[Box]) -> int:
    """The bits of a channel of an AVIF."""
    depths = _of_kind(properties, b"pixi")[5:]
    flags = _of_kind(properties, b"av1C")[2:3]
    if depths or not flags:
        return max(depths, default=8)
    more, most = flags[0] & 0x40, flags[0] & 0x20
    return 12 if most else 10 if more else 8


def codes_of(properties: list[Box]) -> tuple[int, int] | None:
    """The codes of ITU-T H.273 for the primaries and the curve of an AVIF, where it has them."""
    for kind, body in properties:
        if kind == b"colr" and body[:4] == b"nclx" and len(body) >= 8:
            return struct.unpack_from(">HH", body, 4)
    return None


def profile_of_jp2(content: bytes) -> Profile | None:
    """What the colours of a JPEG 2000 mean, where that is not sRGB.

    Raises:
        ValueError: it is not known here.
    """
    body = _of_kind(read_boxes(_of_kind(read_boxes(content), b"jp2h")), b"colr")
    if body[:1] in (b"\2", b"\3"):
        return embedded(body[3:])
    if body[:1] == b"\1" and int.from_bytes(body[3:7]) not in (_SRGB, _GREY, _SYCC):
        raise ValueError("its colours are of a kind that is not known here")
    return None


def _of_kind(boxes: Iterator[Box] | list[Box], kind: bytes) -> bytes:
    return next((body for name, body in boxes if name == kind), b"")


def _associations(content: bytes) -> dict[int, list[int]]:
    """The numbers of the properties of every image."""
    file = BytesIO(content)
    head = _number(file, 4)
    version, wide = head >> 24, head & 1
    mask = 0x7FFF if wide else 0x7F  # the highest bit says whether it must be understood
    found = {}
    for _ in range(_number(file, 4)):
        item = _number(file, 4 if version else 2)
        found[item] = [_number(file, 1 + wide) & mask for _ in range(_number(file, 1))]
        if file.tell() == len(content):
            break
    return found


def _number(file: BytesIO, size: int) -> int:
    return int.from_bytes(file.read(size))
