"""Images in and out: everything that is read becomes (H, W, 3) uint8 RGB."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from dia_pipeline.errors import DiaError
from dia_pipeline.io.files import replace_file
from dia_pipeline.pixels import to_bytes

MAX_PIXELS = 200_000_000
"""Images of more pixels are refused before they are decoded."""

# Pillow warns above this, and refuses twice as much; its own value is below our limit.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


class ImageError(DiaError):
    """A file cannot be read as an image."""


def read_image(path: str | Path) -> np.ndarray:
    """Read an image as it is meant to be seen.

    EXIF rotation is applied, transparency is laid over white, 16-bit grey is scaled to 8 bits, of
    an animation the first frame is taken, and colour profiles are ignored. (Of 16-bit colour
    Pillow itself keeps the upper 8 bits.)

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ImageError: the file is missing, empty, damaged, no image, or above `MAX_PIXELS`.
    """
    _check_file(path)
    try:
        with _open(path) as image:
            return np.array(_to_rgb(ImageOps.exif_transpose(image)))
    except Image.DecompressionBombError as error:
        limit = f"more than {MAX_PIXELS / 1e6:.0f} megapixels"
        raise ImageError(path, f"the image has {limit}", "scale it down first") from error
    except UnidentifiedImageError as error:
        raise ImageError(
            path, "this is no image of a known format", "save it as PNG or JPEG"
        ) from error
    except Exception as error:  # Pillow's decoders raise many kinds for damaged files
        raise ImageError(
            path,
            f"the image cannot be decoded ({error})",
            "it may be cut short or damaged: copy it again, or save it anew as 8-bit PNG",
        ) from error


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
        return np.array(_to_rgb(ImageOps.exif_transpose(value)))
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
    return np.array(_to_rgb(Image.fromarray(values[..., 0] if grey else values)))


def _as_8_bits(array: np.ndarray, name: str) -> np.ndarray:
    """The values of an image as uint8."""
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.uint16:
        return _rounded_to_8_bits(array)
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


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write (H, W, 3) uint8 RGB as a PNG: whole or not at all, and always as the same bytes."""
    with replace_file(path) as temporary:
        Image.fromarray(image).save(temporary, format="PNG", compress_level=1)


def _check_file(path: str | Path) -> None:
    try:
        with Path(path).open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError as error:
        raise ImageError(path, "there is no such file", "check the path") from error
    except IsADirectoryError as error:
        raise ImageError(path, "this is a folder", "give the path of an image") from error
    except OSError as error:
        raise ImageError(
            path, f"the file cannot be read ({error.strerror})", "check path and permissions"
        ) from error
    if empty:
        raise ImageError(path, "the file is empty", "copy it again")


def _open(path: str | Path) -> Image.Image:
    """Open an image of at most `MAX_PIXELS`, reading no more than its header."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            return Image.open(path)
        except Image.DecompressionBombWarning as warning:
            raise Image.DecompressionBombError(warning) from warning


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return _scale_to_8_bits(image).convert("RGB")
    if image.mode == "F":
        raise ValueError("floating-point values have no known range")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")


def _scale_to_8_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits, which Pillow would clip or cut off, rounded to 8."""
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError("32-bit values have no known range")
    return Image.fromarray(_rounded_to_8_bits(values))


def _rounded_to_8_bits(values: np.ndarray) -> np.ndarray:
    """Values of 16 bits as uint8."""
    return ((values.astype(np.int32) + 128) // 257).astype(np.uint8)
