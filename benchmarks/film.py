"""How well films are coloured of keyframes: `python -m benchmarks.film`.

Five small films whose colours are known (`dia_pipeline.samples.films`) are turned grey and coloured
of the first frame of every scene; `both ends` has the last frame of it too. Figures are the peak
signal-to-noise ratio to the truth, in decibels, and how still the colours hold: warp error and CDC
(docs/measures.md), by the motion of the grey film. The grey film and the truth are the controls.
The same command takes up a run that was ended.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image
from rich.console import Console
from rich.progress import track

from dia_pipeline.evaluation.measures import psnr
from dia_pipeline.figures.panels import row_of, stacked
from dia_pipeline.io.images import read_image, write_image
from dia_pipeline.jobs.single import run_sequence
from dia_pipeline.pixels import turned_grey
from dia_pipeline.runs.sequence import Sequence, find_frames
from dia_pipeline.samples.films import FILMS, FRAMES, Film
from dia_pipeline.settings import Settings, resolve
from dia_pipeline.temporal.flicker import Steadiness, motion_of

from .records import Record, report

WAYS = {"photo_to_photo": "photo-to-photo", "colour_film": "colour-film"}
"""The presets that are compared."""

SHOWN = 4
"""Frames of every film on a contact sheet."""


def main(
    film: Annotated[list[str] | None, typer.Option(help="Of the films, only these.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o")] = Path("results/film"),
    coherence: str = "propagated",
    sheets: Annotated[Path | None, typer.Option(help="Folder of contact sheets.")] = None,
    device: str = "auto",
    record: Record = None,
) -> None:
    """Show the figures by film, and their means."""
    rows = []
    for name in track(film or FILMS, console=Console(stderr=True)):
        truth = FILMS[name].make()
        moving = write_film(output / name, truth, FILMS[name].scenes, coherence)
        made = {"grey": [turned_grey(frame) for frame in truth]}
        for way, preset in WAYS.items():
            settings = resolve({"preset": preset, "quality": "draft"})
            made[way] = coloured(moving, output / name / preset, settings, device)
        between = write_film(output / name, truth, ends(FILMS[name].scenes), coherence)
        made["both_ends"] = coloured(between, output / name / "both-ends", settings, device)
        rows.append({"film": name, **figures(truth, made, FILMS[name].scenes)})
        if sheets:
            write_sheet(sheets / f"{name}.png", {"truth": truth, **made})
    means = {key: float(np.mean([row[key] for row in rows])) for key in rows[0] if key != "film"}
    report([*rows, {"film": "mean", **means}], record)


def ends(scenes: tuple[int, ...]) -> tuple[int, ...]:
    """The first and the last frame of every scene."""
    return tuple(sorted({*scenes, *(scene - 1 for scene in scenes[1:]), FRAMES - 1}))


def write_film(folder: Path, film: Film, keys: tuple[int, ...], coherence: str) -> Sequence:
    """Write a film in grey, and its keyframes in colour, into a folder."""
    for number, frame in enumerate(film):
        write_image(folder / f"grey/{number:04d}.png", turned_grey(frame))
    for key in keys:
        write_image(folder / f"{key}.png", film[key])
    keyframes = ",".join(f"{key}={folder}/{key}.png" for key in keys)
    return find_frames(Sequence("", str(folder / "grey"), keyframes, coherence=coherence))


def coloured(moving: Sequence, folder: Path, settings: Settings, device: str) -> Film:
    """The frames that are made of a film."""
    run_sequence(moving, folder, settings, device)
    return [read_image(path) for path in sorted((folder / "frames").glob("*.png"))]


def figures(truth: Film, made: dict[str, Film], scenes: tuple[int, ...]) -> dict[str, Any]:
    """The means of every way, and the last frame of the new one, farthest from its keyframe."""
    found = {
        way: [psnr(*both) for both in zip(truth, film, strict=True)] for way, film in made.items()
    }
    means = {f"{way}_db": float(np.mean(each)) for way, each in found.items()}
    return {
        **means,
        "last_frame_db": found["colour_film"][-1],
        **steadiness(made["grey"], {**made, "truth": truth}, scenes),
    }


def steadiness(grey: Film, films: dict[str, Film], scenes: tuple[int, ...]) -> dict[str, float]:
    """Warp error and CDC of every film, of whose scenes each begins at one of the frames named."""
    steady = {way: Steadiness() for way in films}
    for number, frame in enumerate(grey):
        motion = None if number in scenes else motion_of(frame, grey[number - 1])
        for way, film in films.items():
            steady[way].add(film[number], motion)
    measured = {way: each.measures() for way, each in steady.items()}
    return {
        f"{way}_{measure}": found[measure]
        for measure in ("warp_error", "cdc")
        for way, found in measured.items()
    }


def write_sheet(path: Path, films: dict[str, Film]) -> None:
    """Some frames of every way below each other."""
    rows = [
        row_of([(way, film[n]) for n in np.linspace(0, len(film) - 1, SHOWN).astype(int)])
        for way, film in films.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(stacked(path.stem, rows)).save(path)


if __name__ == "__main__":
    typer.run(main)
