"""How far a run is, from the receipts and logs that its jobs have left."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path

from dia_pipeline.runs.lock import is_held
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.summary import failures_since
from dia_pipeline.store.receipts import failed_before

SILENCE = 600
"""While a run is at work, a job whose log has not grown for so long (s) counts as ended."""

RECENT = 3600
"""The rate is that of the receipts of the last so many seconds."""


@dataclass(frozen=True)
class Status:
    """How many pairs of a variant, or frames of a sequence, are done, in a running job, failed, and
    not begun or waiting.

    `per_hour` and `hours_left` are None while too little is done to tell.
    """

    unit: str
    count: int
    done: int
    running: int
    failed: int
    remaining: int
    per_hour: float | None
    hours_left: float | None


@dataclass(frozen=True)
class Track:
    """What goes through the stages together: a batch of pairs, or a chunk of a sequence.

    Attributes:
        names: the pairs or frames, as receipts call them.
        jobs: the receipts and the logs of its jobs, in order.
        failed: what had failed at the end of the latest run.
        whole: what receipts call all of these, if they fail together.
    """

    names: frozenset[str]
    jobs: list[tuple[Path, Path]]
    failed: Collection[str] = ()
    whole: str = ""

    def lost(self, failed: Collection[str]) -> int:
        """How many of these are among what has failed."""
        return len(self.names) if self.whole in failed else len(self.names.intersection(failed))


def status(plan: Plan, now: float | None = None) -> dict[str, Status]:
    """The status at a time (s since the epoch, by default now).

    Returns:
        That of the pairs by variant, that of every sequence by VARIANT/SEQUENCE.
    """
    now = time.time() if now is None else now
    found = {}
    recorded = failures_since(plan)
    since = now - SILENCE if is_held(plan.lock) else inf
    for variant in plan.variants:
        failed = recorded.get(variant, {})
        if plan.batches:
            found[variant] = _status("pairs", list(_batches(plan, variant, failed)), now, since)
        for name in plan.sequences:
            tracks = list(_chunks(plan, variant, name, failed))
            found[f"{variant}/{name}"] = _status("frames", tracks, now, since)
    return found


def _batches(plan: Plan, variant: str, failed: Collection[str]) -> Iterator[Track]:
    for batch, pairs in plan.batches.items():
        names = frozenset(pair.name for pair in pairs)
        yield Track(names, plan.jobs(variant, batch), failed)


def _chunks(plan: Plan, variant: str, name: str, failed: Collection[str]) -> Iterator[Track]:
    for chunk, frames in plan.sequences[name].chunks.items():
        names = {f"{name}, frame {frame + 1}" for frame in range(frames.start, frames.stop)}
        yield Track(frozenset(names), plan.sequence_jobs(variant, name, chunk), failed, name)


def _status(unit: str, tracks: list[Track], now: float, since: float) -> Status:
    """The status of tracks, whose jobs are running if their logs have grown since then (s)."""
    done = running = failed = 0
    finished: dict[Path, float] = defaultdict(float)
    left = 0.0
    for track in tracks:
        made = [receipt for receipt, _ in track.jobs if receipt.exists()]
        count = len(track.names)
        share = count / len(track.jobs)
        for receipt in made:
            finished[receipt] += share
        lost = track.lost(failed_before(made[-1:]))
        ended = track.lost(track.failed)
        if len(made) == len(track.jobs):
            done += count - lost
        elif ended:  # with failures, so that its last receipts were taken away
            lost = ended
            done += count - lost
        else:
            left += share * (len(track.jobs) - len(made))
            running += (count - lost) * _is_running(track.jobs[len(made)][1], since)
        failed += lost
    times = [(receipt.stat().st_mtime, share) for receipt, share in finished.items()]
    per_hour = _per_hour(times, now) if left else None
    count = sum(len(track.names) for track in tracks)
    return Status(
        unit=unit,
        count=count,
        done=done,
        running=running,
        failed=failed,
        remaining=count - done - running - failed,
        per_hour=per_hour,
        hours_left=left / per_hour if per_hour else None,
    )


def _is_running(log: Path, since: float) -> bool:
    return log.exists() and log.stat().st_mtime > since


def _per_hour(finished: list[tuple[float, float]], now: float) -> float | None:
    """So many per hour, from when and how many stages' worth was finished."""
    recent = sorted(item for item in finished if item[0] > now - RECENT)
    if len(recent) < 2:
        return None
    (begin, _), *later = recent
    return sum(share for _, share in later) / max(now - begin, 1) * 3600
