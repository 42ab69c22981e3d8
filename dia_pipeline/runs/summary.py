"""The end of a run: what was made, what failed and why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dia_pipeline.errors import MALFORMED
from dia_pipeline.io.cells import TableError, read_cells, write_cells
from dia_pipeline.runs.plan import Plan
from dia_pipeline.store.folders import read_provenance
from dia_pipeline.store.receipts import Failure, Receipt, failed_before
from dia_pipeline.store.state import write_state
from dia_pipeline.text import for_spreadsheet

if TYPE_CHECKING:
    from dia_pipeline.alignment.pose import Pose

COLUMNS = ("variant", "pair", "stage", "reason", "remedy", "log")
"""Those of the table of failures; a frame is named as `SEQUENCE, frame N` in the second."""


@dataclass(frozen=True)
class Summary:
    """By variant and pair or sequence: the key of its results, or its failure."""

    made: dict[str, dict[str, str]]
    failed: dict[str, dict[str, Failure]]

    def write(self, path: Path, poses: dict[str, dict[str, Pose]]) -> None:
        """Write the summary of a run without failures as JSON."""
        confidences = {
            variant: {name: pose.confidence for name, pose in each.items()}
            for variant, each in poses.items()
        }
        write_state(path, {"made": self.made, "confidence": confidences})

    @property
    def failures(self) -> Iterator[tuple[str, str, Failure]]:
        """Variant, pair and failure of all that failed."""
        for variant, failed in self.failed.items():
            for name, failure in failed.items():
                yield variant, name, failure

    def write_failures(self, path: Path) -> None:
        """Write what failed as a table, tab-separated; where nothing did, remove an older one."""
        rows = [(variant, name, *_cells(failure)) for variant, name, failure in self.failures]
        if rows:
            write_cells(path, [COLUMNS, *(map(for_spreadsheet, row) for row in rows)])
        else:
            path.unlink(missing_ok=True)


def summarise(plan: Plan, stage: str = "aggregate") -> Summary:
    """Put the receipts of the last stage together: `aggregate`, or `measure` of pairs alone.

    Raises:
        ArtefactError: a receipt is missing or damaged.
    """
    summary = Summary({}, {})
    for variant in plan.variants:
        receipts = [Receipt.read(plan.receipt(stage, variant, batch)) for batch in plan.batches]
        if stage == "aggregate":
            receipts += [_video_receipt(plan, variant, name) for name in plan.sequences]
        summary.made[variant] = {k: v for receipt in receipts for k, v in receipt.made.items()}
        summary.failed[variant] = {k: v for receipt in receipts for k, v in receipt.failed.items()}
    return summary


def failed_of(plan: Plan, name: str, receipt: Path) -> dict[str, Failure]:
    """What a receipt says has failed of a pair or a sequence: it, or frames of it."""
    frames = f"{name}, frame "
    return {
        each: failure
        for each, failure in failed_before([receipt]).items()
        if each == name or (name in plan.sequences and each.startswith(frames))
    }


def receipts_of_failures(plan: Plan, variant: str, name: str) -> list[Path]:
    """The receipts of the jobs that are to be run again, as a pair or a sequence has failed."""
    receipts = plan.receipts_of(variant, name)
    failed = [receipt for receipt in receipts if failed_of(plan, name, receipt)]
    return receipts if failed and name in plan.sequences else failed


def poses(plan: Plan) -> dict[str, dict[str, Pose]]:
    """How the images of pairs and sequences match, by variant and name, where that is known."""
    found: dict[str, dict[str, Pose]] = {}
    for variant in plan.variants:
        for of in plan.rows:
            with suppress(*MALFORMED):
                pose = _pose(read_provenance(plan.folder(variant, of))["pose"])
                if pose.confidence is not None and 0 <= pose.confidence <= 1:
                    found.setdefault(variant, {})[of.name] = pose
    return found


def _pose(record: dict[str, Any]) -> Pose:
    from dia_pipeline.alignment.pose import Pose  # with numpy

    return Pose.read(record)


def doubtful(poses: dict[str, dict[str, Pose]]) -> dict[str, Pose]:
    """Those, as VARIANT/NAME, whose images may have little in common, the most hopeless first."""
    found = {
        f"{variant}/{name}": pose
        for variant, by_name in poses.items()
        for name, pose in by_name.items()
        if not pose.sound
    }
    return dict(sorted(found.items(), key=lambda each: each[1].confidence or 0))


def failures_now(plan: Plan) -> dict[str, dict[str, Failure]]:
    """What has failed so far, by variant and pair or frame: in a run under way, or at its end."""
    failed = failures_since(plan)
    for variant in plan.variants:
        tracks = [plan.jobs(variant, batch) for batch in plan.batches]
        for name, sequence in plan.sequences.items():
            tracks += [plan.sequence_jobs(variant, name, chunk) for chunk in sequence.chunks]
        receipts = dict.fromkeys(receipt for track in tracks for receipt, _ in track)
        failed.setdefault(variant, {}).update(failed_before(receipts))
    return failed


def failures_since(plan: Plan) -> dict[str, dict[str, Failure]]:
    """What had failed, by variant and pair or frame, at the end of the run that was begun last."""
    failed: dict[str, dict[str, Failure]] = {}
    with suppress(OSError, TableError, ValueError, TypeError):
        for cells in list(read_cells(plan.failures).values())[1:]:
            variant, name, stage, *failure = cells
            failed.setdefault(variant, {})[name] = Failure(stage, *failure)
    return failed


def forget_failures(plan: Plan) -> None:
    """Remove the receipts of failed pairs and frames, so that the next run tries those again.

    The artefacts of the others stay, and are found valid then.
    """
    for variant in plan.variants:
        for batch in plan.batches:
            for stage in (*plan.stages(variant, batch), "measure"):
                path = plan.receipt(stage, variant, batch)
                if failed_before([path]):
                    path.unlink()
        for name in plan.sequences:
            video = plan.sequence_receipt("video", variant, name)
            if failed_before([video]):
                for path in (plan.results / "receipts").glob(f"*/{variant}/{name}/*.json"):
                    path.unlink()


def _video_receipt(plan: Plan, variant: str, name: str) -> Receipt:
    return Receipt.read(plan.sequence_receipt("video", variant, name))


def _cells(failure: Failure) -> tuple[str, ...]:
    log = failure.log if Path(failure.log).is_file() else ""
    return failure.stage, failure.reason, failure.remedy, log
