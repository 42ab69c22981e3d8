"""Benchmarks: the synthetic one, and published ones, processed and measured in this process."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, product
from pathlib import Path
from typing import Any

import yaml

from dia_pipeline.errors import MALFORMED
from dia_pipeline.graphs.shared import find_backbone
from dia_pipeline.io.cells import cell_of_path, write_cells
from dia_pipeline.io.documents import read_yaml
from dia_pipeline.jobs.batches import run_batch
from dia_pipeline.matchers import find_matcher
from dia_pipeline.runs.begun import begin
from dia_pipeline.runs.config import ConfigError, check_variants
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.rows import FILES, Options
from dia_pipeline.store.state import write_state
from dia_pipeline.text import shortened


def read_variants(path: Path) -> tuple[Options, dict[str, Options]]:
    """The `settings` and the `variants` of a configuration such as config/ablation.yaml.

    Raises:
        ConfigError: the file is not one.
    """
    try:
        content = read_yaml(path)
        variants = {name: options or {} for name, options in content["variants"].items()}
        config = check_variants(content.get("settings") or {}, variants, str(path))
        return config.settings, config.variants
    except (OSError, yaml.YAMLError, *MALFORMED) as error:
        raise ConfigError(
            path,
            f"the variants cannot be read ({shortened(repr(error))})",
            "give YAML with names and settings under `variants`, like config/ablation.yaml",
        ) from error


def run_benchmark(
    plan: Plan,
    measured: bool = True,
    progress: Callable[[str, int, int], None] = lambda stage, done, count: None,
) -> None:
    """Process and measure all pairs in all variants; what is there and valid is not made again.

    Args:
        progress: told the stage that begins, and how many of how many are done.

    Raises:
        SettingsError, MatcherError: a variant has settings that are not possible.
        JobError, OSError: weights, device or disk are at fault.
    """
    jobs = [(variant, batch) for variant in plan.variants for batch in plan.batches]
    for variant, pair in product(plan.variants, plan.config.pairs):
        find_matcher(plan.settings(variant, pair).matcher)
    for backbone in {plan.common.backbone, *chain(*(plan.backbones(*job) for job in jobs))}:
        find_backbone(backbone)[0].write(plan.weights(backbone))
    begin(plan)
    last = ["measure"] if measured else []
    steps = [(stage, *job) for job in jobs for stage in (*plan.stages(*job), *last)]
    for done, (stage, variant, batch) in enumerate(steps):
        progress(f"{variant}: {stage}", done, len(steps))
        run_batch(plan, stage, variant, batch)


def make_synthetic(plan: Plan) -> None:
    """Make the images and the truth of the plan's synthetic benchmark."""
    from dia_pipeline.samples.scenes import make_benchmark  # its libraries take a while to load

    options = plan.config.synthetic or {}
    rows = make_benchmark(options, plan.config.synthetic_folder)
    made = [row["name"] for row in rows]
    write_state(plan.synthetic_receipt, {"options": options, "made": made})


def write_pairs(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows as the table of pairs of a workflow, which can work them as well."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    cells = ([_cell(column, row.get(column, "")) for column in columns] for row in rows)
    write_cells(path, [columns, *cells])


def _cell(column: str, value: Any) -> str:
    """A value as the table of pairs has it."""
    if column in ("a", "b_prime", *FILES):
        return cell_of_path(value)
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list) else str(value)
