"""An evaluation of the deconvolution's objective on the CPU: `python -m benchmarks.convolutions`.

Forward and back through the network, from every level to the one two deeper: by torch in float32
and bfloat16, and by Winograd's algorithm. Of each the milliseconds of one thread's work, the best
of several; of the last those of all cores together too, the setting up, and its largest errors
against torch in float32.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated

import numba
import torch
import typer

from dia_pipeline.machine.convolution import Autograd, Push, differentiable
from dia_pipeline.networks.network import Network
from dia_pipeline.networks.weights import find_weights

from .records import Record, report


def main(
    side: Annotated[list[int], typer.Option(help="Of the image, in pixels.")] = (224, 700),
    runs: Annotated[int, typer.Option(help="Of each, of which the best counts.")] = 5,
    record: Record = None,
) -> None:
    """Show the figures."""
    weights = find_weights()
    network, half = (Network(weights, "cpu", name) for name in ("float32", "bfloat16"))
    rows = [
        {
            "side": each,
            "levels": f"{level - 2} to {level}",
            **figures(each, level, network, half, runs),
        }
        for each in side
        for level in (5, 4, 3, 2)
    ]
    report(rows, record)


def figures(side: int, level: int, network: Network, half: Network, runs: int) -> dict[str, float]:
    """Those of the evaluations from level - 2 to a level of an image of this side."""
    image = torch.rand(3, side, side, generator=torch.Generator().manual_seed(0)) * 200 - 100
    with torch.no_grad():
        point = network.forward(image, 0, level - 2).permute(1, 2, 0).contiguous()
    ways = [Autograd(each, level - 2, level) for each in (network, half)]
    winograd = (differentiable(network, level - 2, level) for _ in range(2))
    evaluate(next(winograd), point)  # compiled
    ways.append(next(winograd))
    with threads(1):
        first = seconds(partial(evaluate, ways[-1], point), time.process_time)
        float32, bfloat16, alone = (
            best(partial(evaluate, way, point), runs, time.process_time) for way in ways
        )
    together = best(partial(evaluate, ways[-1], point), runs, time.perf_counter)
    (wanted, gradient), (found, by_winograd) = (evaluate(way, point) for way in ways[::2])
    return {
        "float32_ms": 1000 * float32,
        "bfloat16_ms": 1000 * bfloat16,
        "winograd_ms": 1000 * alone,
        "all_cores_ms": 1000 * together,
        "set_up_ms": 1000 * max(0, first - alone),
        "result_error": ((found - wanted).abs().max() / wanted.abs().max()).item(),
        "gradient_error": ((by_winograd - gradient).norm() / gradient.norm()).item(),
    }


def evaluate(push: Push, point: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The results and the gradient of the sum of their squares."""
    results, back = push(point)
    results = results.clone()
    return results, back(2 * results)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """A context in which so many threads work."""
    before = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(count)
    numba.set_num_threads(count)
    yield
    torch.set_num_threads(before[0])
    numba.set_num_threads(before[1])


def best(function: Callable, runs: int, clock: Callable[[], float]) -> float:
    """The fewest seconds that a run takes, after one that doesn't count."""
    function()
    return min(seconds(function, clock) for _ in range(runs))


def seconds(function: Callable, clock: Callable[[], float]) -> float:
    """Those of a run."""
    began = clock()
    function()
    return clock() - began


if __name__ == "__main__":
    typer.run(main)
