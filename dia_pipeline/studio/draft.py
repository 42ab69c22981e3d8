"""A quick result of a pair, made in a process of its own: `python -m dia_pipeline.studio.draft`.

It reads one JSON object, `{pair, options, device, folder}`, and prints one a line for every step:
`{step, share, left}`, the share of all that is done and the seconds that are left.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dia_pipeline.errors import describe, is_expected
from dia_pipeline.graphs.references import matched
from dia_pipeline.io.images import image_size
from dia_pipeline.jobs.single import run_pair, run_references
from dia_pipeline.machine.effort import Estimate, efforts
from dia_pipeline.runs.config import merge
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.settings import Settings, resolve

RATIO = 0.5
"""At what ratio at most the images of a draft are seen by the network."""


def draft_options(plan: Plan, variant: str, pair: Pair) -> dict[str, Any]:
    """The options of a pair in a variant, changed so that they take seconds."""
    own = merge(plan.config.settings, pair.options, plan.config.variants[variant])
    ratio = min(RATIO, plan.settings(variant, pair).ratio)
    return merge(own, {"quality": "draft", "ratio": ratio})


def make_draft(
    pair: Pair, settings: Settings, device: str, folder: Path, tell: Callable[..., None]
) -> None:
    """Process a pair in a folder, whatever that held before.

    Args:
        tell: called with the step, the share of all that is done, and the seconds left.
    """
    b_primes = matched(pair, settings)
    shape = image_size(pair.a)
    estimate = Estimate([efforts(shape, image_size(path), settings) for path, _ in b_primes])

    def progress(level: int, step: str, share: float) -> None:
        estimate.tell(level, step, share)
        done = estimate.done / estimate.whole if estimate.whole else 0.0
        tell(f"level {level}: {step}" if level else step, done, estimate.left)

    if len(b_primes) > 1:
        run_references(pair, folder, settings, device, progress, replace=True)
    else:
        guides = dict(pair.guides)
        run_pair(pair.a, pair.b_prime, folder, settings, device, progress, guides, replace=True)


def _print(step: str, share: float, left: float) -> None:
    print(json.dumps({"step": step, "share": share, "left": left}), flush=True)


def main() -> int:
    given = json.load(sys.stdin)
    pair = Pair(**{**given["pair"], "references": tuple(given["pair"]["references"])})
    try:
        make_draft(pair, resolve(given["options"]), given["device"], Path(given["folder"]), _print)
    except Exception as error:
        if not is_expected(error):
            raise
        print(describe(error), flush=True)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
