"""From the bytes of an image file to its colours: sRGB in 8 or 16 bits, and its transparency.

Pillow decodes what has 8 bits; tifffile, imagecodecs and OpenEXR what has more.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from dia_pipeline.errors import DiaError
from dia_pipeline.io.colour import encode_linear, profile_name, to_srgb

MAX_PIXELS = 200_000_000
"""Images of more pixels are refused before they are decoded."""

FORMATS = (
    *("AVIF", "BMP", "GIF", "HEIF", "JPEG", "JPEG2000"),
    *("MPO", "PNG", "PPM", "TGA", "TIFF", "WEBP"),
)
"""Of all the formats that Pillow knows, some of which start other programs, those of photographs
and paintings."""

_EXR = b"\x76\x2f\x31\x01"
_PNG = b"\x89PNG\r\n\x1a\n"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HEIF = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")

_FORMATS = "pip install 'dia-pipeline[formats]'"

_TWELVE_BITS = 4095
"""Greatest value of 12 bits."""

_ORIENTATION, _PHOTOMETRIC, _MOST, _PROFILE = 274, 262, 281, 34675
"""Tags of TIFF, the first of EXIF too: how it is turned, what zero is, the greatest value, and the
colour profile."""

_WHITE_IS_ZERO = 0

_CHANNELS = {_WHITE_IS_ZERO: 1, 1: 1, 2: 3, 5: 4}
"""Channels by what a TIFF says that it holds: grey from white or black on, RGB, CMYK."""

_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda values: values[:, ::-1],
    3: lambda values: values[::-1, ::-1],
    4: lambda values: values[::-1],
    5: lambda values: values.swapaxes(0, 1),
    6: lambda values: values.swapaxes(0, 1)[:, ::-1],
    7: lambda values: values[::-1, ::-1].swapaxes(0, 1),
    8: lambda values: values.swapaxes(0, 1)[::-1],
}
"""How an image is turned that is to be seen in an orientation of EXIF."""

# Pillow warns above this, and refuses twice as much; its own value is below our limit.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


@dataclass(frozen=True)
class Decoded:
    """What a file holds.

    Attributes:
        values: (H, W, 3) uint8 or uint16, sRGB.
        alpha: (H, W) of the same type, its opacity, if it has any.
        profile: the name of the profile that its colours had; empty for sRGB.
        notes: what was done that a person may want to know.
    """

    values: np.ndarray
    alpha: np.ndarray | None = None
    profile: str = ""
    notes: tuple[str, ...] = ()


class ImageError(DiaError):
    """A file cannot be read as an image."""


class UnknownFormatError(ImageError):
    """The file is no image of a format that is read here."""


def decode(content: bytes, name: str) -> Decoded:
    """Decode the content of an image file, of that name in messages.

    Raises:
        UnknownFormatError: it is none.
        Image.DecompressionBombError: it has more than `MAX_PIXELS`.
        Exception: it cannot be decoded; the decoders raise many kinds.
    """
    if content.startswith(_EXR):
        return _decode_exr(content)
    if content.startswith(_PNG) and content[24:25] == b"\x10":
        return _decode_deep_png(content)
    if content.startswith(_TIFF):
        deep = _decode_deep_tiff(content)
        if deep:
            return deep
    try:
        return _decode_by_pillow(content, name)
    except UnknownFormatError as error:
        if _is_heif(content):
            raise ValueError(f"HEIC needs pillow-heif: {_FORMATS}") from error
        raise


def open_image(path: str | Path, content: bytes | None = None) -> Image.Image:
    """Open an image of at most `MAX_PIXELS`, reading no more than its header."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            source = path if content is None else BytesIO(content)
            return Image.open(source, formats=_known_formats())
        except Image.DecompressionBombWarning as warning:
            raise Image.DecompressionBombError(warning) from warning
        except UnidentifiedImageError as error:
            problem = "this is no image of a known format"
            raise UnknownFormatError(path, problem, "save it as PNG or JPEG") from error


def _start_of(path: Path) -> bytes:
    """As much of a file as tells its format."""
    with path.open("rb") as file:
        return file.read(26)


def _is_heif(start: bytes) -> bool:
    return start[4:8] == b"ftyp" and start[8:12] in _HEIF


@cache
def _known_formats() -> tuple[str, ...]:
    """Those of `FORMATS` that this Pillow can open."""
    Image.init()
    with suppress(ImportError):
        from pillow_heif import register_heif_opener

        register_heif_opener()
    return tuple(kind for kind in FORMATS if kind in Image.OPEN)


def is_image(path: Path) -> bool:
    """Whether a file is an image, by how it begins."""
    start = _start_of(path)
    if start.startswith((_EXR, *_TIFF)) or _is_heif(start):
        return True
    try:
        with open_image(path):
            return True
    except UnknownFormatError:
        return False
    except Exception:  # too large, or damaged: an image all the same
        return True


def image_suffixes() -> set[str]:
    """The endings of the names of images that are read here, in lower case."""
    known = {suffix for suffix, kind in Image.registered_extensions().items() if kind in FORMATS}
    return known | {".exr", ".heic", ".heif"}


def _decode_by_pillow(content: bytes, name: str) -> Decoded:
    with open_image(name, content) as image:
        notes = list(_notes_on_frames(getattr(image, "n_frames", 1), "the first"))
        profile = image.info.get("icc_profile")
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith(("I", "F")):
            return _finished(_grey(np.asarray(image), notes)[..., None], None, profile, notes)
        if image.has_transparency_data:
            values = np.asarray(image.convert("RGBA"))
            return _finished(values[..., :3], values[..., 3], profile, notes)
        mode = {"1": "L", "L": "L", "CMYK": "CMYK"}.get(image.mode, "RGB")
        values = np.asarray(image.convert(mode))
        return _finished(values.reshape(*values.shape[:2], -1), None, profile, notes)


def _grey(values: np.ndarray, notes: list[str]) -> np.ndarray:
    """Grey of 16 bits, which Pillow keeps in 32."""
    if values.min(initial=0) < 0 or values.max(initial=0) > 65535 or values.dtype.kind == "f":
        raise ValueError(f"{values.dtype} values have no known range")
    return _stretched(values.astype(np.uint16), 16, None, notes)


def _decode_deep_png(content: bytes) -> Decoded:
    import imagecodecs

    with open_image("", content) as image:
        orientation = image.getexif().get(_ORIENTATION, 1)
        profile = image.info.get("icc_profile")
    values = _with_channels(imagecodecs.png_decode(content))
    alpha = values[..., -1] if values.shape[-1] in (2, 4) else None
    colours = values if alpha is None else values[..., :-1]
    notes: list[str] = []
    colours = _stretched(colours, 16, None, notes) if colours.shape[-1] == 1 else colours
    return _finished(_turned(colours, orientation), _turned(alpha, orientation), profile, notes)


class _Page(NamedTuple):
    """The first page of a TIFF: colours (H, W, C) and opacity (H, W) as they are stored."""

    colours: np.ndarray
    alpha: np.ndarray | None
    premultiplied: bool
    bits: int
    tags: dict[int, Any]


def _decode_deep_tiff(content: bytes) -> Decoded | None:
    """A TIFF of more than 8 bits; None if it is another."""
    from tifffile import TiffFile

    with TiffFile(BytesIO(content)) as tiff:
        page: Any = tiff.pages[0]
        if page.bitspersample <= 8 or int(page.photometric) not in _CHANNELS:
            return None
        _check_pixels(page.imagelength * page.imagewidth)
        notes = list(_notes_on_frames(len(tiff.pages), "the first page"))
        stored = _stored(page)
    profile, orientation = stored.tags.get(_PROFILE), stored.tags.get(_ORIENTATION, 1)
    read = {"f": _light_of_page, "u": _levels_of_page}.get(stored.colours.dtype.kind)
    if read is None or stored.colours.dtype.itemsize > 4:
        raise ValueError(f"{stored.colours.dtype} values have no known range")
    colours, alpha = read(stored, notes)
    if stored.tags[_PHOTOMETRIC] == _WHITE_IS_ZERO:
        colours = 65535 - colours
    return _finished(_turned(colours, orientation), _turned(alpha, orientation), profile, notes)


def _stored(page: Any) -> _Page:
    values = page.asarray()
    if page.planarconfig == 2 and values.ndim == 3:
        values = np.moveaxis(values, 0, -1)
    values = _with_channels(values)
    count = _CHANNELS[int(page.photometric)]
    extra = [int(each) for each in page.extrasamples][:1]
    alpha = values[..., count] if extra in ([1], [2]) else None
    tags = {tag.code: tag.value for tag in page.tags.values()}
    return _Page(values[..., :count], alpha, extra == [1], page.bitspersample, tags)


def _light_of_page(page: _Page, notes: list[str]) -> tuple[np.ndarray, np.ndarray | None]:
    """Floats as uint16 in sRGB."""
    if page.tags.get(_PROFILE):
        raise ValueError("floating-point colours of a profile are not known here")
    colours = page.colours
    if not (np.isfinite(colours).all() and 0 <= colours.min() <= colours.max() <= 1):
        raise ValueError("floating-point values beyond 0 to 1 have no known range")
    notes.append("its values are taken for linear light")
    return _of_light(colours, page.alpha, page.premultiplied)


def _levels_of_page(page: _Page, notes: list[str]) -> tuple[np.ndarray, np.ndarray | None]:
    """Levels of up to 16 bits as uint16."""
    if page.colours.dtype != np.uint16:
        raise ValueError(f"{page.colours.dtype} values have no known range")
    colours, alpha = _stretched(page.colours, page.bits, page.tags.get(_MOST), notes), page.alpha
    if alpha is not None and page.premultiplied:
        divided = _divided(colours / 65535, alpha / 65535).clip(0, 1)
        colours = np.rint(divided * 65535).astype(np.uint16)
    return colours, alpha


def _stretched(values: np.ndarray, bits: int, most: Any, notes: list[str]) -> np.ndarray:
    """Values of fewer than 16 bits, kept in 16, as values of all 16."""
    most = most[0] if isinstance(most, tuple) else most
    top = most if isinstance(most, int) and most else 2**bits - 1
    if bits == 16 and not most and values.max(initial=0) <= _TWELVE_BITS and values.any():
        top = _TWELVE_BITS
        notes.append("no value is above 4095: they are taken for 12 bits")
    if top == 65535:
        return values
    return np.rint(values.clip(0, top) * (65535 / top)).astype(np.uint16)


def _decode_exr(content: bytes) -> Decoded:
    try:
        import OpenEXR
    except ImportError as error:
        raise ValueError(f"OpenEXR is not installed: {_FORMATS}") from error
    with NamedTemporaryFile(suffix=".exr") as copy:  # the library opens names alone
        copy.write(content)
        copy.flush()
        file = OpenEXR.File(copy.name)
    with file:
        low, high = file.header()["dataWindow"]
        _check_pixels(int(np.prod(high - low + 1)))
        channels = {name: channel.pixels for name, channel in file.channels().items()}
    light = next((channels[name] for name in ("RGBA", "RGB", "Y") if name in channels), None)
    if light is None:
        raise ValueError(f"it has no channels R, G, B or Y, but {', '.join(channels)}")
    light = _with_channels(light)
    opacity = light[..., 3] if light.shape[-1] == 4 else None
    colours, alpha = _of_light(light[..., :3], opacity, premultiplied=True)
    notes = ["its linear light is shown as sRGB; what is brighter than 1 is white"]
    return _finished(colours, alpha, None, notes)


def _of_light(
    colours: np.ndarray, opacity: np.ndarray | None, premultiplied: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """Linear light (H, W, C) and opacity (H, W) from 0 to 1, as uint16 in sRGB."""
    if opacity is None:
        return encode_linear(colours), None
    opacity = np.nan_to_num(opacity.astype(np.float64)).clip(0, 1)
    light = _divided(colours, opacity) if premultiplied else colours
    return encode_linear(light), np.rint(opacity * 65535).astype(np.uint16)


def _divided(colours: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Colours that were multiplied by their opacity, as they were before."""
    opacity = opacity[..., None]
    return np.divide(colours, opacity, out=np.array(colours, float), where=opacity > 0)


def _finished(
    values: np.ndarray, alpha: np.ndarray | None, profile: bytes | None, notes: list[str]
) -> Decoded:
    """Values (H, W, C) of grey, RGB or CMYK as sRGB."""
    name = profile_name(profile)
    converted = None
    if profile and "srgb" not in name.lower():
        try:
            converted = to_srgb(values, profile)
            notes = [*notes, f"its colours are converted from the profile {name!r}"]
        except ValueError as error:
            notes = [*notes, f"{error}, and its colours are taken for those of sRGB"]
    if converted is not None:
        values = converted
    elif values.shape[-1] == 1:
        values = values.repeat(3, -1)
    elif values.shape[-1] == 4:
        if values.dtype != np.uint8:
            raise ValueError("16-bit CMYK without a colour profile means no colours")
        values = np.asarray(Image.fromarray(values, "CMYK").convert("RGB"))
        notes = [*notes, "its CMYK has no colour profile: colours are approximate"]
    return Decoded(np.array(values), alpha, "" if converted is None else name, tuple(notes))


def _with_channels(values: np.ndarray) -> np.ndarray:
    return values if values.ndim == 3 else values[..., None]


def _turned(values: Any, orientation: int) -> Any:
    """Values (H, W, ...), or none, as they are to be seen."""
    turn = _TURNS.get(orientation)
    return values if turn is None or values is None else np.ascontiguousarray(turn(values))


def _check_pixels(count: int) -> None:
    if count > MAX_PIXELS:
        raise Image.DecompressionBombError(f"{count} pixels")


def _notes_on_frames(count: int, first: str) -> Iterator[str]:
    if count > 1:
        yield f"it holds {count} images, of which {first} is taken"
