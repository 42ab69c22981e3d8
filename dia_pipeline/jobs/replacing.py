"""Results of other inputs or settings: they are replaced only where that is asked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from dia_pipeline.io.files import PROVENANCE, FolderError
from dia_pipeline.runs.plan import Plan
from dia_pipeline.store.artefacts import File
from dia_pipeline.store.folders import read_provenance
from dia_pipeline.store.provenance import describe_file

NAMED = 3
"""So many differences are named at most."""

OF_PLACE = ("name", "a", "b_prime", "guides")
"""What a sequence says of names and places, which decide nothing."""


def check_plan_replaced(plan: Plan, replace: bool) -> None:
    """Make sure that a plan's folders hold no results of other inputs or settings.

    Of every variant the first result is looked at: it has the settings of all.

    Args:
        replace: whether such results may be replaced.

    Raises:
        FolderError: they do, or its own folder is that of another command.
        InputError: an image cannot be read.
    """
    if (plan.results / PROVENANCE).exists():
        problem = "it holds the results of one pair or sequence"
        raise FolderError(plan.results, problem, "name another folder")
    for variant in () if replace else plan.variants:
        for pair in plan.config.pairs:
            folder = plan.folder(variant, pair)
            if (folder / PROVENANCE).exists():
                asked: dict[str, Any] = {"settings": asdict(plan.settings(variant, pair))}
                if not plan.combines(variant, pair):
                    asked["inputs"] = _described({"a": pair.a, "b_prime": pair.b_prime})
                    asked["guides"] = _described(pair.guides)
                check_replaced(folder, asked)
                break


def _described(paths: Mapping[str, str]) -> dict[str, Any]:
    return {name: describe_file(path, File(path).key) for name, path in paths.items()}


def check_replaced(folder: Path, asked: dict[str, Any]) -> None:
    """Make sure that a folder holds no results of other inputs or settings.

    Args:
        asked: what the provenance will say of inputs, unless that is not asked, and settings.

    Raises:
        FolderError: it does.
    """
    there = read_provenance(folder)
    found = list(islice(_differences(there, asked), NAMED + 1)) if there else []
    if found:
        named = "; ".join(found[:NAMED]) + ("; ..." if len(found) > NAMED else "")
        problem = f"it holds other results, which would be replaced ({named})"
        raise FolderError(folder, problem, "name another folder, or add --replace")


def _differences(there: dict[str, Any], asked: dict[str, Any]) -> Iterator[str]:
    """What is asked otherwise than what is there was made: `what: there -> asked`."""
    old, new = _settings(there), _settings(json.loads(json.dumps(asked)))
    for name in new:
        if name in old and old[name] != new[name]:
            yield f"{name}: {old[name]} -> {new[name]}"
    gaps = there.get("gaps", {})  # which the same command fills
    before, after = _files(there, gaps), _files(asked, gaps)
    nothing = ("none", "")
    for name in {**before, **after} if after else ():
        (path, digest), (other, wanted) = before.get(name, nothing), after.get(name, nothing)
        if digest != wanted:
            yield f"{name}: {path} was changed" if path == other else f"{name}: {path} -> {other}"


def _settings(about: dict[str, Any]) -> dict[str, Any]:
    """All that provenance says of how something was asked for."""
    sequence = {n: v for n, v in about.get("sequence", {}).items() if n not in OF_PLACE}
    network = about.get("backbone", {})
    named = {"network": f"{network['name']} {network['digest'][:8]}"} if network else {}
    return {**about.get("settings", {}), **sequence, **named}


def _files(about: dict[str, Any], gaps: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Paths and digests of the inputs by what they are; not of frames that are gaps."""
    frames = {f"frame {n}": each for n, each in enumerate(about.get("frames", ()), 1)}
    named = {**about.get("inputs", {}), **about.get("guides", {}), **frames}
    for gap in gaps:
        named.pop(f"frame {gap}", None)
    fixed = {path: (path, digest) for path, digest in about.get("fixed", {}).items()}
    return {name: (each["path"], each["sha256"]) for name, each in named.items()} | fixed
