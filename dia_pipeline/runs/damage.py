"""Files of state that are damaged: taken away before a run begins, so that it makes them again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dia_pipeline.runs.plan import Plan, PlanError
from dia_pipeline.store.artefacts import ArtefactError
from dia_pipeline.store.state import read_state, state_files


def withdraw_damaged(plan: Plan) -> list[Path]:
    """Remove the files of state that are damaged, and name them.

    A damaged receipt takes the other receipts of its batch or sequence with it, and a damaged
    record of weights takes all receipts. The next run finds their artefacts valid and keeps them.

    Raises:
        PlanError: a folder lies where a file belongs.
    """
    damaged = list(_damaged(plan))
    for path in damaged:
        for each in (path, *_depending(plan, path)):
            each.unlink(missing_ok=True)
    return damaged


def _damaged(plan: Plan) -> Iterator[Path]:
    for folder in ("receipts", "weights", "plans"):
        for path in sorted(state_files(plan.results / folder)):
            try:
                read_state(path)
            except ArtefactError as error:
                if path.is_dir():
                    problem = "this is a folder where a file of the run belongs"
                    raise PlanError(path, problem, "remove it") from error
                yield path


def _depending(plan: Plan, path: Path) -> list[Path]:
    """The files without which the next run makes a file of state again."""
    receipts = plan.results / "receipts"
    ends = [plan.summary, plan.comparison]
    if path.is_relative_to(receipts):
        # Of a batch the variant and the file, of a sequence the variant and its folder.
        own = path.relative_to(receipts).parts[1:3]
        return [
            *ends,
            *(p for p in state_files(receipts) if p.relative_to(receipts).parts[1:3] == own),
        ]
    return [*ends, *state_files(receipts)] if path.parent.name == "weights" else []
