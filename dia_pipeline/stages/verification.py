"""Whether everything that a run says it made is still there and whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dia_pipeline.runs.plan import Plan
from dia_pipeline.stages.batches import made_by, planned_graph, planned_sequence
from dia_pipeline.store.artefacts import ArtefactError, InputError
from dia_pipeline.store.receipts import Receipt


@dataclass(frozen=True)
class Fault:
    """Something to be made again, and the receipts without which the next run does that."""

    reason: str
    receipts: tuple[Path, ...]


def find_faults(plan: Plan) -> Iterator[Fault]:
    """Open everything that the receipts of a plan say was made, and compare every digest."""
    for variant in plan.variants:
        for batch in plan.batches:
            for stage in _lasting_stages(plan):
                later = plan.stages[plan.stages.index(stage) :]
                receipts = tuple(plan.receipt(each, variant, batch) for each in later)
                for reason in _faults(plan, stage, variant, batch):
                    yield Fault(reason, receipts)
        for name in plan.sequences:
            chunks = plan.sequence_receipts_before("video", variant, name)
            receipts = (*chunks, plan.sequence_receipt("video", variant, name))
            for reason in _sequence_faults(plan, variant, name):
                yield Fault(reason, receipts)


def withdraw_receipts(plan: Plan, faults: Iterable[Fault]) -> None:
    """Remove the receipts of faults, so that the next run makes again what is faulty."""
    for fault in faults:
        for receipt in fault.receipts:
            receipt.unlink(missing_ok=True)
        plan.summary.unlink(missing_ok=True)


def _lasting_stages(plan: Plan) -> list[str]:
    temporary = plan.config.features == "temporary"
    return [stage for stage in plan.stages if not (temporary and stage == "features")]


def _faults(plan: Plan, stage: str, variant: str, batch: str) -> Iterator[str]:
    made = _made(plan.receipt(stage, variant, batch))
    if made is None:
        yield f"{plan.receipt(stage, variant, batch)}: the receipt is damaged"
        return
    for pair in plan.batches[batch]:
        if pair.name in made:
            try:
                for artefact in made_by(stage, planned_graph(plan, variant, pair)):
                    yield from artefact.faults()
            except InputError as error:
                yield str(error)


def _sequence_faults(plan: Plan, variant: str, name: str) -> Iterator[str]:
    receipt = plan.sequence_receipt("video", variant, name)
    made = _made(receipt)
    if made is None:
        yield f"{receipt}: the receipt is damaged"
    elif name in made:
        graph = planned_sequence(plan, variant, name)
        yield from graph.prepared.faults()
        with suppress(ArtefactError):
            for artefact in graph.artefacts.values():
                yield from artefact.faults()


def _made(receipt: Path) -> dict[str, str] | None:
    """What a receipt says was made; nothing if there is none yet, None if it is damaged."""
    try:
        return Receipt.read(receipt).made if receipt.exists() else {}
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
