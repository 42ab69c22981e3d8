"""How long a long table of pairs takes: to be checked, planned and looked at.

`python -m benchmarks.planning`: every image is a file of its own; nothing is made yet. The seconds
are those of one core, so that others who use the machine do not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import chdir
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from dia_pipeline.jobs.verification import find_faults, jobs_left
from dia_pipeline.runs.begun import begin, latest_plan
from dia_pipeline.runs.config import load_config
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.status import status

from .records import Record, report
from .scale import prepare


def main(
    sizes: Annotated[list[str], typer.Option(help="Number of pairs : pairs per job.")] = (
        "1000:64",
        "10000:64",
        "100000:64",
        "10000:1",
    ),
    record: Record = None,
) -> None:
    """Show the seconds of each step, and the peak memory."""
    # Each in a process of its own, for its memory.
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        rows = list(pool.map(measure, sizes))
    report(rows, record)


def measure(size: str) -> dict[str, float]:
    """One row."""
    pairs, per_job = map(int, size.split(":"))
    seconds = {}

    def timed(step: str, work: Callable[[], Any]) -> Any:
        begin = time.process_time()
        done = work()
        seconds[f"{step}_cpu_s"] = time.process_time() - begin
        return done

    with TemporaryDirectory() as folder, chdir(folder):
        prepare(Path(), pairs, per_job)
        values = {"pairs": "config/pairs.tsv", "pairs_per_job": per_job}
        config = timed("check", lambda: load_config(values))
        timed("plan", lambda: plan_all(Plan(config)))
        plan = timed("open", lambda: latest_plan("results"))
        timed("status", lambda: status(plan))
        timed("verify", lambda: (list(find_faults(plan)), jobs_left(plan)))
    peak = getrusage(RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return {"pairs": pairs, "pairs_per_job": per_job, **seconds, "peak_mb": peak}


def plan_all(plan: Plan) -> None:
    """What a run asks of a plan: the record of the run, and for every job what decides it."""
    begin(plan)
    for variant, batch in product(plan.variants, plan.batches):
        for stage in plan.stages(variant, batch):
            plan.decides(stage, variant, batch)
            plan.receipt(stage, variant, batch)


if __name__ == "__main__":
    typer.run(main)
