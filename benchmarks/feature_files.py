"""What keeping features in float16 saves and changes: `python -m benchmarks.feature_files`.

The demo's pairs are processed with float16 and with float32 features. Shown are the size of what is
kept and how far the results are from those with float32: the A' in grey values of 255, and the
share of the finest field's pixels that point to the same place or within two pixels of it. Another
seed of the random search, with float32, is the measure of what a difference means.
"""

from __future__ import annotations

import csv
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
import typer
from PIL import Image

from dia_pipeline.graphs.shared import find_backbone
from dia_pipeline.jobs.batches import made_by, planned_graph, run_batch
from dia_pipeline.runs.config import Config
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.samples.demo import demo_pairs

from .records import Record, report

RUNS = {
    "float32": {"feature_dtype": "float32"},
    "float16": {"feature_dtype": "float16"},
    "another seed": {"feature_dtype": "float32", "seed": 1},
}
MEGABYTE = 1e6


def main(quality: str = "standard", backbone: str = "vgg16", record: Record = None) -> None:
    """Show sizes and differences."""
    rows = []
    with TemporaryDirectory() as folder, chdir(folder):
        pairs = read_pairs(demo_pairs(Path("demo")))
        plans = []
        for name, own in RUNS.items():
            settings = {"quality": quality, "backbone": backbone, **own}
            config = Config(pairs, results=name, pairs_per_job=len(pairs), settings=settings)
            plans.append(Plan(config))
            work(plans[-1])
        for pair in pairs:
            for plan, name in zip(plans, RUNS, strict=True):
                row = {"pair": pair.name, "features": name}
                rows.append({**row, **sizes(plan, pair), **differences(name, pair)})
    report(rows, record)


def read_pairs(table: Path) -> tuple[Pair, ...]:
    """The pairs of the demo's table."""
    with table.open(newline="") as file:
        return tuple(
            Pair(row["name"], row["a"], row["b_prime"], options(row))
            for row in csv.DictReader(file, delimiter="\t")
        )


def options(row: dict[str, str]) -> dict[str, object]:
    return {"preset": row["preset"], "ratio": float(row["ratio"])}


def work(plan: Plan) -> None:
    """Process all stages in this process."""
    for backbone in plan.backbones("hierarchical", "0001"):
        find_backbone(backbone)[0].write(plan.weights(backbone))
    for stage in plan.stages("hierarchical", "0001"):
        assert not run_batch(plan, stage, "hierarchical", "0001").failed


def sizes(plan: Plan, pair: Pair) -> dict[str, float]:
    """Megabytes of both feature files, of the level files and of the rest."""
    features = [
        each.path for each in made_by("features", planned_graph(plan, "hierarchical", pair))
    ]
    folder = plan.folder("hierarchical", pair)
    levels = list(folder.glob("level*.h5"))
    results = [path for path in folder.iterdir() if path not in levels]
    kinds = {"features_mb": features, "levels_mb": levels, "results_mb": results}
    return {
        kind: sum(path.stat().st_size for path in paths) / MEGABYTE for kind, paths in kinds.items()
    }


def differences(run: str, pair: Pair) -> dict[str, float]:
    """How far the results are from those with float32."""
    images, fields, energies = [], [], []
    for name in ("float32", run):
        folder = Path(name, "hierarchical", pair.name)
        images.append(np.asarray(Image.open(folder / "a_prime.png"), np.float32))
        with h5py.File(folder / "nnf.h5") as file:
            fields.append(file["level1/nnf_ab"][:])
            energies.append(file["level1/energy_ab"][:].mean())
    distance = np.abs(fields[1] - fields[0]).max(-1)
    return {
        "a_prime_differs_grey": float(np.abs(images[1] - images[0]).mean()),
        "energy": float(energies[1]),
        "same_place_share": float((distance == 0).mean()),
        "within_2_px_share": float((distance <= 2).mean()),
    }


if __name__ == "__main__":
    typer.run(main)
