"""Names that stand for several settings: presets, qualities, blend levels, tasks."""

from __future__ import annotations

from typing import Any

from dia_pipeline.settings.declarations import Shorthand


def _shorthand(
    name: str, default: Any, meaning: str, values: dict[Any, dict[str, Any]]
) -> Shorthand:
    return Shorthand(name, default, meaning, choices=tuple(values), usual=True, values=values)


SHORTHANDS = {
    each.name: each
    for each in (
        _shorthand(
            "preset",
            "photo-to-style",
            "kind of the pair, as the paper's authors recommend it: sets blend and ratio, "
            "photo-to-photo also take; colour-film, for an A in black and white, also take, seen "
            "and quality",
            {
                "photo-to-style": {"blend": 3, "ratio": 1.0},
                "style-to-style": {"blend": 3, "ratio": 1.0},
                "style-to-photo": {"blend": 2, "ratio": 0.5},
                "photo-to-photo": {"blend": 3, "ratio": 1.0, "take": "colours"},
                "colour-film": {
                    "blend": 3,
                    "ratio": 1.0,
                    "take": "chroma",
                    "seen": "lightness",
                    "quality": "draft",
                },
            },
        ),
        _shorthand(
            "quality",
            "standard",
            "how far the reconstruction goes: sets deconvolution",
            {
                "draft": {"deconvolution": (0, 0, 0, 0)},
                "standard": {"deconvolution": (15, 0, 10, 10)},
                "paper": {"deconvolution": (25, 25, 25, 50)},
            },
        ),
        _shorthand(
            "blend",
            3,
            "from 0, which lets B' speak, to 4, which keeps the structure of A: sets alphas",
            {
                0: {"alphas": (0.4, 0.3, 0.2, 0.0)},
                1: {"alphas": (0.7, 0.6, 0.5, 0.0)},
                2: {"alphas": (0.8, 0.7, 0.6, 0.1)},
                3: {"alphas": (0.9, 0.8, 0.7, 0.2)},
                4: {"alphas": (1.0, 0.9, 0.8, 0.3)},
            },
        ),
        _shorthand(
            "task",
            "transfer",
            "transfer, for images, searches as the paper does, so that A keeps its parts; "
            "correspondence, for fields, prefers smooth ones, which are more often right: sets "
            "coarse_patch, smoothness and fine_smoothness. A matcher that works on the images "
            "themselves has no task",
            {
                "transfer": {
                    "coarse_patch": 3,
                    "smoothness": 0.0,
                    "fine_smoothness": 0.0,
                },
                "correspondence": {
                    "coarse_patch": 7,
                    "smoothness": 0.005,
                    "fine_smoothness": 0.01,
                },
            },
        ),
    )
}
"""The names that stand for several settings, in the order in which they are looked up."""
