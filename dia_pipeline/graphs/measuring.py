"""The measures of what a run made of a pair, filed beside it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dia_pipeline.graphs.shared import Job, pose_in
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.rows import FILES
from dia_pipeline.settings import Settings, Step
from dia_pipeline.store.artefacts import Artefact, ArtefactError, File, Graph
from dia_pipeline.store.provenance import Backbone
from dia_pipeline.store.state import read_state, write_state
from dia_pipeline.store.times import Times

if TYPE_CHECKING:
    from dia_pipeline.io.images import Picture
    from dia_pipeline.networks.network import Network
    from dia_pipeline.store.arrays import Content

FORMAT = 3
"""Raised whenever the same results come to measure otherwise: all are then measured anew."""


class Measures(Artefact):
    """The measures of a pair by name, as JSON."""

    def read(self) -> dict[str, float]:
        key, measures = read_state(self.path, lambda found: (found["key"], found["measures"]))
        if key != self.key:
            raise ArtefactError(self.path, ArtefactError.OUTDATED)
        return measures

    def write(self, value: dict[str, float]) -> dict[str, float]:
        write_state(self.path, {"key": self.key, "measures": value})
        return value


def measures_of(
    plan: Plan, variant: str, pair: Pair, graph: Graph, times: Times, job: Job
) -> Measures:
    """The measures of a pair, of which all variants' are taken with the same network.

    Their making raises TruthError, FlowError, ImageError if what is known of the pair cannot be
    used.
    """
    settings = plan.settings(variant, pair)
    common = Backbone.read(plan.weights(plan.common.backbone))
    results = graph["results"]
    known = {name: value for name, value in pair.truth.items() if name not in FILES}
    files = {name: File(value) for name, value in pair.truth.items() if name in FILES}
    return Measures(
        plan.measures(variant, pair),
        stage="measure",
        name="measures",
        settings={
            **settings.deciding(Step.RESULTS),
            "format": FORMAT,
            "known": known,
            "backbone": asdict(common),
        },
        inputs={**results.inputs, **{f"true_{name}": file for name, file in files.items()}},
        make=partial(
            _measure,
            pair,
            settings,
            list(files.values()),
            network=lambda: job.networks.get(common, "float32", "cpu"),  # no GPU was asked for
            seconds=lambda: seconds_taken(graph, times),
        ),
        needs=results.inputs,
    )


def read_measures(path: Path) -> dict[str, float]:
    """The measures of a pair by name, whatever they are made of.

    Raises:
        ArtefactError: there are none, or they are damaged.
    """
    return read_state(
        path,
        lambda found: {name: float(value) for name, value in found["measures"].items()},
    )


def _measure(
    pair: Pair,
    settings: Settings,
    files: list[File],
    network: Callable[[], Network],
    seconds: Callable[[], float | None],
    nnf: Content,
    a: Picture,
    b_prime: Picture,
) -> dict[str, float]:
    from dia_pipeline.alignment.alignment import Alignment
    from dia_pipeline.analogy import aggregate
    from dia_pipeline.evaluation.evaluation import measure_pair
    from dia_pipeline.evaluation.truth import read_truth
    from dia_pipeline.store.packing import unpack_levels

    images = a.pixels, b_prime.pixels
    sizes = {"a": a.pixels.shape[:2], "b_prime": b_prime.pixels.shape[:2]}
    with ExitStack() as steady:
        for file in files:
            steady.enter_context(file.steady())
        truth = read_truth(pair.truth, sizes)
    levels = unpack_levels(nnf.arrays)
    alignment = Alignment(*images, pose_in(nnf), settings)
    finest = aggregate(alignment, levels)
    fields = {
        number: alignment.nnf(alignment.positions(number, level))
        for number, level in levels.items()
        if number != min(levels)
    }
    return measure_pair(
        *images,
        finest.a_prime,
        finest.nnf_ab,
        finest.nnf_ba,
        b=finest.b,
        truth=truth,
        levels={**fields, min(levels): finest.nnf_ab},
        seconds=seconds(),
        network=network(),
        canvas=alignment.canvas,
        confidence=alignment.pose.confidence,
    )


def seconds_taken(graph: Graph, times: Times) -> float | None:
    """What finding the fields took; None if any of it was not noted."""
    levels = [artefact for name, artefact in graph.items() if name.startswith("level")]
    return times.of_fields([graph["nnf"].key], (level.key for level in levels))
