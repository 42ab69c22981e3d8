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
from dia_pipeline.evaluation.evaluation import measure_picture
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
    picture_tables,
    score_tables,
    write_csv,
    write_scores,
    write_unanswered,
)
from dia_pipeline.evaluation.truth import read_truth
from dia_pipeline.io.files import PLANS, write_file
from dia_pipeline.io.images import read_image
from dia_pipeline.pixels import resize_image
from dia_pipeline.runs.config import load_config
from dia_pipeline.runs.pair import Pair
from dia_pipeline.store.made import FLOWS, Made

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
"""The suffixes of pictures; of several the first counts."""

CONTROLS = ("identity", "copy")
"""The methods that need no other: each point stays, in a B' scaled to the size of A, or A' is A;
and of pictures, A' is that B'."""


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
        failed: pairs that are scored for no method, and why.
    """

    measures: Measures
    unanswered: list[Unanswered]
    failed: dict[str, str]

    def add(self, method: str, pair: Pair, found: Mapping[str, float]) -> None:
        """Add measures of a pair."""
        for measure, value in found.items():
            self.measures.setdefault(measure, {}).setdefault(method, {})[pair.name] = value


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


def methods_in(
    folders: Sequence[Path], pairs: Sequence[Pair], suffixes: Sequence[str] = tuple(READERS)
) -> dict[str, Path]:
    """The folders of methods by name: their own, or where two have the same, what differs.

    Args:
        suffixes: of the files that answer, the usual one first.

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
        if name in CONTROLS:
            raise ScoreError(folder, "a control has this name", "name the folder otherwise")
        _check_answers(folder, pairs, suffixes)
        found[name] = folder
    return found


def _check_answers(folder: Path, pairs: Sequence[Pair], suffixes: Sequence[str]) -> None:
    if not folder.is_dir():
        raise ScoreError(folder, "there is no such folder", "name the folder of a method")
    known = {f"{pair.name}{suffix}" for pair in pairs for suffix in ("", *suffixes)}
    if not any(each.name in known for each in folder.iterdir()):
        raise ScoreError(
            folder,
            "nothing in it has the name of a pair",
            f"the first would be {pairs[0].name}{suffixes[0]}; of this program's results name "
            "those of a variant",
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
        apart[CONTROLS[0]] = identity_distances(question)
        counted = np.isfinite([*apart.values()]).all(axis=0) | (not left_out)
        for name, each in apart.items():
            scores.add(name, pair, score(each[counted], question) if counted.any() else {})
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


def score_pictures(pairs: Iterable[Pair], methods: Mapping[str, Path]) -> Scores:
    """Measure the A' of each method, and of the controls, for the pairs that all methods have.

    Raises:
        ScoreError: there is none.
    """
    from dia_pipeline.algorithm.nnf import identity  # torch takes a while to load

    scores = Scores({}, [], {})
    for pair in pairs:
        try:
            a, b_prime = read_image(pair.a), read_image(pair.b_prime)
            sizes = {"a": a.shape[:2], "b_prime": b_prime.shape[:2]}
            true = read_truth({"a": pair.a, "a_prime": pair.a_prime}, sizes).a_prime
            made = {name: _picture(folder, pair.name, sizes) for name, folder in methods.items()}
        except (DiaError, OSError) as error:
            scores.failed[pair.name] = describe(error)
            continue
        controls = (a, resize_image(b_prime, sizes["a"]))
        unmoved = identity(sizes["a"], sizes["b_prime"]).numpy()
        made |= {name: (each, unmoved) for name, each in zip(CONTROLS, controls, strict=True)}
        for name, (picture, nnf) in made.items():
            scores.add(name, pair, measure_picture(a, b_prime, picture, nnf, true))
    if not scores.measures:
        raise ScoreError("", f"no pair can be scored: {next(iter(scores.failed.values()))}")
    return scores


def _picture(
    folder: Path, pair: str, sizes: Mapping[str, tuple[int, ...]]
) -> tuple[np.ndarray, np.ndarray | None]:
    """The A' of a method, of the size of A, and the field it was made by, if that is known."""
    results = folder / pair
    nnf = None
    if results.is_dir():
        made = Made(results)
        path = made.file("a_prime.png")
        nnf = made.field("a") if FLOWS["a"] in made.provenance["outputs"] else None
    else:
        paths = (folder / f"{pair}{suffix}" for suffix in PICTURES)
        path = next((path for path in paths if path.is_file()), folder / f"{pair}{PICTURES[0]}")
    picture = read_image(path)
    if picture.shape[:2] != sizes["a"]:
        (height, width), (h, w) = sizes["a"], picture.shape[:2]
        raise ScoreError(path, f"it is {w}x{h}, but A is {width}x{height}", "give it as large as A")
    return picture, nnf


def write_all(output: Path, scores: Scores, pairs: Iterable[Pair]) -> list[Table]:
    """Write tables and figures in full; return the tables of means."""
    base = next(iter(next(iter(scores.measures.values()))))
    kinds = {pair.name: pair.truth.get("kinds", []) for pair in pairs}
    tables = score_tables if "points" in scores.measures else picture_tables
    means, rest = tables(scores.measures, base, kinds)
    write_scores(output / "scores.csv", scores.measures)
    write_csv(output / "measures.csv", scores.measures)
    write_unanswered(output / "unanswered.csv", map(astuple, scores.unanswered))
    for name, text in (("table.md", markdown), ("table.tex", latex)):
        write_file(output / name, text([*means, *rest]).encode())
    return means
