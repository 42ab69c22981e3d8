"""Which run was begun last in a folder of results: by a record there, whatever clocks say."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from dia_pipeline.io.files import PLANS
from dia_pipeline.runs.places import PlanError
from dia_pipeline.runs.plan import Plan
from dia_pipeline.store.artefacts import ArtefactError
from dia_pipeline.store.state import read_state, state_files, write_state
from dia_pipeline.text import fault_of_name

RECORD = "begun.json"
"""The file in a folder of results that names the plan of the run that was begun last."""


def begin(plan: Plan) -> Path:
    """Mark the run of a plan as the one that was begun last; return the plan's file.

    What had failed in the run before is forgotten: it is tried again.
    """
    path = plan.write()
    write_state(plan.results / RECORD, {"plan": path.name})
    plan.failures.unlink(missing_ok=True)
    return path


def begun_plan(results: Path) -> Path | None:
    """The file of the plan of the run that was begun last in a folder of results, if one was.

    Where the record is missing or damaged, it is the plan that was written last.
    """
    with suppress(ArtefactError):
        name = read_state(results / RECORD, lambda record: str(record["plan"]))
        if not fault_of_name(name):
            return results / PLANS / name
    plans = state_files(results / PLANS)
    return max(plans, key=lambda path: path.stat().st_mtime, default=None)


def latest_plan(results: str | Path) -> Plan:
    """The plan of the run that was begun last in a folder of results.

    Its paths are seen from its directory, or from where that was moved to.

    Raises:
        PlanError: no run was begun, or its plan is missing or damaged.
    """
    results = Path(results).resolve()
    path = begun_plan(results)
    if path is None:
        raise PlanError(results, "no run has been begun here", "name the folder of its results")
    try:
        return _found_in(results, Plan.read(path))
    except ArtefactError as error:
        raise PlanError(path, error.problem, "run snakemake again") from error


def _found_in(results: Path, plan: Plan) -> Plan:
    """The plan of results that lie here, though they may have been moved since it was made."""
    own = Path(plan.config.results)
    folders = [plan.directory]
    if not own.is_absolute() and results.parts[-len(own.parts) :] == own.parts:
        folders.insert(0, results.parents[len(own.parts) - 1])
    given = [file for pair in plan.config.pairs[:1] for file in (pair.a, pair.b_prime)]
    given += [file for sequence in plan.config.sequences[:1] for file in sequence.files]
    whole = (f for f in folders if any((f / file).exists() for file in given))
    there = (f for f in folders if f.is_dir())
    config = replace(plan.config, results=str(results))
    return Plan(config, next(whole, next(there, results)))
