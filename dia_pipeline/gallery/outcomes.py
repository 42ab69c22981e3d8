"""What there is of a pair or a sequence in a variant: results, a failure, or nothing yet."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from dia_pipeline.alignment.parts import verdict
from dia_pipeline.alignment.pose import Pose
from dia_pipeline.errors import MALFORMED
from dia_pipeline.io.files import fault_of_file
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.sequence import Sequence
from dia_pipeline.store.artefacts import ArtefactError
from dia_pipeline.store.provenance import read_results
from dia_pipeline.store.receipts import Failure

NOTHING = "nothing is made yet"

PNG_END = b"IEND\xaeB`\x82"
"""The last bytes of every PNG file."""


@dataclass(frozen=True)
class Outcome:
    """What there is of a pair or sequence in a variant.

    Attributes:
        folder: of the results.
        provenance: that of the results; empty where there are none.
        failure: why there are none, if that is known.
        fault: what is wrong with the folder otherwise.
    """

    variant: str
    of: Pair | Sequence
    folder: Path
    provenance: dict[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    fault: str = ""

    @property
    def name(self) -> str:
        return self.of.name

    @property
    def status(self) -> str:
        if self.failure:
            return "failed"
        return "not there" if self.fault else "made"

    @property
    def made(self) -> bool:
        return self.status == "made"

    @property
    def inputs(self) -> dict[str, dict[str, Any]]:
        """The images of a pair that was made, by their roles: what `describe_image` says."""
        return self.provenance.get("inputs", {})

    @property
    def guides(self) -> dict[str, str]:
        """The paths of what was said of it, by the names of the guides."""
        return {name: guide["path"] for name, guide in self.provenance.get("guides", {}).items()}

    @property
    def outputs(self) -> dict[str, str]:
        """The SHA-256 of every file of the results by its name."""
        return self.provenance.get("outputs", {})

    @cached_property
    def pose(self) -> Pose | None:
        """The pose of B', and the confidence that it matches, where that is known."""
        with suppress(*MALFORMED):
            return Pose.read(self.provenance["pose"])
        return None

    @property
    def confidence(self) -> float | None:
        return self.pose.confidence if self.pose else None

    @property
    def verdict(self) -> str:
        """The confidence in a word; empty if there is none."""
        return "" if self.confidence is None else verdict(self.confidence)

    @property
    def doubtful(self) -> list[str]:
        """The frames of a sequence that may have little in common with their images, in words."""
        return [f"{frame}: {pose.match}" for frame, pose in self._matches if not pose.sound]

    @property
    def posed(self) -> list[str]:
        """The frames of a sequence in which another pose of B' was found or proposed, in words."""
        found = [(frame, pose.found) for frame, pose in self._matches if pose.found]
        return [f"{frame}: {each}" for frame, each in found if each.posed]

    @property
    def _matches(self) -> list[tuple[str, Pose]]:
        """What frames of a sequence, with the images, are matched in which pose."""
        return [
            (f"Frame {each['frame']} and {each['image']}", Pose.read(each["pose"]))
            for each in self.provenance.get("matches", [])
        ]

    @property
    def gaps(self) -> dict[str, str]:
        """Why frames of a sequence are missing, by their numbers from 1."""
        return self.provenance.get("gaps", {})


def outcome(
    plan: Plan, variant: str, of: Pair | Sequence, failures: dict[str, dict[str, Failure]]
) -> Outcome:
    """What there is of a pair or sequence now; files are not read through."""
    folder = plan.folder(variant, of)
    failure = failures.get(variant, {}).get(of.name)
    if failure:
        return Outcome(variant, of, folder, failure=failure)
    try:
        provenance = read_results(folder)
    except ArtefactError as error:
        missing = error.problem == ArtefactError.MISSING
        return Outcome(variant, of, folder, fault=NOTHING if missing else str(error))
    for name in provenance["outputs"]:
        if fault := _fault(folder / name):
            return Outcome(variant, of, folder, fault=str(ArtefactError(name, fault)))
    return Outcome(variant, of, folder, provenance)


def _fault(path: Path) -> str | None:
    """What is wrong with a file, so far as its end tells: gone, or an image that is cut short."""
    fault = fault_of_file(path)
    if fault or path.suffix != ".png":
        return fault
    with suppress(OSError), path.open("rb") as file:
        file.seek(-len(PNG_END), os.SEEK_END)
        if file.read() == PNG_END:
            return None
    return ArtefactError.DAMAGED
