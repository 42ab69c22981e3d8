"""What putting the images together costs: `python -m benchmarks.composition`.

A field of many coherent pieces, as the search leaves them, is carried to the pixels of images of
several sizes, processed at most at 700 pixels; then the image is rebuilt, voted and seamless, and
its colours alone are taken. Median of several runs of each step; the baseline is the published form
of the same run.
"""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable
from typing import Annotated

import numpy as np
import torch
import typer
from scipy.spatial import KDTree

from dia_pipeline.algorithm.aggregation import full_field, rebuild
from dia_pipeline.algorithm.nnf import identity
from dia_pipeline.composition.refinement import take
from dia_pipeline.networks.sizes import Size
from dia_pipeline.pixels import resize_image
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.samples.styles import night
from dia_pipeline.settings import Settings, resolve

from .records import Record, report

SIZES = ((448, 448), (1000, 1400), (4000, 6000))
PIECES = 400
"""Of the field, each shifted by up to 20 cells."""


def main(
    runs: Annotated[int, typer.Option(help="Runs of each step.")] = 3,
    largest: Annotated[int, typer.Option(help="No larger images (megapixels).")] = 24,
    record: Record = None,
) -> None:
    """Show seconds and peak memory of every step by size and composition."""
    rows = []
    for size in SIZES:
        if size[0] * size[1] > largest * 1e6:
            continue
        own = resize_image(photograph("china"), size)
        reference = night(own)
        for composition in ("voted", "seamless"):
            settings = resolve({"composition": composition})
            nnf = pieces(Size.of(size, settings).working)
            seconds = measure(own, reference, nnf, settings, runs)
            row = {"size": f"{size[1]} x {size[0]}", "composition": composition, **seconds}
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            rows.append({**row, "peak_gb": peak * 1024 / 1e9})
    report(rows, record, runs)


def pieces(shape: tuple[int, int]) -> torch.Tensor:
    """A field (h, w, 2) int32 of pieces around random centres, each shifted as a whole."""
    random = np.random.default_rng(0)
    field = identity(shape, shape).numpy()
    centres = random.uniform((0, 0), shape, (PIECES, 2))
    shifts = random.integers(-20, 21, (PIECES, 2))
    moved = field + shifts[KDTree(centres).query(field)[1]]
    return torch.from_numpy(moved.clip(0, np.array(shape) - 1).astype(np.int32))


def measure(
    own: np.ndarray, reference: np.ndarray, nnf: torch.Tensor, settings: Settings, runs: int
) -> dict[str, float]:
    """The median seconds of carrying the field, of the image, and of taking its colours alone."""
    size = Size.of(own.shape, settings)
    field, places = timed(lambda: full_field(nnf, 1, own, size, size, settings), runs)
    built, image = timed(lambda: rebuild(own, reference, places, size, size, settings), runs)
    colours, _ = timed(lambda: take(own, image, "colours"), runs)
    return {"field_s": field, "rebuild_s": built, "colours_s": colours}


def timed(step: Callable, runs: int) -> tuple[float, object]:
    """The median seconds of a step after one run to warm up, and what it gives."""
    result = step()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        result = step()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), result


if __name__ == "__main__":
    typer.run(main)
