"""Two folders of results, of `dia run` or of a variant, measured and compared pair by pair."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dia_pipeline.errors import MALFORMED, DiaError
from dia_pipeline.evaluation.tables import Measures
from dia_pipeline.graphs.measuring import read_measures
from dia_pipeline.store.artefacts import ArtefactError
from dia_pipeline.store.folders import PROVENANCE, read_provenance
from dia_pipeline.store.made import FLOWS, Made
from dia_pipeline.store.provenance import read_results
from dia_pipeline.text import shortened


class CompareError(DiaError):
    """Two folders have nothing that can be compared; the message says why."""


def pairs_in(folder: Path) -> dict[str, Path]:
    """The folders of pairs' results in a folder by name; the folder itself, if it is one.

    Raises:
        CompareError: there are none.
    """
    if _is_of_pair(folder):
        return {"": folder}
    children = sorted(folder.iterdir()) if folder.is_dir() else []
    found = {child.name: child for child in children if _is_of_pair(child)}
    if not found:
        raise CompareError(
            folder,
            "there are no results of pairs in it",
            "name the folder that `dia run` wrote, or that of a variant of a run",
        )
    return found


def in_both(first: Path, second: Path) -> dict[str, tuple[Path, Path]]:
    """The folders of the pairs that two folders of results have in common, by name.

    Raises:
        CompareError: there are none.
    """
    one, two = pairs_in(first), pairs_in(second)
    shared = {name: (one[name], two[name]) for name in one if name in two}
    if not shared:
        raise CompareError(
            second,
            f"it has no pair in common with {first}",
            "compare folders with results of the same pairs",
        )
    return shared


def labels(first: Path, second: Path) -> tuple[str, str]:
    """What to call two folders: what is different of their paths."""
    paths = [os.path.abspath(first), os.path.abspath(second)]
    common = os.path.commonpath(paths)
    one, two = (os.path.relpath(path, common) for path in paths)
    return (one, two) if "." not in (one, two) and one != two else (str(first), str(second))


def measure_both(
    shared: Mapping[str, tuple[Path, Path]], names: tuple[str, str]
) -> tuple[Measures, dict[str, DiaError | OSError]]:
    """The measures of pairs in two folders, by measure, folder's name and pair.

    Those that a run has noted are taken; others are measured by the results alone.

    Returns:
        The measures, and why some pairs could not be measured: results or images are gone, damaged,
        changed, or were written by something else.
    """
    measures: Measures = {}
    failed: dict[str, DiaError | OSError] = {}
    for pair, folders in shared.items():
        try:
            both = [_measures(folder) for folder in folders]
        except (DiaError, OSError) as error:
            failed[pair] = error
            continue
        for name, found in zip(names, both, strict=True):
            for measure, value in found.items():
                measures.setdefault(measure, {}).setdefault(name, {})[pair] = value
    return measures, failed


def differing_settings(first: Path, second: Path) -> dict[str, tuple[Any, Any]]:
    """The settings in which the results of a pair differ, by name.

    Raises:
        ArtefactError: results are damaged.
    """
    one, two = (read_results(folder)["settings"] for folder in (first, second))
    names = [name for name in {**one, **two} if one.get(name) != two.get(name)]
    return {name: (one.get(name), two.get(name)) for name in names}


def _is_of_pair(folder: Path) -> bool:
    """Whether a folder has the results of one A and one B', or ones that cannot be read."""
    try:
        provenance = read_results(folder)
    except ArtefactError:
        outputs = read_provenance(folder).get("outputs", FLOWS["a"])
        return (folder / PROVENANCE).exists() and FLOWS["a"] in outputs
    return FLOWS["a"] in provenance["outputs"] and "b_prime" in provenance.get("inputs", {})


def _measures(folder: Path) -> dict[str, float]:
    """Those that are noted of whole results; else those that need neither truth nor network."""
    made = Made(folder)
    files = {name: made.file(name) for name in made.provenance["outputs"]}
    with suppress(ArtefactError):
        return read_measures(folder / "measures.json")
    try:
        return _of_results(made, files)
    except MALFORMED as error:
        raise CompareError(
            folder / PROVENANCE,
            f"it is not as this version writes it ({shortened(repr(error))})",
            "make the results again",
        ) from error


def _of_results(made: Made, files: dict[str, Path]) -> dict[str, float]:
    """What the results alone tell."""
    from dia_pipeline.alignment.canvas import Canvas
    from dia_pipeline.alignment.pose import Pose
    from dia_pipeline.evaluation.evaluation import measure_pair
    from dia_pipeline.io.images import read_image
    from dia_pipeline.settings import resolve

    a, b_prime = (made.given(name).pixels for name in FLOWS)
    about = made.provenance
    pose = Pose.read(about["pose"]) if about.get("pose") else Pose()
    return measure_pair(
        a,
        b_prime,
        read_image(files["a_prime.png"]),
        made.field("a"),
        made.field("b_prime") if FLOWS["b_prime"] in files else None,
        b=read_image(files["b.png"]) if "b.png" in files else None,
        canvas=Canvas.of(pose.matrix, a.shape, b_prime.shape, resolve(about["settings"])),
        confidence=pose.confidence,
    )
