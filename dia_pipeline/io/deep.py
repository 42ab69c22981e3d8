"""Images of more than 8 bits in formats of which Pillow would keep 8, or lose the transparency."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL.ImageFile import ImageFile

from dia_pipeline.io.boxes import bits_of, primary_properties
from dia_pipeline.io.stored import Stored, with_alpha

_START_OF_CODESTREAM = b"\xff\x4f\xff\x51"


def read_deep(content: bytes, image: ImageFile) -> Stored | None:
    """Colours and opacity of an image that has more than 8 bits in a channel, or, as PNG, fewer.

    Args:
        image: the same, opened by Pillow.

    Returns:
        No more than what the values tell; None where Pillow can decode it.

    Raises:
        Exception: it cannot be decoded; the decoders raise many kinds.
    """
    reader = _READERS.get(image.format or "")
    return reader(content, image) if reader else None


def _read_png(content: bytes, image: ImageFile) -> Stored | None:
    import imagecodecs

    if content[24] == 8:
        return None
    values = imagecodecs.png_decode(content)
    grey = values.ndim == 2 or values.shape[-1] < 3
    return with_alpha(values, greatest=None if grey else np.iinfo(values.dtype).max)


def _read_jpeg2000(content: bytes, image: ImageFile) -> Stored | None:
    import imagecodecs

    start = content.find(_START_OF_CODESTREAM)
    (count,) = struct.unpack_from(">H", content, start + 40)
    depths = content[start + 42 : start + 42 + 3 * count : 3]
    bits = max((depth & 0x7F) + 1 for depth in depths)
    if bits <= 8:
        return None
    if any(depth & 0x80 for depth in depths):
        raise ValueError("signed values have no known range")
    # without its boxes, by which the decoder would convert its colours, and not say so
    return with_alpha(imagecodecs.jpeg2k_decode(content[start:]), greatest=_all(bits))


def _read_avif(content: bytes, image: ImageFile) -> Stored | None:
    import imagecodecs

    bits = bits_of(primary_properties(content))
    if bits <= 8:
        return None
    return with_alpha(imagecodecs.avif_decode(content, index=0), greatest=_all(bits))


def _read_heif(content: bytes, image: ImageFile) -> Stored | None:
    from pillow_heif import open_heif

    bits = image.info.get("bit_depth", 8)
    if bits <= 8:
        return None
    file = open_heif(BytesIO(content), convert_hdr_to_8bit=False, hdr_to_16bit=False)
    return with_alpha(np.asarray(file), greatest=_all(bits), premultiplied=file.premultiplied_alpha)


def _read_ppm(content: bytes, image: ImageFile) -> Stored | None:
    _, _, start, arguments = image.tile[0]
    greatest = arguments[-1] if isinstance(arguments, tuple) else 255
    if image.mode != "RGB" or not isinstance(greatest, int) or greatest <= 255:
        return None
    shape = (image.height, image.width, 3)
    if content.startswith(b"P3"):
        text = re.sub(rb"#[^\n\r]*", b"", content[start:]).split()
        values = np.array(text[: np.prod(shape)], np.uint16)
    else:
        values = np.frombuffer(content, ">u2", np.prod(shape), start).astype(np.uint16)
    return Stored(values.reshape(shape), greatest=greatest)


def _all(bits: int) -> int | None:
    """The greatest value of so many bits; with 16 it is to be seen whether they are all used."""
    return 2**bits - 1 if bits < 16 else None


_READERS: dict[str, Callable[[bytes, ImageFile], Stored | None]] = {
    "PNG": _read_png,
    "JPEG2000": _read_jpeg2000,
    "AVIF": _read_avif,
    "HEIF": _read_heif,
    "PPM": _read_ppm,
}
