"""Comparisons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from dia_pipeline.cli.app import app, complain, console, say, waiting
from dia_pipeline.cli.options import (
    Device,
    Output,
    Replace,
    Threads,
    guides_of,
    limit_threads,
    takes_settings,
)
from dia_pipeline.cli.pages import NoPage, page_of
from dia_pipeline.errors import describe
from dia_pipeline.guides import GUIDES
from dia_pipeline.settings import FEATURE_MATCHERS

if TYPE_CHECKING:
    from dia_pipeline.alignment.pose import Pose
    from dia_pipeline.evaluation.tables import Table as Comparison
    from dia_pipeline.runs.plan import Plan
    from dia_pipeline.runs.summary import Summary

PAIRS_AT_ONCE = 50
"""Pairs of a benchmark that go through a stage together and share one loading of the network."""


MAX_NAMED = 12
"""So many doubtful and hopeless pairs are named at most."""

WIDEST = 9
"""Columns of numbers at most that lie side by side in a terminal."""


Layout = Annotated[
    str | None,
    typer.Option(
        help="tss, spair-71k, pf-pascal, pf-willow, kitti, sintel; by default what it holds."
    ),
]
Split = Annotated[str, typer.Option(help="Part of the benchmark, where it has some.")]


@app.command(rich_help_panel="Comparisons")
@takes_settings("task", "quality", "max_side", task="correspondence")
def evaluate(
    folder: Annotated[Path, typer.Argument(help="The benchmark, as unpacked.")],
    output: Output,
    layout: Layout = None,
    variants: Annotated[
        Path | None,
        typer.Option(help="File with settings and variants, such as config/ablation.yaml."),
    ] = None,
    split: Split = "test",
    replace: Replace = False,
    device: Device = "auto",
    threads: Threads = None,
    **options: Any,
):
    """Process and score a published benchmark; the same command takes up a run that was ended.

    The task is correspondence unless this command or the file of variants says otherwise.
    """
    limit_threads(threads)
    from dia_pipeline.comparisons.benchmarks import read_variants, run_benchmark, write_pairs
    from dia_pipeline.evaluation.layouts import read_layout
    from dia_pipeline.io.files import check_folder
    from dia_pipeline.jobs.replacing import check_plan_replaced
    from dia_pipeline.runs.config import Config, merge
    from dia_pipeline.runs.lock import alone_in
    from dia_pipeline.runs.pair import Pair
    from dia_pipeline.runs.plan import Plan

    check_folder(output)
    rows = read_layout(folder, layout, output / "derived", split)
    shared, named = read_variants(variants) if variants else ({}, {"hierarchical": {}})
    given = {name: value for name, value in options.items() if value is not None}
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
    with alone_in(output):
        check_plan_replaced(plan, replace)
        write_pairs(output / "pairs.tsv", rows)
        with _stage_display() as progress:
            run_benchmark(plan, progress=progress)
        compare(plan)


@app.command(rich_help_panel="Comparisons")
@takes_settings(guides=GUIDES)
def sweep(
    a: Annotated[Path, typer.Argument(metavar="A", help="The image whose structure is kept.")],
    b_prime: Annotated[
        Path, typer.Argument(metavar="B_PRIME", help="The image whose style is taken.")
    ],
    output: Output,
    over: Annotated[
        list[str] | None,
        typer.Option(
            help="A setting, and values with commas between: ratio=0.5,1. Of several settings all "
            "combinations. By default blend=0,1,2,3,4."
        ),
    ] = None,
    replace: Replace = False,
    no_page: NoPage = False,
    device: Device = "auto",
    threads: Threads = None,
    **options: Any,
):
    """Process one pair with several values of settings, and show all of them in sweep.png.

    OUTPUT/index.html is a page on which any two lie under a slider.
    """
    limit_threads(threads)
    from dia_pipeline.comparisons.ablation import draw_levels
    from dia_pipeline.comparisons.benchmarks import run_benchmark
    from dia_pipeline.comparisons.sweep import draw, variants_over
    from dia_pipeline.io.files import check_folder
    from dia_pipeline.jobs.replacing import check_plan_replaced
    from dia_pipeline.runs.config import Config
    from dia_pipeline.runs.lock import alone_in
    from dia_pipeline.runs.pair import Pair
    from dia_pipeline.runs.plan import Plan
    from dia_pipeline.runs.summary import summarise
    from dia_pipeline.store.folders import check_inputs

    guides = guides_of(options)
    check_inputs(output, (str(a), str(b_prime), *guides.values()))
    check_folder(output)
    given = {name: value for name, value in options.items() if value is not None}
    pair = Pair("pair", str(a), str(b_prime), guides=guides)
    plan = Plan(
        Config(
            (pair,),
            results=str(output),
            checkpoint="pair",
            device=device,
            settings=given,
            variants=variants_over(over or ["blend=0,1,2,3,4"]),
        )
    )
    with alone_in(output), page_of(output, no_page):
        check_plan_replaced(plan, replace)
        with _stage_display() as progress:
            run_benchmark(plan, measured=False, progress=progress)
        outcome = summarise(plan, "aggregate")
        made = [variant for variant in plan.variants if outcome.made[variant]]
        if made:
            say(f"All images side by side: {draw(plan, pair, made)}")
        matched = {variant: [pair.name] for variant in made if not plan.combines(variant, pair)}
        if {plan.settings(variant, pair).matcher for variant in matched} >= {*FEATURE_MATCHERS}:
            [figure] = draw_levels(plan, matched, {})
            say(f"A' level by level: {figure}")
        conclude(plan, outcome, plan.summary)


@app.command("compare", rich_help_panel="Comparisons")
def compare_results(
    first: Annotated[
        Path,
        typer.Argument(help="A folder that `dia run` wrote, or that of a variant of a run."),
    ],
    second: Annotated[Path, typer.Argument(help="Another one, with results of the same pairs.")],
    output: Output = Path("comparison"),
):
    """Compare two settings, variants or runs on the pairs that they share: a verdict by measure."""
    from dia_pipeline.comparisons.two_results import (
        differing_settings,
        in_both,
        labels,
        measure_both,
    )
    from dia_pipeline.evaluation.tables import compare_two
    from dia_pipeline.gallery.comparison import write_comparison
    from dia_pipeline.gallery.site import check_own
    from dia_pipeline.io.files import check_folder

    shared = in_both(first, second)
    names = labels(first, second)
    check_folder(output)
    check_own(output)
    with waiting("measuring"):
        measures, failed = measure_both(shared, names)
    for pair, error in failed.items():
        complain(f"{pair or 'error'}: {describe(error)}")
        del shared[pair]
    if not shared:
        raise typer.Exit(2)
    settings = differing_settings(*next(iter(shared.values())))
    for setting, (one, two) in settings.items():
        say(f"{setting}: {one} in {names[0]}, {two} in {names[1]}")
    table = compare_two(measures, *names)
    console.print(_shown(table))
    say(f"Side by side: {write_comparison(output, table, shared, names, settings)}")
    if failed:
        raise typer.Exit(1)


@app.command(rich_help_panel="Comparisons")
def score(
    dataset: Annotated[
        Path, typer.Argument(help="A benchmark, as unpacked, or a table of pairs and their truth.")
    ],
    output: Output,
    methods: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="METHOD...",
            help="For each method a folder with PAIR.flo, .npy, .npz, .csv or .json; or with "
            "results of this program.",
        ),
    ] = None,
    layout: Layout = None,
    split: Split = "test",
    unanswered: Annotated[
        Literal["wrong", "left-out"],
        typer.Option(help="What a point counts for which a method has no answer."),
    ] = "wrong",
    of: Annotated[
        Literal["fields", "pictures", "videos"],
        typer.Option(help="What is scored: fields or points; or A', as PAIR.png or PAIR.mp4."),
    ] = "fields",
):
    """Score fields, points, pictures or videos of anybody's on a data set, beside controls.

    Without a method it lists the pairs and scores the controls alone.
    """
    from dia_pipeline.comparisons.scores import check_free, methods_in, write_all

    check_free(output)
    suffixes: tuple[str, ...]
    if of == "videos":
        from dia_pipeline.comparisons.videos import VIDEOS, read_sequences, score_videos

        sequences = read_sequences(dataset, output)
        kinds: dict[str, list[str]] = {sequence.name: [] for sequence in sequences}
        suffixes, measure = VIDEOS, partial(score_videos, sequences)
    else:
        from dia_pipeline.comparisons.fields import read_pairs, score_fields
        from dia_pipeline.comparisons.pictures import PICTURES, score_pictures
        from dia_pipeline.evaluation.answers import READERS

        pairs = read_pairs(dataset, layout, split, output)
        kinds = {pair.name: pair.truth.get("kinds", []) for pair in pairs}
        suffixes, measure = tuple(READERS), partial(score_fields, pairs, unanswered == "left-out")
        if of == "pictures":
            suffixes, measure = PICTURES, partial(score_pictures, pairs)
    found = methods_in(methods or [], list(kinds), suffixes)
    with waiting("scoring"):
        scores = measure(found)
        tables = write_all(output, scores, kinds)
    for table in tables:
        say(table.caption)
        console.print(_shown(table))
    worst = sorted(scores.unanswered, key=lambda each: -each.points / each.of)
    for each in worst[:MAX_NAMED]:
        missing = f"no answer to {each.points:,} of {each.of:,} points"
        complain(f"{each.method}, {each.pair}: {missing}: {each.reason}", None)
    if more := len(worst[MAX_NAMED:]):
        complain(f"And {more} more, in {output}/unanswered.csv.", None)
    for pair, reason in scores.failed.items():
        complain(f"{pair} is not scored: {reason}")
    say(f"With intervals, differences and kinds of pairs: {output}/table.md and beside it")
    if scores.failed:
        raise typer.Exit(1)


def compare(plan: Plan) -> None:
    """Compare the variants by their measures: tables, plots, and figures of the pairs."""
    from dia_pipeline.comparisons.ablation import compare_variants
    from dia_pipeline.runs.summary import summarise

    outcome = summarise(plan, "measure")
    for table in compare_variants(plan, outcome.made)[:1]:
        console.print(_shown(table))
    say(f"All tables and figures: {plan.results}/table.md and beside it")
    conclude(plan, outcome, plan.comparison)


def _shown(table: Comparison) -> Table:
    """A table for the terminal; one with many columns is turned, as methods are few."""
    if len(table.headings) > WIDEST:
        table = table.turned()
    shown = Table(box=SIMPLE_HEAD, collapse_padding=True)
    shown.add_column(table.of, no_wrap=True)
    for heading in table.headings:
        shown.add_column(heading, justify="right", overflow="fold")
    for name, cells in table.rows.items():
        shown.add_row(name, *(Text(cell.text, "bold" * cell.bold) for cell in cells))
    return shown


def conclude(plan: Plan, outcome: Summary, path: Path) -> None:
    """Say what was made, and name what failed; a run without failures is filed under `path`."""
    from dia_pipeline.runs.summary import doubtful, forget_failures, poses

    console.print(_table(plan, outcome))
    known = poses(plan)
    warn_of(doubtful(known))
    outcome.write_failures(plan.failures)
    failures = list(outcome.failures)
    if failures:
        forget_failures(plan)
        for variant, name, failure in failures:
            complain(f"{variant}/{name}: {failure}")
        complain(
            f"{len(failures)} failed, listed with remedies in {plan.failures}. The same command "
            "tries these again; the others are kept.",
            None,
        )
        raise typer.Exit(1)
    outcome.write(path, known)


def warn_of(poses: dict[str, Pose]) -> None:
    """Name those whose images may have little in common, with what is alone in them."""
    if not poses:
        return
    complain("These may have little in common:", None)
    for name, pose in list(poses.items())[:MAX_NAMED]:
        complain(f"  {name}: {pose.match}", None)
    more = f"And {len(poses) - MAX_NAMED} more. " if len(poses) > MAX_NAMED else ""
    complain(f"{more}Look at their overviews; docs/control.md says what to try.", None)


@contextmanager
def _stage_display() -> Iterator[Callable[[str, int, int], None]]:
    """In a terminal a bar for the stages of all variants, with the time left."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = "{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as display:
        bar = display.add_task("weights", total=None)

        def advance(stage: str, done: int, count: int) -> None:
            display.update(bar, description=stage, completed=done, total=count)

        yield advance


def _table(plan: Plan, outcome: Summary) -> Table:
    table = Table("variant", "made", "failed", "results")
    for variant in plan.variants:
        made, failed = outcome.made[variant], outcome.failed[variant]
        table.add_row(variant, str(len(made)), str(len(failed)), f"{plan.results / variant}")
    return table
