"""Quick results of a pair, made in a process of their own: `python -m dia_pipeline.studio.draft`.

It reads one JSON object, `{pair, device, drafts}`, and prints one a line for every step:
`{step, share, left, at}`, the share of all that is done, the seconds that are left, and which
draft is being made. Why a draft cannot be made stands in its folder.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dia_pipeline.errors import describe, is_expected
from dia_pipeline.graphs.references import matched
from dia_pipeline.io.files import write_file
from dia_pipeline.io.images import image_size
from dia_pipeline.jobs.single import run_pair, run_references
from dia_pipeline.machine.effort import Estimate, Progress, efforts
from dia_pipeline.runs.config import merge
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.settings import Settings, resolve

RATIO = 0.5
"""At what ratio at most the images of a draft are seen by the network."""

OF_DRAFTS = ("quality", "ratio")
"""The settings that drafts have of their own."""

OF_SIZE = ("ratio", "max_side")
"""The settings that decide at what size the network sees the images."""

FAULT = "fault.txt"
"""Why there is no draft in a folder."""


@dataclass(frozen=True)
class Draft:
    """A draft that is to be made.

    Attributes:
        options: as a user writes them.
        folder: where it is to lie, whatever that held before.
        label: what tells it from others of the job.
    """

    options: dict[str, Any]
    folder: str
    label: str = ""


def draft_options(plan: Plan, variant: str, pair: Pair, tried: str = "") -> dict[str, Any]:
    """The options of a pair in a variant, changed so that they take seconds.

    Args:
        tried: a setting whose values are to be seen: it is not changed.
    """
    own = merge(plan.config.settings, pair.options, plan.config.variants[variant])
    if tried != "quality":
        own = merge(own, {"quality": "draft"})
    if tried not in OF_SIZE:
        own = merge(own, {"ratio": min(RATIO, resolve(own).ratio)})
    return own


def make_drafts(
    pair: Pair, drafts: list[Draft], device: str, tell: Callable[..., None]
) -> dict[str, str]:
    """Process a pair once for every draft; one that cannot be made does not keep the others back.

    Args:
        tell: called with the step, the share of all that is done, the seconds left, and the number
            of the draft.

    Returns:
        Why some could not be made, by label.
    """
    settings = [resolve(draft.options) for draft in drafts]
    shape, faults = image_size(pair.a), {}
    estimate = Estimate(
        [
            efforts(shape, image_size(path), each)
            for each in settings
            for path, _ in matched(pair, each)
        ]
    )
    for number, (draft, each) in enumerate(zip(drafts, settings, strict=True)):
        progress = _progress(estimate, partial(tell, number=number), draft.label)
        try:
            _make(pair, Path(draft.folder), each, device, progress)
        except Exception as error:
            if not is_expected(error):
                raise
            faults[draft.label] = describe(error)
            write_file(Path(draft.folder, FAULT), describe(error).encode())
    return faults


def _progress(estimate: Estimate, tell: Callable[..., None], label: str) -> Progress:
    def progress(level: int, step: str, share: float) -> None:
        estimate.tell(level, step, share)
        done = estimate.done / estimate.whole if estimate.whole else 0.0
        named = f"level {level}: {step}" if level else step
        tell(", ".join(filter(None, (label, named))), done, estimate.left)

    return progress


def _make(pair: Pair, folder: Path, settings: Settings, device: str, progress: Progress) -> None:
    if len(matched(pair, settings)) > 1:
        run_references(pair, folder, settings, device, progress, replace=True)
    else:
        guides = dict(pair.guides)
        run_pair(pair.a, pair.b_prime, folder, settings, device, progress, guides, replace=True)


def _print(step: str, share: float, left: float, number: int) -> None:
    about = {"step": step, "share": share, "left": left, "at": number}
    print(json.dumps(about), flush=True)


def main() -> int:
    given = json.load(sys.stdin)
    pair = Pair(**{**given["pair"], "references": tuple(given["pair"]["references"])})
    drafts = [Draft(**each) for each in given["drafts"]]
    faults = make_drafts(pair, drafts, given["device"], _print)
    for label, fault in faults.items():
        print(": ".join(filter(None, (label, fault))), flush=True)
    return 2 if len(faults) == len(drafts) else 0


if __name__ == "__main__":
    sys.exit(main())
