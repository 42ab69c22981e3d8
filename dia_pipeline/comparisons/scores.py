"""What methods of anybody are scored by: their names, the measures of each pair, the tables."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dia_pipeline.errors import DiaError
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
from dia_pipeline.io.files import PLANS, check_folder, write_file

if TYPE_CHECKING:
    from dia_pipeline.networks.network import Network

CONTROLS = ("identity", "copy")
"""What every table has beside the methods. `identity` leaves each point where it is, in a B' scaled
to the size of A; of pictures its A' is A. Of these alone, `copy` takes that B' for A'."""


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

    def add(self, method: str, pair: str, found: Mapping[str, float]) -> None:
        """Add measures of a pair."""
        for measure, value in found.items():
            self.measures.setdefault(measure, {}).setdefault(method, {})[pair] = value

    def checked(self) -> Scores:
        """These, if there are any.

        Raises:
            ScoreError: nothing was measured.
        """
        if not self.measures:
            reasons = *self.failed.values(), "some method is without an answer everywhere"
            raise ScoreError("", f"nothing can be scored: {reasons[0]}")
        return self


def check_free(output: Path) -> None:
    """Make sure that tables can be written into a folder.

    Raises:
        ScoreError: a run has written those of its own, of the same names.
        FolderError: it cannot be written to.
    """
    check_folder(output)
    if (output / PLANS).exists():
        raise ScoreError(output, "it holds the results of a run", "name another folder")


def methods_in(
    folders: Sequence[Path], pairs: Sequence[str], suffixes: Sequence[str]
) -> dict[str, Path]:
    """The folders of methods by name: their own, or where two have the same, what differs.

    Args:
        pairs: the names of the pairs.
        suffixes: of the files that answer, the usual one first.

    Raises:
        ScoreError: one is no folder, answers no pair, or has the name of a control; or there are
            no pairs.
    """
    if not pairs:
        raise ScoreError("", "there is nothing in the data set", "give a table with a row at least")
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


def _check_answers(folder: Path, pairs: Sequence[str], suffixes: Sequence[str]) -> None:
    if not folder.is_dir():
        raise ScoreError(folder, "there is no such folder", "name the folder of a method")
    known = {f"{pair}{suffix}" for pair in pairs for suffix in ("", *suffixes)}
    if not any(each.name in known for each in folder.iterdir()):
        raise ScoreError(
            folder,
            "nothing in it has the name of a pair",
            f"the first would be {pairs[0]}{suffixes[0]}; of this program's results name "
            "those of a variant",
        )


def load_network() -> Network:
    """The network that looks at A': VGG-16, whatever else is there, so that figures compare.

    Raises:
        WeightsError: its weights are not there and cannot be fetched.
    """
    from dia_pipeline.networks.network import Network  # torch takes a while to load
    from dia_pipeline.networks.weights import find_weights

    return Network(find_weights("vgg16"), "cpu", "float32")


def file_of(folder: Path, name: str, suffixes: Sequence[str]) -> Path:
    """The file of a method for a pair or video: of several suffixes the first one counts.

    Where there is none it is that of the usual one, of which a reader says that it is missing.
    """
    paths = [folder / f"{name}{suffix}" for suffix in suffixes]
    return next((path for path in paths if path.is_file()), paths[0])


def write_all(output: Path, scores: Scores, kinds: Mapping[str, list[str]]) -> list[Table]:
    """Write tables, and all in full; return the tables of means.

    Args:
        kinds: what each pair is counted among.
    """
    base = next(iter(next(iter(scores.measures.values()))))
    tables = score_tables if "points" in scores.measures else picture_tables
    means, rest = tables(scores.measures, base, kinds)
    write_scores(output / "scores.csv", scores.measures)
    write_csv(output / "measures.csv", scores.measures)
    write_unanswered(output / "unanswered.csv", map(astuple, scores.unanswered))
    for name, text in (("table.md", markdown), ("table.tex", latex)):
        write_file(output / name, text([*means, *rest]).encode())
    return means
