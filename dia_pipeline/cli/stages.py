"""The stages of the workflow: what its rules call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dia_pipeline.cli.app import app, complain, say
from dia_pipeline.cli.comparisons import compare, conclude
from dia_pipeline.cli.options import Threads, limit_threads

if TYPE_CHECKING:
    from dia_pipeline.runs.plan import Plan


@app.command(hidden=True)
def stage(
    name: Annotated[str, typer.Argument(help="Name of the stage, such as level5 or video.")],
    plan: Annotated[Path, typer.Option(help="The plan that the workflow wrote.")],
    variant: Annotated[str, typer.Option(help="Name of the variant.")] = "",
    batch: Annotated[str, typer.Option(help="Name of the batch of pairs, such as 0001.")] = "",
    sequence: Annotated[str, typer.Option(help="Or name of the sequence.")] = "",
    chunk: Annotated[str, typer.Option(help="Name of its chunk, or all of them.")] = "all",
    file: Annotated[Path, typer.Option(help="For result: the file that is asked for.")] = Path(),
    threads: Threads = None,
):
    """Process one stage of a batch of pairs, of a sequence, or of the whole run."""
    limit_threads(threads)
    from dia_pipeline.comparisons.benchmarks import make_synthetic
    from dia_pipeline.jobs.batches import run_batch, run_sequence_stage
    from dia_pipeline.runs.plan import WHOLE, Plan
    from dia_pipeline.runs.summary import summarise

    the_plan = Plan.read(plan)
    if batch:
        run_batch(the_plan, name, variant, batch, at_once=threads or 1)
    elif sequence:
        run_sequence_stage(the_plan, name, variant, sequence, "" if chunk == WHOLE else chunk)
    elif name == "synthetic":
        make_synthetic(the_plan)
    elif name == "summary":
        from dia_pipeline.gallery.gallery import make_gallery  # seconds, which no other stage needs

        say(f"The gallery: {make_gallery(the_plan)}")
        conclude(the_plan, summarise(the_plan), the_plan.summary)
    elif name == "result":
        show_result(the_plan, file)
    elif name == "compare":
        compare(the_plan)


def show_result(plan: Plan, path: Path) -> None:
    """Say where a result is, or why it is not there; its time is that of this look.

    So Snakemake looks again only after a job has worked on it.
    """
    from dia_pipeline.runs.summary import failed_of
    from dia_pipeline.store.artefacts import ArtefactError

    variant, name = path.relative_to(plan.results).parts[:2]
    failed = failed_of(plan, name, plan.receipts_of(variant, name)[-1])
    for each, failure in failed.items():
        complain(f"{variant}/{each}: {failure}")
    if failed:
        complain("The same command tries again.", None)
        raise typer.Exit(1)
    if not path.is_file():
        raise ArtefactError(path, "the run makes no such file", f"see {path.parent}")
    path.touch()
    say(f"The result: {path}")
