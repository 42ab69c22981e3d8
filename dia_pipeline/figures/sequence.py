"""A sequence to look at: video, preview, contact sheet, plot; a slate for a missing frame."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dia_pipeline.io.files import write_file
from dia_pipeline.io.images import write_image
from dia_pipeline.pixels import resize_image, shrunk

PREVIEW_SIDE = 360
"""Longest side in pixels of the animated preview."""

PREVIEW_FRAMES = 120
"""Most frames of the animated preview; of longer sequences every second, third ... is shown."""

SHEET_FRAMES = 24
"""Most frames of the contact sheet, evenly picked."""

_THUMBNAIL = 200
_COLUMNS = 6
_LABEL = 18
_GAP = 6


def slate(size: tuple[int, ...], text: str) -> np.ndarray:
    """An image (H, W, 3) uint8 of `size` that stands for a missing frame and says so."""
    height, width = size
    letter = max(8, width // 28)
    image = Image.new("RGB", (width, height), (40, 40, 40))
    lines = "\n".join(textwrap.wrap(text, max(1, width * 5 // (letter * 3))))
    font = ImageFont.load_default(letter)
    draw = ImageDraw.Draw(image)
    draw.multiline_text((width / 2, height / 2), lines, "white", font, anchor="mm", align="center")
    return np.array(image)


def write_preview(
    path: Path, shown: Callable[[int], np.ndarray], count: int, frame_rate: float
) -> str:
    """Write `count` frames as a small animated WebP that repeats for ever.

    Args:
        shown: gives a frame (H, W, 3) uint8 by its number; it is asked for those that are taken.

    Returns:
        The SHA-256 of the file in hexadecimal.
    """
    step = -(-count // PREVIEW_FRAMES)
    images = [
        Image.fromarray(shrunk(shown(number), PREVIEW_SIDE)) for number in range(0, count, step)
    ]
    content = BytesIO()
    images[0].save(
        content,
        format="WEBP",
        save_all=True,
        append_images=images[1:],
        duration=round(1000 * step / frame_rate),
        loop=0,
        quality=80,
    )
    return write_file(path, content.getvalue())


def picked(count: int) -> list[int]:
    """The numbers of the frames, of so many, that the contact sheet shows."""
    return sorted({round(n) for n in np.linspace(0, count - 1, min(count, SHEET_FRAMES))})


def write_sheet(path: Path, cells: Iterable[tuple[str, np.ndarray, np.ndarray]]) -> str:
    """Write the contact sheet: in rows, by label, what came in above what came out.

    Args:
        cells: label, input (H, W, 3) and output (h, w, 3), uint8, for every frame.

    Returns:
        The SHA-256 of the file in hexadecimal.
    """
    shown = [(label, _thumbnail(given), _thumbnail(made)) for label, given, made in cells]
    height = max(given.shape[0] + made.shape[0] for _, given, made in shown) + _LABEL + 2 * _GAP
    columns = min(_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    size = (columns * (_THUMBNAIL + _GAP) + _GAP, rows * height + _GAP)
    canvas = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(13)
    for number, (label, given, made) in enumerate(shown):
        left = _GAP + number % columns * (_THUMBNAIL + _GAP)
        top = _GAP + number // columns * height
        draw.text((left, top + _LABEL // 2), label, "black", font, anchor="lm")
        canvas.paste(Image.fromarray(given), (left, top + _LABEL))
        canvas.paste(Image.fromarray(made), (left, top + _LABEL + given.shape[0] + 2))
    return write_image(path, np.array(canvas))


def plot_flicker(path: Path, curves: dict[str, list[float | None]], gaps: list[int]) -> str:
    """Plot measures in grey levels over the frames; None where a frame or the one before lacks.

    Returns:
        The SHA-256 of the file in hexadecimal.
    """
    from matplotlib import style
    from matplotlib.figure import Figure

    with style.context("default"):  # not the user's own
        figure = Figure(figsize=(8, 3.2), layout="constrained")
        axes = figure.subplots()
        for label, values in curves.items():
            numbers = [np.nan if value is None else value for value in values]
            axes.plot(range(1, len(values) + 1), numbers, marker=".", label=label)
        for number in gaps:
            axes.axvspan(number + 0.5, number + 1.5, color="0.85")
        axes.set(xlabel="frame", ylabel="grey levels", ylim=(0, None))
        axes.legend()
        content = BytesIO()
        figure.savefig(content, dpi=100, metadata={"Software": None})
    return write_file(path, content.getvalue())


def _thumbnail(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    return resize_image(image, (max(1, round(height * _THUMBNAIL / width)), _THUMBNAIL))
