"""What is asked of any method about a pair, and how its answer scores; docs/bench.md explains it.

Points are (y, x) in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dia_pipeline.evaluation.answers import AnswerError, read_answer
from dia_pipeline.evaluation.measures import carried
from dia_pipeline.evaluation.truth import read_truth

ALPHAS = (1, 5, 10, 15)
"""Percentages of a side within which a point is correct."""


@dataclass(frozen=True)
class Question:
    """Where do these points of A lie in B'?

    Attributes:
        size, target_size: height and width of A and of B'.
        points, targets: (N, 2) float64, the points of A and the true places in B'.
        box: the longer side of the object's box in B'; None where no keypoints are known.
    """

    size: tuple[int, ...]
    target_size: tuple[int, ...]
    points: np.ndarray
    targets: np.ndarray
    box: float | None


def question_of(row: dict[str, Any], sizes: dict[str, tuple[int, ...]]) -> Question | None:
    """What is asked of a pair: its keypoints; without them the pixels of its foreground.

    Args:
        row, sizes: as `read_truth` takes them; of the truth `keypoints`, `flow_ab` and `mask_a`.

    Returns:
        None where nothing is known, or in no pixel of the foreground.

    Raises:
        TruthError, FlowError, ImageError: as `read_truth`.
    """
    known = ("keypoints",) if row.get("keypoints") else ("flow_ab", "mask_a")
    truth = read_truth({name: row.get(name) for name in ("a", "b_prime", *known)}, sizes)
    size, target_size = sizes["a"], sizes["b_prime"]
    if truth.keypoints:
        about = truth.keypoints
        return Question(size, target_size, about.a, about.b_prime, about.box)
    if truth.flow_ab is None:
        return None
    asked = np.isfinite(truth.flow_ab).all(axis=-1)
    points = np.argwhere(asked if truth.mask_a is None else asked & truth.mask_a).astype(float)
    targets = carried(truth.flow_ab, points)
    return Question(size, target_size, points, targets, None) if len(points) else None


def distances(path: Path, question: Question) -> np.ndarray:
    """How far in pixels each point of an answer lies from its true place.

    Returns:
        (N,) float64, NaN where there is no answer.

    Raises:
        AnswerError: the file does not answer this question.
    """
    answer = read_answer(path)
    if answer.ndim == 3:
        if answer.shape[:2] != question.size:
            (height, width), (h, w) = question.size, answer.shape[:2]
            problem = f"it is {w}x{h}, but A is {width}x{height}"
            raise AnswerError(path, problem, "give the field over A's own pixels")
        found = carried(answer, question.points)
    else:
        if question.box is None:
            raise AnswerError(path, "these are points, but the truth is a flow", "give a field")
        if answer.shape != question.targets.shape:
            problem = f"it has {len(answer)} points, but the pair has {len(question.points)}"
            raise AnswerError(path, problem, "give a point x,y for each, in their order")
        found = answer[:, ::-1]
    return np.hypot(*(found - question.targets).T)


def identity_distances(question: Question) -> np.ndarray:
    """The `distances` of the control: each point stays, in a B' scaled to the size of A."""
    scale = np.divide(question.target_size, question.size)
    return np.hypot(*((question.points + 0.5) * scale - 0.5 - question.targets).T)


def score(apart: np.ndarray, question: Question, counted: np.ndarray) -> dict[str, float]:
    """The measures of an answer by name.

    A point without an answer is wrong, and as far off as the diagonal of B' is long.

    Args:
        apart: (N,) as `distances` gives them.
        counted: (N,) bool, the points that count; at least one.
    """
    apart = apart[counted]
    answered = np.isfinite(apart)
    sides = {"image": max(question.target_size), "box": question.box}
    shares = {
        f"pck_{of}_{alpha}": np.mean(apart <= alpha / 100 * side)
        for of, side in sides.items()
        if side
        for alpha in ALPHAS
    }
    if question.box is None:
        lengths = np.hypot(*(question.targets - question.points)[counted].T)
        shares["outliers"] = np.mean(~((apart <= 3) | (apart <= 0.05 * lengths)))
    error = np.mean(np.where(answered, apart, np.hypot(*question.target_size)))
    found = {**shares, "end_point_error": error, "answered": np.mean(answered)}
    return {name: float(value) for name, value in found.items()} | {"points": len(apart)}
