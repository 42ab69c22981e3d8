"""Whether everything that a run says it made is still there and whole."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dia_pipeline.graphs.sequence import SequenceGraph
from dia_pipeline.jobs.batches import made_by, planned_graph, planned_sequence
from dia_pipeline.matchers.matcher import MatcherError
from dia_pipeline.runs.cleaning import cleaned
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.store.artefacts import Artefact, ArtefactError, InputError
from dia_pipeline.store.receipts import Receipt


@dataclass(frozen=True)
class Fault:
    """Something to be made again, and the receipts without which the next run does that."""

    reason: str
    receipts: tuple[Path, ...]


def find_faults(plan: Plan) -> Iterator[Fault]:
    """Open everything that the receipts of a plan say was made, and compare every digest.

    What `dia clean` has removed is not missed.
    """
    gone = cleaned(plan)
    for variant in plan.variants:
        for batch in plan.batches:
            stages = plan.stages(variant, batch)
            for stage in stages:
                if stage == "features" and plan.config.features == "temporary":
                    continue
                later = stages[stages.index(stage) :]
                receipts = tuple(plan.receipt(each, variant, batch) for each in later)
                for reason in _faults(plan, stage, variant, batch, gone):
                    yield Fault(reason, receipts)
            measured = plan.receipt("measure", variant, batch)
            for reason in _faults(plan, "measure", variant, batch):
                yield Fault(reason, (measured,))
        for name in plan.sequences:
            receipts = tuple(_sequence_receipts(plan, variant, name))
            for reason in _sequence_faults(plan, variant, name):
                yield Fault(reason, receipts)


def jobs_left(plan: Plan) -> tuple[int, int]:
    """How many jobs are still to be run, and how many there are."""
    receipts = {receipt for variant in plan.variants for receipt in _receipts(plan, variant)}
    return sum(not receipt.exists() for receipt in receipts), len(receipts)


def _receipts(plan: Plan, variant: str) -> Iterator[Path]:
    for batch in plan.batches:
        yield from (receipt for receipt, _ in plan.jobs(variant, batch))
    for name in plan.sequences:
        yield from _sequence_receipts(plan, variant, name)


def _sequence_receipts(plan: Plan, variant: str, name: str) -> Iterator[Path]:
    for chunk in plan.sequences[name].chunks:
        yield from (receipt for receipt, _ in plan.sequence_jobs(variant, name, chunk))


def withdraw_receipts(plan: Plan, faults: Iterable[Fault]) -> None:
    """Remove the receipts of faults, so that the next run makes again what is faulty."""
    for fault in faults:
        for receipt in fault.receipts:
            receipt.unlink(missing_ok=True)
        plan.summary.unlink(missing_ok=True)
        plan.comparison.unlink(missing_ok=True)


def _faults(
    plan: Plan, stage: str, variant: str, batch: str, gone: Collection[Path] = ()
) -> Iterator[str]:
    made = _made(plan.receipt(stage, variant, batch))
    for pair in plan.batches[batch]:
        if pair.name in made:
            yield from _faults_of(partial(_artefacts, plan, stage, variant, pair), gone)


def _artefacts(plan: Plan, stage: str, variant: str, pair: Pair) -> list[Artefact]:
    measured = stage == "measure"
    return made_by(stage, planned_graph(plan, variant, pair, measured=measured))


def _faults_of(
    artefacts: Callable[[], Iterable[Artefact]], gone: Collection[Path] = ()
) -> Iterator[str]:
    """What is wrong with artefacts, up to an input or a record that cannot be read."""
    try:
        for artefact in artefacts():
            if artefact.path not in gone or artefact.path.exists():
                yield from artefact.faults()
    except (InputError, MatcherError, ArtefactError) as error:
        yield str(error)


def _sequence_faults(plan: Plan, variant: str, name: str) -> Iterator[str]:
    if name in _made(plan.sequence_receipt("video", variant, name)):
        yield from _faults_of(lambda: _lasting(planned_sequence(plan, variant, name)))


def _lasting(graph: SequenceGraph) -> list[Artefact]:
    """What the stages of a sequence make; features are made again whenever they are needed."""
    if any(graph.prepared.faults()):
        return [graph.prepared]
    stages = graph.sequence.stages
    return [artefact for artefact in graph.artefacts.values() if artefact.stage in stages]


def _made(receipt: Path) -> dict[str, str]:
    """What a receipt says was made; nothing if there is none yet, or if it is damaged."""
    with suppress(ArtefactError):
        return Receipt.read(receipt).made
    return {}
