"""The deconvolution's objective against time: `python -m benchmarks.objective`.

What is left of the objective of the packaged portraits' deconvolutions (towards A'), by several
ways: with torch's convolutions or those of the CPU here, of the features as they are or in
coordinates, with several histories, and by torch's own L-BFGS. The clock starts before anything is
set up. Objectives are shares of the first one's value, which all ways have in common. Writes a plot
beside the table.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from unittest.mock import patch

import numpy as np
import torch
import typer

from dia_pipeline.algorithm import coarse_to_fine as levels
from dia_pipeline.algorithm import deconvolution
from dia_pipeline.analogy import analogy
from dia_pipeline.machine.convolution import Autograd
from dia_pipeline.machine.lbfgs import Minimum, minimise, sums
from dia_pipeline.networks.network import Network, pick_device
from dia_pipeline.networks.weights import find_weights
from dia_pipeline.settings import SHORTHANDS, resolve

from .pair import PLAIN, as_they_are, portraits
from .records import Record, report

Trace = np.ndarray
"""(evaluations, 2): seconds, and the lowest objective so far as a share of the first."""


class Way(NamedTuple):
    """How a deconvolution is worked, and what it changes of the present way."""

    history: int
    changed: dict[str, Callable]
    minimise: Callable[..., Minimum] = minimise


AS_THEY_ARE = {"_coordinates": as_they_are}
BY_TORCH = {"differentiable": Autograd}


def main(
    ratio: float = 0.5,
    iterations: Annotated[int, typer.Option(help="Most of each deconvolution.")] = 100,
    output: Annotated[Path, typer.Option(help="The plot.")] = Path("objective.png"),
    device: str = "auto",
    record: Record = None,
) -> None:
    """Show the figures and draw the plot."""
    ways = {
        "torch, features, torch.optim.LBFGS": Way(4, AS_THEY_ARE | BY_TORCH, torch_minimise),
        "torch, features, history 4": Way(4, AS_THEY_ARE | BY_TORCH),
        "Winograd, features, history 4": Way(4, AS_THEY_ARE),
        **{f"Winograd, coordinates, history {n}": Way(n, {}) for n in (4, 2, 1)},
    }
    network = Network(find_weights(), pick_device(device), "float32")
    problems = find_problems(network, ratio)
    traces = {
        name: [work(way, *problem, network, iterations) for problem in problems]
        for name, way in ways.items()
    }
    plain = traces["torch, features, history 4"]
    report([figures(*each, plain) for each in traces.items()], record)
    draw(traces, [level for level, *_ in problems], output)


def find_problems(network: Network, ratio: float) -> list[tuple]:
    """Level, warped map and first guess of every deconvolution of the pair towards A'."""
    problems = []

    class Recorded(deconvolution.Deconvolution):
        def features(self, warped, start, *rest):
            problems.append((self._level, warped, start))
            return super().features(warped, start, *rest)

    options = {"quality": "draft", "directions": "ab", "pose": "given"}
    settings = resolve({"ratio": ratio, **options})
    with patch.object(levels, "Deconvolution", Recorded):
        analogy(*portraits(), network, settings)
    return problems


def work(way: Way, level, warped, start, network, iterations: int) -> Trace:
    """Minimise one objective and keep the time of every evaluation."""
    trace = []
    begin = time.perf_counter()

    def timed(function, start, iterations, history, tolerance):
        def evaluate(point):
            value, gradient = function(point)
            (number,) = sums(point.device).read(value)
            trace.append((time.perf_counter() - begin, number))
            return value, gradient

        return way.minimise(evaluate, start, iterations, history, tolerance)

    with patch.multiple(deconvolution, minimise=timed, HISTORY=way.history, **way.changed):
        deconvolution.Deconvolution(network, level).minimum(warped, start, iterations)
    seconds, values = np.array(trace).T
    return np.stack([seconds, np.minimum.accumulate(values) / values[0]], axis=1)


def torch_minimise(function, start, iterations: int, history: int, tolerance: float) -> Minimum:
    """`minimise` by torch's own L-BFGS."""
    point = start.clone().requires_grad_()
    optimiser = torch.optim.LBFGS(
        [point],
        max_iter=iterations,
        history_size=history,
        tolerance_grad=0,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure():
        value, point.grad = function(point.detach())
        return torch.tensor(*sums(point.device).read(value))

    optimiser.step(closure)
    return Minimum(point.detach(), [])


def figures(name: str, traces: list[Trace], plain: list[Trace]) -> dict[str, Any]:
    """One row: what is left on the average over levels, and seconds of all levels.

    Of each quality, after its iterations, and when the plain way's objective after its is reached.
    """
    row: dict[str, Any] = {"variant": name}
    for quality, most in PLAIN.items():
        if not most:
            continue
        own = SHORTHANDS["quality"].values[quality]["deconvolution"]
        left = [trace[: n + 1][-1, 1] for trace, n in zip(traces, own, strict=True)]
        row[f"{quality}_left_share"] = float(np.mean(left))
        goal = [trace[:most][-1, 1] for trace in plain]
        seconds = [reached(*each) for each in zip(traces, goal, strict=True)]
        row[f"{quality}_reached_s"] = None if None in seconds else sum(seconds)
    return row


def reached(trace: Trace, goal: float) -> float | None:
    """The seconds after which an objective is reached, if it is."""
    there = trace[:, 1] <= goal
    return float(trace[there.argmax(), 0]) if there.any() else None


def draw(traces: dict[str, list[Trace]], numbers: list[int], output: Path) -> None:
    """The objective against seconds, a panel a level."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.5), layout="constrained")
    panels = figure.subplots(1, len(numbers), sharey=True)
    for index, (number, panel) in enumerate(zip(numbers, panels, strict=True)):
        for name, levels_ in traces.items():
            panel.plot(*levels_[index].T, label=name)
        panel.set(title=f"level {number}", xlabel="seconds", yscale="log")
    panels[0].set_ylabel("objective left")
    panels[-1].legend(fontsize="x-small")
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
