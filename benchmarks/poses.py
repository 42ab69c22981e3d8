"""What undoing the pose of B' gains: `python -m benchmarks.poses`.

Synthetic pairs in which B' shows A mirrored, turned, scaled or in perspective, in changing styles:
the accuracy of the fields, matched as given and in the pose that is found.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from dia_pipeline.algorithm.network import Network, pick_device
from dia_pipeline.analogy import analogy, pose_of
from dia_pipeline.evaluation.evaluation import THRESHOLDS, measure_pair
from dia_pipeline.evaluation.truth import read_truth
from dia_pipeline.io.images import read_image
from dia_pipeline.io.weights import find_weights
from dia_pipeline.samples.synthetic import POSES, STYLES, make_benchmark, split_name
from dia_pipeline.settings import resolve

UNTOUCHED = ["smooth", "shift"]
"""Views in the pose of A, which must stay as they are."""

WAYS = ("given", "auto")


def main(
    photographs: Annotated[str, typer.Option(help="With commas between.")] = (
        "chelsea,china,flower,motorcycle"
    ),
    quality: str = "draft",
    task: str = "correspondence",
    side: int = 300,
    device: str = "auto",
) -> None:
    """Print the accuracy by view."""
    network = Network(find_weights(), pick_device(device))
    views = [*POSES, *UNTOUCHED]
    names = [
        f"{photograph}-{view}-{STYLES[(2 * row + column) % len(STYLES)]}"
        for row, photograph in enumerate(photographs.split(","))
        for column, view in enumerate(views)
    ]
    accuracies: dict[str, list] = {view: [] for view in views}
    seconds = []
    used: dict[str, int] = dict.fromkeys(views, 0)
    with TemporaryDirectory() as folder:
        options = {"pairs": tuple(names), "side": side, "seed": 0}
        for row in track(make_benchmark(options, Path(folder)), console=Console(stderr=True)):
            view = split_name(row["name"])[1]
            a, b_prime, truth = read_image(row["a"]), read_image(row["b_prime"]), read_truth(row)
            found = []
            begin = time.perf_counter()
            pose_of(a, b_prime, network, resolve({}))
            seconds.append(time.perf_counter() - begin)
            for pose in WAYS:
                settings = resolve({"quality": quality, "task": task, "pose": pose})
                result = analogy(a, b_prime, network, settings)
                measured = measure_pair(a, b_prime, result.a_prime, result.nnf_ab, truth=truth)
                found.append([measured[f"accuracy_{threshold}"] for threshold in THRESHOLDS])
            used[view] += str(result.pose).startswith("B' drawn")
            accuracies[view].append(found)
    Console(width=100).print(tabulate(accuracies, used))
    print(f"Pose and confidence take {median(seconds):.1f} s a pair (median).")


def tabulate(accuracies: dict[str, list], used: dict[str, int]) -> Table:
    """Mean accuracies (pairs, ways, thresholds) by view, and over all but UNTOUCHED."""
    table = Table("view", *WAYS, "poses undone")
    for view, values in accuracies.items():
        table.add_row(view, *map(_text, np.mean(values, axis=0)), f"{used[view]} of {len(values)}")
    posed = [each for view in POSES for each in accuracies[view]]
    count = sum(used[view] for view in POSES)
    table.add_row("mean of poses", *map(_text, np.mean(posed, axis=0)), f"{count} of {len(posed)}")
    return table


def _text(accuracies: np.ndarray) -> str:
    return " / ".join(f"{accuracy:.2f}" for accuracy in accuracies)


if __name__ == "__main__":
    typer.run(main)
