"""The deconvolution's objective against time: `python -m benchmarks.objective`.

What `minimise` and torch's own L-BFGS reach, by precision and history, on the deconvolutions of the
packaged portraits (towards A'). The clock runs through every evaluation; objectives are shares of
the first one's value, which all variants have in common. Writes a plot beside the table.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
import typer

from dia_pipeline.algorithm import coarse_to_fine as levels
from dia_pipeline.algorithm import deconvolution
from dia_pipeline.algorithm.lbfgs import Minimum, minimise, sums
from dia_pipeline.algorithm.network import Network, pick_device
from dia_pipeline.analogy import analogy
from dia_pipeline.io.weights import find_weights
from dia_pipeline.settings import resolve

from .pair import portraits
from .records import Record, report

WINDOW, GAIN = 5, 0.02
"""The early stop that is tried: when so many iterations gain less than this share."""

Trace = np.ndarray
"""(evaluations, 2): seconds, and the lowest objective so far as a share of the first."""


class Variant(NamedTuple):
    """A way to work a deconvolution."""

    precision: str
    history: int
    minimise: Callable[..., Minimum]


def main(
    ratio: float = 0.5,
    iterations: Annotated[int, typer.Option(help="Most of each deconvolution.")] = 100,
    output: Annotated[Path, typer.Option(help="The plot.")] = Path("objective.png"),
    device: str = "auto",
    record: Record = None,
) -> None:
    """Show the figures and draw the plot."""
    variants = {
        "torch.optim.LBFGS, float32": Variant("float32", 4, torch_minimise),
        "float32": Variant("float32", 4, minimise),
        **{f"bfloat16, history {n}": Variant("bfloat16", n, minimise) for n in (2, 4, 8, 16)},
    }
    weights = find_weights()
    networks = {
        name: Network(weights, pick_device(device), name) for name in ("float32", "bfloat16")
    }
    problems = find_problems(networks["float32"], ratio)
    traces = {
        name: [work(variant, *problem, networks, iterations) for problem in problems]
        for name, variant in variants.items()
    }
    stopped = [early(trace) for trace in traces["bfloat16, history 4"]]
    shown = {**traces, "bfloat16, history 4, early stop": stopped}
    report([figures(*each) for each in shown.items()], record)
    draw(traces, [level for level, *_ in problems], output)


def find_problems(network: Network, ratio: float) -> list[tuple]:
    """Level, warped map and first guess of every deconvolution of the pair towards A'."""
    problems = []
    deconvolve = levels.deconvolve

    def recorded(warped, start, level, *rest):
        problems.append((level, warped, start))
        return deconvolve(warped, start, level, *rest)

    levels.deconvolve = recorded
    options = {"quality": "draft", "directions": "ab", "pose": "given"}
    settings = resolve({"ratio": ratio, **options})
    analogy(*portraits(), network, settings)
    levels.deconvolve = deconvolve
    return problems


def work(variant: Variant, level, warped, start, networks, iterations: int) -> Trace:
    """Minimise one objective and keep the time of every evaluation."""
    network, trace = networks[variant.precision], []

    def timed(function, start, iterations, history, tolerance):
        begin = time.perf_counter()

        def evaluate(point):
            value, gradient = function(point)
            (number,) = sums(point.device).read(value)
            trace.append((time.perf_counter() - begin, number))
            return value, gradient

        return variant.minimise(evaluate, start, iterations, variant.history, tolerance)

    deconvolution.minimise = timed
    deconvolution.reconstruct(warped, start, level, network, iterations)
    deconvolution.minimise = minimise
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


def early(trace: Trace) -> Trace:
    """A trace up to where the early stop ends it."""
    left = trace[:, 1]
    slow = left[WINDOW:] > (1 - GAIN) * left[:-WINDOW]
    return trace[: WINDOW + 1 + slow.argmax()] if slow.any() else trace


def figures(name: str, traces: list[Trace]) -> dict[str, Any]:
    """One row: seconds in all, and the objective left on the average over levels."""
    return {
        "variant": name,
        "evaluations": sum(map(len, traces)),
        "total_s": sum(trace[-1, 0] for trace in traces),
        "left_at_a_quarter_share": left(traces, 0.25),
        "left_at_half_share": left(traces, 0.5),
        "left_share": left(traces, 1),
    }


def left(traces: list[Trace], share: float) -> float:
    """The mean objective after a share of the time."""
    ends = (trace[:, 0].searchsorted(share * trace[-1, 0]) for trace in traces)
    return float(np.mean([trace[end, 1] for trace, end in zip(traces, ends, strict=True)]))


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
