"""The figures of an ablation, to be printed: accuracy, its price in time, its growth by level."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from dia_pipeline.evaluation.statistics import Estimate, estimate
from dia_pipeline.evaluation.tables import Column, Measures, Values
from dia_pipeline.settings import FEATURE_MATCHERS, LEVELS

WIDTH = 7.0
"""Inches: the text width of most papers."""

LABEL = 36
"""Longer names of variants are broken into lines of so many letters."""

COLOURS = {"hierarchical": "#c2410c", "layer-independent": "#1d4ed8"}
BASELINE = "#57534e"
"""The colours of the ways to match; the baselines share one."""

_ANGLES = (0, 180, 25, 155, -25, -155, 50, 130, -50, -130, 75, 105, -75, -105)
"""Degrees at which a name may stand beside its point, the best first."""

_STYLE = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": "#78716c",
    "xtick.color": "#44403c",
    "ytick.color": "#44403c",
    "grid.color": "#e7e5e4",
    "grid.linewidth": 0.6,
    "pdf.fonttype": 42,
    "savefig.dpi": 200,
    "savefig.bbox": "tight",
    "savefig.pad_inches": 0.05,
}


def plot_accuracy(
    path: Path, measures: Measures, columns: Sequence[Column], matchers: Mapping[str, str]
) -> None:
    """Accuracy by variant with its intervals; the line is at the first variant's mean.

    Args:
        path: without suffix; a PNG and a PDF are written.
        columns: what is plotted, side by side.
        matchers: the matcher of every variant, in the order in which they are listed.
    """
    rows = {variant: -row for row, variant in enumerate(matchers)}
    names = [textwrap.fill(variant, LABEL) for variant in rows]
    lines = max(name.count("\n") + 1 for name in names)
    height = 1 + (0.06 + 0.13 * lines) * len(rows)
    with _figure(path, len(columns), height, sharey=True) as (panels,):
        for axes, column in zip(panels, columns, strict=True):
            found = _estimates(measures[column.measure])
            for variant, one in found.items():
                colour = _colour(matchers[variant])
                axes.hlines(rows[variant], one.low, one.high, color=colour, lw=1.2, alpha=0.4)
                _point(axes, (one.mean, rows[variant]), colour)
            first = found.get(next(iter(matchers)))
            if first:
                axes.axvline(first.mean, color=COLOURS["hierarchical"], lw=0.6, ls=(0, (3, 3)))
            axes.set(xlabel=f"accuracy, {column.heading}", xlim=(0, None))
            axes.grid(axis="x")
        panels[0].set_yticks([*rows.values()], names)
        panels[0].set_ylim(-len(rows) + 0.3, 0.7)
        for axes in panels:
            axes.tick_params(axis="y", length=0)
        _legend(panels[-1].figure, matchers)


def plot_time(path: Path, measures: Measures, column: Column, matchers: Mapping[str, str]) -> None:
    """Accuracy against the seconds that a pair takes; for the arguments see `plot_accuracy`."""
    accuracy, seconds = (_estimates(measures[name]) for name in (column.measure, "seconds"))
    with _figure(path, 1, 4.2) as ((axes,),):
        points = {}
        for variant, one in accuracy.items():
            if variant in seconds:
                points[variant] = (seconds[variant].mean, one.mean)
                _point(axes, points[variant], _colour(matchers[variant]))
        axes.set(
            xscale="log",
            xlabel="seconds a pair",
            ylabel=f"accuracy, {column.heading}",
            ylim=(0, None),
        )
        axes.grid()
        axes.xaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(matplotlib.ticker.LogFormatter(minor_thresholds=(1, 0.5)))
        axes.margins(x=0.1)
        _label(axes, points)
        _legend(axes.figure, matchers)


def plot_levels(
    path: Path, measures: Measures, columns: Sequence[Column], matchers: Mapping[str, str]
) -> None:
    """Accuracy by level, coarse to fine; the first variant of each matcher stands out."""
    first = {matcher: variant for variant, matcher in reversed(matchers.items())}
    with _figure(path, len(columns), 2.4) as (panels,):
        for axes, column in zip(panels, columns, strict=True):
            for variant, matcher in matchers.items():
                found = _by_level(measures, column.measure, variant)
                if len(found) < 2:
                    continue
                if variant == first[matcher]:
                    low, high = (
                        [getattr(f, end) for f in found.values()] for end in ("low", "high")
                    )
                    axes.fill_between([*found], low, high, color=COLOURS[matcher], alpha=0.15, lw=0)
                style = (
                    {"lw": 1.6, "marker": "o", "ms": 3}
                    if variant == first[matcher]
                    else {"lw": 0.6, "alpha": 0.4}
                )
                means = [one.mean for one in found.values()]
                axes.plot([*found], means, color=COLOURS[matcher], clip_on=False, **style)
            axes.set(title=column.heading, xlabel="level", xticks=LEVELS, ylim=(0, None))
            axes.invert_xaxis()
            axes.grid()
        panels[0].set_ylabel("accuracy")
        _legend(panels[-1].figure, {v: m for v, m in matchers.items() if m in FEATURE_MATCHERS})


def plot_pair(
    path: Path,
    a: np.ndarray,
    b_prime: np.ndarray,
    levels: Mapping[str, Mapping[int, np.ndarray]],
    notes: Mapping[str, Mapping[int, str]],
) -> None:
    """A' by level, a row for every variant: figure 8 of the paper, for any pair.

    Args:
        path: without suffix; a PNG and a PDF are written.
        a, b_prime: (H, W, 3) uint8 RGB.
        levels: by variant and level, the A' (H, W, 3) uint8 that the field of the level gives.
        notes: by variant and level, what to say about it, if anything.
    """
    numbers = sorted({level for rows in levels.values() for level in rows}, reverse=True)
    side = max(image.shape[0] / image.shape[1] for image in (a, b_prime))
    height = len(levels) * (side * WIDTH / (len(numbers) + 1.2) + 0.35)
    with _figure(path, len(numbers) + 1, height, rows=len(levels)) as panels:
        for axes in panels.flat:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        for row, image, name in zip(panels, (a, b_prime), ("A", "B'"), strict=False):
            row[0].imshow(image)
            row[0].set_title(name)
        for row, (variant, images) in zip(panels, levels.items(), strict=True):
            row[1].set_ylabel(variant)
            for axes, level in zip(row[1:], numbers, strict=True):
                if level in images:
                    axes.imshow(images[level])
                    axes.set(title=f"A', level {level}", xlabel=notes[variant].get(level, ""))


@contextmanager
def _figure(
    path: Path, columns: int, height: float, rows: int = 1, **options
) -> Iterator[np.ndarray]:
    """Panels (rows, columns), written as PNG and PDF when all is drawn; always the same bytes."""
    with matplotlib.style.context(["default", _STYLE]):  # not the user's own
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure.subplots(rows, columns, squeeze=False, **options)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path.with_suffix(".png"), metadata={"Software": None})
        figure.savefig(path.with_suffix(".pdf"), metadata={"CreationDate": None})


def _point(axes: Axes, position: tuple[float, float], colour: str) -> None:
    axes.plot(*position, "o", color=colour, ms=4, mec="white", mew=0.5, clip_on=False)


def _legend(figure: Figure, matchers: Mapping[str, str]) -> None:
    """What the colours stand for."""
    names = {matcher: COLOURS.get(matcher, BASELINE) for matcher in matchers.values()}
    names = {
        matcher if matcher in COLOURS else "other matchers": colour
        for matcher, colour in names.items()
    }
    handles = [
        matplotlib.lines.Line2D([], [], color=c, marker="o", ms=4, lw=1) for c in names.values()
    ]
    figure.legend(handles, names, loc="outside upper center", ncols=len(names), frameon=False)


def _label(axes: Axes, points: Mapping[str, tuple[float, float]]) -> None:
    """Write each name near its point, where it covers neither a point nor another name."""
    axes.figure.draw_without_rendering()
    renderer = axes.figure.canvas.get_renderer()
    positions = axes.transData.transform([*points.values()])
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in positions]
    for name, point in points.items():
        for distance, angle in product((6, *range(14, 150, 8)), np.radians(_ANGLES)):
            offset = distance * np.array([np.cos(angle), np.sin(angle)])
            text = axes.annotate(
                textwrap.fill(name, LABEL),
                point,
                offset,
                textcoords="offset points",
                fontsize=6.5,
                ha="left" if offset[0] > -1e-6 else "right",
                va="center",
                in_layout=False,
                arrowprops={"arrowstyle": "-", "lw": 0.4, "color": "#a8a29e", "shrinkB": 2},
            )
            text.update_positions(renderer)
            box = Text.get_window_extent(text).padded(1)  # without the line to the point
            inside = all(axes.bbox.contains(*corner) for corner in box.corners())
            if inside and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            text.remove()


def _by_level(measures: Measures, measure: str, variant: str) -> dict[int, Estimate]:
    found = {level: measures.get(f"{measure}_level_{level}", {}).get(variant) for level in LEVELS}
    return {level: estimate([*values.values()]) for level, values in found.items() if values}


def _estimates(values: Values) -> dict[str, Estimate]:
    return {
        variant: estimate([*by_pair.values()]) for variant, by_pair in values.items() if by_pair
    }


def _colour(matcher: str) -> str:
    return COLOURS.get(matcher, BASELINE)
