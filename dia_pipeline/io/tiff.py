"""TIFF: which of its pages is the image, and those of more than 8 bits."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np

from dia_pipeline.io.profiles import Profile, embedded, of_gamma
from dia_pipeline.io.stored import ImageError, Stored, check_pixels, notes_on_frames, with_channels

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_WHITE, _PRIMARIES, _CURVES = 318, 319, 301
"""Tags: x and y of white; of red, green and blue; tables of what values mean."""

_ORIENTATION, _PHOTOMETRIC, _MOST, _PROFILE, _DNG = 274, 262, 281, 34675, 50706
"""Tags: how it is turned, what zero is, the greatest value, the profile; of DNG, its version."""

_CR2 = b"CR\x02"
"""What follows the first 8 bytes of a raw file of Canon."""

_WHITE_IS_ZERO = 0

_CHANNELS = {_WHITE_IS_ZERO: 1, 1: 1, 2: 3, 5: 4}
"""Channels by what a page says that it holds: grey from white or black on, RGB, CMYK."""

_OF_SENSOR = (32803, 34892)
"""What pages say that hold what a sensor measured, in a mosaic or not."""


def read_tiff(content: bytes) -> Stored | int:
    """What a TIFF of more than 8 bits holds; of another the number of the page that is the image.

    Raises:
        ImageError: it is a camera's raw file, most pages of which are previews.
        ValueError: its pages are previews alone.
    """
    from tifffile import TiffFile

    with TiffFile(BytesIO(content)) as tiff:
        pages: Any = tiff.pages
        if content[8:11] == _CR2 or _is_raw(pages[0]):
            problem = "this is a camera's raw file, whose picture is still to be developed"
            raise ImageError("", problem, "develop it, and save it as TIFF or PNG")
        number = next((n for n, page in enumerate(pages) if not page.is_reduced), 0)
        page = pages[number]
        if page.is_reduced and page.pages:
            raise ValueError("its pages are previews; the image lies in a page below them")
        if page.bitspersample <= 8 or int(page.photometric) not in _CHANNELS:
            return number
        check_pixels(page.imagelength * page.imagewidth)
        return _stored(page, list(notes_on_frames(len(pages), number)))


def profile_of_tags(tags: Mapping[int, Any]) -> Profile | None:
    """What colours mean by the primaries that the tags of a page name, if they do.

    Raises:
        ValueError: they are those of no colours, or there are tables too.
    """
    if _CURVES in tags:
        raise ValueError("its tables of curves are left aside")
    values = [*tags.get(_WHITE, ()), *tags.get(_PRIMARIES, ())]
    if len(values) == 16:  # numerators and denominators
        values = [
            over / max(under, 1) for over, under in zip(values[::2], values[1::2], strict=True)
        ]
    return of_gamma(None, values) if len(values) == 8 else None


def _is_raw(page: Any) -> bool:
    parts = (page, *(page.pages or ()))
    return _DNG in page.tags or any(int(part.photometric) in _OF_SENSOR for part in parts)


def _stored(page: Any, notes: list[str]) -> Stored:
    values = page.asarray()
    if page.planarconfig == 2 and values.ndim == 3:
        values = np.moveaxis(values, 0, -1)
    values = with_channels(values)
    count = _CHANNELS[int(page.photometric)]
    extra = [int(each) for each in page.extrasamples][:1]
    tags = {tag.code: tag.value for tag in page.tags.values()}
    stored = Stored(
        values[..., :count],
        values[..., count] if extra in ([1], [2]) else None,
        greatest=_greatest(tags, page.bitspersample),
        white_is_zero=tags[_PHOTOMETRIC] == _WHITE_IS_ZERO,
        premultiplied=extra == [1],
        orientation=tags.get(_ORIENTATION, 1),
        notes=notes,
    )
    if tags.get(_PROFILE):
        stored.profile = embedded(tags[_PROFILE])
    elif values.dtype.kind == "f":
        notes.append("its values are taken for linear light")
    else:
        stored.tell_profile(lambda: profile_of_tags(tags))
    return stored


def _greatest(tags: dict[int, Any], bits: int) -> int | None:
    """The value that means white, where the page says it."""
    most = tags.get(_MOST)
    most = most[0] if isinstance(most, tuple) else most
    if isinstance(most, int) and most:
        return most
    return 2**bits - 1 if bits < 16 else None
