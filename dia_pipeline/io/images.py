"""Images in and out: everything that is read becomes (H, W, 3) uint8 RGB in sRGB."""

from __future__ import annotations

import hashlib
import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from dia_pipeline.io.colour import rounded_to_8_bits
from dia_pipeline.io.decoding import (
    MAX_PIXELS,
    Decoded,
    ImageError,
    decode,
    open_image,
)
from dia_pipeline.io.files import fault_of_file, write_file
from dia_pipeline.io.notes import say_once
from dia_pipeline.pixels import to_bytes

_HEADER = 33
"""Bytes of a PNG before its second chunk."""


@dataclass(frozen=True)
class Picture:
    """All of an image file that results may show.

    Attributes:
        path: of the file.
        pixels: (H, W, 3) uint8 RGB, laid over white: what is matched.
        deep: (H, W, 3) float32 in grey levels from 0 to 255, of the same with 16 bits; None for a
            file of 8 bits.
        alpha: (H, W) uint8 or uint16, its opacity, if it has any.
        profile: the name of the colour profile it had; empty for sRGB.
        notes: what was done to read it that a person may want to know.
        sha256: the digest of the bytes that were decoded.
    """

    path: str
    pixels: np.ndarray
    deep: np.ndarray | None = None
    alpha: np.ndarray | None = None
    profile: str = ""
    notes: tuple[str, ...] = ()
    sha256: str = ""

    @property
    def grey_levels(self) -> np.ndarray:
        """(H, W, 3) float32 in grey levels from 0 to 255, of however many bits."""
        return self.pixels.astype(np.float32) if self.deep is None else self.deep


def read_image(path: str | Path) -> np.ndarray:
    """Read an image as it is meant to be seen.

    EXIF rotation is applied, transparency is laid over white, the colours of another profile are
    converted to sRGB, 16 bits are rounded to 8, linear light is encoded, and of an animation the
    first frame is taken.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ImageError: the file is missing, empty, damaged, no image, or above `MAX_PIXELS`.
    """
    return read_picture(path).pixels


def read_picture(source: str | Path | bytes, name: str = "") -> Picture:
    """Read an image with its full depth and its transparency; otherwise like `read_image`.

    Args:
        source: a path, or the content of a file.
        name: what to call the image; by default the path.
    """
    name = name or str(source)
    content = source if isinstance(source, bytes) else _content(source)
    decoded = _decode(content, name)
    for note in decoded.notes:
        say_once(f"{name}: {note}")
    over_white = decoded.values
    if decoded.alpha is not None:
        over_white = _over_white(decoded.values, decoded.alpha)
    deep = None
    if over_white.dtype == np.uint16:
        deep, over_white = over_white.astype(np.float32) / 257, rounded_to_8_bits(over_white)
    clear = decoded.alpha is not None and not _is_opaque(decoded.alpha)
    alpha = decoded.alpha if clear else None
    digest = hashlib.sha256(content).hexdigest()
    return Picture(name, over_white, deep, alpha, decoded.profile, decoded.notes, digest)


def image_size(path: str | Path) -> tuple[int, int]:
    """Height and width of an image by its header; (0, 0) where that does not tell.

    An image that is turned on its side has them exchanged.
    """
    with suppress(Exception), open_image(path) as image:  # the decoders raise many kinds
        return image.height, image.width
    return 0, 0


def as_image(value: Any, name: str) -> np.ndarray:
    """An image of any usual kind.

    Args:
        value: a path; a Pillow image; an array (H, W), (H, W, C) or (C, H, W), or a torch tensor
            with the channels first, of 1, 3 or 4 channels RGB or RGBA: uint8, uint16, bool, or
            floats from 0 to 1.
        name: what to call it in messages.

    Returns:
        (H, W, 3) uint8 RGB; transparency is laid over white.

    Raises:
        ImageError: it is none of these.
    """
    if isinstance(value, (str, Path)):
        return read_image(value)
    if isinstance(value, Image.Image):
        return _flat(ImageOps.exif_transpose(value))
    tensor = hasattr(value, "detach")
    array = np.asarray(value.detach().cpu() if tensor else value)
    channels = (1, 3, 4)
    if array.ndim == 2:
        array = array[..., None]
    first = array.ndim == 3 and array.shape[0] in channels
    if first and (tensor or array.shape[-1] not in channels):
        array = np.moveaxis(array, 0, -1)
    if array.ndim != 3 or array.shape[-1] not in channels or 0 in array.shape:
        raise ImageError(
            name,
            f"an array of shape {np.shape(value)} is no image",
            "give (H, W, 3) uint8 RGB, a Pillow image or a path",
        )
    values = _as_8_bits(array, name)
    grey = values.shape[-1] == 1
    return _flat(Image.fromarray(values[..., 0] if grey else values))


def write_image(path: str | Path, image: np.ndarray, alpha: np.ndarray | None = None) -> str:
    """Write an image as a PNG: whole or not at all, and always as the same bytes.

    Args:
        image: (H, W, 3) RGB, uint8, or float32 in grey levels from 0 to 255, which is written with
            16 bits.
        alpha: (H, W) uint8 or uint16, its opacity.

    Returns:
        The SHA-256 of the file in hexadecimal.
    """
    if image.dtype != np.uint8:
        return write_file(path, _deep_png(image, alpha))
    whole = image if alpha is None else np.dstack([image, _scaled(alpha, np.uint8)])
    return write_file(path, png_of(whole, srgb_info()))


def png_of(image: np.ndarray, about: PngInfo) -> bytes:
    """An image (H, W, 3) or (H, W, 4) uint8 as a PNG, always as the same bytes."""
    content = BytesIO()
    Image.fromarray(image).save(content, format="PNG", compress_level=1, pnginfo=about)
    return content.getvalue()


def srgb_info() -> PngInfo:
    """What says in a PNG that its colours are those of sRGB."""
    info = PngInfo()
    info.add(b"sRGB", b"\0")
    return info


def _deep_png(image: np.ndarray, alpha: np.ndarray | None) -> bytes:
    import imagecodecs

    values = np.rint(image.astype(np.float64) * 257).clip(0, 65535).astype(np.uint16)
    if alpha is not None:
        values = np.dstack([values, _scaled(alpha, np.uint16)])
    png = imagecodecs.png_encode(np.ascontiguousarray(values), level=1)
    name, content = b"sRGB", b"\0"
    chunk = struct.pack(">I", 1) + name + content + struct.pack(">I", zlib.crc32(name + content))
    return bytes(png[:_HEADER] + chunk + png[_HEADER:])


def _content(path: str | Path) -> bytes:
    fault = fault_of_file(path)
    if fault:
        raise ImageError(path, fault, "give the path of an image")
    return Path(path).read_bytes()


def _decode(content: bytes, path: str) -> Decoded:
    if not content:
        raise ImageError(path, "the file is empty", "copy it again")
    try:
        return decode(content, path)
    except Image.DecompressionBombError as error:
        limit = f"more than {MAX_PIXELS / 1e6:.0f} megapixels"
        raise ImageError(path, f"the image has {limit}", "scale it down first") from error
    except ImageError:
        raise
    except Exception as error:  # the decoders raise many kinds for damaged files
        raise ImageError(
            path,
            f"the image cannot be decoded ({error})",
            "it may be cut short or damaged: copy it again, or save it anew as 8-bit PNG",
        ) from error


def _as_8_bits(array: np.ndarray, name: str) -> np.ndarray:
    """The values of an image as uint8."""
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.uint16:
        return rounded_to_8_bits(array)
    inside = array.dtype == bool or (
        np.issubdtype(array.dtype, np.floating) and bool(((array >= 0) & (array <= 1)).all())
    )
    if not inside:
        raise ImageError(
            name,
            f"values of {array.dtype} from {array.min()} to {array.max()} are no image",
            "give uint8, or floats from 0 to 1",
        )
    return to_bytes(array.astype(np.float64))


def _flat(image: Image.Image) -> np.ndarray:
    """A Pillow image as (H, W, 3) uint8, laid over white."""
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.array(image.convert("RGB"))


def _over_white(values: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Values (H, W, 3) laid over white by their opacity (H, W) of the same type."""
    if values.dtype == np.uint8:
        return _flat(Image.fromarray(np.dstack([values, alpha])))
    opacity = alpha[..., None] / 65535
    return np.rint(values * opacity + 65535 * (1 - opacity)).astype(np.uint16)


def _scaled(alpha: np.ndarray, kind: type) -> np.ndarray:
    """Opacity as another type."""
    if alpha.dtype == kind:
        return alpha
    return alpha.astype(np.uint16) * 257 if kind is np.uint16 else rounded_to_8_bits(alpha)


def _is_opaque(alpha: np.ndarray) -> bool:
    return bool((alpha == np.iinfo(alpha.dtype).max).all())
