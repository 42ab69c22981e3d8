"""What is taken elsewhere: colours to other pictures and films, masks to the other image."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dia_pipeline.cli.app import app, say, waiting

if TYPE_CHECKING:
    import numpy as np

    from dia_pipeline.store.made import Made

PANEL = "Elsewhere"

Result = Annotated[Path, typer.Argument(metavar="RESULT", help="The folder of a pair's results.")]


@app.command(rich_help_panel=PANEL)
def lut(
    result: Result,
    output: Annotated[Path, typer.Option("--output", "-o", help="The table, a .cube file.")],
):
    """Fit a table of colours (3D LUT) to A and A', for programs that grade pictures and films."""
    import numpy as np

    from dia_pipeline.composition.lut import apply_table, fit_table
    from dia_pipeline.io.cube import write_cube
    from dia_pipeline.io.images import read_picture
    from dia_pipeline.store.made import Made

    found = Made(result)
    a, a_prime = found.given("a"), read_picture(found.file("a_prime.png"))
    table = fit_table(a.grey_levels, a_prime.grey_levels)
    write_cube(output, table)
    apart = apply_table(a.grey_levels, table) - a_prime.grey_levels
    error = np.sqrt((apart**2).mean())
    say(f"{output}: A in its colours is {error:.1f} grey levels from A' (root mean square)")


@app.command(rich_help_panel=PANEL)
def apply(
    table: Annotated[Path, typer.Argument(metavar="CUBE", help="The table, a .cube file.")],
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A picture or a film.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A .png for a picture, an .mp4 for a film.")
    ],
):
    """Give a picture or a film the colours of a table."""
    from dia_pipeline.composition.lut import apply_table
    from dia_pipeline.io.cube import read_cube
    from dia_pipeline.io.images import read_picture, write_image
    from dia_pipeline.pixels import as_levels
    from dia_pipeline.runs.sources import kind_of

    colours = read_cube(table)
    film = kind_of(str(source)) != "image"
    if output.suffix.lower() != (".mp4" if film else ".png"):
        wanted = "a film, name a file that ends in .mp4" if film else "a picture, name a .png"
        raise typer.BadParameter(f"{output}: of {wanted}", param_hint="--output")
    if film:
        _grade_film(source, colours, output)
    else:
        picture = read_picture(source)
        kind = (picture.pixels if picture.deep is None else picture.deep).dtype
        made = as_levels(apply_table(picture.grey_levels, colours), kind)
        write_image(output, made, picture.alpha)
    say(f"{output}")


def _grade_film(source: Path, colours: np.ndarray, output: Path) -> None:
    """Write a film in the colours of a table, with its times and its sound."""
    from dia_pipeline.composition.lut import apply_table
    from dia_pipeline.io.sound import Sound
    from dia_pipeline.io.video import Timing, decode_frames, read_pace, write_video
    from dia_pipeline.pixels import as_levels

    pace = read_pace(source)
    frames = (frame for frame, _ in zip(decode_frames(source), pace.times, strict=False))
    graded = (as_levels(apply_table(frame, colours), frame.dtype) for frame in frames)
    sound = Sound(source, pace.times[0], math.inf) if pace.sound and pace.times else None
    with waiting(f"{source}"):
        write_video(output, graded, Timing.of(pace.times, pace.rate), sound)


@app.command(rich_help_panel=PANEL)
def warp(
    result: Result,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="A mask, label map or image over one image; or points, x,y in CSV.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="A .png; a .csv of points.")],
    to: Annotated[
        Literal["a", "b_prime"], typer.Option(help="The image to which it is carried.")
    ] = "a",
):
    """Carry a mask, a label map, an image or points from B' to A, or back, along the matches.

    No two values are mixed. A table of points says too whether each is sure: its match leads back.
    """
    from dia_pipeline.store.made import FLOWS, Made

    made = Made(result)
    [other] = FLOWS.keys() - {to}
    if source.suffix.lower() == ".csv":
        _warp_points(made, source, output, other, to)
    else:
        _warp_image(made, source, output, other, to)
    say(f"{output}")


def _warp_image(made: Made, source: Path, output: Path, other: str, to: str) -> None:
    """Write what lies over an image as it lies over the other, in the same kind of pixels."""
    import numpy as np
    from PIL import Image, ImageOps

    from dia_pipeline.io.files import replace_file
    from dia_pipeline.io.images import ImageError, read_picture

    read_picture(source)  # says what is wrong with it, if anything
    with Image.open(source) as opened:
        image = ImageOps.exif_transpose(opened)
        values, palette = np.asarray(image), image.getpalette()
    if values.shape[:2] != made.size(other):
        height, width = made.size(other)
        problem = f"{image.width} x {image.height} pixels do not lie over the other image"
        raise ImageError(source, problem, f"it has {width} x {height}")
    field = made.field(to)
    carried = Image.fromarray(values[field[..., 0], field[..., 1]])
    if palette:
        carried.putpalette(palette)
    with replace_file(output) as temporary:
        carried.save(temporary, "PNG")


def _warp_points(made: Made, source: Path, output: Path, other: str, to: str) -> None:
    """Write points over an image as they lie over the other."""
    from dia_pipeline.io.points import read_places, write_places
    from dia_pipeline.studio.carrying import Way

    way = Way(made.field(other), made.field(to))
    write_places(output, [way.point(*point) for point in read_places(source, made.size(other))])
