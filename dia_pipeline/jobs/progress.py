"""How long what is made of a sequence takes, told beforehand."""

from __future__ import annotations

import math
from functools import cache, partial
from typing import TYPE_CHECKING

from dia_pipeline.graphs.preparing import PREPARE
from dia_pipeline.graphs.video import VIDEO
from dia_pipeline.io.images import image_size
from dia_pipeline.machine.effort import (
    COMPOSE,
    FEATURES,
    Efforts,
    compose_effort,
    features_effort,
    level_efforts,
    pose_effort,
)
from dia_pipeline.temporal.propagation import fewer_iterations

if TYPE_CHECKING:
    from dia_pipeline.graphs.sequence import SequenceGraph

Shape = tuple[int, ...]
"""Height and width in pixels."""

READING = 1e-7
"""Seconds a pixel of a frame that is prepared."""

COMPARING = 0.7
"""Seconds in which it is told how sure it is that two images match."""

SHOWING = 1.5e-6
"""Seconds a pixel of a frame that is measured and shown in the video."""


def sequence_efforts(graph: SequenceGraph) -> Efforts:
    """The seconds that what is made of a sequence is expected to take.

    Returns:
        By level and step, whose name is that of the step in `SequenceGraph.numbered` and its own:
        `match: 3 of 24, reconstruct`. Nothing where the size of an image is not known.
    """
    sequence = graph.sequence
    fixed = {path: image_size(path) for path in graph.fixed}
    if not all((*graph.size, *(side for size in fixed.values() for side in size))):
        return {}
    found = {}
    efforts = cache(partial(_efforts, graph))  # thousands of frames are of few kinds
    for name, artefact in graph.numbered.items():
        chunk = sequence.chunks.get(artefact.chunk)
        shapes = graph.size, fixed[graph.fixed_path(chunk) if chunk else next(iter(fixed))]
        a, b_prime = shapes if sequence.content_moves else shapes[::-1]
        known = frozenset(artefact.inputs).intersection(("before", "pose"))
        for (level, step), effort in efforts(artefact.name, known, a, b_prime).items():
            found[level, f"{name}, {step}"] = effort
    return found


def _efforts(
    graph: SequenceGraph, name: str, known: frozenset[str], a: Shape, b_prime: Shape
) -> Efforts:
    """The seconds of the steps of an artefact.

    Args:
        known: `before` where it goes on from the frame before, `pose` where that is found already.
    """
    count, settings = len(graph.sequence.frames), graph.settings
    if name == "prepared":
        return {(0, PREPARE): READING * count * math.prod(graph.size)}
    if name == "pose":
        return {(0, PREPARE): COMPARING + (0.0 if known else pose_effort(settings))}
    if name == "fields":
        used = fewer_iterations(settings) if "before" in known else settings
        features = {(0, FEATURES): features_effort(graph.size, settings)}
        return features | level_efforts(a, b_prime, used)
    if name == "frame":
        return {(0, COMPOSE): compose_effort(a, settings)}
    return {(0, VIDEO): SHOWING * count * math.prod(a)}
