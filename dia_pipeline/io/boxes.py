"""The boxes of ISO media files: what AVIF and JPEG 2000 say of their image.

Sources: ISO/IEC 14496-12 (meta), 23008-12 (item properties), 15444-1 (jp2h).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO

from dia_pipeline.io.profiles import Profile, embedded, of_codes

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
    own = BytesIO(_of_kind(read_boxes(meta), b"pitm"))
    primary = _number(own, 2 if _number(own, 4) >> 24 == 0 else 4)
    properties = _of_kind(read_boxes(meta), b"iprp")
    known = list(read_boxes(_of_kind(read_boxes(properties), b"ipco")))
    wanted = _associations(_of_kind(read_boxes(properties), b"ipma")).get(primary, [])
    return [known[index - 1] for index in wanted if 0 < index <= len(known)]


def bits_of(properties: list[Box]) -> int:
    """The bits of a channel of an AVIF; 8 where that is not said."""
    return max(_of_kind(properties, b"pixi")[5:], default=8)


def profile_of_item(properties: list[Box]) -> Profile | None:
    """What the colours of an AVIF mean, where they have a profile or codes.

    Raises:
        ValueError: it is not known here.
    """
    found = [body for kind, body in properties if kind == b"colr"]
    for body in found:
        if body[:4] in (b"prof", b"rICC"):
            return embedded(body[4:])
    for body in found:
        if body[:4] == b"nclx" and len(body) >= 8:
            return of_codes(*struct.unpack_from(">HH", body, 4))
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
    flags = _number(file, 4)
    found = {}
    for _ in range(_number(file, 4)):
        item = _number(file, 2 if flags >> 24 == 0 else 4)
        wide = flags & 1
        mask = 0x7FFF if wide else 0x7F  # the highest bit says whether it must be understood
        found[item] = [_number(file, 1 + wide) & mask for _ in range(_number(file, 1))]
        if file.tell() == len(content):
            break
    return found


def _number(file: BytesIO, size: int) -> int:
    return int.from_bytes(file.read(size))
