"""How far `propagated` strays in a long film: `python -m benchmarks.drift`.

A portrait sways, turns, bends, comes and goes (`dia_pipeline.samples.films.sway`); the reference
is its first frame in oil paint. So it is known to which place of the reference every pixel of each
frame belongs. `missed` is the mean distance of the matches to there, in pixels; `kept` is the peak
signal-to-noise ratio of the frames that are made to the first of them, moved as the portrait
moves. `by steps` is the control: the same matches, carried from frame to frame alone. The same
command takes up a run that was ended.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image
from rich.console import Console
from rich.progress import track

from dia_pipeline.evaluation.measures import psnr
from dia_pipeline.figures.panels import row_of, stacked
from dia_pipeline.io.images import write_image
from dia_pipeline.jobs.single import run_sequence
from dia_pipeline.networks.sizes import Size
from dia_pipeline.runs.sequence import Sequence, find_frames
from dia_pipeline.samples.films import Swayed, sway
from dia_pipeline.samples.styles import painted
from dia_pipeline.settings import Settings, resolve
from dia_pipeline.store.arrays import read_any_arrays
from dia_pipeline.temporal.coherence import FULL, MODES
from dia_pipeline.temporal.motion import grid, inside, sample
from dia_pipeline.temporal.propagation import Motion, Part, make_frame

from .records import Record, report

MARGIN = 3
"""Pixels at the border of a frame, and of the reference, that do not count."""

WAYS = ("by_steps", "propagated")


def main(
    frames: Annotated[int, typer.Option(help="Frames of the film.")] = 120,
    every: Annotated[int, typer.Option(help="Frames of which a row is the mean.")] = 12,
    output: Annotated[Path, typer.Option("--output", "-o")] = Path("results/drift"),
    sheet: Annotated[Path | None, typer.Option(help="Image of some frames.")] = None,
    device: str = "auto",
    record: Record = None,
) -> None:
    """Show what is missed and kept, by the frames of the film."""
    film = sway(frames)
    reference = painted(film.frames[0])
    settings = resolve({"preset": "photo-to-style", "quality": "draft", "pose": "given"})
    fields = matched(film, reference, output, settings, device)
    made = {way: images(film, reference, fields[way], settings) for way in WAYS}
    rows = []
    for start in range(0, frames, every):
        shown = range(start, min(start + every, frames))
        rows.append(
            {
                "frames": f"{shown[0] + 1} to {shown[-1] + 1}",
                **{
                    f"{way}_missed_px": mean(missed(fields[way][n], film.places[n]) for n in shown)
                    for way in WAYS
                },
                **{
                    f"{way}_kept_db": mean(kept(made[way], film.places, n) for n in shown)
                    for way in WAYS
                },
            }
        )
    if sheet:
        write_sheet(sheet, film, made)
    report(rows, record)


def matched(
    film: Swayed, reference: np.ndarray, folder: Path, settings: Settings, device: str
) -> dict[str, list[np.ndarray]]:
    """The fields (H, W, 2) of all frames, as they are and carried from frame to frame alone."""
    for number, frame in enumerate(film.frames):
        write_image(folder / f"content/{number:04d}.png", frame)
    write_image(folder / "reference.png", reference)
    given = str(folder / "content"), str(folder / "reference.png")
    moving = Sequence("", *given, coherence="propagated", chunk=len(film.frames))
    run_sequence(find_frames(moving), folder / "made", settings, device)
    found: dict[str, list[np.ndarray]] = {way: [] for way in WAYS}
    size = Size.of(reference.shape, settings)
    for number, frame in enumerate(film.frames):
        path = folder / f"made/fields/0001/{number + 1:04d}.h5"
        arrays = read_any_arrays(path)[1].arrays
        levels = {name: each for name, each in arrays.items() if name.startswith("level")}
        fresh = MODES["propagated"].field(levels, frame, size, settings)
        if number:
            motion = Motion(film.frames[number - 1], frame)
            fresh = motion.carry(found["by_steps"][-1], fresh)
        found["by_steps"].append(fresh)
        found["propagated"].append(arrays[FULL])
    return found


def images(
    film: Swayed, reference: np.ndarray, fields: list[np.ndarray], settings: Settings
) -> list[np.ndarray]:
    """The frames (H, W, 3) uint8 that fields make of the reference."""
    size = Size.of(reference.shape, settings)
    both = zip(film.frames, fields, strict=True)
    return [
        make_frame(frame, [Part(1.0, reference, size, field)], settings)
        for frame, field in track(list(both), console=Console(stderr=True))
    ]


def mean(values) -> float:
    return float(np.mean(list(values)))


def missed(field: np.ndarray, places: np.ndarray) -> float:
    """The mean distance in pixels of a field to the truth, both (H, W, 2)."""
    return float(np.linalg.norm(field - places, axis=-1)[seen(places)].mean())


def kept(made: list[np.ndarray], places: list[np.ndarray], number: int) -> float:
    """How near a frame is to the first one, moved as its content moves, in decibels."""
    moved = sample(made[0].astype(np.float32), places[number])
    known = seen(places[number])
    return psnr(moved[known], made[number][known])


def seen(places: np.ndarray) -> np.ndarray:
    """Which pixels (H, W) show what the first frame shows too, without the borders of both."""
    here, last = grid(places.shape[:2]), np.array(places.shape[:2]) - 1
    outward = np.sign(here - last / 2) * MARGIN
    there = places + np.sign(places - last / 2) * MARGIN
    return inside(there) & inside(here + outward)


def write_sheet(path: Path, film: Swayed, made: dict[str, list[np.ndarray]]) -> None:
    """Some frames of the film, and below them what is made of these."""
    numbers = np.linspace(0, len(film.frames) - 1, 5).astype(int)
    rows = [
        row_of([(f"{way}, {n + 1}", each[n]) for n in numbers])
        for way, each in {"content": film.frames, **made}.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(stacked("drift", rows)).save(path)


if __name__ == "__main__":
    typer.run(main)
