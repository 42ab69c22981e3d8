"""What is made of a pair, declared once: the nodes of its graph, from the images to the results.

    a ──────── features_a ─────────┐
                                   ├─ level5 ─ level4 ─ level3 ─ level2 ─ level1 ─ nnf ─ results
    b_prime ── features_b_prime ───┘

Every level is made of the features and of the next coarser level (figure 4 of the paper); the
results of the fields of all levels and the images themselves. `pose` says in which pose B' is
matched; where that is not the given one, `features_drawn` take the place of its features.

`Plan` takes from the nodes which stages a batch has and what decides each, `PairGraph` the
artefacts of a pair.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from dia_pipeline.settings import COARSE, FEATURE_MATCHERS, LEVELS, NO_STEP, Settings, Step

STAGES = ("features", *(f"level{level}" for level in LEVELS), "pair", "aggregate")
"""The stages of pairs, in order. A pair goes through those that make one of its nodes."""


@dataclass(frozen=True)
class Node:
    """Something that is made of a pair, whatever its images are.

    Attributes:
        stage: whose job makes it.
        make: the method of `PairGraph` that makes it.
        inputs: what it is made of, images and nodes, by the names that `make` has for them.
        settings: those that decide it, given its inputs.
        guided: the steps in which `make` follows what is said of the pair.
        needs: what `make` takes in the place of the inputs, if not these.
        kind: what it is, where that is not its name.
        level: its number, if it is one.
        timed: whether it finds fields, so that the seconds of its making are noted.
        kept: whether it lies on the disk, or passes through the memory alone.
    """

    stage: str
    make: str
    inputs: Mapping[str, str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    guided: Step = NO_STEP
    needs: Mapping[str, str] | None = None
    kind: str = ""
    level: int = 0
    timed: bool = False
    kept: bool = True


Nodes = dict[str, Node]
"""The nodes of a pair by name, each after those that it is made of."""


@cache
def nodes_of(settings: Settings, checkpoint: str) -> Nodes:
    """What is made of a pair.

    Args:
        checkpoint: `level` keeps features and every level, `pair` the fields of all levels alone.
    """
    fields = _fields_of_images if settings.matcher not in FEATURE_MATCHERS else _fields
    everything = settings.deciding(Step.RESULTS), ~NO_STEP
    results = Node("aggregate", "aggregate", _same("nnf", "a", "b_prime"), *everything)
    return {**fields(settings, checkpoint), "results": results}


def _fields(settings: Settings, checkpoint: str) -> Nodes:
    """The fields of all levels; those of a pair in one go are decided by the same nodes."""
    features = _features(settings)
    levels = _levels(settings, features)
    finest = {"finest": [*levels][-1]}
    if checkpoint == "level":
        gathered = Node("aggregate", "gather", finest, needs=_same(*levels))
        return {**features, **levels, "nnf": gathered}
    passing = {
        name: replace(node, stage="pair", kept=False)
        for name, node in {**features, **levels}.items()
    }
    images = _same("a", "b_prime")
    matched = Node("pair", "match", finest, guided=~Step.RESULTS, needs=images, timed=True)
    return {**passing, "nnf": matched}


def _features(settings: Settings) -> Nodes:
    """The pose; the features of both images, and of B' in its pose unless that is given."""
    decided = settings.deciding(Step.FEATURES | Step.NETWORK)
    posed = settings.deciding_pose | settings.deciding(Step.NETWORK)

    def extracted(make: str, **inputs: str) -> Node:
        return Node("features", make, inputs, decided, kind="features")

    nodes = {
        "pose": Node("features", "find_pose", _same("a", "b_prime"), posed),
        "features_a": extracted("extract_features", pixels="a"),
        "features_b_prime": extracted("extract_features", pixels="b_prime"),
    }
    if settings.pose != "given":
        nodes["features_drawn"] = extracted("draw_features", pixels="b_prime", pose="pose")
    return nodes


def _levels(settings: Settings, features: Iterable[str]) -> Nodes:
    """The levels, each of the features and of the next coarser level."""
    nodes: Nodes = {}
    coarser: dict[str, str] = {}
    for level in settings.levels:
        name, steps = f"level{level}", _steps(level)
        nodes[name] = Node(
            name,
            "make_level",
            _same(*features) | coarser,
            settings.deciding(steps, level),
            guided=steps,
            level=level,
            timed=True,
        )
        coarser = {"coarser": name}
    return nodes


def _steps(level: int) -> Step:
    """The steps of a level, which ends with the features of the next one."""
    steps = Step.LEVELS | (Step.COARSE_LEVELS if level in COARSE else Step.FINE_LEVELS)
    if level == LEVELS[0]:
        steps |= Step.FIRST_LEVEL
    return steps if level == LEVELS[-1] else steps | Step.RECONSTRUCTION


def _fields_of_images(settings: Settings, checkpoint: str) -> Nodes:
    """The fields of a matcher that works on the images, with no network and at no coarser level."""
    inputs = _same("a", "b_prime", "a_prime", "matcher")
    decided = settings.deciding(Step.LEVELS | Step.FINE_LEVELS | Step.FEATURES)
    drawn = {} if settings.pose == "given" else {"pose": settings.pose}
    return {"nnf": Node("pair", "match_images", inputs, {**decided, **drawn}, timed=True)}


def _same(*names: str) -> dict[str, str]:
    """What `make` calls as it is called in the graph."""
    return dict(zip(names, names, strict=True))
