"""OpenEXR: linear light, in the window that is to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np

from dia_pipeline.io.colour import srgb_of_light
from dia_pipeline.io.stored import Stored, check_pixels, notes_on_frames, with_channels

MAGIC = b"\x76\x2f\x31\x01"


def read_exr(content: bytes) -> Stored:
    """What an OpenEXR file holds, over its whole display window.

    Raises:
        ImportError: OpenEXR is not installed.
        ValueError: it has no channels that are colours, or a value is not finite.
    """
    import OpenEXR

    with OpenEXR.File(BytesIO(content), header_only=True) as file:
        header = dict(file.header())
    for window in ("dataWindow", "displayWindow"):
        check_pixels(int(np.prod(_size(header[window]))))
    with OpenEXR.File(BytesIO(content)) as file:
        notes = ["its linear light is shown as sRGB; what is brighter than 1 is white"]
        notes += notes_on_frames(len(file.parts))
        channels = {name: channel.pixels for name, channel in file.channels().items()}
    if header.get("pixelAspectRatio", 1) != 1:
        notes.append("its pixels are not square, and are shown as squares")
    light = _shown(_light_of(channels), header, notes)
    colours, alpha = light[..., :3], light[..., 3] if light.shape[-1] == 4 else None
    if colours.shape[-1] == 3 and "chromaticities" in header:
        red, green, blue, white = np.reshape(header["chromaticities"], (4, 2))
        colours = srgb_of_light(colours, (*white, *red, *green, *blue))
    return Stored(colours.clip(0, 1), alpha, premultiplied=True, notes=notes)


def _light_of(channels: Mapping[str, np.ndarray]) -> np.ndarray:
    """The channels that are colours and, with four, opacity: (H, W, 1, 3 or 4) float32."""
    for name in ("RGBA", "RGB", "Y"):
        if name in channels:
            light = with_channels(channels[name]).astype(np.float32)
            if not np.isfinite(light).all():
                raise ValueError("there are values in it that are not finite")
            return light
    raise ValueError(f"it has no channels R, G, B or Y, but {', '.join(channels)}")


def _shown(light: np.ndarray, header: Mapping[str, Any], notes: list[str]) -> np.ndarray:
    """What lies in the display window of what fills the data window."""
    data, display = header["dataWindow"], header["displayWindow"]
    if np.array_equal(data, display):
        return light
    notes.append("its display window is shown, not its data window")
    shown = np.zeros((*_size(display), light.shape[-1]), np.float32)
    low = np.maximum(data[0], display[0])
    high = np.minimum(data[1], display[1]) + 1
    if (high <= low).any():
        raise ValueError("nothing of it lies in its display window")
    here, there = (
        tuple(slice(a, b) for a, b in zip(low - origin, high - origin, strict=True))[::-1]
        for origin in (display[0], data[0])
    )
    shown[here] = light[there]
    return shown


def _size(window: Any) -> tuple[int, int]:
    """Height and width of a window, whose bounds (x, y) lie in it."""
    width, height = np.subtract(window[1], window[0], dtype=np.int64) + 1
    return int(height), int(width)
