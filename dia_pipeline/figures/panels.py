"""Labelled images beside and below each other."""

from __future__ import annotations

import textwrap

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dia_pipeline.pixels import resize_image

WIDTH = 1280
"""Of the whole in pixels; every row fills it, unless its panels would be too high."""

HEIGHT = 420
"""Greatest height of a panel in pixels."""

MARGIN = 20
GAP = 10
FONT_SIZE = 18
LABEL = FONT_SIZE + 10
LETTERS = 2 * (WIDTH - 2 * MARGIN) // FONT_SIZE
"""Most letters of a line of the title."""

Panel = tuple[str, np.ndarray]
"""A label, and an image (H, W, 3) uint8 RGB."""


def row_of(panels: list[Panel]) -> Image.Image | None:
    """Panels of one height beside each other."""
    if not panels:
        return None
    width = WIDTH - 2 * MARGIN
    height = height_of([image for _, image in panels], width)
    row = Image.new("RGB", (width, height + LABEL), "white")
    paste(row, 0, panels, height)
    return row


def height_of(images: list[np.ndarray], width: int) -> int:
    """The height at which images beside each other fill a width, but at most HEIGHT."""
    return row_height([image.shape[1] / image.shape[0] for image in images], width)


def row_height(aspects: list[float], width: int) -> int:
    """The same, of the widths of the images as shares of their heights."""
    return max(1, min(HEIGHT, int((width - GAP * (len(aspects) - 1)) / sum(aspects))))


def paste(row: Image.Image, left: int, panels: list[Panel], height: int) -> None:
    """Put panels beside each other into a row, from `left` on."""
    draw, font = ImageDraw.Draw(row), ImageFont.load_default(FONT_SIZE)
    for label, image in panels:
        width = max(1, round(image.shape[1] / image.shape[0] * height))
        draw.text((left, LABEL // 2), label, "black", font, anchor="lm")
        row.paste(Image.fromarray(resize_image(image, (height, width))), (left, LABEL))
        left += width + GAP


def stacked(title: str, rows: list[Image.Image]) -> np.ndarray:
    """Rows below each other under a title: (height, WIDTH, 3) uint8 RGB."""
    heights = [row.height + GAP for row in rows]
    lines = [part for line in title.splitlines() for part in textwrap.wrap(line, LETTERS)]
    above = MARGIN + LABEL * len(lines)
    canvas = Image.new("RGB", (WIDTH, above + sum(heights) + MARGIN - GAP), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(FONT_SIZE)
    for number, line in enumerate(lines):
        draw.text((MARGIN, MARGIN + LABEL * number), line, "black", font)
    top = above
    for row, height in zip(rows, heights, strict=True):
        canvas.paste(row, (MARGIN, top))
        top += height
    return np.array(canvas)
