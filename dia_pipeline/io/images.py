"""Images in and out: everything that is read becomes (H, W, 3) uint8 RGB in sRGB."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from os import PathLike, fspath
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dia_pipeline.io.colour import rounded_to_8_bits
from dia_pipeline.io.decoding import decode, file_of, of_pillow, open_image
from dia_pipeline.io.files import digest_of, fault_of_file, write_file
from dia_pipeline.io.notes import say_once
from dia_pipeline.io.reading import open_regular, read_file
from dia_pipeline.io.stored import ImageError, Seen, Stored, seen, turned, with_alpha
from dia_pipeline.pixels import DEEP, to_bytes

_HEADER = 33
"""Bytes of a PNG before its second chunk."""

_USUAL = "give (H, W, 3) uint8 RGB, a Pillow image or a path"


@dataclass(frozen=True)
class Picture:
    """All of an image that results may show.

    Attributes:
        path: of the file, or what else the image is called.
        pixels: (H, W, 3) uint8 RGB, laid over white: what is matched.
        deep: (H, W, 3) float32 in grey levels from 0 to 255, of the same with 16 bits; None for an
            image of 8 bits.
        alpha: (H, W) uint8 or uint16, its opacity, if it has any.
        profile: the name of the colour profile it had; empty for sRGB.
        notes: what was done to read it that a person may want to know.
        sha256: the digest of the very bytes that were decoded; empty for what was no file.
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


def read_image(source: Any, name: str = "image") -> np.ndarray:
    """Read an image as it is meant to be seen: the pixels of `read_picture`.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    return read_picture(source, name).pixels


def read_picture(source: Any, name: str = "image") -> Picture:
    """Read an image of any usual kind, with its full depth and its transparency.

    It is turned as EXIF says, and laid over white; the colours of another profile are converted to
    sRGB, linear light is encoded, and of several images the first is taken. A file is read once.

    Args:
        source: a path; the bytes of an image file; such a file, open; an image of Pillow, of which
            the file counts where nothing of it was decoded yet; an array (H, W), (H, W, C) or
            (C, H, W), or a torch tensor with the channels first, of 1 or 3 channels, or 2 or 4
            with opacity: uint8, uint16, bool, or floats from 0 to 1.
        name: what to call an image that has no path.

    Raises:
        ImageError: it is none of these; or missing, empty, damaged, or above `MAX_PIXELS`.
    """
    given = _given(source, name)
    image = _seen(given)
    for note in image.notes:
        say_once(f"{given.name}: {note}")
    pixels, deep = image.colours, None
    if image.alpha is not None:
        pixels = _over_white(pixels, image.alpha)
    if pixels.dtype == np.uint16:
        deep, pixels = pixels.astype(np.float32) / DEEP, rounded_to_8_bits(pixels)
    pixels = np.require(pixels, requirements=["C_CONTIGUOUS", "WRITEABLE"])
    return Picture(given.name, pixels, deep, image.alpha, image.profile, image.notes, given.sha256)


def image_size(path: str | Path) -> tuple[int, int]:
    """Height and width of an image by its header; (0, 0) where that does not tell.

    An image that is turned on its side has them exchanged.
    """
    with (
        suppress(Exception),  # the decoders raise many kinds
        open_regular(path) as file,
        open_image(file) as image,
    ):
        return image.height, image.width
    return 0, 0


def read_mask(source: Any, name: str = "mask") -> np.ndarray:
    """What is not black in an image of any usual kind, whatever its opacity: (H, W) bool.

    Raises:
        ImageError: as `read_picture`.
    """
    given = _given(source, name)
    stored, colours = given.stored, given.stored.colours
    if colours.shape[-1] == 4:  # CMYK, of which nothing is white
        return np.any(_seen(given).colours, axis=-1)
    black = np.iinfo(colours.dtype).max if stored.white_is_zero else 0
    return turned(np.any(colours != black, axis=-1), stored)


def write_image(path: str | Path, image: np.ndarray, alpha: np.ndarray | None = None) -> str:
    """Write an image as a PNG: whole or not at all, and always as the same bytes.

    Args:
        image: (H, W, 3) RGB, uint8, or float32 in grey levels from 0 to 255, which is written with
            16 bits.
        alpha: (H, W) uint8 or uint16, its opacity.

    Returns:
        The SHA-256 of the file in hexadecimal.
    """
    return write_file(path, png_of(with_opacity(image, alpha), srgb_info()))


def with_opacity(image: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """An image (H, W, 3), uint8 or float32 in grey levels, with its opacity (H, W), if it has any.

    Args:
        alpha: uint8 or uint16.

    Returns:
        (H, W, 3), or 4, of the type of the image.
    """
    if alpha is None:
        return image
    if image.dtype == np.uint8:
        return np.dstack([image, _scaled(alpha, np.uint8)])
    return np.dstack([image, _scaled(alpha, np.uint16).astype(np.float32) / DEEP])


def png_of(image: np.ndarray, about: PngInfo) -> bytes:
    """An image (H, W, 3), or 4 with opacity, as a PNG, always as the same bytes.

    It is uint8, or float32 in grey levels from 0 to 255, which is written with 16 bits.
    """
    if image.dtype != np.uint8:
        return _deep_png(image, about)
    content = BytesIO()
    Image.fromarray(image).save(content, format="PNG", compress_level=1, pnginfo=about)
    return content.getvalue()


def srgb_info() -> PngInfo:
    """What says in a PNG that its colours are those of sRGB."""
    info = PngInfo()
    info.add(b"sRGB", b"\0")
    return info


def _deep_png(image: np.ndarray, about: PngInfo) -> bytes:
    import imagecodecs

    values = np.rint(image.astype(np.float64) * DEEP).clip(0, 65535).astype(np.uint16)
    png = imagecodecs.png_encode(np.ascontiguousarray(values), level=1)
    chunks = b"".join(_chunk(name, content) for name, content, *_ in about.chunks)
    return bytes(png[:_HEADER] + chunks + png[_HEADER:])


def _chunk(name: bytes, content: bytes) -> bytes:
    said = name + content
    return struct.pack(">I", len(content)) + said + struct.pack(">I", zlib.crc32(said))


class _Given(NamedTuple):
    """An image that is given: what it is called, what it holds, the digest of its file."""

    name: str
    stored: Stored
    sha256: str = ""


def _given(source: Any, name: str) -> _Given:
    content: bytes | None = None
    if isinstance(source, (str, PathLike)):
        name = fspath(source)
        content = _content_of_path(name)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        content = bytes(source)
    elif isinstance(source, Image.Image):
        content = file_of(source)
    elif hasattr(source, "read"):
        content = _content_of_file(source, name)
    try:
        if content is not None:
            return _Given(name, decode(content), digest_of(content))
        of_values = of_pillow if isinstance(source, Image.Image) else _of_array
        return _Given(name, of_values(source))
    except ImageError as error:
        raise type(error)(name, error.problem, error.remedy) from error.__cause__


def _seen(given: _Given) -> Seen:
    try:
        return seen(given.stored)
    except ValueError as error:
        remedy = "save it anew as PNG of 8 or 16 bits"
        raise ImageError(given.name, f"the image cannot be decoded ({error})", remedy) from error


def _content_of_path(path: str) -> bytes:
    fault = fault_of_file(path)
    if fault:
        raise ImageError(path, fault, "give the path of an image")
    try:
        return read_file(path)
    except OSError as error:
        raise ImageError(path, f"the file cannot be read ({error})", "check it") from error


def _content_of_file(file: Any, name: str) -> bytes:
    """All of an open file, from its beginning where it has been read from."""
    try:
        if file.seekable():
            file.seek(0)
        content = file.read()
    except (AttributeError, OSError, ValueError) as error:
        raise ImageError(name, f"the open file cannot be read ({error})") from error
    if not isinstance(content, bytes):
        raise ImageError(name, "the file is opened as text", "open it with mode 'rb'")
    return content


def _of_array(value: Any) -> Stored:
    """The values of an array or tensor."""
    tensor = hasattr(value, "detach")
    try:
        array = np.asarray(tensor_as_array(value) if tensor else value)
    except Exception as error:  # what has no values raises many kinds
        raise ImageError("", f"{type(value).__name__} is no image ({error})", _USUAL) from error
    channels = (1, 2, 3, 4)
    if array.ndim == 2:
        array = array[..., None]
    first = array.ndim == 3 and array.shape[0] in channels
    if first and (tensor or array.shape[-1] not in channels):
        array = np.moveaxis(array, 0, -1)
    if array.ndim != 3 or array.shape[-1] not in channels or 0 in array.shape:
        raise ImageError("", f"an array of shape {np.shape(value)} is no image", _USUAL)
    values = _levels(array)
    return with_alpha(values, greatest=np.iinfo(values.dtype).max)


def tensor_as_array(tensor: Any) -> np.ndarray:
    """A tensor of torch, some of whose floats NumPy does not know."""
    tensor = tensor.detach().cpu()
    short = tensor.is_floating_point() and tensor.element_size() < 4
    return (tensor.float() if short else tensor).numpy()


def _levels(array: np.ndarray) -> np.ndarray:
    """The values of an image as uint8 or uint16."""
    if array.dtype.kind == "u" and array.dtype.itemsize <= 2:
        return array.astype(array.dtype.newbyteorder("="))
    inside = array.dtype == bool or (
        np.issubdtype(array.dtype, np.floating) and bool(((array >= 0) & (array <= 1)).all())
    )
    if not inside:
        between = f" from {array.min()} to {array.max()}" if array.dtype.kind in "biuf" else ""
        raise ImageError(
            "",
            f"values of {array.dtype}{between} are no image",
            "give uint8, uint16, or floats from 0 to 1",
        )
    return to_bytes(array.astype(np.float64))


def _over_white(values: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Values (H, W, 3) laid over white by their opacity (H, W) of the same type."""
    if values.dtype == np.uint8:
        white = Image.new("RGBA", values.shape[1::-1], "white")
        image = Image.fromarray(np.dstack([values, alpha]))
        return np.array(Image.alpha_composite(white, image).convert("RGB"))
    opacity = alpha[..., None] / 65535
    return np.rint(values * opacity + 65535 * (1 - opacity)).astype(np.uint16)


def _scaled(alpha: np.ndarray, kind: type) -> np.ndarray:
    """Opacity as another type."""
    if alpha.dtype == kind:
        return alpha
    return alpha.astype(np.uint16) * 257 if kind is np.uint16 else rounded_to_8_bits(alpha)
