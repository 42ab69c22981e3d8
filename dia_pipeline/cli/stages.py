"""The stages of the workflow: what its rules call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dia_pipeline.cli.app import app, say
from dia_pipeline.cli.comparisons import compare, conclude
from dia_pipeline.cli.options import Threads, limit_threads


@app.command(hidden=True)
def stage(
    name: Annotated[str, typer.Argument(help="Name of the stage, such as level5 or video.")],
    plan: Annotated[Path, typer.Option(help="The plan that the workflow wrote.")],
    variant: Annotated[str, typer.Option(help="Name of the variant.")] = "",
    batch: Annotated[str, typer.Option(help="Name of the batch of pairs, such as 0001.")] = "",
    sequence: Annotated[str, typer.Option(help="Or name of the sequence.")] = "",
    chunk: Annotated[str, typer.Option(help="Name of its chunk, for match and frames.")] = "",
    threads: Threads = None,
):
    """Process one stage of a batch of pairs, of a sequence, or of the whole run."""
    limit_threads(threads)
    from dia_pipeline.runs.plan import Plan
    from dia_pipeline.runs.summary import summarise
    from dia_pipeline.stages.batches import run_batch, run_sequence_stage
    from dia_pipeline.stages.benchmarks import make_synthetic

    the_plan = Plan.read(plan)
    if batch:
        run_batch(the_plan, name, variant, batch, at_once=threads or 1)
    elif sequence:
        run_sequence_stage(the_plan, name, variant, sequence, chunk)
    elif name == "synthetic":
        make_synthetic(the_plan)
    elif name == "summary":
        from dia_pipeline.gallery.gallery import make_gallery  # seconds, which no other stage needs

        say(f"The gallery: {make_gallery(the_plan)}")
        conclude(the_plan, summarise(the_plan), the_plan.summary)
    elif name == "compare":
        compare(the_plan)
