"""Other ways to match two images, to compare the deep image analogy with.

A matcher is a file of Python, a module of this package or one of the user's own, with a function

    match(a, b_prime, a_prime, settings) -> (nnf_ab, nnf_ba)

    a, b_prime: (H, W, 3) and (h, w, 3) uint8 RGB, images at their working size.
    a_prime: the given A', like `a`, or None where the pair has none.
    settings: Settings; a matcher takes from them what it needs, the seed above all.

    nnf_ab, nnf_ba: (H, W, 2) and (h, w, 2) int32 fields, the absolute coordinates (y, x) in the
    other image of every pixel; all lie inside it.

The same images and settings always give the same fields, for any number of threads.
"""

from __future__ import annotations

import os
from pathlib import Path

from dia_pipeline.matchers.matcher import Matcher, MatcherError
from dia_pipeline.settings import FEATURE_MATCHERS, MATCHERS

FOLDER = Path("config", "matchers")
"""Where matchers of one's own lie, unless `$DIA_MATCHERS` names another folder."""


def find_matcher(name: str) -> Matcher:
    """The matcher of that name; one of the user's own is read, and its syntax is checked.

    Raises:
        MatcherError: there is none of that name, or two; or it cannot be read.
    """
    own = Path(os.environ.get("DIA_MATCHERS", FOLDER), f"{name}.py")
    shipped = name in (*FEATURE_MATCHERS, *MATCHERS)
    if own.is_file():
        if shipped:
            raise MatcherError(own, f"{name} is shipped, and is not this", "rename the file")
        from dia_pipeline.matchers.own import OwnMatcher

        return OwnMatcher.read(name, own)
    if not shipped:
        known = ", ".join((*FEATURE_MATCHERS, *MATCHERS))
        raise MatcherError(
            f"matcher {name!r}",
            f"there is no such matcher: {known} are shipped, and there is no file {own}",
            "name one of these, or write the file; docs/ablation.md shows how",
        )
    return Matcher(name)
