"""The end of a run: what was made, what failed and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dia_pipeline.runs.plan import Plan
from dia_pipeline.store.receipts import Failure, Receipt, failed_before, write_json


@dataclass(frozen=True)
class Summary:
    """By variant and pair or sequence: the key of its results, or its failure."""

    made: dict[str, dict[str, str]]
    failed: dict[str, dict[str, Failure]]

    def write(self, path: Path) -> None:
        """Write the summary of a run without failures as JSON."""
        write_json(path, {"made": self.made})


def summarise(plan: Plan, stage: str = "aggregate") -> Summary:
    """Put the receipts of the last stage together: `aggregate`, or `measure` of pairs alone."""
    summary = Summary({}, {})
    for variant in plan.variants:
        receipts = [Receipt.read(plan.receipt(stage, variant, batch)) for batch in plan.batches]
        if stage == "aggregate":
            receipts += [_video_receipt(plan, variant, name) for name in plan.sequences]
        summary.made[variant] = {k: v for receipt in receipts for k, v in receipt.made.items()}
        summary.failed[variant] = {k: v for receipt in receipts for k, v in receipt.failed.items()}
    return summary


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
