"""One pair."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dia_pipeline.cli.app import app, complain, estimate_bar, say, waiting
from dia_pipeline.cli.options import (
    Device,
    LabelsA,
    LabelsBPrime,
    Output,
    Points,
    Replace,
    Threads,
    guides_of,
    limit_threads,
    takes_settings,
)
from dia_pipeline.settings import options as known
from dia_pipeline.settings import resolve

if TYPE_CHECKING:
    from dia_pipeline.algorithm.effort import Progress
    from dia_pipeline.settings import Settings

PANEL = "One pair"


@app.command(rich_help_panel=PANEL)
@takes_settings()
def run(
    a: Annotated[Path, typer.Argument(metavar="A", help="The image whose structure is kept.")],
    b_prime: Annotated[
        list[Path],
        typer.Argument(
            metavar="B_PRIME...",
            help="The image whose style is taken; of several, each serves where it fits.",
        ),
    ],
    output: Output,
    labels_a: LabelsA = None,
    labels_b_prime: LabelsBPrime = None,
    points: Points = None,
    replace: Replace = False,
    device: Device = "auto",
    threads: Threads = None,
    **options: Any,
):
    """Process one pair: A' has the structure of A and the style of B', B the reverse."""
    settings = resolve(options)
    limit_threads(threads)
    from dia_pipeline.algorithm.confidence import REMEDY
    from dia_pipeline.runs.config import Pair
    from dia_pipeline.stages.pairs import run_pair
    from dia_pipeline.stages.references import SEVERAL, run_references

    guides = guides_of(labels_a, labels_b_prime, points)
    if len(b_prime) > 1 or settings.pose == "several":
        first, *others = map(str, b_prime)
        pair = Pair(output.name, str(a), first, guides=guides, references=tuple(others))
        times = SEVERAL if settings.pose == "several" else 1
        with _step_display(a, b_prime * times, settings) as progress:
            run_references(pair, output, settings, device, progress, replace)
        say(f"The results: {output}/a_prime.png, {output}/sources.png and others")
        return
    with _step_display(a, b_prime, settings) as progress:
        pose = run_pair(
            str(a), str(b_prime[0]), output, settings, device, progress, guides, replace
        )
    for line in filter(None, (str(pose), pose.match and f"Match: {pose.match}")):
        say(line)
    if pose.hopeless:
        complain(f"The images have little in common: {REMEDY}.", None)
    say(f"The results: {output}/a_prime.png, {output}/overview.png and others")


@app.command(rich_help_panel=PANEL)
def weights(
    backbone: Annotated[
        str, typer.Option(help=f"Network that is wanted: {known()['backbone'].allowed}.")
    ] = "auto",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also record it in this file.")
    ] = None,
):
    """Find or fetch the network weights; say which, where from, under what licence."""
    from dia_pipeline.io.files import check_folder
    from dia_pipeline.stages.jobs import find_backbone

    if output:
        check_folder(output.parent)
    record, found = find_backbone(backbone)
    say(f"backbone  {record.name}")
    say(f"file      {found.path}")
    say(f"source    {record.source}")
    say(f"licence   {record.licence}")
    say(f"SHA-256   {record.digest}")
    if output:
        record.write(output)


@app.command(rich_help_panel=PANEL)
def demo(folder: Annotated[Path, typer.Argument(help="Where to write them.")]):
    """Write example pairs and a sequence, made from photographs that installed packages carry."""
    from dia_pipeline.io.files import check_folder
    from dia_pipeline.samples.demo import demo_pairs, demo_sequence

    check_folder(folder)
    with waiting("making the images"):
        pairs, sequences = demo_pairs(folder), demo_sequence(folder)
    say(f"The table of pairs: {pairs}")
    say(f"The table of sequences: {sequences}")


@contextmanager
def _step_display(a: Path, b_primes: list[Path], settings: Settings) -> Iterator[Progress]:
    """Shows how far a pair is, or several one after another."""
    with estimate_bar() as show:
        from dia_pipeline.algorithm.effort import Estimate, efforts
        from dia_pipeline.io.images import image_size

        shapes = [image_size(path) for path in (a, *b_primes)]
        estimate = Estimate([efforts(shapes[0], other, settings) for other in shapes[1:]])
        show("loading", estimate)

        def tell(level: int, step: str, share: float) -> None:
            estimate.tell(level, step, share)
            show(f"level {level}: {step}" if level else step, estimate)

        yield tell
