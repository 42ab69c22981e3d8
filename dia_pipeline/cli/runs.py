"""Runs of the workflow."""

from __future__ import annotations

import shlex
import time
from contextlib import chdir, nullcontext, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from dia_pipeline.cli.app import app, complain, console, say, waiting
from dia_pipeline.cli.comparisons import warn_of
from dia_pipeline.cli.options import Results

if TYPE_CHECKING:
    from dia_pipeline.runs.cleaning import Removable
    from dia_pipeline.runs.status import Status

PANEL = "Runs of the workflow"

REFRESH = 2
"""Seconds between two looks at a run."""


@app.command(rich_help_panel=PANEL)
def init(
    folder: Annotated[Path, typer.Argument(help="The folder, which is made if need be.")],
    content: Annotated[
        Path | None,
        typer.Option("--from", metavar="FOLDER", help="Folder of images A, each for a pair."),
    ] = None,
    style: Annotated[
        Path | None, typer.Option(metavar="IMAGE", help="The image B' of all these pairs.")
    ] = None,
):
    """Make a project: a folder with configuration, tables and profiles, to run snakemake in."""
    from importlib.util import find_spec

    from dia_pipeline.runs.projects import TABLE, make_project, rows_of_one_style

    if (content is None) != (style is None):
        raise typer.BadParameter("--from and --style go together")
    rows = rows_of_one_style(content, style, folder) if content and style else []
    make_project(folder, rows)
    table = folder / TABLE
    say(f"Pairs listed in {table}: {len(rows)}" if rows else f"List your pairs in {table}")
    if not find_spec("snakemake"):
        say("The workflow needs: pip install 'dia-pipeline[workflow]'")
    say(f"Then: cd {shlex.quote(str(folder))} && snakemake --cores all")


@app.command(rich_help_panel=PANEL)
def status(
    results: Results = Path("results"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, once.")] = False,
):
    """Show how far a run is; in a terminal again and again until it is done or Ctrl-C."""
    import json
    from dataclasses import asdict

    from rich.live import Live

    from dia_pipeline.runs.begun import latest_plan
    from dia_pipeline.runs.single import state_of
    from dia_pipeline.runs.status import status
    from dia_pipeline.runs.summary import doubtful, poses

    if single := state_of(results):
        goes_on = "; the same command goes on" if single == "not finished" else ""
        say(json.dumps({"state": single}) if as_json else f"{results}: {single}{goes_on}")
        return
    the_plan = latest_plan(results)
    with chdir(the_plan.directory):
        found = status(the_plan)
        if as_json:
            say(json.dumps({name: asdict(one) for name, one in found.items()}, indent=2))
            return
        if not console.is_terminal:
            console.print(_status_table(found))
        else:
            with suppress(KeyboardInterrupt), Live(_status_table(found), console=console) as live:
                while any(one.running or one.remaining for one in found.values()):
                    time.sleep(REFRESH)
                    found = status(the_plan)
                    live.update(_status_table(found))
        warn_of(doubtful(poses(the_plan)))
        if the_plan.gallery.exists():
            say(f"The gallery: {the_plan.gallery}")


def _status_table(found: dict[str, Status]) -> Table:
    numbers = ("", "done", "running", "failed", "remaining", "per hour", "left")
    table = Table(box=SIMPLE_HEAD, collapse_padding=True)
    table.add_column("variant", overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    for variant, one in found.items():
        counts = (f"{one.count} {one.unit}", one.done, one.running, one.failed, one.remaining)
        rate = "" if one.per_hour is None else f"{one.per_hour:.1f}"
        left = "" if one.hours_left is None else str(timedelta(minutes=round(one.hours_left * 60)))
        table.add_row(variant, *map(str, counts), rate, left)
    return table


@app.command(rich_help_panel=PANEL)
def gallery(
    results: Annotated[
        Path, typer.Argument(help="A folder of results, or one of several such folders.")
    ] = Path("results"),
):
    """Make pages to look at the results, of all that is there now: RESULTS/index.html."""
    from dia_pipeline.gallery.gallery import gallery_of

    for error in gallery_of(results):
        complain(f"left out: {error}", None)
    say(f"The gallery: {results}/index.html")


@app.command(rich_help_panel=PANEL)
def verify(results: Results = Path("results")):
    """Open everything that was made; name what is missing or damaged, for the next run to mend."""
    from dia_pipeline.jobs.verification import find_faults, jobs_left, withdraw_receipts
    from dia_pipeline.runs.begun import latest_plan
    from dia_pipeline.runs.damage import damaged_notes, damaged_state
    from dia_pipeline.runs.single import single_faults, state_of

    if state_of(results):
        _tell_faults(list(single_faults(results)), "the same command does")
        return
    the_plan = latest_plan(results)
    with chdir(the_plan.directory), waiting("opening everything that was made"):
        damaged = [f"{path}: the file is damaged" for path in damaged_state(the_plan)]
        notes = damaged_notes(the_plan)
        faults = list(find_faults(the_plan))
        withdraw_receipts(the_plan, faults)
        left, count = jobs_left(the_plan)
    for path in notes:
        path.unlink()
        complain(f"{path}: the file was damaged and is removed; no result hangs on it")
    reasons = list(dict.fromkeys([*damaged, *(fault.reason for fault in faults)]))
    if left:
        complain(f"{left} of {count} jobs are still to be run, by snakemake.", None)
    if reasons or not notes:
        _tell_faults(reasons, "the next run of snakemake does")
    if left or notes:
        raise typer.Exit(1)


@app.command(rich_help_panel=PANEL)
def clean(
    results: Results = Path("results"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Say what would be removed, and remove nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove it without asking.")] = False,
):
    """Remove what can be made again: features, levels, variants that are no longer named."""
    from rich.filesize import decimal

    from dia_pipeline.runs.cleaning import removable, remove
    from dia_pipeline.runs.lock import alone_in
    from dia_pipeline.runs.single import plan_in

    the_plan = plan_in(results)
    with nullcontext() if dry_run else alone_in(the_plan.results), chdir(the_plan.directory):
        found = removable(the_plan)
        if not found:
            say("There is nothing to remove.")
            return
        console.print(_table_of(found))
        if dry_run or not (yes or typer.confirm("Remove all this?")):
            say("Nothing is removed.")
            return
        remove(the_plan, found)
    say(f"Removed: {decimal(sum(each.size for each in found))}. A later run makes what it needs.")


def _table_of(found: list[Removable]) -> Table:
    from rich.filesize import decimal

    table = Table("", "variant", box=SIMPLE_HEAD, collapse_padding=True)
    for name in ("files", "size"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in found:
        table.add_row(each.kind, each.variant, str(len(each.sizes)), decimal(each.size))
    return table


def _tell_faults(reasons: list[str], mended: str) -> None:
    """Say what is faulty and what mends it, and end the command; or that all is whole."""
    for reason in reasons:
        complain(reason)
    if reasons:
        complain(f"{len(reasons)} to be made again; {mended}.", None)
        raise typer.Exit(1)
    say("Everything that was made is there and whole.")
