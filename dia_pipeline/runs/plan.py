"""The plan of a run: what a job works, what decides it, and where everything lies.

A plan is nothing but a valid configuration, frozen in a file that is named by its digest: jobs
that are already running keep theirs when somebody edits the configuration.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from functools import cache, cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Any

from dia_pipeline.io.files import PLANS
from dia_pipeline.matchers import find_matcher
from dia_pipeline.runs.config import Config, merge, pair_settings
from dia_pipeline.runs.inputs import Inputs
from dia_pipeline.runs.nodes import STAGES, nodes_of
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.places import PlanError
from dia_pipeline.runs.sequence import Sequence
from dia_pipeline.settings import Settings, resolve
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


@dataclass(frozen=True)
class Plan(Inputs):
    """A configuration: the jobs of a run, what decides them, and the receipts that they leave.

    Attributes:
        directory: from which its paths are seen.
    """

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
    def stages(self) -> Callable[[str, str], tuple[str, ...]]:
        """The stages through which a batch of a variant goes, in order: those that make a node of
        any of its pairs."""

        def stages(variant: str, batch: str) -> tuple[str, ...]:
            settings = {self.settings(variant, pair) for pair in self.batches[batch]}
            nodes = (nodes_of(each, self.config.checkpoint).values() for each in settings)
            found = {node.stage for node in chain.from_iterable(nodes)}
            return tuple(filter(found.__contains__, STAGES))

        return cache(stages)

    def settings(self, variant: str, pair: Pair | Sequence) -> Settings:
        """The settings of a pair or sequence in a variant."""
        key = variant, repr(pair.options)
        if key not in self._settings:
            self._settings[key] = pair_settings(self.config, variant, pair)
        return self._settings[key]

    def combines(self, variant: str, pair: Pair) -> bool:
        """Whether A' of a pair is made of several matches: with more references, or poses."""
        return bool(pair.references) or self.settings(variant, pair).pose == "several"

    @cached_property
    def _settings(self) -> dict[tuple[str, str], Settings]:
        """Settings by variant and row options, for the many rows that have the same."""
        return {}

    def task(self, variant: str) -> str:
        """The task of a variant, by its own options or the configuration's."""
        return merge(self.config.settings, self.config.variants[variant]).get("task", "transfer")

    def backbones(self, variant: str, batch: str) -> list[str]:
        """The backbones that a batch asks for, `auto` among them."""
        pairs = self.batches[batch]
        return sorted({self.settings(variant, pair).backbone for pair in pairs})

    def megabytes_to_compose(self, variant: str, batch: str) -> int:
        """What putting the largest image of a batch together takes, by the headers of the files."""
        from dia_pipeline.machine.memory import needed_to_compose

        return max(
            needed_to_compose(self._size(path), self.settings(variant, pair)) // 10**6
            for pair in self.batches[batch]
            for path in (pair.a, pair.b_prime, *pair.references)
        )

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
            nodes = nodes_of(settings, self.config.checkpoint).values()
            decided = [dict(node.settings) for node in nodes if node.stage == stage]
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

    def receipts_before(self, stage: str, variant: str, batch: str) -> list[Path]:
        """The receipt of the stage before that a stage of a batch builds on; none of the first."""
        stages = (*self.stages(variant, batch), "measure")
        before = stages[: stages.index(stage)][-1:]
        return [self.receipt(each, variant, batch) for each in before]

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

    def jobs(self, variant: str, batch: str) -> list[tuple[Path, Path]]:
        """The receipts and logs of the jobs through which a batch goes, in order."""
        return [
            (self.receipt(stage, variant, batch), self.job_file("logs", stage, variant, batch))
            for stage in self.stages(variant, batch)
        ]

    def sequence_jobs(self, variant: str, name: str, chunk: str) -> list[tuple[Path, Path]]:
        """The receipts and logs of the jobs through which a chunk goes, in order."""
        jobs = []
        for stage in self.sequences[name].stages:
            part = chunk if stage in CHUNKED else WHOLE
            receipt = self.job_file("receipts", stage, variant, name, part)
            jobs.append((receipt, self.job_file("logs", stage, variant, name, part)))
        return jobs

    def receipts_of(self, variant: str, name: str) -> list[Path]:
        """The receipts of the jobs that make the results of a pair or sequence, in order."""
        if name in self.batch_of:
            return [receipt for receipt, _ in self.jobs(variant, self.batch_of[name])]
        jobs = [self.sequence_jobs(variant, name, chunk) for chunk in self.sequences[name].chunks]
        stages = zip(*jobs, strict=True)
        return list(dict.fromkeys(receipt for stage in stages for receipt, _ in stage))
