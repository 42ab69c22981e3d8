"""Which of several references served where, as colours over A."""

from __future__ import annotations

import colorsys

import numpy as np
from PIL import Image, ImageDraw, ImageFont

KEY = 34
"""Height of the key in pixels."""


def draw_sources(a: np.ndarray, sources: np.ndarray, count: int) -> np.ndarray:
    """Tint A by the references that served, with a key below.

    Args:
        a: (H, W, 3) uint8 RGB.
        sources: (H, W) int, the number of the reference from 0.
        count: of the references.

    Returns:
        (H + KEY, W, 3) uint8 RGB.
    """
    colours = [colorsys.hsv_to_rgb(number / count, 0.8, 1) for number in range(count)]
    palette = np.array(colours) * 255
    grey = a.mean(axis=-1, keepdims=True)
    tinted = (0.5 * grey + 0.5 * palette[sources]).astype(np.uint8)
    canvas = Image.new("RGB", (a.shape[1], a.shape[0] + KEY), "white")
    canvas.paste(Image.fromarray(tinted))
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(18)
    for number, colour in enumerate(palette.astype(int)):
        left = 6 + 44 * number
        top = a.shape[0] + 6
        draw.rectangle((left, top, left + 20, top + 20), tuple(map(int, colour)))
        draw.text((left + 25, top + 10), str(number + 1), "black", font, anchor="lm")
    return np.array(canvas)
