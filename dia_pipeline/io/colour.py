"""Colours as every image has them here: those of sRGB, in grey levels of 8 or 16 bits."""

from __future__ import annotations

from functools import cache
from io import BytesIO

import numpy as np

_EXACTLY = 0x0100
"""Of Little CMS: no table in place of the formulas, whose dark colours would be far off."""

_SPACES = {1: "gray", 3: "rgb", 4: "cmyk"}
"""What Little CMS calls the colours of an image by the number of its channels."""


def profile_name(profile: bytes | None) -> str:
    """The name of an ICC profile; empty if there is none, or none that can be read."""
    from PIL import ImageCms

    if not profile:
        return ""
    try:
        return ImageCms.getProfileDescription(BytesIO(profile)).strip()
    except (ImageCms.PyCMSError, OSError):
        return ""


def to_srgb(values: np.ndarray, profile: bytes) -> np.ndarray:
    """Colours (H, W, C) of a profile, uint8 or uint16, as (H, W, 3) sRGB of the same depth.

    Raises:
        ValueError: the profile is not one of such colours.
    """
    import imagecodecs

    try:
        return imagecodecs.cms_transform(
            np.ascontiguousarray(values[..., 0] if values.shape[-1] == 1 else values),
            profile,
            _srgb(),
            colorspace=_SPACES[values.shape[-1]],
            outcolorspace="rgb",
            outdtype=values.dtype.name,
            intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
            flags=_EXACTLY,
        )
    except (RuntimeError, KeyError, TypeError) as error:
        raise ValueError(f"its colour profile cannot be used ({error})") from error


def encode_linear(light: np.ndarray) -> np.ndarray:
    """Linear light, 1 being white, as uint16 in sRGB (IEC 61966-2-1); what is brighter is white.

    Raises:
        ValueError: a value is not finite.
    """
    if not np.isfinite(light).all():
        raise ValueError("there are values in it that are not finite")
    light = light.clip(0, 1).astype(np.float64)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(curve * 65535).astype(np.uint16)


def rounded_to_8_bits(values: np.ndarray) -> np.ndarray:
    """Values of 16 bits as uint8."""
    return ((values.astype(np.int32) + 128) // 257).astype(np.uint8)


@cache
def _srgb() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
