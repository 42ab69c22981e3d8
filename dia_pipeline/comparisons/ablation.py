"""The end of an ablation: all measures in one file, and what they say in tables and figures."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dia_pipeline.evaluation.tables import (
    ACCURACY,
    KEYPOINTS,
    Column,
    Measures,
    Table,
    latex,
    make_tables,
    markdown,
    write_csv,
)
from dia_pipeline.graphs.measuring import read_measures
from dia_pipeline.io.files import replace_file
from dia_pipeline.jobs.batches import planned_graph
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.settings import FEATURE_MATCHERS

if TYPE_CHECKING:
    import numpy as np


def compare_variants(plan: Plan, measured: Mapping[str, Collection[str]]) -> list[Table]:
    """Write tables and figures of what was measured into the folder of results.

    Args:
        measured: the names of the pairs to be compared, by variant.

    Returns:
        The tables; none if nothing was measured.
    """
    pairs = plan.config.pairs
    measured = {
        variant: [
            pair.name for pair in pairs if pair.name in names and not plan.combines(variant, pair)
        ]
        for variant, names in measured.items()
    }
    variants = [variant for variant in plan.variants if measured[variant]]
    if not variants:
        return []
    measures: Measures = {}
    for variant in variants:
        for name, found in _measured(plan, variant, measured[variant]).items():
            for measure, value in found.items():
                measures.setdefault(measure, {}).setdefault(variant, {})[name] = value
    kinds = {pair.name: pair.truth.get("kinds", []) for pair in plan.config.pairs}
    tables = make_tables(measures, bases(plan, variants), kinds)
    write_csv(plan.results / "measures.csv", measures)
    for name, text in (("table.md", markdown(tables)), ("table.tex", latex(tables))):
        with replace_file(plan.results / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    _plot(plan, measures, {variant: measured[variant] for variant in variants})
    return tables


def bases(plan: Plan, variants: Sequence[str]) -> dict[str, str]:
    """What each variant is compared with: the first of its task, and that with the very first."""
    tasks = {variant: plan.task(variant) for variant in variants}
    firsts = {task: variant for variant, task in reversed(tasks.items())}
    return {
        variant: variants[0] if firsts[task] == variant else firsts[task]
        for variant, task in tasks.items()
    }


def _measured(plan: Plan, variant: str, names: Collection[str]) -> dict[str, dict[str, float]]:
    """The measures of those pairs of a variant, by pair."""
    pairs = (pair for pair in plan.config.pairs if pair.name in names)
    return {pair.name: read_measures(plan.measures(variant, pair)) for pair in pairs}


def _plot(plan: Plan, measures: Measures, measured: Mapping[str, Collection[str]]) -> None:
    from dia_pipeline.figures.plots import plot_accuracy, plot_levels, plot_time

    matchers = {each: plan.settings(each, plan.config.pairs[0]).matcher for each in measured}
    columns = _known(ACCURACY, measures) or _known(KEYPOINTS, measures)
    if columns:
        plot_accuracy(plan.results / "accuracy", measures, columns, matchers)
        if "seconds" in measures:
            plot_time(plan.results / "time", measures, columns[-1], matchers)
    if any("_level_" in measure for measure in measures):
        plot_levels(plan.results / "levels", measures, _known(ACCURACY, measures), matchers)
    draw_levels(plan, measured, measures)


def draw_levels(
    plan: Plan, measured: Mapping[str, Collection[str]], measures: Measures
) -> list[Path]:
    """Draw A' level by level of each pair, a row for the first variant of a matcher of features.

    Args:
        measured: the names of the pairs to be drawn, by variant.
        measures: the accuracies of levels that are written beneath, as far as they are known.

    Returns:
        The figures as PNG.
    """
    matchers = {each: plan.settings(each, plan.config.pairs[0]).matcher for each in measured}
    firsts = {matcher: variant for variant, matcher in reversed(matchers.items())}
    compared = [firsts[matcher] for matcher in reversed(FEATURE_MATCHERS) if matcher in firsts]
    figures = []
    for pair in plan.config.pairs:
        both = [variant for variant in compared if pair.name in measured[variant]]
        if both:
            _plot_pair(plan, pair, both, measures)
            figures.append(plan.results / "figures" / f"{pair.name}.png")
    return figures


def _known(columns: Collection[Column], measures: Measures) -> list[Column]:
    return [column for column in columns if column.measure in measures]


def _plot_pair(plan: Plan, pair: Pair, variants: list[str], measures: Measures) -> None:
    """What each level of the variants makes of a pair."""
    from dia_pipeline.alignment.alignment import Alignment
    from dia_pipeline.alignment.pose import Pose
    from dia_pipeline.analogy import aggregate
    from dia_pipeline.figures.plots import plot_pair
    from dia_pipeline.io.images import read_image
    from dia_pipeline.store.packing import unpack_levels

    column = ACCURACY[-1]
    images = read_image(pair.a), read_image(pair.b_prime)
    levels: dict[str, dict[int, np.ndarray]] = {}
    notes = {}
    for variant in variants:
        nnf = planned_graph(plan, variant, pair)["nnf"].ensure()
        settings = plan.settings(variant, pair)
        found, pose = unpack_levels(nnf.arrays), Pose.read(nnf.attributes["pose"])
        for number, level in found.items():
            # Of the others, which only show where the matches lead, everything is taken.
            own = settings if number == min(found) else replace(settings, take="everything")
            result = aggregate(Alignment(*images, pose, own), {number: level})
            levels.setdefault(variant, {})[number] = result.a_prime
        accuracy = {
            level: measures.get(f"{column.measure}_level_{level}", {}).get(variant, {})
            for level in levels[variant]
        }
        notes[variant] = {
            level: f"{column.heading}: {values[pair.name]:.2f}"
            for level, values in accuracy.items()
            if pair.name in values
        }
    plot_pair(plan.results / "figures" / pair.name, *images, levels, notes)
