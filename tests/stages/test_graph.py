"""The keys of a pair's graph, with images that are known by their names alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dia_pipeline.runs.config import Pair
from dia_pipeline.settings import Settings
from dia_pipeline.stages.batches import Named
from dia_pipeline.stages.jobs import Job, Networks
from dia_pipeline.stages.pairs import PairGraph
from dia_pipeline.store.artefacts import Graph
from dia_pipeline.store.provenance import Backbone

WEIGHTS = Backbone("vgg16", "weights", "", "")


def graph(
    a: str = "a",
    b_prime: str = "b",
    weights: str = "weights",
    checkpoint: str = "level",
    **settings,
) -> Graph:
    job = Job(Networks(), lambda key: Path(key), checkpoint)
    pair, backbone = Pair("pair", a, b_prime), replace(WEIGHTS, digest=weights)
    chosen = replace(Settings(), **settings)
    return PairGraph(pair, chosen, backbone, Path("pair"), job, image=Named).artefacts


def keys(**changes) -> dict[str, str]:
    return {name: artefact.key for name, artefact in graph(**changes).items()}


def changed(**changes) -> set[str]:
    before, after = keys(), keys(**changes)
    return {name for name in after if after[name] != before.get(name)}


RESULTS = {"nnf", "results"}
LEVELS = {f"level{level}" for level in range(1, 6)} | RESULTS
FEATURES = {"features_a", "features_b_prime"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"a": "x"}, {"features_a", *LEVELS}),
        ({"b_prime": "x"}, {"features_b_prime", *LEVELS}),
        ({"weights": "x"}, FEATURES | LEVELS),
        ({"ratio": 0.5}, FEATURES | LEVELS),
        ({"seed": 1}, LEVELS),
        ({"alphas": (0.9, 0.8, 0.7, 0.1)}, {"level2", "level1", *RESULTS}),
        ({"orientation": "mirrored"}, {"features_mirrored", *LEVELS}),
        ({"orientation": "auto"}, {"features_mirrored", *LEVELS}),
        ({"take": "colours"}, {"results"}),
        ({"backbone": "vgg16"}, set()),
        ({"checkpoint": "pair"}, set()),
    ],
)
def test_a_change_reaches_what_is_made_of_it_and_nothing_else(changes, expected):
    assert changed(**changes) == expected


def test_the_graph_reads_like_figure_4():
    inputs = {name: set(artefact.inputs) for name, artefact in graph().items()}
    assert inputs == {
        "features_a": {"pixels"},
        "features_b_prime": {"pixels"},
        "level5": FEATURES,
        **{f"level{level}": {*FEATURES, "coarser"} for level in (4, 3, 2, 1)},
        "nnf": {"finest"},
        "results": {"nnf", "a", "b_prime"},
    }


def test_a_matcher_of_images_needs_no_features():
    assert set(graph(matcher="sift")) == RESULTS
