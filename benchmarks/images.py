"""How good the images are by every setting of `transfer`: `python -m benchmarks.images TABLE`.

TABLE is a table of pairs as config/pairs.tsv is, best with published or true A' and B in its
columns `a_prime` and `b`. Every pair is processed with every variant below and measured; the same
command takes up a run that was ended. The folder of results holds what an ablation leaves.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from dia_pipeline.comparisons.ablation import compare_variants
from dia_pipeline.comparisons.benchmarks import run_benchmark
from dia_pipeline.evaluation.tables import IMAGES
from dia_pipeline.graphs.measuring import read_measures
from dia_pipeline.runs.config import load_config
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.summary import summarise

from .records import Record, report

SCHEDULES = (
    [0, 0, 0, 0],
    [0, 0, 0, 10],
    [0, 0, 10, 10],
    [15, 10, 10, 10],
    [15, 15, 15, 15],
    [25, 25, 25, 50],
)
"""Iterations of the deconvolutions by level, coarse to fine, beside those of `standard`."""

VARIANTS = {
    "transfer": {},
    "voted": {"composition": "voted"},
    "correspondence": {"task": "correspondence"},
    **{f"seed-{seed}": {"seed": seed} for seed in (1, 2)},
    **{f"blend-{blend}": {"blend": blend} for blend in (1, 2, 3)},
    **{"-".join(map(str, ("deconvolution", *each))): {"deconvolution": each} for each in SCHEDULES},
    "patch-5": {"coarse_patch": 5},
    "iterations-20": {"iterations": 20},
    "random-start": {"initial": "random"},
    **{f"octaves-{octaves}": {"octaves": octaves} for octaves in (0, 1)},
    "sigmoid": {"blend_map": "sigmoid"},
}
"""What is compared: the defaults, and each of them changed by itself."""


def main(
    table: Annotated[Path, typer.Argument(help="The pairs.")],
    output: Annotated[Path, typer.Option("--output", "-o")] = Path("results/images"),
    variant: Annotated[list[str] | None, typer.Option(help="Of the variants, only these.")] = None,
    quality: str = "standard",
    record: Record = None,
) -> None:
    """Show the mean of every measure of images for every variant."""
    config = {
        "pairs": str(table),
        "results": str(output),
        "pairs_per_job": 1000,
        "checkpoint": "pair",
        "settings": {"quality": quality},
        "variants": {name: VARIANTS[name] for name in variant or VARIANTS},
    }
    plan = Plan(load_config(config, source=str(table)))
    run_benchmark(plan)
    outcome = summarise(plan, "measure")
    compare_variants(plan, outcome.made)
    report([means(plan, name, outcome.made[name]) for name in plan.variants], record)
    if any(outcome.failed.values()):
        typer.echo("The means leave out the pairs that failed; the same command tries these again.")
        raise typer.Exit(1)


def means(plan: Plan, variant: str, measured: Collection[str]) -> dict[str, Any]:
    """One row: how many pairs were measured, and their means of the measures of images."""
    pairs = [pair for pair in plan.config.pairs if pair.name in measured]
    found = [read_measures(plan.measures(variant, pair)) for pair in pairs]
    names = [column.measure for column in IMAGES]
    known = {name: [each[name] for each in found if name in each] for name in names}
    means = {name: float(np.mean(values)) if values else None for name, values in known.items()}
    changed = ", ".join(f"{name}: {value}" for name, value in VARIANTS[variant].items())
    return {"variant": variant, "changed": changed or "nothing", "pairs": len(pairs), **means}


if __name__ == "__main__":
    typer.run(main)
