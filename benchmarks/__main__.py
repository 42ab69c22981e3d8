"""The engine on this machine: `python -m benchmarks`, on a GPU where there is one.

The 448 x 448 pair at ratio 1 in every quality, many pairs with several in flight, the searches.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import pair, search, throughput


def main(
    device: str = "auto",
    small: Annotated[bool, typer.Option(help="Once, at ratio .25 and draft quality.")] = False,
    record: Annotated[Path | None, typer.Option(help="Keep the figures in this folder.")] = None,
) -> None:
    """Show the three tables."""
    files = {name: record and record / f"{name}.json" for name in ("pair", "throughput", "search")}
    ratio, runs = (0.25, 1) if small else (1.0, 5)
    qualities = ("draft",) if small else ("draft", "standard", "paper")
    pair.main(runs, (ratio,), qualities, device=device, record=files["pair"])
    pairs, flight = (1, (1, 2)) if small else (10, (1, 2, 4, 8))
    quality = "draft" if small else "standard"
    ways = throughput.WAYS
    throughput.main(pairs, flight, ways, runs, ratio, quality, device, files["throughput"])
    search.main(device=device, record=files["search"])


if __name__ == "__main__":
    typer.run(main)
