"""Whether everything that a run says it made is still there and whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .images import ImageError
from .plan import Plan
from .receipts import Receipt
from .stages import Networks, PairWork


@dataclass(frozen=True)
class Fault:
    """A file that the next run has to make again, and the stage of a batch that does."""

    reason: str
    stage: str
    variant: str
    batch: str


def find_faults(plan: Plan) -> Iterator[Fault]:
    """Open everything that the receipts of a plan say was made, and compare every digest."""
    for variant in plan.variants:
        for batch in plan.batches:
            for stage in _lasting_stages(plan):
                for reason in _faults(plan, stage, variant, batch):
                    yield Fault(reason, stage, variant, batch)


def withdraw_receipts(plan: Plan, fault: Fault) -> None:
    """Remove the receipts from a fault on, so that the next run makes again what is faulty."""
    for stage in plan.stages[plan.stages.index(fault.stage) :]:
        plan.receipt(stage, fault.variant, fault.batch).unlink(missing_ok=True)
    plan.summary.unlink(missing_ok=True)


def _lasting_stages(plan: Plan) -> list[str]:
    temporary = plan.config.features == "temporary"
    return [stage for stage in plan.stages if not (temporary and stage == "features")]


def _faults(plan: Plan, stage: str, variant: str, batch: str) -> Iterator[str]:
    path = plan.receipt(stage, variant, batch)
    if not path.exists():
        return
    try:
        made = Receipt.read(path).made
    except (ValueError, TypeError, KeyError, AttributeError):
        yield f"{path}: the receipt is damaged"
        return
    for pair in plan.batches[batch]:
        if pair.name in made:
            try:
                yield from PairWork(plan, variant, pair, Networks()).faults(stage)
            except ImageError as error:
                yield str(error)
