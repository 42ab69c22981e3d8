"""Methods of anybody scored on one data set, beside a control: every point stays where it is."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from dia_pipeline.comparisons.benchmarks import write_pairs
from dia_pipeline.errors import DiaError, describe
from dia_pipeline.evaluation.answers import READERS, find_answer
from dia_pipeline.evaluation.layouts import read_layout
from dia_pipeline.evaluation.scoring import (
    Question,
    distances,
    identity_distances,
    question_of,
    score,
)
from dia_pipeline.evaluation.tables import (
    Measures,
    Table,
    latex,
    markdown,
    score_tables,
    write_csv,
    write_scores,
    write_unanswered,
)
from dia_pipeline.io.files import PLANS, write_file
from dia_pipeline.io.images import read_image
from dia_pipeline.runs.config import load_config
from dia_pipeline.runs.pair import Pair
from dia_pipeline.store.made import FLOWS, Made

CONTROL = "identity"
"""The method that every table has: each point stays, in a B' scaled to the size of A."""


class ScoreError(DiaError):
    """Methods cannot be scored; the message says why."""


@dataclass(frozen=True)
class Unanswered:
    """Points of a pair, of how many, for which a method has no answer, and why."""

    method: str
    pair: str
    points: int
    of: int
    reason: str


@dataclass(frozen=True)
class Scores:
    """What was measured, by measure, method and pair.

    Attributes:
        unanswered: what methods do not answer.
        failed: pairs that are scored for no method, because of what is known of them.
    """

    measures: Measures
    unanswered: list[Unanswered]
    failed: dict[str, str]


def read_pairs(dataset: Path, layout: str | None, split: str, output: Path) -> list[Pair]:
    """The pairs of a table, or of a benchmark as unpacked: they are listed in OUTPUT/pairs.tsv.

    Raises:
        ConfigError, LayoutError: the data set cannot be used.
        ScoreError: there are results of a run in the folder, whose tables have the same names.
    """
    if (output / PLANS).exists():
        raise ScoreError(output, "it holds the results of a run", "name another folder")
    if dataset.is_file():
        return list(load_config({"pairs": str(dataset), "results": str(output)}).pairs)
    rows = read_layout(dataset, layout, output / "derived", split)
    write_pairs(output / "pairs.tsv", rows)
    return [Pair.of_row(row) for row in rows]


def methods_in(folders: Sequence[Path], pairs: Sequence[Pair]) -> dict[str, Path]:
    """The folders of methods by name: their own, or where two have the same, what differs.

    Raises:
        ScoreError: one is no folder, answers no pair, or has the name of the control.
    """
    real = [folder.resolve() for folder in folders]
    common = os.path.commonpath(real) if real else ""
    shared = {name for name, count in Counter(path.name for path in real).items() if count > 1}
    found: dict[str, Path] = {}
    for folder, path in zip(folders, real, strict=True):
        if real.count(path) > 1:
            raise ScoreError(folder, "this method is given twice", "give it once")
        name = os.path.relpath(path, common) if path.name in shared else path.name
        if name == CONTROL:
            raise ScoreError(folder, "the control has this name", "name the folder otherwise")
        _check_answers(folder, pairs)
        found[name] = folder
    return found


def _check_answers(folder: Path, pairs: Sequence[Pair]) -> None:
    if not folder.is_dir():
        raise ScoreError(folder, "there is no such folder", "name the folder of a method")
    known = {f"{pair.name}{suffix}" for pair in pairs for suffix in ("", *READERS)}
    if not any(each.name in known for each in folder.iterdir()):
        raise ScoreError(
            folder,
            "nothing in it has the name of a pair",
            f"the first would be {pairs[0].name}.flo; of this program's results name those of a "
            "variant",
        )


def score_methods(
    pairs: Iterable[Pair], methods: Mapping[str, Path], left_out: bool = False
) -> Scores:
    """Score what each method, and the control, says of each pair.

    Args:
        left_out: a point that some method does not answer counts for none, in the place of being
            wrong for that one.

    Raises:
        ScoreError: there is no point to count.
    """
    scores = Scores({}, [], {})
    for pair in pairs:
        try:
            question = _question(pair)
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
        apart[CONTROL] = identity_distances(question)
        counted = np.isfinite([*apart.values()]).all(axis=0) | (not left_out)
        for name, each in apart.items():
            for measure, value in (score(each[counted], question) if counted.any() else {}).items():
                scores.measures.setdefault(measure, {}).setdefault(name, {})[pair.name] = value
    if not scores.measures:
        reasons = [*scores.failed.values()] or ["some method is without an answer everywhere"]
        raise ScoreError("", f"there is no point to count: {reasons[0]}")
    return scores


def _question(pair: Pair) -> Question | None:
    files = {"a": pair.a, "b_prime": pair.b_prime}
    sizes = {name: _size(path) for name, path in files.items()}
    return question_of({**pair.truth, **files}, sizes)


@lru_cache(maxsize=10_000)
def _size(path: str) -> tuple[int, ...]:
    """Height and width of an image, which many pairs may share."""
    return read_image(path).shape[:2]


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


def write_all(output: Path, scores: Scores, pairs: Iterable[Pair]) -> list[Table]:
    """Write tables and figures in full; return the tables of means."""
    base = next(iter(scores.measures["points"]))
    kinds = {pair.name: pair.truth.get("kinds", []) for pair in pairs}
    means, rest = score_tables(scores.measures, base, kinds)
    write_scores(output / "scores.csv", scores.measures)
    write_csv(output / "measures.csv", scores.measures)
    write_unanswered(output / "unanswered.csv", map(astuple, scores.unanswered))
    for name, text in (("table.md", markdown), ("table.tex", latex)):
        write_file(output / name, text([*means, *rest]).encode())
    return means
