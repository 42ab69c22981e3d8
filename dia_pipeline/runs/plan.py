"""The plan of a run: what a job works, what decides it, and where everything lies.

A plan is nothing but a valid configuration, frozen in a file that is named by its digest: jobs
that are already running keep theirs when somebody edits the configuration.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path

from dia_pipeline.errors import DiaError
from dia_pipeline.runs.config import Config, Pair, merge, pair_settings
from dia_pipeline.runs.sequences import Sequence
from dia_pipeline.settings import STAGES, Settings, resolve
from dia_pipeline.store.artefacts import ArtefactError, digest
from dia_pipeline.store.state import read_state, state_files, write_state

CHUNKED = ("match", "frames")
"""The stages of a sequence that are processed by chunks."""

WHOLE = "all"
"""What stands for the name of a chunk where all of a sequence is processed."""


class PlanError(DiaError):
    """The plan of a run cannot be used; the message says which and what to do."""


SUFFIXES = {"receipts": "json", "logs": "log", "benchmarks": "tsv"}
"""The files of a job by kind."""


def _size_and_time(path: str) -> tuple[int, int] | None:
    with suppress(OSError):
        found = os.stat(path)
        return found.st_size, found.st_mtime_ns
    return None


@dataclass(frozen=True)
class Plan:
    """A configuration, dealt out in batches.

    Attributes:
        directory: from which its paths are seen.
    """

    config: Config
    directory: Path = field(default_factory=Path.cwd)

    @classmethod
    def read(cls, path: str | Path) -> Plan:
        """Read a plan that `write` wrote.

        Raises:
            ArtefactError: it is missing or damaged.
        """
        content = read_state(path)
        values = content["config"]
        pairs = tuple(
            Pair(**{**pair, "references": tuple(pair["references"])})
            for pair in values.pop("pairs")
        )
        sequences = tuple(Sequence(**sequence) for sequence in values.pop("sequences"))
        variants = dict(values.pop("variants"))
        config = Config(pairs=pairs, sequences=sequences, variants=variants, **values)
        return cls(config, Path(content["directory"]))

    @classmethod
    def latest(cls, results: str | Path) -> Plan:
        """The plan in a folder of results that was written last, as seen from its directory.

        Raises:
            PlanError: there is none.
        """
        results = Path(results).resolve()
        plans = sorted(
            state_files(results / "plans"), key=lambda path: path.stat().st_mtime, reverse=True
        )
        for path in plans:
            with suppress(ArtefactError):
                return cls.read(path)._found_in(results)
        if plans:
            raise PlanError(plans[0], "the plan is damaged", "run snakemake again")
        raise PlanError(results, "no run has been begun here", "name the folder of its results")

    def _found_in(self, results: Path) -> Plan:
        """The plan of results that lie here, though they may have been moved since it was made."""
        own = Path(self.config.results)
        folders = [self.directory]
        if not own.is_absolute() and results.parts[-len(own.parts) :] == own.parts:
            folders.insert(0, results.parents[len(own.parts) - 1])
        given = [file for pair in self.config.pairs[:1] for file in (pair.a, pair.b_prime)]
        given += [file for sequence in self.config.sequences[:1] for file in sequence.files]
        whole = (f for f in folders if any((f / file).exists() for file in given))
        config = replace(self.config, results=str(results))
        return Plan(config, next(whole, self.directory))

    def write(self) -> Path:
        """File the plan under its digest and mark it as the latest; return the path."""
        values = asdict(self.config)
        values["variants"] = [*self.config.variants.items()]  # their order means something
        path = self.results / "plans" / f"{digest(values)[:16]}.json"
        content = {"config": values, "directory": str(self.directory)}
        with suppress(ArtefactError):
            if read_state(path) == json.loads(json.dumps(content)):
                path.touch()
                return path
        write_state(path, content)
        return path

    @property
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

    @property
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
        """A digest of sizes and times of files, which another file in their place changes.

        Those of the synthetic benchmark count for nothing: the run makes them.
        """
        own = None if self.config.synthetic is None else self.config.synthetic_folder
        given = (path for path in paths if own is None or not Path(path).is_relative_to(own))
        return digest([_size_and_time(path) for path in given])

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
        stages = tuple(STAGES)[:-1] if stage == "pair" else (stage,)
        return digest(
            [
                [pair.name, pair.a, pair.b_prime, pair.a_prime, pair.guides, pair.references]
                + [self.settings(variant, pair).deciding_stage(stage) for stage in stages]
                for pair in self.batches[batch]
            ]
        )

    def features_variant(self, variant: str, batch: str) -> str:
        """The first variant whose features of a batch are the same: its job makes them for all."""
        wanted = self.decides("features", variant, batch)
        return next(
            other
            for other in self.variants
            if other == variant or self.decides("features", other, batch) == wanted
        )

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
        """A file of a job: its receipt, its log (`logs`), its use of time (`benchmarks`).

        Args:
            names: of the batch; or of the sequence and, of its chunk or `WHOLE`.
        """
        folder = self.results / kind / stage / variant
        return folder.joinpath(*names[:-1], f"{names[-1]}.{SUFFIXES[kind]}")

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
