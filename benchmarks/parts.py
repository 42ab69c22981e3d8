"""What several poses gain where parts stand differently: `python -m benchmarks.parts`.

B' is A after dark, its right half turned by 180 degrees or mirrored in place: the accuracy of the
field in the best pose, in the pose of the rest, and of both together.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import typer

from dia_pipeline.alignment.references import Reference, combine
from dia_pipeline.analogy import match
from dia_pipeline.evaluation.evaluation import THRESHOLDS
from dia_pipeline.networks.network import Network, pick_device
from dia_pipeline.networks.weights import find_weights
from dia_pipeline.pixels import mirror, shrunk
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.samples.styles import night
from dia_pipeline.settings import resolve

from .records import Record, report

TURNS = {"turned by 180": lambda part: np.rot90(part, 2), "mirrored": mirror}

WAYS = ("best_pose_accuracy", "rest_accuracy", "both_accuracy")


def main(
    photographs: str = "chelsea,coffee,motorcycle",
    side: int = 300,
    device: str = "auto",
    record: Record = None,
) -> None:
    """Show the accuracy of each pair."""
    network = Network(find_weights(), pick_device(device))
    settings = resolve({"quality": "draft", "task": "correspondence", "pose": "several"})
    rows = []
    for name, turn in product(photographs.split(","), TURNS):
        a, b_prime, truth = posed(name, turn, side)
        references, fields = [], []
        for rank in (0, 1):
            levels, alignment = match(a, b_prime, network, settings, rank=rank)
            references.append(Reference(alignment, b_prime, levels))
            fields.append(alignment.nnf(alignment.positions(1, levels[1])))
        fields.append(combine(a, references)[2])
        found = [accuracies(field, truth) for field in fields]
        rows.append({"pair": f"{name}, {turn}", **dict(zip(WAYS, found, strict=True))})
    report(rows, record)


def posed(name: str, turn: str, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A, B', and where every pixel of A lies in it."""
    a = shrunk(photograph(name), side)
    half = a.shape[1] // 2
    a = a[:, : 2 * half]
    grid = np.moveaxis(np.indices(a.shape[:2]), 0, -1)
    b_prime = night(np.concatenate([a[:, :half], TURNS[turn](a[:, half:])], axis=1))
    truth = grid.copy()
    truth[:, half:, 1] = 3 * half - 1 - grid[:, half:, 1]
    if turn == "turned by 180":
        truth[:, half:, 0] = len(a) - 1 - grid[:, half:, 0]
    return a, b_prime, truth


def accuracies(field: np.ndarray, truth: np.ndarray) -> list[float]:
    """The shares of pixels within each threshold, the longest side being 100."""
    missed = np.linalg.norm(field - truth, axis=-1) / max(truth.shape[:2]) * 100
    return [float((missed <= threshold).mean()) for threshold in THRESHOLDS]


if __name__ == "__main__":
    typer.run(main)
