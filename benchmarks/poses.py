"""What undoing the pose of B' gains: `python -m benchmarks.poses`.

Synthetic pairs in which B' shows A mirrored, turned, scaled or in perspective, in changing styles:
the accuracy of the fields, matched as given and in the pose that is found.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from dia_pipeline.affine import AS_GIVEN
from dia_pipeline.analogy import analogy, pose_of
from dia_pipeline.evaluation.evaluation import THRESHOLDS, measure_pair
from dia_pipeline.evaluation.truth import read_truth
from dia_pipeline.io.images import read_image
from dia_pipeline.networks.network import Network, pick_device
from dia_pipeline.networks.weights import find_weights
from dia_pipeline.samples.scenes import make_benchmark
from dia_pipeline.samples.synthetic import POSES, STYLES, split_name
from dia_pipeline.settings import resolve

from .records import Record, report

UNTOUCHED = {
    "smooth": "bent, not posed",
    "shift": "shifted, not posed",
    "instance": "another instance, not posed",
}
"""Views in the pose of A, which must stay as they are, in words."""

REFLECTION = "reflection"
"""The mirror image of another instance."""

WAYS = ("given", "auto")


class Found(NamedTuple):
    """Of a pair: accuracies (ways, thresholds), whether a pose was undone, the seconds it took."""

    accuracies: list[list[float]]
    undone: bool
    seconds: float


def main(
    photographs: Annotated[str, typer.Option(help="With commas between.")] = (
        "chelsea,china,flower,motorcycle"
    ),
    quality: str = "draft",
    task: str = "correspondence",
    side: int = 300,
    device: str = "auto",
    record: Record = None,
) -> None:
    """Show the accuracy by view."""
    network = Network(find_weights(), pick_device(device))
    views = [*POSES, REFLECTION, *UNTOUCHED]
    names = [
        f"{photograph}-{view}-{STYLES[(2 * row + column) % len(STYLES)]}"
        for row, photograph in enumerate(photographs.split(","))
        for column, view in enumerate(views)
    ]
    found: dict[str, list[Found]] = {view: [] for view in views}
    with TemporaryDirectory() as folder:
        options = {"pairs": tuple(names), "side": side, "seed": 0}
        for row in track(make_benchmark(options, Path(folder)), console=Console(stderr=True)):
            view = split_name(row["name"])[1]
            a, b_prime, truth = read_image(row["a"]), read_image(row["b_prime"]), read_truth(row)
            accuracies = []
            begin = time.perf_counter()
            pose_of(a, b_prime, network, resolve({}))
            seconds = time.perf_counter() - begin
            for pose in WAYS:
                settings = resolve({"quality": quality, "task": task, "pose": pose})
                result = analogy(a, b_prime, network, settings)
                measured = measure_pair(a, b_prime, result.a_prime, result.nnf_ab, truth=truth)
                accuracies.append([measured[f"accuracy_{each}"] for each in THRESHOLDS])
            undone = result.pose.matrix != AS_GIVEN
            found[view].append(Found(accuracies, undone, seconds))
    posed = [each for view in POSES for each in found[view]]
    rows = {**found, "mean of poses": posed}
    report([figures(*each) for each in rows.items()], record)


def figures(view: str, found: list[Found]) -> dict[str, Any]:
    """One row: means over pairs, and the median seconds of finding pose and confidence."""
    means = np.mean([each.accuracies for each in found], axis=0).tolist()
    return {
        "view": described(view),
        **{f"{way}_accuracy": mean for way, mean in zip(WAYS, means, strict=True)},
        "pairs": len(found),
        "undone": sum(each.undone for each in found),
        "pose_s": median(each.seconds for each in found),
    }


def described(view: str) -> str:
    """A view in words."""
    if view == REFLECTION:
        return "another instance, mirrored"
    words = {"turn": "turned by {}", "scale": "scaled by {}", "mirrored": "mirrored"}
    pose = POSES.get(view, {})
    parts = [words.get(part, "in perspective").format(value) for part, value in pose.items()]
    return ", ".join(parts) or UNTOUCHED.get(view, view)


if __name__ == "__main__":
    typer.run(main)
