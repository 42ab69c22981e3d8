"""What exact search is worth: `python -m benchmarks.search`.

Pairs whose true correspondence is known: a window of a packaged photograph, and the same window
bent by a smooth warp, by day and by night, or seen shifted. For each search it shows how many
matches lie within 1, 2 and 5 pixels of the truth, the energies of the coarsest and the finest
level, and the seconds of matching, after one pair that is not timed. Means over the pairs and both
looks.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import typer

from dia_pipeline import analogy as algorithm
from dia_pipeline.networks.network import Network, pick_device
from dia_pipeline.networks.weights import find_weights
from dia_pipeline.pixels import resize_image
from dia_pipeline.samples.photographs import photograph, warped
from dia_pipeline.samples.styles import night
from dia_pipeline.settings import resolve

from .pair import Clock
from .records import Record, report

HEIGHT, WIDTH = 160, 176
GRID = np.stack(np.mgrid[:HEIGHT, :WIDTH], axis=-1).astype(float)
PHOTOGRAPHS = ("chelsea", "astronaut", "coffee", "motorcycle")
DISTANCES = (1, 2, 5)
COLUMNS = (
    *(f"within_{distance}_px_share" for distance in DISTANCES),
    *("L5_energy", "L1_energy", "matching_s"),
)


def main(
    search: Annotated[list[str], typer.Option(help="Searches to compare.")] = ("patchmatch",),
    task: str = "correspondence",
    quality: str = "draft",
    device: str = "auto",
    record: Record = None,
) -> None:
    """Show accuracy, energies and time of each search."""
    options = {"task": task, "quality": quality}
    settings = {name: resolve({**options, "search": name}) for name in search}
    backbone = find_weights(next(iter(settings.values())).backbone)
    network = Network(backbone, pick_device(device), "auto")
    measure(*known_pairs()["shift"][0], network, settings[search[0]])  # compiles the kernels
    rows = []
    for kind, pairs in known_pairs().items():
        for name in search:
            figures = [measure(*pair, network, settings[name]) for pair in pairs]
            means = np.mean(figures, axis=0).tolist()
            rows.append({"pair": kind, "search": name, **dict(zip(COLUMNS, means, strict=True))})
    report(rows, record)


def known_pairs() -> dict[str, list[tuple]]:
    """By kind, pairs A and B' with the true position in A of every pixel of B'."""
    pairs = {"warp": [], "warp by night": [], "shift": []}
    for seed, name in enumerate(PHOTOGRAPHS):
        image = resize_image(photograph(name), (200, 300))
        a = window(image, 20, 20)
        bent, displacement = warped(a, amount=6, seed=seed)
        pairs["warp"].append((a, bent, GRID + displacement))
        pairs["warp by night"].append((a, night(bent), GRID + displacement))
        pairs["shift"].append((a, window(image, 13, 32), np.add(GRID, (-7, 12))))
    return pairs


def window(image: np.ndarray, y: int, x: int) -> np.ndarray:
    """What a pair shows of a photograph."""
    return np.ascontiguousarray(image[y : y + HEIGHT, x : x + WIDTH])


def measure(a, b_prime, truth, network, settings) -> list[float]:
    """Shares of the field within DISTANCES of the truth, energies, and seconds of matching."""
    clock = Clock()
    clock.wait_for(network)
    levels, alignment = algorithm.match(
        a, b_prime, network, settings, lambda level, step, share: share or clock.begin(step)
    )
    clock.begin("aggregate")
    result = algorithm.aggregate(alignment, levels)
    inside = ((truth >= 0) & (truth <= (HEIGHT - 1, WIDTH - 1))).all(axis=-1)
    distance = np.linalg.norm(result.nnf_ba - truth, axis=-1)[inside]
    energies = (result.levels[level].energy_ba.mean().item() for level in (5, 1))
    return [*((distance <= d).mean() for d in DISTANCES), *energies, clock.seconds["match"]]


if __name__ == "__main__":
    typer.run(main)
