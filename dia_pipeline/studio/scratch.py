"""The drafts of a project: what they are made of, where they lie, and of which values each is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dia_pipeline.io.files import write_file
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.studio.draft import FAULT, Draft, draft_options

RESULT, BEFORE = "a_prime.png", "before.png"
"""A', and what it was when the latest job began."""


@dataclass(frozen=True)
class Tried:
    """Values of a setting, of which there is a draft each: its folder is named by its place."""

    setting: str
    values: tuple[str, ...]


class Scratch:
    """The folder of drafts, which lasts as long as the server.

    A pair has a draft in each variant, and others of values that are tried.
    """

    def __init__(self, folder: Path):
        self.drafts, self.trials = folder / "drafts", folder / "trials"
        self._tried: dict[tuple[str, str], Tried] = {}

    def draft(self, pair: Pair, variant: str) -> Path:
        """The folder of the draft of a pair."""
        return self.drafts / pair.name / variant

    def trial(self, pair: Pair, variant: str, number: int) -> Path:
        """The folder of the draft of a value that is tried."""
        return self.trials / pair.name / variant / str(number)

    def tried(self, pair: Pair, variant: str) -> Tried | None:
        """What is tried, or was last."""
        return self._tried.get((pair.name, variant))

    def fault(self, pair: Pair, variant: str, number: int) -> str:
        """Why the draft of a value could not be made; empty if it was not tried in vain."""
        path = self.trial(pair, variant, number) / FAULT
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def given(self, plan: Plan, variant: str, pair: Pair) -> bytes:
        """What the process that makes the draft of a pair reads."""
        folder = self.draft(pair, variant)
        draft = Draft(draft_options(plan, variant, pair), str(folder))
        return self._given(plan, folder, pair, [draft])

    def given_to_try(
        self, plan: Plan, variant: str, pair: Pair, setting: str, changed: dict[str, Pair]
    ) -> bytes:
        """The same for drafts of values of a setting, in the place of what was tried before.

        Args:
            changed: the pair with each value, by the value as it is written.
        """
        shutil.rmtree(self.trials / pair.name / variant, ignore_errors=True)
        self._tried[pair.name, variant] = Tried(setting, tuple(changed))
        drafts = []
        for number, (value, each) in enumerate(changed.items()):
            folder = self.trial(pair, variant, number)
            folder.mkdir(parents=True)
            options = draft_options(plan, variant, each, setting)
            drafts.append(Draft(options, str(folder), f"{setting} {value}"))
        return self._given(plan, self.draft(pair, variant), pair, drafts)

    def _given(self, plan: Plan, folder: Path, pair: Pair, drafts: Sequence[Draft]) -> bytes:
        """With copies of what is drawn, which goes on."""
        folder.mkdir(parents=True, exist_ok=True)
        copies = {
            guide: str(shutil.copy(path, folder / f"given_{guide}{Path(path).suffix}"))
            for guide, path in pair.guides.items()
        }
        about: dict[str, Any] = {
            "pair": asdict(replace(pair, guides=copies)),
            "drafts": list(map(asdict, drafts)),
            "device": plan.config.device,
        }
        return json.dumps(about).encode()

    def set_aside(self, plan: Plan, variant: str, pair: Pair, kept: bool) -> None:
        """Keep A' as it is shown, to be compared with what is made now: of drafts the one before.

        Args:
            kept: whether results are made now, and no draft.
        """
        folder = self.draft(pair, variant)
        folder.mkdir(parents=True, exist_ok=True)
        shown = [folder / RESULT, plan.folder(variant, pair) / RESULT]
        there = [path for path in (shown[::-1] if kept else shown) if path.exists()]
        for path in there[:1]:
            shutil.copyfile(path, folder / BEFORE)

    def take(self, pair: Pair, variant: str, made: Path) -> None:
        """Take A' of a value that was tried for the draft of the pair."""
        write_file(self.draft(pair, variant) / RESULT, made.read_bytes())

    def forget(self, pair: Pair) -> None:
        """Remove the drafts of a pair, but not what was there before them."""
        for draft in (self.drafts / pair.name).glob(f"*/{RESULT}"):
            draft.unlink()
        for name, variant in [each for each in self._tried if each[0] == pair.name]:
            shutil.rmtree(self.trials / name / variant, ignore_errors=True)
            del self._tried[name, variant]
