"""The synthetic benchmark: pairs with exact truth, made of photographs that packages carry.

A pair is named `photograph-view-style`, and the name says all: A is the middle of the photograph,
and B' another view of it (see VIEWS) in another style (see STYLES). Names and paths are known
before anything is made; `scenes` makes it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dia_pipeline.errors import DiaError
from dia_pipeline.text import quoted

SUBJECTS = ("astronaut", "chelsea", "china", "coffee", "flower", "hopper", "motorcycle", "rocket")
"""The photographs that pairs can be made of."""

POSES: dict[str, dict[str, Any]] = {
    "turned15": {"turn": 15},
    "turned30": {"turn": 30},
    "turned45": {"turn": 45},
    "turned90": {"turn": 90},
    "turned180": {"turn": 180},
    "half": {"scale": 0.5},
    "smaller": {"scale": 0.67},
    "larger": {"scale": 1.5},
    "double": {"scale": 2.0},
    "reversed": {"mirrored": True},
    "tilted": {"tilt": 0.35},
    "mixed1": {"turn": 30, "scale": 1.3, "mirrored": True},
    "mixed2": {"turn": -60, "scale": 0.7},
    "mixed3": {"turn": 150, "tilt": 0.25},
    "mixed4": {"scale": 0.7, "mirrored": True, "tilt": 0.25},
}
"""Views in which B' shows A in another pose: turned by degrees, its parts so much larger, mirrored,
in perspective (one side so much nearer than the other), or several of these."""

VIEWS = ("smooth", "scale", "shift", "mirrored", "instance", "reflection", "far", *POSES)
"""How B' sees what A shows, always shifted: bent smoothly; scaled; no more than shifted; bent and
mirrored; another instance of the same: bent strongly, its colours and details others; the mirror
image of such a one; or from elsewhere: much larger or smaller, far from its place and bent; or in
one of POSES."""

MIRRORED = ("mirrored", "reflection")
"""The views that are mirrored after they are made."""

STYLES = ("grading", "painted", "pencil", "night", "swirls", "mosaic", "woodcut")
"""How B' shows it: other curves, tint and contrast; oil paint; a pencil drawing; after dark;
whirling thick strokes; stone tiles; or a print in black and white."""

PAIRS = (
    "astronaut-smooth-night",
    "astronaut-smooth-painted",
    "astronaut-instance-grading",
    "astronaut-mirrored-grading",
    "chelsea-smooth-pencil",
    "chelsea-scale-night",
    "chelsea-shift-painted",
    "chelsea-instance-grading",
    "china-smooth-grading",
    "china-smooth-painted",
    "china-scale-pencil",
    "china-instance-night",
    "coffee-smooth-grading",
    "coffee-shift-night",
    "coffee-scale-painted",
    "coffee-instance-painted",
    "hopper-smooth-painted",
    "hopper-shift-pencil",
    "hopper-instance-grading",
    "hopper-mirrored-night",
    "motorcycle-smooth-night",
    "motorcycle-smooth-pencil",
    "motorcycle-scale-grading",
    "motorcycle-instance-painted",
    "astronaut-far-swirls",
    "astronaut-smooth-mosaic",
    "chelsea-far-woodcut",
    "chelsea-smooth-swirls",
    "china-far-mosaic",
    "china-smooth-woodcut",
    "coffee-far-swirls",
    "hopper-far-mosaic",
    "hopper-far-woodcut",
    "hopper-instance-swirls",
    "motorcycle-far-swirls",
)
"""The pairs of the benchmark unless others are named."""

DEFAULTS: dict[str, Any] = {"pairs": PAIRS, "side": 300, "seed": 0}
"""The options: the names of the pairs, the longest side in pixels, and the seed."""


class SyntheticError(DiaError):
    """An option or the name of a pair is not possible; the message says what is."""


def synthetic_pairs(options: dict[str, Any], folder: str | Path) -> list[dict[str, Any]]:
    """The rows of the table of pairs, with their truth; nothing is made or read.

    Args:
        options: any of DEFAULTS.
        folder: the folder of the benchmark; every pair has a folder of its own in it.

    Returns:
        For every pair `name`, the paths `a`, `b_prime`, `a_prime` (the true A'), `flow_ab`,
        `flow_ba`, `mask_a` and `mask_b_prime`, whether it matches only `mirrored`, and
        its `kinds`: view and style.

    Raises:
        SyntheticError: there is no such option or pair.
    """
    return [_row(name, Path(folder)) for name in complete_options(options)["pairs"]]


def split_name(name: str) -> tuple[str, str, str]:
    """The photograph, the view and the style that the name of a pair stands for.

    Raises:
        SyntheticError: it stands for none.
    """
    parts = tuple(name.split("-"))
    allowed = (SUBJECTS, VIEWS, STYLES)
    if len(parts) != 3 or not all(p in known for p, known in zip(parts, allowed, strict=True)):
        raise SyntheticError(
            "synthetic",
            f"there is no pair {quoted(name)}",
            f"a name is photograph-view-style, of the photographs {', '.join(SUBJECTS)}, "
            f"the views {', '.join(VIEWS)} and the styles {', '.join(STYLES)}",
        )
    return parts


def complete_options(options: dict[str, Any]) -> dict[str, Any]:
    """Options, of which any may be given, with the defaults of the others.

    Raises:
        SyntheticError: there is no such option.
    """
    for name in options:
        if name not in DEFAULTS:
            problem = f"there is no option {quoted(name)}"
            raise SyntheticError("synthetic", problem, f"known are {', '.join(DEFAULTS)}")
    return DEFAULTS | options


def _row(name: str, folder: Path) -> dict[str, Any]:
    _, view, style = split_name(name)
    files = {
        "a": "a.png",
        "b_prime": "b_prime.png",
        "a_prime": "a_prime.png",
        "flow_ab": "flow_ab.flo",
        "flow_ba": "flow_ba.flo",
        "mask_a": "mask_a.png",
        "mask_b_prime": "mask_b_prime.png",
    }
    paths = {column: (folder / name / file).as_posix() for column, file in files.items()}
    return {
        "name": name,
        **paths,
        "mirrored": view in MIRRORED or "mirrored" in POSES.get(view, {}),
        "kinds": [view, style],
    }
