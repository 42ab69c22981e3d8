"""Fields and points of anybody scored on one data set, beside those that stay where they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import numpy as np

from dia_pipeline.comparisons.benchmarks import write_pairs
from dia_pipeline.comparisons.scores import CONTROLS, Scores, Unanswered
from dia_pipeline.errors import DiaError, describe
from dia_pipeline.evaluation.answers import find_answer
from dia_pipeline.evaluation.layouts import read_layout
from dia_pipeline.evaluation.scoring import (
    Question,
    distances,
    identity_distances,
    question_of,
    score,
)
from dia_pipeline.io.images import read_image
from dia_pipeline.runs.config import load_config
from dia_pipeline.runs.pair import Pair
from dia_pipeline.store.made import FLOWS, Made


def read_pairs(dataset: Path, layout: str | None, split: str, output: Path) -> list[Pair]:
    """The pairs of a table, or of a benchmark as unpacked: they are listed in OUTPUT/pairs.tsv.

    Raises:
        ConfigError, LayoutError: the data set cannot be used.
    """
    if dataset.is_file():
        return list(load_config({"pairs": str(dataset), "results": str(output)}).pairs)
    rows = read_layout(dataset, layout, output / "derived", split)
    write_pairs(output / "pairs.tsv", rows)
    return [Pair.of_row(row) for row in rows]


def score_fields(pairs: Iterable[Pair], left_out: bool, methods: Mapping[str, Path]) -> Scores:
    """Score what each method, and the control, says of each pair.

    Args:
        left_out: a point that some method does not answer counts for none, in the place of being
            wrong for that one.

    Raises:
        ScoreError: there is no point to count at all.
    """
    scores = Scores({}, [], {})
    size_of = cache(lambda path: read_image(path).shape[:2])  # many pairs may share an image
    for pair in pairs:
        try:
            files = {"a": pair.a, "b_prime": pair.b_prime}
            sizes = {name: size_of(path) for name, path in files.items()}
            question = question_of({**pair.truth, **files}, sizes)
        except (DiaError, OSError) as error:
            scores.failed[pair.name] = describe(error)
            continue
        if question is None:
            scores.failed[pair.name] = "neither keypoints nor a flow of its foreground are known"
            continue
        apart = {
            name: _distances(name, folder, pair.name, question, scores.unanswered)
            for name, folder in methods.items()
        }
        apart[CONTROLS[0]] = identity_distances(question)
        counted = np.asarray(np.isfinite([*apart.values()]).all(axis=0) | (not left_out))
        for name, each in apart.items():
            scores.add(name, pair.name, score(each, question, counted) if counted.any() else {})
    return scores.checked()


def _distances(
    method: str, folder: Path, pair: str, question: Question, unanswered: list[Unanswered]
) -> np.ndarray:
    """The `distances` of a method, all NaN where its answer cannot be used; that is noted."""
    apart = np.full(len(question.points), np.nan)
    reason = "what it gives there is unknown"
    try:
        if path := _answer(folder, pair):
            apart = distances(path, question)
        else:
            reason = "there is no file"
    except (DiaError, OSError) as error:
        reason = describe(error)
    if missing := int(np.isnan(apart).sum()):
        unanswered.append(Unanswered(method, pair, missing, len(apart), reason))
    return apart


def _answer(folder: Path, pair: str) -> Path | None:
    """The file in which a method answers for a pair; that of this program's results is whole."""
    results = folder / pair
    return Made(results).file(FLOWS["a"]) if results.is_dir() else find_answer(folder, pair)
