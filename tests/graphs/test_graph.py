"""The keys of a pair's graph, with images that are known by their names alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dia_pipeline.graphs.pair import PairGraph
from dia_pipeline.graphs.shared import Job, Networks
from dia_pipeline.jobs.batches import Named, made_by
from dia_pipeline.runs.config import Config
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.settings import Settings
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
DRAWN = {"pose", "features_drawn"}
FEATURES = {"features_a", "features_b_prime", *DRAWN}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"a": "x"}, {"features_a", *DRAWN, *LEVELS}),
        ({"b_prime": "x"}, {"features_b_prime", *DRAWN, *LEVELS}),
        ({"weights": "x"}, FEATURES | LEVELS),
        ({"ratio": 0.5}, FEATURES - {"pose"} | LEVELS),
        ({"precision": "float32"}, FEATURES - {"pose"} | LEVELS),
        ({"seed": 1}, DRAWN | LEVELS),
        ({"alphas": (0.9, 0.8, 0.7, 0.1)}, {"level2", "level1", *RESULTS}),
        ({"pose": "mirrored"}, DRAWN | LEVELS),
        ({"pose": "given"}, {"pose", *LEVELS}),
        ({"take": "colours"}, {"results"}),
        ({"backbone": "vgg16"}, set()),
        ({"min_confidence": 0.5}, set()),
        ({"checkpoint": "pair"}, set()),
    ],
)
def test_a_change_reaches_what_is_made_of_it_and_nothing_else(changes, expected):
    assert changed(**changes) == expected


@pytest.mark.parametrize("pose", ["given", "auto"])
def test_the_graph_reads_like_figure_4(pose):
    inputs = {name: set(artefact.inputs) for name, artefact in graph(pose=pose).items()}
    features = FEATURES if pose == "auto" else FEATURES - {"features_drawn"}
    drawn = {"features_drawn": {"pixels", "pose"}}
    assert inputs == {
        "features_a": {"pixels"},
        "features_b_prime": {"pixels"},
        "pose": {"a", "b_prime"},
        **(drawn if pose == "auto" else {}),
        "level5": features,
        **{f"level{level}": {*features, "coarser"} for level in (4, 3, 2, 1)},
        "nnf": {"finest"},
        "results": {"nnf", "a", "b_prime"},
    }


def test_a_matcher_of_images_needs_no_features():
    assert set(graph(matcher="sift", pose="given")) == RESULTS


def test_what_a_matcher_of_images_made_of_a_mirrored_image_is_not_that_of_the_given_one():
    """It was, and a changed pose left the old results."""
    given, mirrored = (keys(matcher="sift", pose=pose) for pose in ("given", "mirrored"))
    assert given["nnf"] != mirrored["nnf"]


@pytest.mark.parametrize("checkpoint", ["level", "pair"])
@pytest.mark.parametrize("settings", [{}, {"finest": 3}, {"matcher": "sift", "pose": "given"}])
def test_every_stage_of_a_pair_makes_something_and_everything_that_is_kept_has_a_stage(
    checkpoint, settings
):
    made = graph(checkpoint=checkpoint, **settings)
    config = Config((Pair("pair", "a", "b"),), settings=settings, checkpoint=checkpoint)
    stages = Plan(config).stages("hierarchical", "0001")
    assert all(made_by(stage, made) for stage in stages)
    kept = [name for name, artefact in made.items() if artefact.stage in stages]
    assert kept == (["nnf", "results"] if checkpoint == "pair" else list(made))
