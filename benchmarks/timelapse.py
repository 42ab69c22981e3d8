"""Flicker and cost per frame of every coherence: `python -m benchmarks.timelapse`.

The demo's temple, or with `--pairs FOLDER` every N_a.png with graded copies, from day to night, of
its N_b_prime.png. Cost is processor time up to the last frame, the first one and the reading
included, over that of `independent`; flicker is the change of the output, in grey levels, that the
change of the references does not explain.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from dia_pipeline.io.images import read_image, write_image
from dia_pipeline.jobs.single import run_sequence
from dia_pipeline.machine.effort import Estimate
from dia_pipeline.pixels import shrunk
from dia_pipeline.runs.sequence import Sequence, find_frames
from dia_pipeline.samples.demo import day_to_night, graded
from dia_pipeline.settings import resolve

from .records import Record, report

COHERENCES = ("independent", "warm-start", "locked")


def main(
    pairs: Annotated[Path | None, typer.Option(help="Folder of N_a.png, N_b_prime.png.")] = None,
    frames: Annotated[int, typer.Option(help="Frames of every sequence.")] = 24,
    side: Annotated[int, typer.Option(help="Longest side of the images.")] = 160,
    quality: str = "standard",
    device: str = "auto",
    record: Record = None,
) -> None:
    """Show flicker and cost."""
    settings = resolve({"preset": "photo-to-photo", "quality": quality, "max_side": side})
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (a, references) in sequences(pairs, frames).items():
            source = Path(folder, name)
            write_image(source / "a.png", shrunk(a, side))
            for number, reference in enumerate(references, 1):
                write_image(source / f"references/{number:04d}.png", shrunk(reference, side))
            first = None
            for coherence in COHERENCES:
                flicker, seconds = measure(source, coherence, settings, device)
                first = first or (flicker, seconds)
                rows.append(
                    {
                        "content": name,
                        "coherence": coherence,
                        "flicker_grey": flicker,
                        "flicker_per_independent": flicker / first[0],
                        "frame_cpu_s": seconds,
                        "cost_per_independent": seconds / first[1],
                    }
                )
    report(rows, record)


def sequences(pairs: Path | None, frames: int) -> dict[str, tuple[np.ndarray, list[np.ndarray]]]:
    """By name the content and its references."""
    if pairs is None:
        return {"temple": day_to_night(frames)}
    return {
        path.stem.removesuffix("_a"): (
            read_image(path),
            graded(read_image(path.with_name(path.name.replace("_a.", "_b_prime."))), frames),
        )
        for path in sorted(pairs.glob("*_a.png"))
    }


def measure(source: Path, coherence: str, settings, device: str) -> tuple[float, float]:
    """Mean flicker in grey levels, and seconds a frame."""
    references = str(source / "references")
    moving = find_frames(Sequence("", str(source / "a.png"), references, coherence=coherence))
    ends: list[float] = []

    def watch(name: str, estimate: Estimate) -> None:
        if name == "video" and not ends:
            ends.append(time.process_time())

    begin = time.process_time()
    run_sequence(moving, source / coherence, settings, device, watch)
    found = json.loads((source / coherence / "provenance.json").read_text())
    return found["mean"]["flicker"], (ends[0] - begin) / len(moving.frames)


if __name__ == "__main__":
    typer.run(main)
