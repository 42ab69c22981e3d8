"""Where everything that a run makes lies."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from dia_pipeline.errors import DiaError
from dia_pipeline.io.files import PAGE, PLANS
from dia_pipeline.runs.config import Config
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.sequence import Sequence

SUFFIXES = {"receipts": "json", "logs": "log"}
"""The files of a job by kind."""

FOLDERS = (
    *("features", "figures", "gallery", "logs", PLANS, "receipts", "synthetic"),
    *("times", "weights"),
)
"""The folders in a folder of results, beside those of the variants."""


class PlanError(DiaError):
    """The plan of a run cannot be used; the message says which and what to do."""


@dataclass(frozen=True)
class Places:
    """The files and folders of a run, by its configuration."""

    config: Config

    @property
    def variants(self) -> tuple[str, ...]:
        return tuple(self.config.variants)

    @cached_property
    def results(self) -> Path:
        """The folder of everything that is made."""
        return Path(self.config.results)

    def job_file(self, kind: str, stage: str, variant: str, *names: str) -> Path:
        """A file of a job: its receipt (`receipts`) or its log (`logs`).

        Args:
            names: of the batch; or of the sequence and, of its chunk or `WHOLE`.
        """
        folder = self._folder(kind, stage, variant)
        return folder.joinpath(*names[:-1], f"{names[-1]}.{SUFFIXES[kind]}")

    @cached_property
    def _folder(self) -> Callable[..., Path]:
        """A folder of the results, of which many jobs have a file."""
        return cache(self.results.joinpath)

    @property
    def synthetic_receipt(self) -> Path:
        """What says that the synthetic benchmark is made."""
        return self.results / "receipts" / "synthetic.json"

    def weights(self, backbone: str) -> Path:
        """The record of which weights a backbone stands for in this run."""
        return self.results / "weights" / f"{backbone}.json"

    def features(self, key: str) -> Path:
        """The features of one image, shared by all pairs and variants that use it."""
        return self.results / "features" / f"{key}.h5"

    def folder(self, variant: str, pair: Pair | Sequence) -> Path:
        """The results of one pair or sequence."""
        return self.results / variant / pair.name

    def measures(self, variant: str, pair: Pair) -> Path:
        """The measures of a pair's results."""
        return self.folder(variant, pair) / "measures.json"

    def times(self, variant: str, pair: Pair) -> Path:
        """The seconds that making the fields of a pair took."""
        return self.results / "times" / variant / f"{pair.name}.json"

    @property
    def lock(self) -> Path:
        """What a run holds while it is at work."""
        return self.results / ".lock"

    @property
    def failures(self) -> Path:
        """The table of what had failed at the end of the latest run, if anything had."""
        return self.results / "failures.tsv"

    @property
    def gallery(self) -> Path:
        """The first page of what was made, to look at."""
        return self.results / PAGE

    @property
    def summary(self) -> Path:
        return self.results / "summary.json"

    @property
    def comparison(self) -> Path:
        return self.results / "comparison.json"


def check_apart(first: Places, second: Places) -> None:
    """Make sure that the runs of two plans do not write over each other's results.

    Raises:
        PlanError: they would, however their folders are spelt.
    """
    own, other = (Path(os.path.realpath(plan.results)) for plan in (first, second))
    if own == other or _within(own, other, second) or _within(other, own, first):
        raise PlanError(
            second.results,
            f"these results would be mixed with those in {first.results}",
            "give one of the two configurations a folder `results` of its own",
        )


def _within(inner: Path, outer: Path, plan: Places) -> bool:
    """Whether a folder is, or lies in, one that a plan writes to in its results `outer`."""
    own = {*FOLDERS, *plan.variants}
    return inner.is_relative_to(outer) and inner.relative_to(outer).parts[0] in own
