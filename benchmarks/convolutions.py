"""An evaluation of the deconvolution's objective on the CPU: `python -m benchmarks.convolutions`.

Forward and back through the network, from every level to the one two deeper: by torch in float32
and bfloat16, and by Winograd's algorithm. Of each the milliseconds of one thread's work, the best
of several; of the last the setting up, and its largest errors against torch in float32.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Annotated

import numba
import torch
import typer

from dia_pipeline.algorithm.convolution import Autograd, Push, differentiable
from dia_pipeline.algorithm.network import Network
from dia_pipeline.io.weights import find_weights

from .records import Record, report


def main(
    side: Annotated[list[int], typer.Option(help="Of the image, in pixels.")] = (224, 700),
    runs: Annotated[int, typer.Option(help="Of each, of which the best counts.")] = 5,
    record: Record = None,
) -> None:
    """Show the figures."""
    torch.set_num_threads(1)
    numba.set_num_threads(1)
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
    differentiable(network, level - 2, level)  # compiled
    began = time.process_time()
    ways.append(differentiable(network, level - 2, level))
    setting_up = time.process_time() - began
    float32, bfloat16, winograd = (1000 * best(partial(evaluate, way, point), runs) for way in ways)
    (wanted, gradient), (found, by_winograd) = (evaluate(way, point) for way in ways[::2])
    return {
        "float32_ms": float32,
        "bfloat16_ms": bfloat16,
        "winograd_ms": winograd,
        "set_up_ms": 1000 * setting_up,
        "result_error": ((found - wanted).abs().max() / wanted.abs().max()).item(),
        "gradient_error": ((by_winograd - gradient).norm() / gradient.norm()).item(),
    }


def evaluate(push: Push, point: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The results and the gradient of the sum of their squares."""
    results, back = push(point)
    results = results.clone()
    return results, back(2 * results)


def best(function: Callable, runs: int) -> float:
    """The fewest seconds of work that a run takes, after one that doesn't count."""
    function()
    seconds = []
    for _ in range(runs):
        began = time.process_time()
        function()
        seconds.append(time.process_time() - began)
    return min(seconds)


if __name__ == "__main__":
    typer.run(main)
