"""Notes for a person on how a file was read, and on what it is too small for."""

from __future__ import annotations

import logging
import math
from functools import cache

LARGE = 700
"""Longest side in pixels from which on A' is large enough to show what B' lacks."""

SMALL = 0.4
"""A B' whose longest side is a smaller share of A's gives a large A' little detail: strokes become
small and repeat."""


@cache
def say_once(text: str, level: int = logging.INFO) -> None:
    """Log a note, unless this process has logged it before."""
    logging.getLogger("dia").log(level, "%s", text)


def note_on_sizes(a: tuple[int, ...], b_prime: tuple[int, ...]) -> str:
    """What to say of a B' that is too small for its A, by their heights and widths; else empty."""
    (height, width), (h, w) = a[:2], b_prime[:2]
    wanted = SMALL * max(height, width)
    if max(height, width) <= LARGE or not 0 < max(h, w) < wanted:
        return ""
    return (
        f"B' ({w}x{h}) is too small to give A' ({width}x{height}) its detail; take a B' of "
        f"{math.ceil(wanted)} pixels or more, or a smaller A"
    )


def warn_of_sizes(a: tuple[int, ...], b_prime: tuple[int, ...]) -> None:
    """Say once if B' is too small for its A, see `note_on_sizes`."""
    if note := note_on_sizes(a, b_prime):
        say_once(note, logging.WARNING)
