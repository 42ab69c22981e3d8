"""Time, memory and arithmetic of one 448 x 448 pair: `python -m benchmarks.pair`.

Every run is a process of its own, from the start of Python to the last array, on the packaged
portraits. The floor is what the convolutions of the deconvolution would take at the machine's
own matrix-product rate; another process counts its operations and how long convolutions took.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

SIDE = 448
STAGES = ("start", "features", "match", "reconstruct", "aggregate")


def main(
    runs: Annotated[int, typer.Option(help="Runs of which the median is shown.")] = 5,
    ratio: Annotated[list[float], typer.Option(help="Scales before the network.")] = (0.5, 1.0),
    quality: Annotated[list[str], typer.Option()] = ("draft", "standard", "paper"),
    precision: Annotated[list[str], typer.Option()] = ("float32", "auto"),
    device: str = "auto",
    worker: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Print a table of wall time per stage and peak memory; the first precision is the baseline."""
    if worker:
        print(json.dumps(measure(**json.loads(worker))))
        return
    table = Table("ratio", "quality", "precision", "total s", "vs. baseline", *STAGES)
    for column in ("peak MB", "TFLOP", "s / floor", "convolutions", "objective left", "energy"):
        table.add_column(column)
    for one_ratio in ratio:
        for one_quality in quality:
            baseline = None
            for one_precision in precision:
                job = {"ratio": one_ratio, "quality": one_quality, "device": device}
                job["precision"] = one_precision
                results = [spawn(job) for _ in range(runs)]
                counted = spawn({**job, "count": True})
                total = median(result["total"] for result in results)
                baseline = baseline or total
                table.add_row(*row(job, results, counted, total, baseline))
    Console(width=200).print(table)


def row(job: dict, results: list[dict], counted: dict, total: float, baseline: float) -> list[str]:
    """One line of the table."""
    stages = {s: median(result["stages"].get(s, 0) for result in results) for s in STAGES}
    floor = counted["flop"] / counted["rate"]
    return [
        f"{job['ratio']}",
        job["quality"],
        counted["precision"],
        f"{total:.1f}",
        f"{total / baseline:.2f}",
        *(f"{stages[s]:.2f}" for s in STAGES),
        f"{median(result['peak'] for result in results):.0f}",
        f"{counted['flop'] / 1e12:.2f}",
        f"{total / floor:.1f}",
        f"{counted['convolutions']:.0%}",
        f"{counted['left']:.0%}" if counted["left"] else "",
        f"{counted['energy']:.4f}",
    ]


def spawn(job: dict[str, Any]) -> dict[str, Any]:
    """Measure a job in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.pair", "--worker"]
    begin = time.perf_counter()
    result = subprocess.run([*command, json.dumps(job)], stdout=subprocess.PIPE, check=True)
    return {**json.loads(result.stdout), "total": time.perf_counter() - begin}


def measure(
    ratio: float, quality: str, precision: str, device: str, count: bool = False
) -> dict[str, Any]:
    """One run; with `count` its operations and objectives too, which takes longer."""
    clock = Clock()
    from dia_pipeline import analogy as algorithm
    from dia_pipeline.network import Network, pick_device
    from dia_pipeline.settings import resolve
    from dia_pipeline.weights import find_weights

    settings = resolve({"ratio": ratio, "quality": quality, "precision": precision})
    network = Network(find_weights(settings.backbone), pick_device(device), settings.precision)
    pair = portraits()
    clock.begin("features")

    def work():
        return algorithm.analogy(*pair, network, settings, lambda level, step: clock.begin(step))

    aggregate = algorithm.aggregate
    algorithm.aggregate = lambda *arguments: (clock.begin("aggregate"), aggregate(*arguments))[1]
    extra = counted(work, network) if count else {}
    result = None if count else work()
    clock.begin("end")
    if result is not None:
        extra["energy"] = result.levels[1].energy_ab.mean().item()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"stages": clock.seconds, "peak": peak, "precision": network.precision, **extra}


def counted(work, network) -> dict[str, Any]:
    """Operations of the network, share of time in convolutions, and what the objective fell to."""
    from torch.profiler import ProfilerActivity, profile
    from torch.utils.flop_counter import FlopCounterMode

    from dia_pipeline import deconvolution

    minimise, left = deconvolution.minimise, []

    def recorded(*arguments):
        found = minimise(*arguments)
        left.append(found.values[-1] / found.values[0])
        return found

    begin = time.perf_counter()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        result = work()
    seconds = time.perf_counter() - begin
    convolutions = sum(
        event.cpu_time_total
        for event in profiler.key_averages()
        if event.key in ("aten::convolution", "aten::convolution_backward")
    )
    deconvolution.minimise = recorded
    with FlopCounterMode(display=False) as counter:
        work()
    deconvolution.minimise = minimise
    return {
        "flop": counter.get_total_flops(),
        "rate": product_rate(network),
        "convolutions": convolutions / 1e6 / seconds,
        "left": sum(left) / len(left) if left else None,
        "energy": result.levels[1].energy_ab.mean().item(),
    }


def product_rate(network) -> float:
    """Operations per second of a large matrix product on the device, in the network's precision."""
    import torch

    size = 2048
    a, b = torch.rand(2, size, size, device=network.device).to(getattr(torch, network.precision))
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        (a @ b)[0, 0].item()
        seconds.append(time.perf_counter() - begin)
    return 2 * size**3 / min(seconds)


def portraits():
    """The demo's pair of portraits, 448 x 448."""
    from dia_pipeline.demo import demo_pairs
    from dia_pipeline.images import read_image, resize_image

    folder = Path(tempfile.gettempdir(), "dia-benchmark")
    if not (folder / "pairs.tsv").exists():
        demo_pairs(folder)
    names = (folder / "pictures" / f"portrait_{name}.png" for name in ("a", "b_prime"))
    return [resize_image(read_image(name), (SIDE, SIDE)) for name in names]


class Clock:
    """Seconds by stage, from the start of the process."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._stage, self._since = "start", time.perf_counter()

    def begin(self, stage: str) -> None:
        """End the stage under way and begin another."""
        now = time.perf_counter()
        self.seconds[self._stage] = self.seconds.get(self._stage, 0) + now - self._since
        self._stage, self._since = stage, now


if __name__ == "__main__":
    typer.run(main)
