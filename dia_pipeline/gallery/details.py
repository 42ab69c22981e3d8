"""What the page of a pair says about its matches, read from the files beside its results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from dia_pipeline.figures.overview import WIDTH, boxes_of_levels
from dia_pipeline.gallery.outcomes import Outcome
from dia_pipeline.io.images import image_size
from dia_pipeline.settings import LEVELS, Settings, resolve
from dia_pipeline.store.arrays import read_any_arrays
from dia_pipeline.store.artefacts import ArtefactError

FIELDS, OVERVIEW = "nnf.h5", "overview.png"

Energies = dict[int, dict[str, float]]
"""The mean energies of the matches of A, `energy_ab`, and of B', `energy_ba`, by level."""


def energies_of(outcome: Outcome) -> Energies:
    """The mean energies of a pair by level, coarse to fine; none where it has no file of fields.

    Raises:
        ArtefactError, OSError: the file is damaged or cannot be read.
    """
    if FIELDS not in outcome.outputs:
        return {}
    _, content = read_any_arrays(outcome.folder / FIELDS)
    levels = {
        level: {
            name: float(content.arrays[f"level{level}/{name}"].mean())
            for name in ("energy_ab", "energy_ba")
            if f"level{level}/{name}" in content.arrays
        }
        for level in LEVELS
    }
    return {level: means for level, means in levels.items() if means}


def crops_of_levels(outcome: Outcome, levels: Sequence[int]) -> dict[int, dict[str, Any]]:
    """How to show of the overview the A' of a level alone, in CSS, by level.

    The overview is the background of a box: its size is a share of the box, its position one of
    what lies beyond.

    Raises:
        ArtefactError: the overview is damaged.
    """
    if OVERVIEW not in outcome.outputs:
        return {}
    height, width = image_size(outcome.folder / OVERVIEW)
    sizes = [tuple(outcome.inputs[role]["size"]) for role in ("a", "b_prime")]
    boxes = boxes_of_levels(height, levels, *sizes)
    if width != WIDTH or any(box.top < 0 for box in boxes.values()):
        raise ArtefactError(OVERVIEW, ArtefactError.DAMAGED)
    return {
        level: {
            "aspect": f"{box.width} / {box.height}",
            "size": f"{100 * WIDTH / box.width:.3f}% {100 * height / box.height:.3f}%",
            "position": f"{_share(box.left, box.width, WIDTH)} "
            f"{_share(box.top, box.height, height)}",
        }
        for level, box in boxes.items()
    }


def _share(start: int, length: int, whole: int) -> str:
    return f"{100 * start / (whole - length):.3f}%"


def other_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Those that are not as by default."""
    return _unlike(settings, Settings())


def options_of(settings: dict[str, Any]) -> dict[str, str]:
    """What a user writes to have these settings, by name."""
    return {
        name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in _unlike(settings, resolve({})).items()
    }


def _unlike(settings: dict[str, Any], usual: Settings) -> dict[str, Any]:
    """Settings, as JSON gives them, that are not as the usual ones."""
    known = asdict(usual)
    return {name: value for name, value in settings.items() if value != _plain(known.get(name))}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
