"""The command `dia`: one pair in memory, and the stages of the workflow."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from dia_pipeline.errors import describe, is_expected
from dia_pipeline.settings import BLEND, CHOICES, PRESET, QUALITY, TASK, resolve
from dia_pipeline.temporal.coherence import MODES

if TYPE_CHECKING:
    from dia_pipeline.algorithm.coarse_to_fine import Progress
    from dia_pipeline.evaluation.tables import Table as Comparison
    from dia_pipeline.runs.plan import Plan
    from dia_pipeline.runs.status import Status
    from dia_pipeline.runs.summary import Summary
    from dia_pipeline.stages.sequences import FrameProgress

REFRESH = 2
"""Seconds between two looks at a run."""

PAIRS_AT_ONCE = 50
"""Pairs of a benchmark that go through a stage together and share one loading of the network."""

# Every command imports what it needs itself, so that `dia --help` answers at once.

console = Console(highlight=False, soft_wrap=True)


class Commands(TyperGroup):
    """Commands whose expected errors are one clear line and exit status 2."""

    def invoke(self, ctx: typer.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            if not is_expected(error):
                raise
            typer.secho(f"error: {describe(error)}", fg="red", err=True)
            raise typer.Exit(2) from error


app = typer.Typer(
    cls=Commands,
    help="Visual attribute transfer through deep image analogy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Output = Annotated[Path, typer.Option("--output", "-o", help="Folder of the results.")]
Preset = Annotated[Literal[tuple(PRESET)] | None, typer.Option(help="Kind of the pair.")]
Task = Annotated[
    Literal[tuple(TASK)] | None,
    typer.Option(help="transfer: for pictures, as published; correspondence: for fields."),
]
Quality = Annotated[
    Literal[tuple(QUALITY)] | None, typer.Option(help="Iterations of the deconvolution.")
]
Blend = Annotated[
    int | None,
    typer.Option(min=min(BLEND), max=max(BLEND), help="1: look of B', 3: structure of A."),
]
Ratio = Annotated[float | None, typer.Option(help="Scale before the network; 0.5 suits portraits.")]
MaxSide = Annotated[int | None, typer.Option(help="Longest side on which the network works.")]
Refine = Annotated[bool | None, typer.Option(help="Refine the outputs (photo to photo).")]
BackboneName = Annotated[
    Literal[CHOICES["backbone"]] | None, typer.Option(help="Network that is matched with.")
]
PlanPath = Annotated[Path, typer.Option("--plan", help="The plan that the workflow wrote.")]
Variant = Annotated[str, typer.Option(help="Name of the variant.")]
Batch = Annotated[str, typer.Option(help="Name of the batch, such as 0001.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
Results = Annotated[Path, typer.Argument(help="The folder of results.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; by default all.")]


@app.callback()
def prepare():
    logging.basicConfig(format="%(message)s")
    logging.getLogger("dia").setLevel(logging.INFO)


@app.command(rich_help_panel="One pair")
def run(
    a: Annotated[Path, typer.Argument(metavar="A", help="The picture whose structure is kept.")],
    b_prime: Annotated[
        Path, typer.Argument(metavar="B_PRIME", help="The picture whose look is taken.")
    ],
    output: Output,
    task: Task = None,
    preset: Preset = None,
    quality: Quality = None,
    blend: Blend = None,
    alphas: Annotated[
        tuple[float, float, float, float] | None,
        typer.Option(help="Weights of A's own features at levels 4, 3, 2, 1."),
    ] = None,
    ratio: Ratio = None,
    max_side: MaxSide = None,
    deconvolution: Annotated[
        int | None, typer.Option(help="Most iterations of each deconvolution.")
    ] = None,
    matcher: Annotated[
        Literal[CHOICES["matcher"]] | None, typer.Option(help="How the pictures are matched.")
    ] = None,
    finest: Annotated[
        int | None, typer.Option(min=1, max=5, help="Finest level that is matched.")
    ] = None,
    orientation: Annotated[
        Literal[CHOICES["orientation"]] | None, typer.Option(help="Which way round B' is matched.")
    ] = None,
    blend_map: Annotated[
        Literal[CHOICES["blend_map"]] | None, typer.Option(help="Form of the blend weights.")
    ] = None,
    initial: Annotated[
        Literal[CHOICES["initial"]] | None, typer.Option(help="First field at level 5.")
    ] = None,
    search: Annotated[
        Literal[CHOICES["search"]] | None, typer.Option(help="How matches are found.")
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(help="PatchMatch iterations at each level.")
    ] = None,
    coarse_patch: Annotated[
        int | None, typer.Option(help="Side of the patches compared at levels 5, 4, 3.")
    ] = None,
    smoothness: Annotated[
        float | None, typer.Option(help="Smoothness of the fields of levels 5, 4, 3.")
    ] = None,
    fine_smoothness: Annotated[
        float | None, typer.Option(help="Smoothness of the fields of levels 2, 1.")
    ] = None,
    directions: Annotated[
        Literal[CHOICES["directions"]] | None, typer.Option(help="ab makes A' alone.")
    ] = None,
    composition: Annotated[
        Literal[CHOICES["composition"]] | None,
        typer.Option(help="How the pictures are put together; voted: as published."),
    ] = None,
    refine: Refine = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the random search.")] = None,
    backbone: BackboneName = None,
    precision: Annotated[
        Literal[CHOICES["precision"]] | None, typer.Option(help="Arithmetic of the network.")
    ] = None,
    feature_dtype: Annotated[
        Literal[CHOICES["feature_dtype"]] | None, typer.Option(help="Precision of the features.")
    ] = None,
    device: Device = "auto",
    threads: Threads = None,
):
    """Work one pair: A' has the structure of A and the look of B', B the reverse."""
    options = {name: value for name, value in locals().items() if name in OPTIONS}
    settings = resolve(options)
    _limit_threads(threads)
    from dia_pipeline.stages.pairs import run_pair

    with _level_display() as progress:
        run_pair(str(a), str(b_prime), output, settings, device, progress)
    console.print(f"The results: {output}/a_prime.png, {output}/overview.png and others")


OPTIONS = {"preset", "quality", "blend", "alphas", "ratio", "max_side", "deconvolution"} | {
    "task",
    "coarse_patch",
    "smoothness",
    "fine_smoothness",
    "finest",
    "iterations",
    "refine",
    "seed",
    *CHOICES,
}
"""The options of `run` that are settings."""


@app.command(rich_help_panel="One sequence")
def timelapse(
    a: Annotated[
        str,
        typer.Argument(metavar="A", help="The picture, or the video, whose structure is kept."),
    ],
    b_prime: Annotated[
        str,
        typer.Argument(
            metavar="B_PRIME",
            help="Whose look is taken: frames in a folder, a 'pattern*.jpg', a list.txt or a "
            "video; for a content video a picture, or keyframes 0=FILE,60=FILE.",
        ),
    ],
    output: Output,
    start: Annotated[int, typer.Option(min=0, help="First frame, counted from 0.")] = 0,
    stop: Annotated[int | None, typer.Option(min=1, help="Frame before which to stop.")] = None,
    stride: Annotated[int, typer.Option(min=1, help="Every so many frames one is taken.")] = 1,
    frame_rate: Annotated[float, typer.Option(min=0.1, help="Frames per second.")] = 24,
    coherence: Annotated[
        Literal[tuple(MODES)], typer.Option(help="How the frames hang together.")
    ] = "warm-start",
    keyframe: Annotated[
        list[int] | None, typer.Option(help="locked: match this frame, not the median.")
    ] = None,
    preset: Preset = "photo-to-photo",
    quality: Quality = None,
    blend: Blend = None,
    ratio: Ratio = None,
    max_side: MaxSide = None,
    refine: Refine = None,
    backbone: BackboneName = None,
    device: Device = "auto",
    threads: Threads = None,
):
    """Relight a picture by many references, or restyle a video: frame by frame, and as a film.

    The same command takes up a run that was ended, and makes what is missing.
    """
    names = ("preset", "quality", "blend", "ratio", "max_side", "refine", "backbone")
    settings = resolve({name: value for name, value in locals().items() if name in names})
    _limit_threads(threads)
    from dia_pipeline.runs.sequences import Sequence, find_frames
    from dia_pipeline.stages.sequences import run_sequence

    keyframes = tuple(sorted(keyframe or ()))
    moving = Sequence("", a, b_prime, start, stop, stride, frame_rate, coherence, keyframes)
    with _frame_display() as progress:
        gaps = run_sequence(find_frames(moving), output, settings, device, progress)
    console.print(f"The results: {output}/video.mp4, {output}/contact_sheet.png and others")
    if gaps:
        for frame, reason in gaps.items():
            typer.secho(f"frame {frame + 1} is missing: {reason}", fg="red", err=True)
        typer.secho("The same command fills the gaps once these can be read.", err=True)
        raise typer.Exit(1)


@app.command(rich_help_panel="One pair")
def weights(
    backbone: Annotated[
        Literal[CHOICES["backbone"]], typer.Option(help="Network that is wanted.")
    ] = "auto",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also record it in this file.")
    ] = None,
):
    """Find or fetch the network weights; say which, where from, under what licence."""
    from dia_pipeline.stages.jobs import find_backbone

    record, found = find_backbone(backbone)
    console.print(f"backbone  {record.name}")
    console.print(f"file      {found.path}")
    console.print(f"source    {record.source}")
    console.print(f"licence   {record.licence}")
    console.print(f"SHA-256   {record.digest}")
    if output:
        record.write(output)


@app.command(rich_help_panel="One pair")
def demo(folder: Annotated[Path, typer.Argument(help="Where to write them.")]):
    """Write example pairs and a sequence, made from photographs that installed packages carry."""
    from dia_pipeline.samples.demo import demo_pairs, demo_sequence

    console.print(f"The table of pairs: {demo_pairs(folder)}")
    console.print(f"The table of sequences: {demo_sequence(folder)}")


@app.command(rich_help_panel="Comparisons")
def evaluate(
    folder: Annotated[Path, typer.Argument(help="The benchmark, as unpacked.")],
    layout: Annotated[str, typer.Option(help="tss, spair-71k, pf-pascal or pf-willow.")],
    output: Output,
    variants: Annotated[
        Path | None,
        typer.Option(help="File with settings and variants, such as config/ablation.yaml."),
    ] = None,
    split: Annotated[str, typer.Option(help="Part of the benchmark, where it has some.")] = "test",
    task: Task = None,
    quality: Quality = None,
    max_side: MaxSide = None,
    device: Device = "auto",
    threads: Threads = None,
):
    """Work and score a published benchmark; the same command takes up a run that was ended.

    The task is correspondence unless this command or the file of variants says otherwise.
    """
    _limit_threads(threads)
    from dia_pipeline.evaluation.layouts import read_layout
    from dia_pipeline.runs.config import Config, Pair, merge
    from dia_pipeline.runs.plan import Plan
    from dia_pipeline.stages.benchmarks import read_variants, work_benchmark, write_pairs

    rows = read_layout(folder, layout, output / "derived", split)
    write_pairs(output / "pairs.tsv", rows)
    shared, named = read_variants(variants) if variants else ({}, {"hierarchical": {}})
    given = {"task": task, "quality": quality, "max_side": max_side}
    given = {name: value for name, value in given.items() if value is not None}
    settings = merge({"task": "correspondence"}, shared, given)
    plan = Plan(
        Config(
            tuple(map(Pair.of_row, rows)),
            results=str(output),
            pairs_per_job=PAIRS_AT_ONCE,
            checkpoint="pair",
            device=device,
            settings=settings,
            variants=named,
        )
    )
    work_benchmark(plan)
    _compare(plan)


@app.command(rich_help_panel="Stages of the workflow")
def features(plan: PlanPath, variant: Variant, batch: Batch, threads: Threads = None):
    """Extract the features of the pictures of a batch."""
    _work("features", plan, variant, batch, threads)


@app.command(rich_help_panel="Stages of the workflow")
def level(
    level: Annotated[int, typer.Argument(min=1, max=5)],
    plan: PlanPath,
    variant: Variant,
    batch: Batch,
    threads: Threads = None,
):
    """Match one level of the pairs of a batch and reconstruct the next level's features."""
    _work(f"level{level}", plan, variant, batch, threads)


@app.command(rich_help_panel="Stages of the workflow")
def pair(plan: PlanPath, variant: Variant, batch: Batch, threads: Threads = None):
    """Work all levels of the pairs of a batch in one go."""
    _work("pair", plan, variant, batch, threads)


@app.command(rich_help_panel="Stages of the workflow")
def aggregate(plan: PlanPath, variant: Variant, batch: Batch, threads: Threads = None):
    """Rebuild the pictures of a batch at full resolution and write the results."""
    _work("aggregate", plan, variant, batch, threads)


@app.command(rich_help_panel="Stages of the workflow")
def measure(plan: PlanPath, variant: Variant, batch: Batch, threads: Threads = None):
    """Measure what was made of the pairs of a batch."""
    _work("measure", plan, variant, batch, threads)


@app.command(rich_help_panel="Stages of the workflow")
def synthetic(plan: PlanPath):
    """Make the pictures and the truth of the synthetic benchmark."""
    from dia_pipeline.runs.plan import Plan
    from dia_pipeline.samples.synthetic import make_benchmark
    from dia_pipeline.store.receipts import write_json

    the_plan = Plan.read(plan)
    rows = make_benchmark(the_plan.config.synthetic, the_plan.config.synthetic_folder)
    made = [row["name"] for row in rows]
    write_json(the_plan.synthetic_receipt, {"options": the_plan.config.synthetic, "made": made})


@app.command(rich_help_panel="Stages of the workflow")
def sequence(
    stage: Annotated[Literal["prepare", "match", "frames", "film"], typer.Argument()],
    plan: PlanPath,
    variant: Variant,
    sequence: Annotated[str, typer.Option(help="Name of the sequence.")],
    chunk: Annotated[str, typer.Option(help="Name of the chunk, for match and frames.")] = "",
    threads: Threads = None,
):
    """Work one stage of a sequence, or of one of its chunks."""
    _limit_threads(threads)
    from dia_pipeline.runs.plan import Plan
    from dia_pipeline.stages.batches import work_sequence

    work_sequence(Plan.read(plan), stage, variant, sequence, chunk)


@app.command(rich_help_panel="Stages of the workflow")
def summary(plan: PlanPath):
    """Say what a run made; name every failed pair, and let the next run try those again."""
    from dia_pipeline.runs.plan import Plan
    from dia_pipeline.runs.summary import summarise

    the_plan = Plan.read(plan)
    _conclude(the_plan, summarise(the_plan), the_plan.summary)


@app.command(rich_help_panel="Stages of the workflow")
def compare(plan: PlanPath):
    """Compare the variants by their measures: tables, plots, and figures of the pairs."""
    from dia_pipeline.runs.plan import Plan

    _compare(Plan.read(plan))


def _compare(plan: Plan) -> None:
    from dia_pipeline.runs.summary import summarise
    from dia_pipeline.stages.comparing import compare_variants

    outcome = summarise(plan, "measure")
    for table in compare_variants(plan, outcome.made)[:1]:
        console.print(_means(table))
    console.print(f"All tables and figures: {plan.results}/table.md and beside it")
    _conclude(plan, outcome, plan.comparison)


def _means(table: Comparison) -> Table:
    shown = Table("variant", box=SIMPLE_HEAD, collapse_padding=True)
    for heading in table.headings:
        shown.add_column(heading, justify="right")
    for variant, cells in table.rows.items():
        shown.add_row(
            variant, *(f"[b]{cell.text}[/b]" if cell.bold else cell.text for cell in cells)
        )
    return shown


def _conclude(plan: Plan, outcome: Summary, path: Path) -> None:
    """Say what was made, and name what failed; a run without failures is filed under `path`."""
    from dia_pipeline.runs.summary import forget_failures

    console.print(_table(plan, outcome))
    failures = [
        f"{variant}/{name}: failed in {failure.stage}: {failure.reason}"
        for variant, failed in outcome.failed.items()
        for name, failure in failed.items()
    ]
    if failures:
        forget_failures(plan)
        for line in failures:
            typer.secho(line, fg="red", err=True)
        typer.secho("The same command tries these again; the others are kept.", err=True)
        raise typer.Exit(1)
    outcome.write(path)


def _table(plan: Plan, outcome: Summary) -> Table:
    table = Table("variant", "made", "failed", "results")
    for variant in plan.variants:
        made, failed = outcome.made[variant], outcome.failed[variant]
        table.add_row(variant, str(len(made)), str(len(failed)), f"{plan.results / variant}")
    return table


@app.command(rich_help_panel="Runs of the workflow")
def status(
    results: Results = Path("results"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, once.")] = False,
):
    """Show how far a run is; in a terminal again and again until it is done or Ctrl-C."""
    import json
    from dataclasses import asdict

    from rich.live import Live

    from dia_pipeline.runs.plan import Plan
    from dia_pipeline.runs.status import status

    the_plan = Plan.latest(results)
    found = status(the_plan)
    if as_json:
        console.print_json(json.dumps({name: asdict(one) for name, one in found.items()}))
    elif not console.is_terminal:
        console.print(_status_table(found))
    else:
        with suppress(KeyboardInterrupt), Live(_status_table(found), console=console) as live:
            while any(one.running or one.remaining for one in found.values()):
                time.sleep(REFRESH)
                found = status(the_plan)
                live.update(_status_table(found))


def _status_table(found: dict[str, Status]) -> Table:
    numbers = ("pairs", "done", "running", "failed", "remaining", "per hour", "left")
    table = Table("variant", box=SIMPLE_HEAD, collapse_padding=True)
    for name in numbers:
        table.add_column(name, justify="right")
    for variant, one in found.items():
        counts = (one.pairs, one.done, one.running, one.failed, one.remaining)
        rate = "" if one.per_hour is None else f"{one.per_hour:.1f}"
        left = "" if one.hours_left is None else str(timedelta(minutes=round(one.hours_left * 60)))
        table.add_row(variant, *map(str, counts), rate, left)
    return table


@app.command(rich_help_panel="Runs of the workflow")
def verify(results: Results = Path("results")):
    """Open everything that was made; name what is missing or damaged, for the next run to mend."""
    from dia_pipeline.runs.plan import Plan
    from dia_pipeline.stages.verification import find_faults, withdraw_receipts

    the_plan = Plan.latest(results)
    faults = list(find_faults(the_plan))
    withdraw_receipts(the_plan, faults)
    reasons = list(dict.fromkeys(fault.reason for fault in faults))
    for reason in reasons:
        typer.secho(reason, fg="red", err=True)
    if reasons:
        typer.secho(f"{len(reasons)} to be made again; the next run of snakemake does.", err=True)
        raise typer.Exit(1)
    console.print("Everything that was made is there and whole.")


def _work(stage: str, plan: Path, variant: str, batch: str, threads: int | None) -> None:
    _limit_threads(threads)
    from dia_pipeline.runs.plan import Plan
    from dia_pipeline.stages.batches import work_batch

    work_batch(Plan.read(plan), stage, variant, batch)


def _limit_threads(threads: int | None) -> None:
    """Must be called before the libraries that compute are imported."""
    if threads:
        for library in ("OMP", "MKL", "OPENBLAS", "NUMBA"):
            os.environ[f"{library}_NUM_THREADS"] = str(threads)


@contextmanager
def _level_display() -> Iterator[Progress]:
    """A line for every step of every level, with its time."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(finished_text="[green]✓"), TextColumn("{task.description}")
    with Progress(*columns, TimeElapsedColumn(), console=console) as display:

        def finish() -> None:
            for task in display.task_ids:
                display.update(task, completed=1)

        def begin(level: int, step: str) -> None:
            finish()
            display.add_task(f"level {level}: {step}", total=1)

        display.add_task("weights and features", total=1)
        yield begin
        finish()


@contextmanager
def _frame_display() -> Iterator[FrameProgress]:
    """A bar for every stage of a sequence, with the time left."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = "{task.description}", BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeRemainingColumn(), console=console) as display:
        bars: dict[str, Any] = {}

        def advance(stage: str, done: int, count: int) -> None:
            if stage not in bars:
                bars[stage] = display.add_task(stage, total=count)
            display.update(bars[stage], completed=done, total=count)

        yield advance
