"""Files of state that are damaged. Looking for them changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from dia_pipeline.io.files import PLANS
from dia_pipeline.runs.begun import RECORD, begun_plan
from dia_pipeline.runs.cleaning import RECORD as CLEANED
from dia_pipeline.runs.places import PlanError
from dia_pipeline.runs.plan import Plan
from dia_pipeline.store.artefacts import ArtefactError
from dia_pipeline.store.state import read_state, state_files


def damaged_state(plan: Plan) -> list[Path]:
    """What is damaged of that which a run of this plan makes again.

    Raises:
        PlanError: a folder lies where a file belongs.
    """
    begun = begun_plan(plan.results)
    lost = [begun] if begun and not begun.exists() else []
    files = [plan.results / RECORD, plan.summary, plan.comparison, begun]
    found = list(_damaged(path for path in files if path and path.exists()))
    of_jobs = list(_damaged(_files(plan, "receipts", "weights")))
    own = _made_by_jobs(plan) if of_jobs else set()
    return [*lost, *found, *(path for path in of_jobs if path in own)]


def damaged_notes(plan: Plan) -> list[Path]:
    """What else is damaged: seconds that were noted, what was cleaned, and what is left of earlier
    runs.

    Raises:
        PlanError: a folder lies where a file belongs.
    """
    kept = {begun_plan(plan.results), *_made_by_jobs(plan)}
    record = filter(Path.exists, [plan.results / CLEANED])
    files = chain(record, _files(plan, PLANS, "times", "receipts", "weights"))
    return [path for path in _damaged(files) if path not in kept]


def _made_by_jobs(plan: Plan) -> set[Path]:
    """The receipts and records of weights that the jobs of a plan leave."""
    made = {plan.synthetic_receipt, plan.weights(plan.common.backbone)}
    for variant in plan.variants:
        for batch in plan.batches:
            made.update(receipt for receipt, _ in plan.jobs(variant, batch))
            made.add(plan.receipt("measure", variant, batch))
            made.update(map(plan.weights, plan.backbones(variant, batch)))
        for name, sequence in plan.sequences.items():
            for chunk in sequence.chunks:
                made.update(receipt for receipt, _ in plan.sequence_jobs(variant, name, chunk))
            made.add(plan.weights(plan.settings(variant, sequence).backbone))
    return made


def _files(plan: Plan, *folders: str) -> Iterator[Path]:
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
