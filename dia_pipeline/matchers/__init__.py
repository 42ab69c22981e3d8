"""Other ways to match two images, to compare the deep image analogy with.

A matcher is a module of this package with a function

    match(a, b_prime, a_prime, settings) -> (nnf_ab, nnf_ba)

    a, b_prime: (H, W, 3) and (h, w, 3) uint8 RGB, images at their working size.
    a_prime: the given A', like `a`, or None where the pair has none.
    settings: Settings; a matcher takes from them what it needs, the seed above all.

    nnf_ab, nnf_ba: (H, W, 2) and (h, w, 2) int32 fields, the absolute coordinates (y, x) in the
    other image of every pixel; all lie inside it.

The same images and settings always give the same fields, for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from dia_pipeline.errors import DiaError
from dia_pipeline.settings import MATCHERS


class MatcherError(DiaError):
    """A matcher cannot process a pair; the message says what it needs."""


def find_matcher(name: str) -> Callable:
    """The function `match` of the matcher of that name.

    Raises:
        KeyError: there is no matcher of that name.
    """
    if name not in MATCHERS:
        raise KeyError(f"no matcher {name!r}; there are {', '.join(MATCHERS)}")
    return import_module(f".{name.replace('-', '_')}", __package__).match
