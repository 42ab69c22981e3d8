"""Whether the confidence parts pairs that match from others: `python -m benchmarks.confidence`.

Every packaged photograph with itself in every style of the synthetic benchmark, as another instance
too; and with every other photograph in a style, which shows something else.
"""

from __future__ import annotations

from itertools import product
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from dia_pipeline.alignment.confidence import compare
from dia_pipeline.alignment.parts import Parts, verdict
from dia_pipeline.networks.network import Network, pick_device
from dia_pipeline.networks.weights import find_weights
from dia_pipeline.pixels import shrunk
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.samples.scenes import another_instance, in_style
from dia_pipeline.samples.synthetic import STYLES, SUBJECTS

from .records import Record, report

PEOPLE = {"astronaut", "hopper"}
"""These two show the same kind of thing, and are no pair of others."""

VERDICTS = ("sound", "doubtful", "hopeless")


def main(
    side: Annotated[int, typer.Option(help="Longest side in pixels.")] = 300,
    backbone: str = "auto",
    device: str = "auto",
    record: Record = None,
) -> None:
    """Show how many pairs of each kind have each verdict."""
    network = Network(find_weights(backbone), pick_device(device), "float32")

    def confidence(a: np.ndarray, b_prime: np.ndarray) -> float:
        return Parts.of(*compare(a, b_prime, network)).confidence

    images = {name: shrunk(photograph(name), side) for name in SUBJECTS}
    random = np.random.default_rng(0)
    found: dict[str, list[float]] = {"the same": [], "another instance": [], "something else": []}
    jobs = list(product(SUBJECTS, SUBJECTS))
    for number, (a, b) in enumerate(track(jobs, console=Console(stderr=True))):
        if a == b:
            for style in STYLES:
                for kind, image in (
                    ("the same", images[a]),
                    ("another instance", another_instance(images[a], random)),
                ):
                    found[kind].append(confidence(images[a], in_style(style, image, 0)))
        elif {a, b} != PEOPLE:
            style = STYLES[number % len(STYLES)]
            b_prime = in_style(style, images[b], 0)
            found["something else"].append(confidence(images[a], b_prime))
    report([figures(*each) for each in found.items()], record)


def figures(kind: str, values: list[float]) -> dict[str, Any]:
    """One row: how many confidences of a kind have each verdict, and their range."""
    verdicts = [verdict(value) for value in values]
    return {
        "b_prime_shows": kind,
        "pairs": len(values),
        **{each: verdicts.count(each) for each in VERDICTS},
        "median_confidence": float(np.median(values)),
        "lowest_confidence": min(values),
        "highest_confidence": max(values),
    }


if __name__ == "__main__":
    typer.run(main)
