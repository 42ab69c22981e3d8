"""What the colours of an image mean, however that is said, as an ICC profile.

It is embedded, or made here: of primaries and a gamma, or of the codes of ITU-T H.273.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import NamedTuple

import numpy as np

Chromaticities = Sequence[float]
"""x and y of white, red, green and blue (CIE 1931)."""

_D65 = (0.3127, 0.329)

SRGB = (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
"""The chromaticities of sRGB."""

_PRIMARIES: dict[int, tuple[str, Chromaticities]] = {
    1: ("BT.709", SRGB),
    2: ("unspecified primaries", SRGB),
    4: ("BT.470 M", (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08)),
    5: ("BT.601, 625 lines", (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06)),
    6: ("BT.601, 525 lines", (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070)),
    7: ("SMPTE 240M", (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070)),
    8: ("film", (0.310, 0.316, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049)),
    9: ("BT.2020", (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)),
    11: ("DCI-P3", (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)),
    12: ("Display P3", (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)),
    22: ("EBU 3213", (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077)),
}
"""ITU-T H.273, table 2."""

_ADOBE_RGB = (*_D65, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)


def srgb_light(values: np.ndarray) -> np.ndarray:
    """The linear light of values in sRGB, both from 0 to 1."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _pq_light(values: np.ndarray) -> np.ndarray:
    """Of SMPTE ST 2084; white is 203 cd/m2 (ITU-R BT.2408), and what is brighter is white too."""
    root = values ** (1 / 78.84375)
    share = (root - 0.8359375).clip(0) / (18.8515625 - 18.6875 * root)
    return (share ** (1 / 0.1593017578125) * 10000 / 203).clip(0, 1)


def _hlg_light(values: np.ndarray) -> np.ndarray:
    """Of ITU-R BT.2100 on a screen of 1000 cd/m2, exact for greys; white is the value 0.75."""
    scene = np.where(
        values <= 0.5, values**2 / 3, (np.exp((values - 0.55991073) / 0.17883277) + 0.28466892) / 12
    )
    return ((scene / 0.26496) ** 1.2).clip(0, 1)


_STEPS = np.linspace(0, 1, 4096)
"""Values between which a curve is interpolated."""

_CURVES: dict[int, tuple[str, float | np.ndarray]] = {
    # what cameras do to light screens do not undo: such values are shown as those of sRGB
    **dict.fromkeys((1, 2, 6, 7, 11, 12, 13, 14, 15), ("the curve of sRGB", srgb_light(_STEPS))),
    4: ("gamma 2.2", 2.2),
    5: ("gamma 2.8", 2.8),
    8: ("linear light", 1.0),
    16: ("PQ, whose white is 203 cd/m2", _pq_light(_STEPS)),
    17: ("gamma 2.6", 2.6),
    18: ("HLG, whose white is 203 cd/m2", _hlg_light(_STEPS)),
}
"""ITU-T H.273, table 3: a gamma, or the light of `_STEPS`."""


class Profile(NamedTuple):
    """What the colours of an image mean.

    Attributes:
        icc: the same as an ICC profile.
        name: what to call it.
    """

    icc: bytes
    name: str


def embedded(icc: bytes) -> Profile:
    """The profile that an image brings along; its name is empty if it cannot be read."""
    from PIL import ImageCms

    try:
        return Profile(icc, ImageCms.getProfileDescription(BytesIO(icc)).strip())
    except (ImageCms.PyCMSError, OSError):
        return Profile(icc, "")


def adobe_rgb() -> Profile:
    """Adobe RGB (1998), which cameras name in EXIF without a profile."""
    return _made("Adobe RGB", _ADOBE_RGB, 2.19921875)


def of_gamma(exponent: float | None, chromaticities: Chromaticities | None) -> Profile:
    """Colours by what PNG (gAMA, cHRM) or TIFF says; what it leaves unsaid is as in sRGB.

    Args:
        exponent: the values are light to this power; 1/2.2, which many programs write for sRGB,
            means its curve.

    Raises:
        ValueError: the chromaticities are those of no colours.
    """
    primaries = "primaries of its own" if chromaticities else "primaries of sRGB"
    if not exponent or abs(exponent * 2.2 - 1) < 0.01:
        return _made(primaries, chromaticities or SRGB, srgb_light(_STEPS))
    return _made(f"{primaries}, gamma {1 / exponent:.3g}", chromaticities or SRGB, 1 / exponent)


def of_codes(primaries: int, transfer: int) -> Profile:
    """Colours by the codes of ITU-T H.273, as in PNG (cICP), AVIF and HEIC (nclx).

    Raises:
        ValueError: one of the codes is not known here.
    """
    if primaries not in _PRIMARIES or transfer not in _CURVES:
        codes = f"primaries {primaries}, transfer {transfer}"
        raise ValueError(f"its colours have codes of H.273 that are not known here ({codes})")
    (first, chromaticities), (second, curve) = _PRIMARIES[primaries], _CURVES[transfer]
    return _made(f"{first}, {second}", chromaticities, curve)


def linear(chromaticities: Chromaticities) -> Profile:
    """Light itself, by the amounts of these primaries."""
    return _made("linear light", chromaticities, 1.0)


def _made(name: str, chromaticities: Chromaticities, curve: float | np.ndarray) -> Profile:
    """A profile of primaries and a gamma, or the light of `_STEPS`."""
    import imagecodecs

    flat = [float(each) for each in chromaticities]
    try:
        icc = imagecodecs.cms_profile(
            "rgb",
            whitepoint=(*flat[:2], 1),
            primaries=[n for at in (2, 4, 6) for n in (*flat[at : at + 2], 1)],
            gamma=curve if isinstance(curve, float) else None,
            transferfunction=None if isinstance(curve, float) else curve.astype(np.float32),
        )
    except RuntimeError as error:
        raise ValueError(f"its primaries {flat} are no colours") from error
    return Profile(bytes(icc), name)
