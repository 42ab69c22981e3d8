"""The plan of a run: what a job works, what decides it, and where everything lies.

A plan is nothing but a valid configuration, frozen in a file that is named by its digest: jobs
that are already running keep theirs when somebody edits the configuration.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

from dia_pipeline.errors import DiaError
from dia_pipeline.io.files import PLANS, digest_of
from dia_pipeline.io.reading import open_regular
from dia_pipeline.matchers import find_matcher
from dia_pipeline.runs.config import Config, Pair, merge, pair_settings
from dia_pipeline.runs.sequences import Sequence
from dia_pipeline.settings import STAGES, Settings, resolve
from dia_pipeline.store.artefacts import ArtefactError, digest
from dia_pipeline.store.state import read_state, write_state
from dia_pipeline.text import fault_of_name, quoted

CHUNKED = ("match", "frames")
"""The stages of a sequence that are processed by chunks."""

WHOLE = "all"
"""What stands for the name of a chunk where all of a sequence is processed."""


def _values_of(row: Config | Pair | Sequence) -> dict[str, Any]:
    """The fields of a row by name."""
    return {each.name: getattr(row, each.name) for each in fields(row)}


class PlanError(DiaError):
    """The plan of a run cannot be used; the message says which and what to do."""


SUFFIXES = {"receipts": "json", "logs": "log"}
"""The files of a job by kind."""

FOLDERS = (
    *("features", "figures", "gallery", "logs", PLANS, "receipts", "synthetic"),
    *("times", "weights"),
)
"""The folders in a folder of results, beside those of the variants."""


SAMPLE = 4096
"""Bytes of a file's beginning, middle and end by which it is told from another."""


def _sampled(path: str) -> tuple[int, str] | None:
    """The size of a file and the digest of samples of it; None where there is none."""
    with suppress(OSError), open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        samples = []
        for start in (0, (size - SAMPLE) // 2, size - SAMPLE):
            file.seek(max(0, start))
            samples.append(file.read(SAMPLE))
        return size, digest_of(b"".join(samples))
    return None


@dataclass(frozen=True)
class Plan:
    """A configuration, dealt out in batches.

    Attributes:
        directory: from which its paths are seen.
    """

    config: Config
    directory: Path = field(default_factory=Path.cwd)

    def __post_init__(self) -> None:
        """Make sure that what names folders does: a plan may have been written by anybody.

        Raises:
            PlanError: a variant, pair or sequence has a name that leads elsewhere.
        """
        for name in self._names():
            if fault := fault_of_name(name):
                raise PlanError(self.results, f"{quoted(name)}: {fault}")

    def _names(self) -> Iterator[str]:
        yield from self.config.variants
        yield from (pair.name for pair in self.config.pairs)
        yield from (sequence.name for sequence in self.config.sequences)

    @classmethod
    def read(cls, path: str | Path) -> Plan:
        """Read a plan that `write` wrote.

        Raises:
            ArtefactError: it is missing or damaged.
            PlanError: a name in it leads elsewhere.
        """
        return read_state(path, cls._of)

    @classmethod
    def _of(cls, content: dict[str, Any]) -> Plan:
        values = content["config"]
        pairs = tuple(
            Pair(**{**pair, "references": tuple(pair["references"])})
            for pair in values.pop("pairs")
        )
        sequences = tuple(Sequence(**sequence) for sequence in values.pop("sequences"))
        variants = dict(values.pop("variants"))
        config = Config(pairs=pairs, sequences=sequences, variants=variants, **values)
        return cls(config, Path(content["directory"]))

    def write(self) -> Path:
        """File the plan; return its file."""
        content = {"config": self._values, "directory": str(self.directory)}
        with suppress(ArtefactError):
            if read_state(self.path) == json.loads(json.dumps(content)):
                return self.path
        write_state(self.path, content)
        return self.path

    @cached_property
    def path(self) -> Path:
        """The file of the plan, named by the digest of the configuration."""
        return self.results / PLANS / f"{digest(self._values)[:16]}.json"

    @property
    def _values(self) -> dict[str, Any]:
        """The configuration, JSON-like."""
        values = _values_of(self.config)
        for table in ("pairs", "sequences"):
            values[table] = [_values_of(row) for row in values[table]]
        values["variants"] = [*self.config.variants.items()]  # their order means something
        return values

    @cached_property
    def results(self) -> Path:
        """The folder of everything that is made."""
        return Path(self.config.results)

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages through which every batch goes, in order; what they made can be measured."""
        return tuple(STAGES) if self.config.checkpoint == "level" else ("pair", "aggregate")

    @property
    def variants(self) -> tuple[str, ...]:
        return tuple(self.config.variants)

    @cached_property
    def batches(self) -> dict[str, tuple[Pair, ...]]:
        """The pairs of every job, by the name of the batch."""
        pairs, count = self.config.pairs, self.config.pairs_per_job
        starts = range(0, len(pairs), count)
        return {
            f"{number:04d}": pairs[start : start + count] for number, start in enumerate(starts, 1)
        }

    @cached_property
    def batch_of(self) -> dict[str, str]:
        """The batch of every pair, by the pair's name."""
        return {pair.name: name for name, pairs in self.batches.items() for pair in pairs}

    @cached_property
    def sequences(self) -> dict[str, Sequence]:
        """The sequences by name."""
        return {sequence.name: sequence for sequence in self.config.sequences}

    def settings(self, variant: str, pair: Pair | Sequence) -> Settings:
        """The settings of a pair or sequence in a variant."""
        key = variant, json.dumps(pair.options)
        if key not in self._settings:
            self._settings[key] = pair_settings(self.config, variant, pair)
        return self._settings[key]

    def combines(self, variant: str, pair: Pair) -> bool:
        """Whether A' of a pair is made of several matches: with more references, or poses."""
        return bool(pair.references) or self.settings(variant, pair).pose == "several"

    @cached_property
    def _settings(self) -> dict[tuple[str, str], Settings]:
        """Settings by variant and row options, for the many pairs that have the same."""
        return {}

    def task(self, variant: str) -> str:
        """The task of a variant, by its own options or the configuration's."""
        return merge(self.config.settings, self.config.variants[variant]).get("task", "transfer")

    def backbones(self, variant: str, batch: str) -> list[str]:
        """The backbones that a batch asks for, `auto` among them."""
        pairs = self.batches[batch]
        return sorted({self.settings(variant, pair).backbone for pair in pairs})

    def images(self, batch: str) -> list[str]:
        """The images of a batch and what guides their matches, each once."""
        paths = (
            path
            for pair in self.batches[batch]
            for path in (
                pair.a,
                pair.b_prime,
                pair.a_prime,
                *pair.references,
                *pair.guides.values(),
            )
        )
        return list(dict.fromkeys(filter(None, paths)))

    def users(self, images: Iterable[str]) -> dict[str, dict[str, list[Pair]]]:
        """The pairs that match each of some images, by their batch."""
        users: dict[str, dict[str, list[Pair]]] = {path: {} for path in images}
        for batch, pairs in self.batches.items():
            for pair in pairs:
                for path in (pair.a, pair.b_prime, *pair.references):
                    if path in users:
                        users[path].setdefault(batch, []).append(pair)
        return users

    def megabytes_to_compose(self, variant: str, batch: str) -> int:
        """What putting the largest image of a batch together takes, by the headers of the files."""
        from dia_pipeline.algorithm.memory import needed_to_compose

        return max(
            needed_to_compose(self._size(path), self.settings(variant, pair)) // 10**6
            for pair in self.batches[batch]
            for path in (pair.a, pair.b_prime, *pair.references)
        )

    @cached_property
    def _size(self) -> Callable[[str], tuple[int, int]]:
        """The size of an image, of which many pairs and variants may ask."""
        from dia_pipeline.io.images import image_size

        return cache(image_size)

    def signature(self, paths: Iterable[str]) -> str:
        """A digest of samples of files, which another file in their place changes, however old.

        Those of the synthetic benchmark count for nothing: the run makes them.
        """
        own = None if self.config.synthetic is None else self.config.synthetic_folder
        given = (path for path in paths if own is None or not Path(path).is_relative_to(own))
        return digest([self._sample(path) for path in given])

    @cached_property
    def _sample(self) -> Callable[[str], tuple[int, str] | None]:
        """The sample of a file, of which many pairs and stages may ask."""
        return cache(_sampled)

    def truth_files(self, batch: str) -> list[str]:
        """The files of what is known of the pairs of a batch, each once."""
        return list(dict.fromkeys(path for p in self.batches[batch] for path in p.truth_files))

    @property
    def synthetic_receipt(self) -> Path:
        """What says that the synthetic benchmark is made."""
        return self.results / "receipts" / "synthetic.json"

    def inputs(self, paths: list[str]) -> Collection[str | Path]:
        """Files as a job's inputs: the receipt stands for those of the synthetic benchmark."""
        if self.config.synthetic is None:
            return paths
        made = (Path(path).is_relative_to(self.config.synthetic_folder) for path in paths)
        inputs = (
            self.synthetic_receipt if own else path for own, path in zip(made, paths, strict=True)
        )
        return list(dict.fromkeys(inputs))

    @cached_property
    def common(self) -> Settings:
        """The settings that rows and variants override; by these all of them are measured."""
        return resolve(self.config.settings)

    def decides(self, stage: str, variant: str, batch: str) -> str:
        """A digest of all that decides a stage of a batch, except the content of its inputs."""
        if stage == "measure":
            known = [[pair.name, pair.truth] for pair in self.batches[batch]]
            return digest([self.common.backbone, known])
        return digest(
            [
                [
                    *(pair.name, pair.a, pair.b_prime, pair.a_prime, pair.guides, pair.references),
                    self._settings_decide(stage, self.settings(variant, pair)),
                ]
                for pair in self.batches[batch]
            ]
        )

    @cached_property
    def _settings_decide(self) -> Callable[[str, Settings], str]:
        """A digest of the settings that decide a stage, which many pairs share, and of the code
        of a user's own matcher."""

        def decide(stage: str, settings: Settings) -> str:
            stages = tuple(STAGES)[:-1] if stage == "pair" else (stage,)
            decided = [settings.deciding_stage(each) for each in stages]
            for each in decided:
                if "matcher" in each:
                    each["matcher"] = find_matcher(each["matcher"]).key
            return digest(decided)

        return cache(decide)

    def features_variant(self, variant: str, batch: str) -> str:
        """The first variant whose features of a batch are the same: its job makes them for all."""
        return next(
            other
            for other in self.variants
            if other == variant
            or self._features_decide(other, batch) == self._features_decide(variant, batch)
        )

    @cached_property
    def _features_decide(self) -> Callable[[str, str], str]:
        return cache(partial(self.decides, "features"))

    def previous_receipt(self, stage: str, variant: str, batch: str) -> Path | None:
        """The receipt of the stage before, None for the first."""
        stages = (*self.stages, "measure")
        position = stages.index(stage)
        if position == 0:
            return None
        return self.receipt(stages[position - 1], variant, batch)

    def receipt(self, stage: str, variant: str, batch: str) -> Path:
        """The receipt of a stage of a batch; that of `features` is shared by variants."""
        if stage == "features":
            variant = self.features_variant(variant, batch)
        return self.job_file("receipts", stage, variant, batch)

    def sequence_decides(self, variant: str, name: str) -> str:
        """A digest of all that decides a sequence, except the content of its images."""
        sequence = self.sequences[name]
        return digest([asdict(sequence), asdict(self.settings(variant, sequence))])

    def sequence_receipt(self, stage: str, variant: str, name: str, chunk: str = "") -> Path:
        """The receipt of a stage of a sequence, or of one of its chunks."""
        return self.job_file("receipts", stage, variant, name, chunk or WHOLE)

    def sequence_receipts_before(
        self, stage: str, variant: str, name: str, chunk: str = ""
    ) -> list[Path]:
        """The receipts of the stage before that a stage of a sequence or chunk builds on."""
        sequence = self.sequences[name]
        position = sequence.stages.index(stage)
        if position == 0:
            return []
        before, chunks = sequence.stages[position - 1], [""]
        if stage == "video":
            chunks = list(sequence.chunks)
        elif before == "match":
            chunks = list(sequence.weights(sequence.chunks[chunk].start))
        return [self.sequence_receipt(before, variant, name, each) for each in chunks]

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

    def jobs(self, variant: str, batch: str) -> list[tuple[Path, Path]]:
        """The receipts and logs of the jobs through which a batch goes, in order."""
        return [
            (self.receipt(stage, variant, batch), self.job_file("logs", stage, variant, batch))
            for stage in self.stages
        ]

    def sequence_jobs(self, variant: str, name: str, chunk: str) -> list[tuple[Path, Path]]:
        """The receipts and logs of the jobs through which a chunk goes, in order."""
        jobs = []
        for stage in self.sequences[name].stages:
            part = chunk if stage in CHUNKED else WHOLE
            receipt = self.job_file("receipts", stage, variant, name, part)
            jobs.append((receipt, self.job_file("logs", stage, variant, name, part)))
        return jobs

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
        return self.results / "index.html"

    @property
    def summary(self) -> Path:
        return self.results / "summary.json"

    @property
    def comparison(self) -> Path:
        return self.results / "comparison.json"


def check_apart(first: Plan, second: Plan) -> None:
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


def _within(inner: Path, outer: Path, plan: Plan) -> bool:
    """Whether a folder is, or lies in, one that a plan writes to in its results `outer`."""
    own = {*FOLDERS, *plan.variants}
    return inner.is_relative_to(outer) and inner.relative_to(outer).parts[0] in own
