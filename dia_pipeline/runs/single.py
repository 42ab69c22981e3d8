"""A folder that one command made, as what looks at runs sees it: a plan of one pair or sequence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from dia_pipeline.errors import MALFORMED, DiaError
from dia_pipeline.io.files import PLANS, PROVENANCE
from dia_pipeline.runs.begun import latest_plan
from dia_pipeline.runs.config import Config
from dia_pipeline.runs.lock import LOCK, is_held
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.places import PlanError
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.sequence import Sequence
from dia_pipeline.store.folders import output_faults, read_provenance

MADE = (LOCK, PROVENANCE, "nnf.h5", "prepared", "references")
"""What is in a folder that a command has begun to make."""

State = Literal["finished", "being made", "not finished"]


def state_of(folder: Path) -> State | None:
    """How far the folder of a single command is; None if it is another."""
    if (folder / PLANS).exists() or not any((folder / name).exists() for name in MADE):
        return None
    if (folder / LOCK).exists() and is_held(folder / LOCK):
        return "being made"
    return "finished" if read_provenance(folder) else "not finished"


def single_faults(folder: Path) -> Iterator[str]:
    """Each file that is missing or damaged, of the folder and of what lies in it."""
    for each in sorted({folder, *(path.parent for path in folder.rglob(PROVENANCE))}):
        yield from map(str, output_faults(each, read_provenance(each)))


def plan_in(folder: Path) -> Plan:
    """The plan of what one command made in a folder, or of the run that was begun there last.

    Raises:
        PlanError: there is none that can be read.
    """
    return SinglePlan.of(folder) if state_of(folder) else latest_plan(folder)


def plans_in(folder: Path) -> tuple[list[Plan], list[DiaError]]:
    """The plan of a folder of results; of another, those of each folder in it with a single result.

    Returns:
        The plans by the names of the folders, and why others in it are left out.

    Raises:
        PlanError: there is none that can be read.
    """
    plans: list[Plan] = []
    errors: list[DiaError] = []
    whole = (folder / PLANS).exists() or state_of(folder) in ("finished", "being made")
    for each in () if whole else sorted(folder.glob("*/")):
        if state_of(each) or (each / PLANS).exists():
            try:
                plans.append(_small_plan_in(each))
            except DiaError as error:
                errors.append(error)
    return (plans, errors) if plans else ([plan_in(folder)], [])


def _small_plan_in(folder: Path) -> Plan:
    plan = plan_in(folder)
    if len(plan.rows) > 1:
        raise PlanError(folder, "it holds a run of many", "`dia gallery` shows it by itself")
    return plan


class SinglePlan(Plan):
    """A plan of one pair or sequence, whose folder is that of the results."""

    @classmethod
    def of(cls, folder: Path) -> Plan:
        """The plan of what a folder holds.

        Its paths are seen from where its images are: here, or a folder above that of the results.

        Raises:
            PlanError: the folder holds no results that are finished.
        """
        folder = folder.absolute()
        name, about = folder.resolve().name, read_provenance(folder)
        with suppress(*MALFORMED):
            of = _sequence_of(name, about) if "sequence" in about else _pair_of(name, about)
            table = {"pairs": (of,)} if isinstance(of, Pair) else {"sequences": (of,)}
            config = Config(**table, results=str(folder), variants={"": {}})
            return cls(config, _directory(folder, of))
        raise PlanError(folder, "it holds no finished results", "run the same command again")

    def _names(self) -> Iterator[str]:
        """Those of folders: there is none."""
        return iter(())

    def folder(self, variant: str, pair: Pair | Sequence) -> Path:
        return self.results


def _directory(folder: Path, of: Pair | Sequence) -> Path:
    """From where there is A or B': the working directory, or one above the results."""
    given = Path(of.a), Path(of.b_prime)
    for each in (Path.cwd(), *folder.parents):
        if any(os.path.exists(each / path) for path in given):
            return each
    return Path.cwd()


def _pair_of(name: str, about: dict[str, Any]) -> Pair:
    a, b_prime, *others = (each["path"] for each in about["inputs"].values())
    return Pair(name, a, b_prime, references=tuple(others))


def _sequence_of(name: str, about: dict[str, Any]) -> Sequence:
    frames = tuple(each["path"] for each in about["frames"])
    sequence = Sequence(**{**about["sequence"], "name": name, "frames": frames})
    _ = sequence.chunks, sequence.stages  # an error here, where anything has another form
    return sequence
