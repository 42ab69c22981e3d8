"""How figures are shown, in the terminal and on the pages.

A column is a key of the rows of a record. Its last word is the unit of its numbers: `total_s` is
headed "total, s". A list is shown as its numbers with strokes between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dia_pipeline.evaluation.tables import IMAGES

Row = Mapping[str, Any]
"""Figures by column: text, a number, a list of numbers, or None where there is none."""


def sized(value: float) -> str:
    """A number with about three digits."""
    return trimmed(value, 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0)


def trimmed(value: float, digits: int) -> str:
    """A number with at most so many digits after the point."""
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits else text


def fraction(value: float, digits: int = 2) -> str:
    """A number from 0 to 1 as the documentation writes it: .25."""
    return f"{value:.{digits}f}".removeprefix("0")


def percent(value: float) -> str:
    """A number from 0 to 1 in percent."""
    return f"{trimmed(value * 100, 1)} %"


UNITS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "s": (", s", sized),
    "ms": (", ms", sized),
    "mb": (", MB", sized),
    "gb": (", GB", sized),
    "tflop": (", TFLOP", sized),
    "db": (", dB", sized),
    "share": ("", percent),
    "grey": (", of 255", sized),
    "accuracy": ("", fraction),
    "confidence": (" confidence", fraction),
    "energy": (" energy", "{:.4f}".format),
    "error": (" error", "{:.1e}".format),
    "cdc": (" CDC", "{:.4f}".format),
}
"""By the end of a column's name: what its heading says instead, and how a number is written."""

NAMES = {"a_prime": "A'", "b_prime": "B'", "cpu": "CPU", "pck": "PCK", "_per_": " / "}
"""What a heading says instead of parts of a column's name."""

MEASURES = {measure.measure: measure for measure in IMAGES}
"""Those of images are headed and written as the project's own tables have them."""


def heading(column: str) -> str:
    """The heading of a column."""
    if column in MEASURES:
        return MEASURES[column].heading
    name, _, unit = column.rpartition("_")
    if unit in UNITS and name:
        return heading(name) + UNITS[unit][0]
    for written, said in NAMES.items():
        column = column.replace(written, said)
    return column.replace("_", " ")


def cell(column: str, value: Any) -> str:
    """What a table shows of a figure."""
    if value is None:
        return ""
    if isinstance(value, list):
        return " / ".join(cell(column, each) for each in value)
    if isinstance(value, str):
        return value
    if column in MEASURES:
        return fraction(value, MEASURES[column].digits)
    unit = column.rpartition("_")[2]
    if unit in UNITS:
        return UNITS[unit][1](value)
    return f"{value:,}" if isinstance(value, int) else sized(value)


def filled(rows: list[Row]) -> list[str]:
    """The columns that hold anything."""
    return [column for column in rows[0] if any(row[column] is not None for row in rows)]


def is_number(rows: list[Row], column: str) -> bool:
    """Whether a column holds numbers, and is set to the right."""
    return not any(isinstance(row[column], str) for row in rows)
