"""What the page of a pair says about its matches, read from the files beside its results."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py

from dia_pipeline.errors import MALFORMED
from dia_pipeline.figures.overview import WIDTH, boxes_of_levels
from dia_pipeline.gallery.outcomes import Outcome
from dia_pipeline.io.images import image_size
from dia_pipeline.settings import Settings
from dia_pipeline.store.times import Times

Energies = dict[int, dict[str, float]]
"""The mean energies of the matches of A, `energy_ab`, and of B', `energy_ba`, by level."""


def energies_of(folder: Path) -> Energies:
    """The mean energies by level, coarse to fine; empty where they cannot be read."""
    found: Energies = {}
    with suppress(OSError, *MALFORMED), h5py.File(folder / "nnf.h5") as file:
        for level in sorted(file, reverse=True):
            arrays = {name: array for name, array in file[level].items() if "energy" in name}
            means = {name: float(array[()].mean()) for name, array in arrays.items()}
            if means:
                found[int(level.removeprefix("level"))] = means
    return found


def seconds_of(folder: Path, times: Times, levels: Sequence[int]) -> float | None:
    """What finding the fields took; None if any of it was not noted."""
    return times.of_fields(_keys(folder, ["nnf"]), _keys(folder, [f"level{n}" for n in levels]))


def _keys(folder: Path, names: list[str]) -> list[str]:
    """The keys of files of arrays; none where one cannot be read."""
    keys = []
    with suppress(OSError, *MALFORMED):
        for name in names:
            with h5py.File(folder / f"{name}.h5") as file:
                keys.append(file.attrs["key"])
        return keys
    return []


def crops_of_levels(outcome: Outcome, levels: Sequence[int]) -> dict[int, dict[str, Any]]:
    """How to show of the overview the A' of a level alone, in CSS, by level.

    The overview is the background of a box: its size is a share of the box, its position one of
    what lies beyond.
    """
    if "overview.png" not in outcome.outputs:
        return {}
    height, _ = image_size(outcome.folder / "overview.png")
    sizes = [tuple(outcome.inputs[role]["size"]) for role in ("a", "b_prime")]
    return {
        level: {
            "aspect": f"{box.width} / {box.height}",
            "size": f"{100 * WIDTH / box.width:.3f}% {100 * height / box.height:.3f}%",
            "position": f"{_share(box.left, box.width, WIDTH)} "
            f"{_share(box.top, box.height, height)}",
        }
        for level, box in boxes_of_levels(height, levels, *sizes).items()
    }


def _share(start: int, length: int, whole: int) -> str:
    return f"{100 * start / (whole - length):.3f}%"


def other_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Those that are not as by default."""
    usual = asdict(Settings())
    return {name: value for name, value in settings.items() if value != _plain(usual.get(name))}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
