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
    Output,
    Replace,
    Threads,
    guides_of,
    limit_threads,
    takes_settings,
)
from dia_pipeline.cli.pages import NoPage, page_of
from dia_pipeline.guides import GUIDES
from dia_pipeline.settings import options as known
from dia_pipeline.settings import resolve
from dia_pipeline.text import quoted

if TYPE_CHECKING:
    from dia_pipeline.machine.effort import Progress
    from dia_pipeline.settings import Settings

PANEL = "One pair"


@app.command(rich_help_panel=PANEL)
@takes_settings(guides=GUIDES)
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
    replace: Replace = False,
    no_page: NoPage = False,
    device: Device = "auto",
    threads: Threads = None,
    **options: Any,
):
    """Process one pair: A' has the structure of A and the style of B', B the reverse.

    The results come with a page to look at them in a browser: OUTPUT/index.html.
    """
    guides = guides_of(options)
    settings = resolve(options)
    limit_threads(threads)
    from dia_pipeline.alignment.parts import REMEDY
    from dia_pipeline.graphs.references import matched
    from dia_pipeline.jobs.single import run_pair, run_references
    from dia_pipeline.runs.pair import Pair

    first, *others = map(str, b_prime)
    pair = Pair(output.name, str(a), first, guides=guides, references=tuple(others))
    b_primes = [path for path, _ in matched(pair, settings)]
    with page_of(output, no_page):
        if len(b_primes) > 1:
            with _step_display(pair.a, b_primes, settings) as progress:
                run_references(pair, output, settings, device, progress, replace)
            say(f"The results: {output}/a_prime.png, {output}/sources.png and others")
            return
        with _step_display(pair.a, b_primes, settings) as progress:
            pose = run_pair(pair.a, first, output, settings, device, progress, guides, replace)
        for line in pose.lines:
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
    from dia_pipeline.graphs.shared import find_backbone
    from dia_pipeline.io.files import check_folder

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
def describe(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="A and B', or more.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the maps.")],
    network: Annotated[str, typer.Option(help="A vision transformer: timm:NAME.")],
    weights: Annotated[Path, typer.Option(help="Its parameters: .safetensors, or torch's.")],
    layers: Annotated[
        str, typer.Option(help="Layers, counted from 0, with commas between; by default the last.")
    ] = "",
    side: Annotated[
        int | None,
        typer.Option(min=1, help="Longest side to work at; by default that of its training."),
    ] = None,
    without_positions: Annotated[
        bool, typer.Option("--without-positions", help="Take out what tells the place alone.")
    ] = False,
    device: Device = "auto",
    threads: Threads = None,
):
    """Describe images by a vision transformer: maps for --descriptors-a and --descriptors-b-prime.

    Each is OUTPUT/NAME.npy, by the name of its image.
    """
    limit_threads(threads)
    import numpy as np

    from dia_pipeline.errors import DiaError
    from dia_pipeline.io.descriptors import check_map, write_descriptors
    from dia_pipeline.io.files import check_folder, fault_of_file
    from dia_pipeline.io.images import read_image
    from dia_pipeline.networks.network import pick_device
    from dia_pipeline.networks.transformers import Transformer

    maps: dict[Path, Path] = {}
    for image in images:
        path = output / f"{image.stem}.npy"
        if fault := fault_of_file(image):
            raise DiaError(image, fault, "give the path of an image")
        if path in maps:
            raise DiaError(image, f"{maps[path]} has the same name", "describe it elsewhere")
        maps[path] = image
    check_folder(output)
    with waiting("loading"):
        transformer = Transformer(network, weights, pick_device(device))
    wanted = _layers(layers, transformer.depth)
    size = side or transformer.side
    positions = round(size / min(transformer.patch))
    largest = len(wanted) * transformer.width, positions, positions
    check_map(largest, np.dtype(np.float32), "layers and side")
    for path, image in maps.items():
        with waiting(f"{image}"):
            found = transformer.describe(read_image(str(image)), wanted, size, without_positions)
        write_descriptors(path, found)
        say(f"{path}: {' x '.join(map(str, found.shape))}")


def _layers(text: str, depth: int) -> list[int]:
    """Layers by their numbers; without any the last one."""
    from dia_pipeline.errors import DiaError

    cells = text.split(",") if text.strip() else [str(depth - 1)]
    try:
        numbers = [int(cell) for cell in cells]
        if all(0 <= number < depth for number in numbers):
            return numbers
    except ValueError:
        pass
    problem = f"{quoted(text)} does not name layers"
    raise DiaError("layers", problem, f"give numbers from 0 to {depth - 1} with commas between")


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
def _step_display(a: str, b_primes: list[str], settings: Settings) -> Iterator[Progress]:
    """Shows how far a pair is, or several one after another."""
    with estimate_bar() as show:
        from dia_pipeline.io.images import image_size
        from dia_pipeline.io.notes import warn_of_sizes
        from dia_pipeline.machine.effort import Estimate, efforts

        shapes = [image_size(path) for path in (a, *b_primes)]
        for shape in shapes[1:]:
            warn_of_sizes(shapes[0], shape)
        estimate = Estimate([efforts(shapes[0], other, settings) for other in shapes[1:]])
        show("loading", estimate)

        def tell(level: int, step: str, share: float) -> None:
            estimate.tell(level, step, share)
            show(f"level {level}: {step}" if level else step, estimate)

        yield tell
