"""Receipts: what one job made of its batch, the only outputs that the workflow knows.

They hold no times, so that a job that finds its artefacts valid leaves the same bytes again.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dia_pipeline.store.artefacts import ArtefactError
from dia_pipeline.store.state import read_state, write_state


@dataclass(frozen=True)
class Failure:
    """Why a pair could not be processed.

    Attributes:
        stage: where that showed.
        remedy: what to do, unless the reason says it.
        log: the log of the job.
    """

    stage: str
    reason: str
    remedy: str = ""
    log: str = ""

    def __str__(self) -> str:
        return f"failed in {self.stage}: " + "; ".join(filter(None, (self.reason, self.remedy)))


@dataclass
class Receipt:
    """The outcome of a batch: the digest of what was made of each pair, or its failure."""

    stage: str
    variant: str
    batch: str
    made: dict[str, str] = field(default_factory=dict)
    failed: dict[str, Failure] = field(default_factory=dict)

    def write(self, path: str | Path) -> None:
        """Write the receipt as JSON."""
        write_state(path, asdict(self))

    @classmethod
    def read(cls, path: str | Path) -> Receipt:
        """Read a receipt.

        Raises:
            ArtefactError: it is missing or damaged.
        """
        return read_state(path, cls._of)

    @classmethod
    def _of(cls, values: dict[str, Any]) -> Receipt:
        failed = {name: Failure(**failure) for name, failure in values.pop("failed").items()}
        return cls(**values, failed=failed)


def failed_before(receipts: Iterable[Path]) -> dict[str, Failure]:
    """What has failed in the stages before, which left these receipts.

    A receipt may be gone: when a job begins, Snakemake takes the outputs of its rule away, also
    those that another job of the same batch has just made. What had failed is then tried again.
    """
    failed: dict[str, Failure] = {}
    for receipt in receipts:
        with suppress(ArtefactError):
            failed |= Receipt.read(receipt).failed
    return failed
