"""One image that shows a pair at a glance: results, matches, what has none, the way there."""

from __future__ import annotations

import colorsys
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dia_pipeline.alignment.parts import Parts, loneliness
from dia_pipeline.figures.panels import (
    FONT_SIZE,
    GAP,
    HEIGHT,
    LABEL,
    MARGIN,
    WIDTH,
    Panel,
    height_of,
    paste,
    row_height,
    row_of,
    stacked,
)
from dia_pipeline.io.flow import colour_flow

LINES = (4, 3)
"""Columns and rows of A in which the best match is drawn as a line."""

SURE = 0.02
"""Greatest round trip of such a match."""

_KEYS = 290
"""Width of the keys to the colours in pixels."""

_RED = np.array((220, 30, 30))


def draw_overview(
    title: str,
    images: dict[str, np.ndarray],
    flows: dict[str, np.ndarray],
    levels: dict[int, np.ndarray],
    said: Sequence[Panel] = (),
    parts: Parts | None = None,
) -> np.ndarray:
    """Draw the overview of a pair.

    Args:
        title: the first lines.
        images: `a`, `a_prime`, `b_prime` and, unless one direction alone was matched, `b`;
            (H, W, 3) uint8 RGB.
        flows: `flow_ab` and, where there is B, `flow_ba`; (H, W, 2) float32 (u, v) in pixels.
        levels: by level, the A' that the level's field gives; the finest, which is A', is left out.
        said: what is said of the pair, see `said.draw_said`.
        parts: which parts of A and B' are matched by what belongs to them, if that was asked.

    Returns:
        (height, WIDTH, 3) uint8 RGB.
    """
    names = {"a": "A", "a_prime": "A'", "b": "B", "b_prime": "B'"}
    coarse = sorted(levels, reverse=True)[:-1]
    small = {name: _thinned(flow) for name, flow in flows.items()}
    radius = typical_length(flows)
    results = [(label, images[name]) for name, label in names.items() if name in images]
    fields, alone = _field_panels(small, radius), _alone_panels(images, parts)
    above = [results, fields + alone] if alone else [results + fields]
    rows = [
        *map(row_of, above),
        row_of(list(said)),
        row_of([(f"A' by level {level}", levels[level]) for level in coarse]),
        _matches(images, flows, radius, bool(alone)),
    ]
    return stacked(title, [row for row in rows if row])


class Box(NamedTuple):
    """A part of an image in pixels."""

    left: int
    top: int
    width: int
    height: int


def boxes_of_levels(
    height: int, levels: Sequence[int], a: tuple[int, int], b_prime: tuple[int, int]
) -> dict[int, Box]:
    """Where an overview of some height shows the A' of each level; the rows are placed from below.

    Args:
        levels: those that were matched, coarse to fine.
        a, b_prime: width and height of the images.
    """
    coarse = levels[:-1]
    if not coarse:
        return {}
    across = WIDTH - 2 * MARGIN
    aspects = [width / high for width, high in (a, b_prime)]
    below = max(row_height(aspects, across - _KEYS - GAP), _KEYS) + LABEL
    high = row_height([aspects[0]] * len(coarse), across)
    wide = max(1, round(aspects[0] * high))
    top = height - MARGIN - below - GAP - high
    right = WIDTH - MARGIN
    lefts = [min(MARGIN + number * (wide + GAP), right - 1) for number in range(len(coarse))]
    return {
        level: Box(left, top, min(wide, right - left), high)
        for level, left in zip(coarse, lefts, strict=True)
    }


def round_trip(flow: np.ndarray, back: np.ndarray, step: int = 1) -> np.ndarray:
    """How far a pixel comes back from itself, as a share of the longest side.

    Args:
        flow, back: (H, W, 2), (h, w, 2) float (u, v) in pixels, there and back.
        step: of the pixels every so many are taken, along both axes.

    Returns:
        (H / step, W / step).
    """
    own = np.stack(np.mgrid[: flow.shape[0] : step, : flow.shape[1] : step])
    there = own + np.moveaxis(flow[::step, ::step, ::-1], -1, 0)
    y, x = (
        np.clip(np.rint(c), 0, side - 1).astype(int)
        for c, side in zip(there, back.shape[:2], strict=True)
    )
    returned = there + np.moveaxis(back[y, x][..., ::-1], -1, 0)
    return np.hypot(*(returned - own)) / max(flow.shape[:2])


def typical_length(flows: dict[str, np.ndarray]) -> float:
    """The length that is shown in full colour: stray matches must not make all others pale."""
    lengths = [np.hypot(*np.moveaxis(_thinned(flow), -1, 0)).ravel() for flow in flows.values()]
    together = np.concatenate(lengths)
    known = together[np.isfinite(together)]
    return max(float(np.percentile(known, 80)), 1.0) if known.size else 1.0


def _thinned(flow: np.ndarray) -> np.ndarray:
    """No more vectors than twice the height of a panel, so that large fields cost little."""
    step = _step(flow)
    return flow[::step, ::step]


def _step(field: np.ndarray) -> int:
    return max(1, max(field.shape[:2]) // (2 * HEIGHT))


def _field_panels(flows: dict[str, np.ndarray], radius: float) -> list[Panel]:
    names = {"flow_ab": "matches of A in B'", "flow_ba": "matches of B' in A"}
    return [
        (names[name], colour_flow(_clipped(flow, radius), radius)) for name, flow in flows.items()
    ]


def _clipped(flow: np.ndarray, radius: float) -> np.ndarray:
    length = np.hypot(*np.moveaxis(flow, -1, 0))[..., None]
    return flow * np.minimum(1, radius / np.maximum(length, radius))


def _alone_panels(images: dict[str, np.ndarray], parts: Parts | None) -> list[Panel]:
    """A and B' in grey, in red where nothing in the other image belongs."""
    if parts is None:
        return []
    return [
        ("alone in A", _reddened(images["a"], loneliness(parts.a))),
        ("alone in B'", _reddened(images["b_prime"], loneliness(parts.b_prime))),
    ]


def _reddened(image: np.ndarray, alone: np.ndarray) -> np.ndarray:
    step = _step(image)
    grey = image[::step, ::step].mean(axis=-1, keepdims=True) * 0.6 + 100
    size = grey.shape[1], grey.shape[0]
    red = np.array(Image.fromarray(alone).resize(size, Image.Resampling.BILINEAR))[..., None] / 255
    return (grey * (1 - red) + _RED * red).astype(np.uint8)


def _matches(
    images: dict[str, np.ndarray], flows: dict[str, np.ndarray], radius: float, alone: bool
) -> Image.Image:
    """A beside B' with lines between what matches, and the keys to all colours."""
    width = WIDTH - 2 * MARGIN
    pair = [images["a"], images["b_prime"]]
    height = height_of(pair, width - _KEYS - GAP)
    row = Image.new("RGB", (width, max(height, _KEYS) + LABEL), "white")
    paste(row, 0, [("some matches of A", pair[0]), ("in B'", pair[1])], height)
    draw = ImageDraw.Draw(row)
    left = round(pair[0].shape[1] / pair[0].shape[0] * height) + GAP
    chosen = _well_spread(flows)
    for number, (here, there) in enumerate(chosen):
        colour = tuple(round(255 * c) for c in colorsys.hsv_to_rgb(number / len(chosen), 0.9, 0.95))
        ends = []
        for (y, x), image, offset in zip((here, there), pair, (0, left), strict=True):
            scale = height / image.shape[0]
            ends.append((offset + (x + 0.5) * scale, LABEL + (y + 0.5) * scale))
        draw.line(ends, colour, 2)
        for x, y in ends:
            draw.ellipse((x - 4, y - 4, x + 4, y + 4), colour, "white")
    _draw_keys(row, width - _KEYS, radius, alone)
    return row


def _well_spread(flows: dict[str, np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """The surest match (y, x), (y, x) in every part of A; none where none is sure."""
    flow, step = flows["flow_ab"], _step(flows["flow_ab"])
    thin = flow[::step, ::step]
    error = (
        round_trip(flow, flows["flow_ba"], step) if "flow_ba" in flows else np.zeros(thin.shape[:2])
    )
    columns, rows = LINES
    matches = []
    for part_y in np.array_split(np.arange(thin.shape[0]), rows):
        for part_x in np.array_split(np.arange(thin.shape[1]), columns):
            if part_y.size and part_x.size:
                here = _surest(error, part_y, part_x)
                if error[here] <= SURE:
                    start = step * np.array(here)
                    matches.append((start, start + thin[here][::-1]))
    return matches


def _surest(error: np.ndarray, part_y: np.ndarray, part_x: np.ndarray) -> tuple[int, int]:
    """The pixel of a part with the least error, rather in its middle."""
    away = np.hypot(part_y[:, None] - part_y.mean(), part_x - part_x.mean())
    cost = error[np.ix_(part_y, part_x)] + 0.1 * away / max(error.shape)
    y, x = np.unravel_index(cost.argmin(), cost.shape)
    return int(part_y[y]), int(part_x[x])


def _draw_keys(row: Image.Image, left: int, radius: float, alone: bool) -> None:
    """What the colours of the fields, and of what is alone, mean."""
    side = _KEYS // 2
    row.paste(Image.fromarray(_wheel(side)), (left, LABEL))
    texts = [f"Matches: the direction in which they lie; full colour is {radius:.0f} px and more."]
    if alone:
        texts.append("Alone: red where nothing in the other image belongs, the fuller the surer.")
    lines = "\n\n".join(textwrap.fill(text, 2 * _KEYS // FONT_SIZE + 1) for text in texts)
    font = ImageFont.load_default(FONT_SIZE - 2)
    ImageDraw.Draw(row).multiline_text((left, LABEL + side + GAP), lines, "black", font)


def _wheel(side: int) -> np.ndarray:
    """All directions and lengths as a disc on white."""
    v, u = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j] * 1.05
    inside = np.hypot(u, v)[..., None] <= 1
    return np.where(inside, colour_flow(np.stack([u, v], axis=-1), 1), 255).astype(np.uint8)
