"""A folder that one command made, as what looks at runs sees it: a plan of one pair or sequence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from dia_pipeline.errors import MALFORMED
from dia_pipeline.io.files import PLANS, PROVENANCE
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


class SinglePlan(Plan):
    """A plan of one pair or sequence, whose folder is that of the results."""

    @classmethod
    def of(cls, folder: Path) -> Plan:
        """The plan of what a folder holds.

        Raises:
            PlanError: the folder holds no results that are finished.
        """
        name, about = folder.resolve().name, read_provenance(folder)
        with suppress(*MALFORMED):
            if "sequence" in about:
                sequences = (_sequence_of(name, about),)
                return cls(Config(sequences=sequences, results=str(folder), variants={"": {}}))
            pairs = (_pair_of(name, about),)
            return cls(Config(pairs, results=str(folder), variants={"": {}}))
        raise PlanError(folder, "it holds no finished results", "run the same command again")

    def _names(self) -> Iterator[str]:
        """Those of folders: there is none."""
        return iter(())

    def folder(self, variant: str, pair: Pair | Sequence) -> Path:
        return self.results


def _pair_of(name: str, about: dict[str, Any]) -> Pair:
    a, b_prime, *others = (each["path"] for each in about["inputs"].values())
    return Pair(name, a, b_prime, references=tuple(others))


def _sequence_of(name: str, about: dict[str, Any]) -> Sequence:
    frames = tuple(each["path"] for each in about["frames"])
    return Sequence(**{**about["sequence"], "name": name, "frames": frames})
