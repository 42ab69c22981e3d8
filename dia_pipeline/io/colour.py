"""Colours as every image has them here: those of sRGB, in grey levels of 8 or 16 bits."""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np

from dia_pipeline.io.profiles import SRGB, Chromaticities, linear

_EXACTLY = 0x0100
"""Of Little CMS: no table in place of the formulas, whose dark colours would be far off."""

_SPACES = {1: "gray", 3: "rgb", 4: "cmyk"}
"""What Little CMS calls the colours of an image by the number of its channels."""

_CHANNELS = {b"GRAY": 1, b"RGB ": 3, b"CMYK": 4}
"""Channels by what an ICC profile calls its colours."""

_SAME = 1.0
"""Up to how many grey levels, of 255, the colours of a profile may lie beside those of sRGB."""


@lru_cache(maxsize=32)
def is_srgb(icc: bytes) -> bool:
    """Whether a profile means the colours of sRGB, told by what it does to some.

    Raises:
        ValueError: the profile cannot be used.
    """
    steps = np.linspace(0, 65535, 9).astype(np.uint16)
    channels = channels_of(icc)
    if channels == 4:
        return False
    samples = np.stack(np.meshgrid(*[steps] * channels, indexing="ij"), -1).reshape(1, -1, channels)
    away = to_srgb(samples, icc).astype(int) - samples
    return bool(abs(away).max() <= _SAME * 257)


def channels_of(icc: bytes) -> int:
    """How many channels the colours of an ICC profile have.

    Raises:
        ValueError: they are neither grey, RGB nor CMYK.
    """
    kind = bytes(icc[16:20])
    if kind not in _CHANNELS:
        raise ValueError(f"its colour profile cannot be used (of colours {kind!r})")
    return _CHANNELS[kind]


def to_srgb(values: np.ndarray, icc: bytes) -> np.ndarray:
    """Colours (H, W, C) of an ICC profile, uint8 or uint16, as (H, W, 3) sRGB of the same depth.

    Raises:
        ValueError: the profile is not one of such colours.
    """
    return _transformed(values, icc, _srgb())


def srgb_of_light(light: np.ndarray, chromaticities: Chromaticities) -> np.ndarray:
    """Linear light (H, W, 3) float32 of other primaries as that of sRGB, which may leave 0 to 1."""
    return _transformed(light, linear(chromaticities).icc, linear(SRGB).icc)


def _transformed(values: np.ndarray, icc: bytes, wanted: bytes) -> np.ndarray:
    import imagecodecs

    try:
        return imagecodecs.cms_transform(
            np.ascontiguousarray(values[..., 0] if values.shape[-1] == 1 else values),
            icc,
            wanted,
            colorspace=_SPACES[values.shape[-1]],
            outcolorspace="rgb",
            outdtype=values.dtype.name,
            intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
            flags=_EXACTLY,
        )
    except (RuntimeError, KeyError, TypeError) as error:
        raise ValueError(f"its colour profile cannot be used ({error})") from error


def encode_linear(light: np.ndarray) -> np.ndarray:
    """Linear light, 1 being white, as uint16 in sRGB (IEC 61966-2-1); what is brighter is white."""
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
