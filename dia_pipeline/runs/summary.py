"""The end of a run: what was made, what failed and why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dia_pipeline.errors import MALFORMED
from dia_pipeline.io.cells import TableError, read_cells, write_cells
from dia_pipeline.runs.plan import Plan
from dia_pipeline.settings import HOPELESS
from dia_pipeline.store.folders import read_provenance
from dia_pipeline.store.receipts import Failure, Receipt, failed_before
from dia_pipeline.store.state import write_state
from dia_pipeline.text import for_spreadsheet

COLUMNS = ("variant", "pair", "stage", "reason", "remedy", "log")
"""Those of the table of failures; a frame is named as `SEQUENCE, frame N` in the second."""


@dataclass(frozen=True)
class Summary:
    """By variant and pair or sequence: the key of its results, or its failure."""

    made: dict[str, dict[str, str]]
    failed: dict[str, dict[str, Failure]]

    def write(self, path: Path, confidences: dict[str, dict[str, float]]) -> None:
        """Write the summary of a run without failures as JSON."""
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


def confidences(plan: Plan) -> dict[str, dict[str, float]]:
    """How sure it is that the images of a pair match, by variant and pair, where that is known."""
    found: dict[str, dict[str, float]] = {}
    for variant in plan.variants:
        for pair in plan.config.pairs:
            with suppress(*MALFORMED):
                pose = read_provenance(plan.folder(variant, pair)).get("pose", {})
                if pose.get("confidence") is not None:
                    found.setdefault(variant, {})[pair.name] = float(pose["confidence"])
    return found


def hopeless(confidences: dict[str, dict[str, float]]) -> dict[str, float]:
    """The pairs, as VARIANT/PAIR, whose images have little in common, with their confidence."""
    return {
        f"{variant}/{name}": confidence
        for variant, of_pairs in confidences.items()
        for name, confidence in of_pairs.items()
        if confidence < HOPELESS
    }


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
            for stage in (*plan.stages, "measure"):
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
