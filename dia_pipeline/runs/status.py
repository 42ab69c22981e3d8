"""How far a run is, from the receipts and logs that its jobs have left."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from dia_pipeline.runs.plan import Plan
from dia_pipeline.store.receipts import Receipt

SILENCE = 600
"""A job whose log has not grown for so long (s) counts as ended."""

RECENT = 3600
"""The rate is that of the receipts of the last so many seconds."""


@dataclass(frozen=True)
class Status:
    """How many pairs of a variant are done, in a running job, failed, and not begun or waiting.

    `per_hour` and `hours_left` are None while too little is done to tell.
    """

    pairs: int
    done: int
    running: int
    failed: int
    remaining: int
    per_hour: float | None
    hours_left: float | None


def status(plan: Plan, now: float | None = None) -> dict[str, Status]:
    """The status of every variant of a plan at a time (s since the epoch, by default now)."""
    now = time.time() if now is None else now
    return {variant: _status(plan, variant, now) for variant in plan.variants}


def _status(plan: Plan, variant: str, now: float) -> Status:
    done = running = failed = 0
    finished: list[tuple[float, float]] = []
    left = 0.0
    for batch, pairs in plan.batches.items():
        receipts = [plan.receipt(stage, variant, batch) for stage in plan.stages]
        made = [path for path in receipts if path.exists()]
        share = len(pairs) / len(receipts)
        finished += [(path.stat().st_mtime, share) for path in made]
        left += share * (len(receipts) - len(made))
        lost = len(Receipt.read(made[-1]).failed) if made else 0
        failed += lost
        if receipts[-1].exists():
            done += len(pairs) - lost
        elif _is_running(plan.log(plan.stages[len(made)], variant, batch), now):
            running += len(pairs) - lost
    per_hour = _per_hour(finished, now)
    pairs = len(plan.config.pairs)
    return Status(
        pairs=pairs,
        done=done,
        running=running,
        failed=failed,
        remaining=pairs - done - running - failed,
        per_hour=per_hour,
        hours_left=left / per_hour if per_hour else None,
    )


def _is_running(log: Path, now: float) -> bool:
    return log.exists() and log.stat().st_mtime > now - SILENCE


def _per_hour(finished: list[tuple[float, float]], now: float) -> float | None:
    """Pairs per hour from when and how many pairs' worth of stages were finished."""
    recent = sorted(item for item in finished if item[0] > now - RECENT)
    if len(recent) < 2:
        return None
    (begin, _), *later = recent
    return sum(share for _, share in later) / max(now - begin, 1) * 3600
