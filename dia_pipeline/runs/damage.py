"""Files of state that are damaged. Looking for them changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from dia_pipeline.runs.begun import RECORD, begun_plan
from dia_pipeline.runs.plan import Plan, PlanError
from dia_pipeline.store.artefacts import ArtefactError
from dia_pipeline.store.state import read_state, state_files

DECIDING = ("receipts", "weights")
"""The folders of state that say what is made, and so what a run has still to make."""

NOTES = ("plans", "times")
"""Those that no job makes again: plans of earlier runs, and the seconds that something took."""


def damaged_state(plan: Plan) -> list[Path]:
    """What is damaged of that which decides what a run makes; the next run makes it again.

    Raises:
        PlanError: a folder lies where a file belongs, or the other way round.
    """
    for folder in (plan.results, *plan.results.parents):
        if folder.exists() and not folder.is_dir():
            raise PlanError(folder, "results cannot be written here: this is no folder")
    single = (plan.results / RECORD, plan.summary, plan.comparison)
    begun = begun_plan(plan.results)
    lost = [begun] if begun and not begun.exists() else []
    there = [path for path in (*single, begun) if path and path.exists()]
    return [*lost, *_damaged(chain(there, _files(plan, DECIDING)))]


def damaged_notes(plan: Plan) -> list[Path]:
    """What is damaged of that which nothing makes again and no result hangs on.

    Raises:
        PlanError: a folder lies where a file belongs.
    """
    begun = begun_plan(plan.results)
    return [path for path in _damaged(_files(plan, NOTES)) if path != begun]


def _files(plan: Plan, folders: Iterable[str]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(state_files(plan.results / folder))


def _damaged(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        try:
            read_state(path)
        except ArtefactError as error:
            if path.is_dir():
                problem = "this is a folder where a file of the run belongs"
                raise PlanError(path, problem, "remove it") from error
            yield path
