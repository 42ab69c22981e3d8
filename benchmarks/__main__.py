"""The engine on this machine: `python -m benchmarks`, on a GPU where there is one.

The 448 x 448 pair at ratio 1 in every quality, many pairs with several in flight, the searches.
"""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from typing import Annotated

import typer

from . import pair, search, throughput


def main(
    device: str = "auto",
    small: Annotated[bool, typer.Option(help="Once, at ratio .25 and draft quality.")] = False,
) -> None:
    """Print the machine and the three tables."""
    print(describe(device))
    ratio, runs = (0.25, 1) if small else (1.0, 5)
    qualities = ("draft",) if small else ("draft", "standard", "paper")
    pair.main(runs=runs, ratio=(ratio,), quality=qualities, device=device)
    pairs, flight = (1, (1, 2)) if small else (10, (1, 2, 4, 8))
    throughput.main(pairs, flight, runs, ratio, quality=qualities[:2][-1], device=device)
    search.main(device=device)


def describe(device: str) -> str:
    """The day, the machine and the device."""
    import torch

    from dia_pipeline.algorithm.network import pick_device

    picked = pick_device(device)
    cuda = picked.type == "cuda"
    name = torch.cuda.get_device_name(picked) if cuda else f"{torch.get_num_threads()} threads"
    day = datetime.now(UTC).date()
    return f"{day}, {platform.machine()}, {name}, torch {torch.__version__}"


if __name__ == "__main__":
    typer.run(main)
