"""One picture that shows a pair at a glance: inputs, outputs, fields, and the way there."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dia_pipeline.io.flow import colour_flow
from dia_pipeline.io.images import resize_image

HEIGHT = 300
"""Height of every panel in pixels, unless one would then be wider than `WIDTH`."""

WIDTH = 400
"""Greatest width of a panel in pixels."""

_MARGIN = 20
_GAP = 10
_FONT_SIZE = 18
_LABEL = _FONT_SIZE + 10

Panel = tuple[str, np.ndarray | None]


def draw_overview(
    a: np.ndarray,
    a_prime: np.ndarray,
    b: np.ndarray | None,
    b_prime: np.ndarray,
    flow_ab: np.ndarray,
    flow_ba: np.ndarray | None,
    levels: dict[int, np.ndarray],
) -> np.ndarray:
    """Draw the overview of a pair; what is None (one direction only) is left out.

    Args:
        a, a_prime, b, b_prime: (H, W, 3) uint8 RGB.
        flow_ab, flow_ba: (H, W, 2) float32 (u, v) in pixels, shown in one common colour code.
        levels: by level, the A' that the level's field gives; shown coarse to fine.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    rows = [
        [("A", a), ("A'", a_prime), ("B", b), ("B'", b_prime)],
        _field_panels({"A to B'": flow_ab, "B' to A": flow_ba}),
        [(f"A' by level {level}", levels[level]) for level in sorted(levels, reverse=True)],
    ]
    rows = [[panel for panel in row if panel[1] is not None] for row in rows]
    return _draw_rows([row for row in rows if row])


def _field_panels(flows: dict[str, np.ndarray | None]) -> list[Panel]:
    """The fields in colours, and the key to the colours."""
    flows = {label: _thin_out(flow) for label, flow in flows.items() if flow is not None}
    lengths = [np.hypot(*np.moveaxis(flow, -1, 0)).ravel() for flow in flows.values()]
    # A few stray matches must not make everything else look pale.
    radius = max(np.percentile(np.concatenate(lengths), 99), 1)
    panels = [(label, colour_flow(flow, radius)) for label, flow in flows.items()]
    return [*panels, (f"colours, up to {radius:.0f} px", _colour_key())]


def _thin_out(flow: np.ndarray) -> np.ndarray:
    """No more vectors than twice the height of a panel, so that large fields cost little."""
    step = max(1, flow.shape[0] // (2 * HEIGHT))
    return flow[::step, ::step]


def _colour_key() -> np.ndarray:
    """All directions and lengths as a disc on white."""
    v, u = np.mgrid[-1 : 1 : 2j * HEIGHT, -1 : 1 : 2j * HEIGHT] * 1.1
    flow = np.stack([u, v], axis=-1)
    inside = np.hypot(u, v)[..., None] <= 1
    return np.where(inside, colour_flow(flow, 1), 255).astype(np.uint8)


def _draw_rows(rows: list[list[Panel]]) -> np.ndarray:
    widest = max(picture.shape[1] / picture.shape[0] for row in rows for _, picture in row)
    height = round(min(HEIGHT, WIDTH / widest))
    rows = [[(label, _fit(picture, height)) for label, picture in row] for row in rows]
    total = [sum(picture.shape[1] + _GAP for _, picture in row) - _GAP for row in rows]
    size = (max(total) + 2 * _MARGIN, len(rows) * (height + _LABEL + _GAP) - _GAP + 2 * _MARGIN)
    canvas = Image.new("RGB", size, "white")
    for number, row in enumerate(rows):
        _draw_row(canvas, row, _MARGIN + number * (height + _LABEL + _GAP))
    return np.array(canvas)


def _draw_row(canvas: Image.Image, row: list[Panel], top: int) -> None:
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(_FONT_SIZE)
    left = _MARGIN
    for label, picture in row:
        draw.text((left, top + _LABEL // 2), label, "black", font, anchor="lm")
        canvas.paste(Image.fromarray(picture), (left, top + _LABEL))
        left += picture.shape[1] + _GAP


def _fit(picture: np.ndarray, height: int) -> np.ndarray:
    width = round(picture.shape[1] / picture.shape[0] * height)
    return resize_image(picture, (height, max(1, width)))
