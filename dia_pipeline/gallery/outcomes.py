"""What is shown: pairs and sequences, and what there is of each in every variant.

Here alone a plan is asked; the pages know exhibits and outcomes.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any

from dia_pipeline.alignment.parts import verdict
from dia_pipeline.alignment.pose import Pose
from dia_pipeline.errors import MALFORMED
from dia_pipeline.io.files import fault_of_file
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.sequence import Sequence
from dia_pipeline.runs.summary import failures_now
from dia_pipeline.runs.sweeps import PAIR, labels_of, setting_of
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
        name: what it is called.
        label: what the variant is called.
        directory: from which the paths of its images are seen.
    """

    variant: str
    of: Pair | Sequence
    folder: Path
    provenance: dict[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    fault: str = ""
    name: str = ""
    label: str = ""
    directory: Path = Path()

    @property
    def status(self) -> str:
        if self.failure:
            return "failed"
        return "not there" if self.fault else "made"

    @property
    def kind(self) -> str:
        return "pair" if isinstance(self.of, Pair) else "sequence"

    @property
    def made(self) -> bool:
        return self.status == "made"

    @property
    def inputs(self) -> dict[str, dict[str, Any]]:
        """The images of a pair that was made, by their roles: what `describe_image` says."""
        return self.provenance.get("inputs", {})

    @property
    def given(self) -> str:
        """What its images are, in words."""
        paths = [image["path"] for image in self.inputs.values()]
        a, *others = (PurePath(path).name for path in paths or self._named)
        return f"A is {a}, B' is {' and '.join(others)}"

    @property
    def _named(self) -> list[str]:
        """The paths of its images as its row has them: a video may have several B'."""
        several = self.of.b_prime.split(",") if self.kind == "sequence" else [self.of.b_prime]
        return [self.of.a, *several]

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


@dataclass(frozen=True)
class Exhibit:
    """A pair or sequence that has a page.

    Attributes:
        over: the setting of which its variants are values; empty if they are not.
        outcomes: one for every variant, of which nothing but failures is known yet.
    """

    name: str
    over: str
    outcomes: tuple[Outcome, ...]


def exhibits_of(plan: Plan, directory: Path = Path()) -> list[Exhibit]:
    """The pairs and sequences of a plan, in the order of its tables.

    Args:
        directory: from which the pages will see its paths.
    """
    failures, variants = failures_now(plan), plan.config.variants
    exhibits = []
    for of in plan.rows:
        swept = of.name == PAIR and len(plan.rows) == 1
        name = plan.results.resolve().name if swept else of.name
        outcomes = (
            Outcome(
                *(variant, of, plan.folder(variant, of)),
                failure=failures.get(variant, {}).get(of.name),
                name=name,
                label=label,
                directory=directory,
            )
            for variant, label in labels_of(variants).items()
        )
        exhibits.append(Exhibit(name, setting_of(variants), tuple(outcomes)))
    return exhibits


def looked(outcome: Outcome) -> Outcome:
    """An outcome with what there is of it now; files are not read through."""
    if outcome.failure:
        return outcome
    try:
        provenance = read_results(outcome.folder)
    except ArtefactError as error:
        missing = error.problem == ArtefactError.MISSING
        return replace(outcome, fault=NOTHING if missing else str(error))
    for name in provenance["outputs"]:
        if fault := _fault(outcome.folder / name):
            return replace(outcome, fault=str(ArtefactError(name, fault)))
    return replace(outcome, provenance=provenance)


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
