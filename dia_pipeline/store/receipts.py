"""Receipts: what one job made of its batch, the only outputs that the workflow knows.

They hold no times, so that a job that finds its artefacts valid leaves the same bytes again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from dia_pipeline.io.files import replace_file


@dataclass(frozen=True)
class Failure:
    """Why a pair could not be processed, and the stage where that showed."""

    stage: str
    reason: str


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
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: str | Path) -> Receipt:
        """Read a receipt."""
        values = json.loads(Path(path).read_text(encoding="utf-8"))
        failed = {name: Failure(**failure) for name, failure in values.pop("failed").items()}
        return cls(**values, failed=failed)


def failed_before(receipts: Iterable[Path]) -> dict[str, Failure]:
    """What has failed in the stages before, which left these receipts.

    A receipt may be gone: when a job begins, Snakemake takes the outputs of its rule away, also
    those that another job of the same batch has just made. What had failed is then tried again.
    """
    failed: dict[str, Failure] = {}
    for receipt in receipts:
        with suppress(FileNotFoundError):
            failed |= Receipt.read(receipt).failed
    return failed


def write_json(path: str | Path, value: object) -> None:
    """Write a JSON-like value for people and programs, always as the same bytes."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    with replace_file(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
