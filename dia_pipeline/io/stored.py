"""An image as it is stored, and as it is seen.

Decoders say what is stored. What that means is told here, once for all formats: depth, light,
colours, which way up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from dia_pipeline.errors import DiaError
from dia_pipeline.io.colour import channels_of, encode_linear, is_srgb, to_srgb
from dia_pipeline.io.profiles import Profile

MAX_PIXELS = 200_000_000
"""Images of more pixels are refused before they are decoded."""

_TWELVE_BITS = 4095
"""Greatest value of 12 bits."""

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


class ImageError(DiaError):
    """A file cannot be read as an image; its place is empty until it is told by who knows it."""


@dataclass
class Stored:
    """What an image holds.

    Attributes:
        colours: (H, W, C) of grey, RGB or CMYK: integers of up to 16 bits, or floats, which are
            linear light from 0 to 1.
        alpha: (H, W), its opacity: of the same type, if it has any.
        greatest: of the values that integers can have; None where the image does not say it.
        white_is_zero: whether its grey is counted from white on.
        premultiplied: whether the colours are multiplied by the opacity.
        orientation: of EXIF.
        profile: what its colours mean; None for those of sRGB, or CMYK of no profile.
        notes: what a person may want to know.
    """

    colours: np.ndarray
    alpha: np.ndarray | None = None
    greatest: int | None = None
    white_is_zero: bool = False
    premultiplied: bool = False
    orientation: int = 1
    profile: Profile | None = None
    notes: list[str] = field(default_factory=list)

    def tell_profile(self, find: Callable[[], Profile | None]) -> None:
        """Set the profile; where `find` raises a ValueError, note that it is not known."""
        try:
            self.profile = find()
        except ValueError as error:
            self.notes.append(_unknown(error))


class Seen(NamedTuple):
    """An image as it is meant to be seen.

    Attributes:
        colours: (H, W, 3) uint8 or uint16, sRGB.
        alpha: (H, W) of the same type, its opacity; None where it is opaque.
        profile: the name of the profile from which the colours are converted; empty if none is.
        notes: what was done that a person may want to know.
    """

    colours: np.ndarray
    alpha: np.ndarray | None
    profile: str
    notes: tuple[str, ...]


def seen(stored: Stored) -> Seen:
    """The image as it is meant to be seen.

    Raises:
        ValueError: nothing says what its values mean.
    """
    notes = list(stored.notes)
    if stored.colours.dtype.kind == "f":
        colours, alpha = _of_light(stored)
    else:
        colours, alpha = _of_integers(stored, notes)
    if stored.white_is_zero:
        colours = np.iinfo(colours.dtype).max - colours
    colours, profile = _in_srgb(colours, stored.profile, notes)
    alpha = _meant(alpha, notes)
    return Seen(turned(colours, stored), turned(alpha, stored), profile, tuple(notes))


def turned(values: Any, stored: Stored) -> Any:
    """Values (H, W, ...), or none, of what is stored, the way up that they are to be seen."""
    turn = _TURNS.get(stored.orientation)
    return values if turn is None or values is None else np.ascontiguousarray(turn(values))


def with_channels(values: np.ndarray) -> np.ndarray:
    """Values (H, W) or (H, W, C) as (H, W, C)."""
    return values if values.ndim == 3 else values[..., None]


def with_alpha(values: np.ndarray, **about: Any) -> Stored:
    """What is stored as (H, W) or (H, W, C), the last of 2 or 4 channels being the opacity."""
    values = with_channels(values)
    if values.shape[-1] % 2:
        return Stored(values, **about)
    return Stored(values[..., :-1], values[..., -1], **about)


def check_pixels(count: int) -> None:
    """Check that an image has no more than `MAX_PIXELS`.

    Raises:
        Image.DecompressionBombError: it has.
    """
    if count > MAX_PIXELS:
        raise Image.DecompressionBombError(f"{count} pixels")


def notes_on_frames(count: int, taken: int = 0) -> Iterator[str]:
    """That an image is one of many, by its number from 0 on."""
    if count > 1:
        which = f"number {taken + 1}" if taken else "the first"
        yield f"it holds {count} images, of which {which} is taken"


def _unknown(error: ValueError) -> str:
    return f"{error}, and its colours are taken for those of sRGB"


def _of_light(stored: Stored) -> tuple[np.ndarray, np.ndarray | None]:
    """Linear light as uint16 in sRGB."""
    light, alpha = stored.colours, stored.alpha
    if stored.profile:
        raise ValueError("floating-point colours of a profile are not known here")
    if not ((light >= 0) & (light <= 1)).all():
        raise ValueError("floating-point values beyond 0 to 1 have no known range")
    if alpha is None:
        return encode_linear(light), None
    alpha = np.nan_to_num(alpha.astype(np.float64)).clip(0, 1)
    light = _divided(light, alpha) if stored.premultiplied else light
    return encode_linear(light), np.rint(alpha * 65535).astype(np.uint16)


def _of_integers(stored: Stored, notes: list[str]) -> tuple[np.ndarray, np.ndarray | None]:
    """Integers as values of all 8 or 16 bits."""
    values, alpha = _unsigned(stored.colours), stored.alpha
    greatest = _greatest(values, stored.greatest, notes)
    colours = _stretched(values, greatest)
    if alpha is None:
        return colours, None
    alpha = _stretched(_unsigned(alpha), stored.greatest or np.iinfo(values.dtype).max)
    if stored.premultiplied:
        full = np.iinfo(colours.dtype).max
        divided = _divided(colours / full, alpha / full).clip(0, 1)
        colours = np.rint(divided * full).astype(colours.dtype)
    return colours, alpha


def _unsigned(values: np.ndarray) -> np.ndarray:
    """Integers as uint8 or uint16."""
    if values.dtype == np.uint8:
        return values
    signed = values.dtype in (np.int8, np.int16)
    if signed or values.min(initial=0) < 0 or values.max(initial=0) > 65535:
        raise ValueError(f"{values.dtype} values have no known range")
    return values.astype(np.uint16, copy=False)


def _greatest(values: np.ndarray, said: int | None, notes: list[str]) -> int:
    """The value that means white, in integers that may have fewer bits than are kept."""
    full = int(np.iinfo(values.dtype).max)
    if said or values.dtype == np.uint8:
        return said or full
    if not 0 < values.max(initial=0) <= _TWELVE_BITS:
        return full
    notes.append("no value is above 4095: they are taken for 12 bits")
    return _TWELVE_BITS


def _stretched(values: np.ndarray, greatest: int) -> np.ndarray:
    """Values up to `greatest` as values of all bits."""
    full = np.iinfo(values.dtype).max
    if greatest == full:
        return values
    return np.rint(values.clip(0, greatest) * (full / greatest)).astype(values.dtype)


def _divided(colours: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Colours that were multiplied by their opacity, as they were before."""
    opacity = opacity[..., None]
    return np.divide(colours, opacity, out=np.array(colours, float), where=opacity > 0)


def _meant(alpha: np.ndarray | None, notes: list[str]) -> np.ndarray | None:
    """The opacity, if it is one: some programs write 0 for what they mean to be opaque."""
    if alpha is None or (alpha == np.iinfo(alpha.dtype).max).all():
        return None
    if alpha.any():
        return alpha
    notes.append("all of it is transparent: its transparency is left aside")
    return None


def _in_srgb(
    colours: np.ndarray, profile: Profile | None, notes: list[str]
) -> tuple[np.ndarray, str]:
    """Colours (H, W, C) as (H, W, 3) in sRGB, and from what they are converted, if they are."""
    if profile:
        try:
            return _converted(colours, profile, notes)
        except ValueError as error:
            notes.append(_unknown(error))
    if colours.shape[-1] < 4:
        return _three(colours), ""
    if colours.dtype != np.uint8:
        raise ValueError("16-bit CMYK without a colour profile means no colours")
    notes.append("its CMYK has no colour profile: colours are approximate")
    return np.array(Image.fromarray(colours, "CMYK").convert("RGB")), ""


def _converted(colours: np.ndarray, profile: Profile, notes: list[str]) -> tuple[np.ndarray, str]:
    if channels_of(profile.icc) == 3:
        colours = _three(colours)
    if is_srgb(profile.icc):
        return _three(colours), ""
    converted = to_srgb(colours, profile.icc)
    notes.append(f"its colours are converted from the profile {profile.name!r}")
    return converted, profile.name


def _three(colours: np.ndarray) -> np.ndarray:
    """Grey as RGB."""
    return colours.repeat(3, -1) if colours.shape[-1] == 1 else colours
