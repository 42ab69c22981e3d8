"""From the bytes of an image file, or an image of Pillow, to what is stored in it.

Pillow decodes what has 8 bits; tifffile, imagecodecs, pillow-heif and OpenEXR what has more.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from dia_pipeline.io import exr, tiff
from dia_pipeline.io.boxes import codes_of, primary_properties, profile_of_jp2
from dia_pipeline.io.deep import read_deep
from dia_pipeline.io.profiles import Profile, adobe_rgb, embedded, of_codes, of_gamma
from dia_pipeline.io.reading import open_regular
from dia_pipeline.io.stored import MAX_PIXELS, ImageError, Stored, notes_on_frames, with_alpha

FORMATS = (
    *("AVIF", "BMP", "GIF", "HEIF", "JPEG", "JPEG2000"),
    *("MPO", "PNG", "PPM", "TGA", "TIFF", "WEBP"),
)
"""Of all the formats that Pillow knows, some of which start other programs, those of photographs
and paintings."""

_PLUGINS = (
    *("Avif", "Bmp", "Gif", "Jpeg", "Jpeg2K", "Mpo"),
    *("Png", "Ppm", "Tga", "Tiff", "WebP"),
)
"""The parts of Pillow that read them. It would load four dozen."""

_HEIF = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")

_FORMATS = "pip install 'dia-pipeline[formats]'"

_ORIENTATION = 274
"""The tag of EXIF and TIFF that says how an image is turned."""

_EXIF, _INTEROPERABILITY, _COLOUR_SPACE, _INDEX = 0x8769, 0xA005, 0xA001, 1
"""Parts of EXIF, and in them the tags that name the colours."""

_ADOBE_RGB, _ADOBE_RGB_INDEX = 2, "R03"

# Pillow warns above this, and refuses twice as much; its own value is below our limit.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


class UnknownFormatError(ImageError):
    """The file is no image of a format that is read here."""


def decode(content: bytes) -> Stored:
    """What the bytes of an image file hold.

    Raises:
        UnknownFormatError: it is no image.
        ImageError: it is empty, a camera's raw file, too large, or cannot be decoded.
    """
    if not content:
        raise ImageError("", "the file is empty", "copy it again")
    try:
        return _decode(content)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        limit = f"more than {MAX_PIXELS / 1e6:.0f} megapixels"
        raise ImageError("", f"the image has {limit}", "scale it down first") from error
    except Exception as error:  # the decoders raise many kinds for damaged files
        raise ImageError(
            "",
            f"the image cannot be decoded ({error})",
            "it may be cut short or damaged: copy it again, or save it anew as 8-bit PNG",
        ) from error


def _decode(content: bytes) -> Stored:
    if content.startswith(exr.MAGIC):
        try:
            return exr.read_exr(content)
        except ImportError as error:
            raise ValueError(f"OpenEXR is not installed: {_FORMATS}") from error
    page = tiff.read_tiff(content) if content.startswith(tiff.MAGICS) else 0
    if isinstance(page, Stored):
        return page
    try:
        with open_image(BytesIO(content)) as image:
            if page:
                image.seek(page)
            return of_pillow(image, content)
    except UnknownFormatError as error:
        if _is_heif(content):
            raise ValueError(f"HEIC needs pillow-heif: {_FORMATS}") from error
        raise


def of_pillow(image: Image.Image, content: bytes = b"") -> Stored:
    """What an image of Pillow holds, or the file that it was opened from.

    Args:
        content: of that file, which holds what Pillow does not keep.
    """
    deep = read_deep(content, image) if content and isinstance(image, ImageFile) else None
    stored = deep or _pixels(image)
    stored.notes += notes_on_frames(getattr(image, "n_frames", 1), image.tell())
    stored.orientation = image.getexif().get(_ORIENTATION, 1)
    stored.tell_profile(lambda: _coded(image, content) or _said(image))
    if content and image.format in ("JPEG", "MPO"):
        stored.notes += _damage_of_jpeg(content)
    return stored


def file_of(image: Image.Image) -> bytes | None:
    """The content of the file of which a Pillow image was opened.

    None where something of it was decoded or changed, so that it may have become another image.
    """
    if not isinstance(image, ImageFile) or not image.tile or not image.fp:
        return None
    with suppress(Exception):  # its file may be closed, or of another format
        position = image.fp.tell()
        image.fp.seek(0)
        content = image.fp.read()
        image.fp.seek(position)
        with open_image(BytesIO(content)) as opened:
            if _state(image) == _state(opened):
                return content
    return None


def open_image(source: str | Path | BinaryIO) -> ImageFile:
    """Open an image of at most `MAX_PIXELS`, reading no more than its header.

    Raises:
        UnknownFormatError: it is no image.
        Image.DecompressionBombError: it has more than `MAX_PIXELS`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            return Image.open(source, formats=_known_formats())
        except Image.DecompressionBombWarning as warning:
            raise Image.DecompressionBombError(warning) from warning
        except UnidentifiedImageError as error:
            problem = "this is no image of a known format"
            raise UnknownFormatError("", problem, "save it as PNG or JPEG") from error


def is_image(path: Path) -> bool:
    """Whether a file is an image, by how it begins.

    Raises:
        OSError: it cannot be read.
    """
    with open_regular(path) as file:
        start = file.read(12)
        if start.startswith((exr.MAGIC, *tiff.MAGICS)) or _is_heif(start):
            return True
        try:
            with open_image(file):
                return True
        except UnknownFormatError:
            return False
        except Exception:  # too large, or damaged: an image all the same
            return True


def image_suffixes() -> set[str]:
    """The endings of the names of images that are read here, in lower case."""
    known = {suffix for suffix, kind in Image.registered_extensions().items() if kind in FORMATS}
    return known | {".exr", ".heic", ".heif"}


def _is_heif(start: bytes) -> bool:
    return start[4:8] == b"ftyp" and start[8:12] in _HEIF


@cache
def _known_formats() -> tuple[str, ...]:
    """Those of `FORMATS` that this Pillow can open."""
    for name in _PLUGINS:
        import_module(f"PIL.{name}ImagePlugin")
    with suppress(ImportError):
        from pillow_heif import register_heif_opener

        register_heif_opener()
    return tuple(kind for kind in FORMATS if kind in Image.OPEN)


def _state(image: ImageFile) -> tuple[Any, ...]:
    """What differs between an image that was just opened and another."""
    tiles = [tile[:3] for tile in image.tile]  # the rest may name the open file
    return image.format, image.size, image.mode, image.tell(), image.info, tiles


def _pixels(image: Image.Image) -> Stored:
    """Colours and opacity as Pillow has them."""
    if image.mode == "F":
        values = np.asarray(image)[..., None]
        return Stored(values, notes=["its values are taken for linear light"])
    if image.mode.startswith("I"):
        values, clear = np.asarray(image), image.info.get("transparency")
        alpha = np.where(values == clear, 0, 65535) if isinstance(clear, int) else None
        return Stored(values[..., None], alpha)
    if image.mode == "CMYK":
        return Stored(np.asarray(image))
    if image.mode == "LAB":
        lab, srgb = (ImageCms.createProfile(name) for name in ("LAB", "sRGB"))
        return Stored(np.asarray(ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")))
    mode = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"
    return with_alpha(np.asarray(image.convert(mode + "A" * image.has_transparency_data)))


def _coded(image: Image.Image, content: bytes) -> Profile | None:
    """What the colours of an image mean by what Pillow leaves aside."""
    nclx = image.info.get("nclx_profile")  # of pillow-heif
    if isinstance(nclx, dict):
        return of_codes(nclx["color_primaries"], nclx["transfer_characteristics"])
    if image.format == "JPEG2000":
        return profile_of_jp2(content)
    codes = None
    if image.format == "AVIF" and "icc_profile" not in image.info:
        codes = codes_of(primary_properties(content))
    elif image.format == "PNG":
        codes = _cicp(content)
    return of_codes(*codes) if codes else None


def _said(image: Image.Image) -> Profile | None:
    """What the colours of an image mean by what Pillow knows of it."""
    if image.mode == "LAB":  # means one thing
        return None
    icc, gamma = image.info.get("icc_profile"), image.info.get("gamma")
    if icc and isinstance(icc, bytes):
        return embedded(icc)
    if isinstance(image.info.get("srgb"), int):
        return None
    chromaticities = image.info.get("chromaticity")
    known = chromaticities if isinstance(chromaticities, tuple) else None
    if known or isinstance(gamma, float):
        return of_gamma(gamma if isinstance(gamma, float) else None, known)
    return tiff.profile_of_tags(getattr(image, "tag_v2", {})) or _of_camera(image)


def _of_camera(image: Image.Image) -> Profile | None:
    """Adobe RGB, where EXIF names it: by its number, or by the index of the DCF standard."""
    with suppress(Exception):  # EXIF may be damaged in many ways
        exif = image.getexif()
        number = exif.get_ifd(_EXIF).get(_COLOUR_SPACE)
        index = str(exif.get_ifd(_INTEROPERABILITY).get(_INDEX, "")).rstrip("\0")
        if number == _ADOBE_RGB or index == _ADOBE_RGB_INDEX:
            return adobe_rgb()
    return None


def _cicp(content: bytes) -> tuple[int, int] | None:
    """The same codes of a PNG: those of the chunk cICP, which lies before the pixels."""
    at = 8
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        if kind == b"cICP" and length == 4:
            return content[at + 8], content[at + 9]
        if kind == b"IDAT":
            break
        at += length + 12
    return None


def _damage_of_jpeg(content: bytes) -> Iterator[str]:
    """What the decoder of JPEG overlooks when it is not told to be strict."""
    import simplejpeg

    try:
        cmyk = simplejpeg.decode_jpeg_header(content)[2] == "CMYK"
        simplejpeg.decode_jpeg(
            content, "CMYK" if cmyk else "GRAY", min_height=1, min_width=1, strict=True
        )
    except ValueError as error:
        if "Corrupt" in str(error) or "Premature" in str(error):
            yield f"it is damaged, and parts of it may be grey or shifted ({error})"
