"""Ways to match, scored as published ones are: `python -m benchmarks.matchers`.

Photographs of packages and known warps of them, in changing styles, are written as TSS is
published. `dia evaluate` matches them and `dia score` scores the fields, as for TSS itself.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
import yaml

from dia_pipeline.samples.scenes import make_benchmark
from dia_pipeline.samples.synthetic import PAIRS, split_name

from .records import Record, report

FILES = {
    "a": "image1.png",
    "b_prime": "image2.png",
    "flow_ab": "flow1.flo",
    "flow_ba": "flow2.flo",
    "mask_a": "mask1.png",
    "mask_b_prime": "mask2.png",
}
"""What TSS calls the files of a pair."""

METHODS = {
    "hierarchical": {},
    "layer-independent": {"matcher": "layer-independent"},
    "sift": {"matcher": "sift"},
    "optical-flow": {"matcher": "optical-flow"},
    "patchmatch-rgb": {"matcher": "patchmatch-rgb"},
}
"""The ways to match; `identity` is the control of `dia score`."""

ALPHAS = (1, 5, 10)
"""Percentages of the longest side of B' within which a pixel is right."""


def main(
    every: Annotated[int, typer.Option(help="Take each so many-th of the synthetic pairs.")] = 5,
    side: Annotated[int, typer.Option(help="Longest side in pixels.")] = 200,
    record: Record = None,
) -> None:
    """Show PCK of image by method: per image with its 95 % interval, and per point."""
    with TemporaryDirectory() as folder:
        data, made, scored = (Path(folder, name) for name in ("TSS", "made", "scored"))
        write_tss(data, PAIRS[::every], side)
        variants = Path(folder, "variants.yaml")
        variants.write_text(yaml.safe_dump({"variants": METHODS}))
        dia("evaluate", data, "-o", made, "--variants", variants, "--quality", "draft")
        dia("score", data, *(made / name for name in METHODS), "-o", scored)
        report(figures(scored), record)


def write_tss(folder: Path, pairs: tuple[str, ...], side: int) -> None:
    """Make synthetic pairs, and lay them out as TSS is: a folder a view, in it one a pair."""
    with TemporaryDirectory() as made:
        for row in make_benchmark({"pairs": pairs, "side": side}, made):
            pair = folder / split_name(row["name"])[1] / row["name"]
            pair.mkdir(parents=True)
            for column, name in FILES.items():
                copyfile(row[column], pair / name)
            (pair / "flip_gt.txt").write_text(f"{row['mirrored']:d}\n")


def dia(*words: str | Path) -> None:
    """A command of this installation; what it prints is left out."""
    program = Path(sys.executable).with_name("dia")
    subprocess.run([program, *words], stdout=subprocess.DEVNULL, check=True)


def figures(scored: Path) -> list[dict[str, Any]]:
    """A row for each method, of what `dia score` left."""
    with (scored / "scores.csv").open(newline="") as file:
        scores = {(row["method"], row["measure"], row["per"]): row for row in csv.DictReader(file)}
    rows = []
    for method in (*METHODS, "identity"):
        row: dict[str, Any] = {"method": method}
        for alpha in ALPHAS:
            found = scores[method, f"pck_image_{alpha}", "image"]
            values = [float(found[name]) for name in ("value", "low", "high")]
            row[f"pck_{alpha}_accuracy"] = values
        points = [scores[method, f"pck_image_{alpha}", "point"] for alpha in ALPHAS]
        row["per_point_accuracy"] = [float(each["value"]) for each in points]
        row["pairs"] = int(points[0]["pairs"])
        rows.append(row)
    return rows


if __name__ == "__main__":
    typer.run(main)
