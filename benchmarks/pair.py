"""Time, memory and arithmetic of one pair: `python -m benchmarks.pair`.

Every run is a process of its own, from the start of Python to the last array, on the packaged
portraits; on CUDA it runs the pair once before it is timed, as kernels are compiled then. Another
process counts: operations are those of all convolutions; bytes are input, weights and output of
each, and once an iteration all vectors that L-BFGS remembers. The floor is the longer of the
operations at the device's own rate of matrix products and of the bytes at its rate of copying.
What counts convolves directly, by torch; so on the CPU, where the deconvolution doesn't, a run may
be faster than its floor.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

from .records import Record, report

SIZE = (448, 448)
PLAIN = {"draft": 0, "standard": 20, "paper": 100}
"""Iterations in which the plain form reaches the objective of a quality."""

STAGES = ("start", "features", "match", "reconstruct", "aggregate")


def main(
    runs: Annotated[int, typer.Option(help="Runs of which the median is shown.")] = 5,
    ratio: Annotated[list[float], typer.Option(help="Scales before the network.")] = (0.5, 1.0),
    quality: Annotated[list[str], typer.Option()] = ("draft", "standard", "paper"),
    precision: Annotated[list[str], typer.Option()] = ("plain", "float32", "auto"),
    size: Annotated[tuple[int, int], typer.Option(help="Height and width of the images.")] = SIZE,
    device: str = "auto",
    record: Record = None,
    worker: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Show wall time per stage and peak memory; the first precision is the baseline.

    Precision `plain` is float32 in the plain form: torch convolves and differentiates, and L-BFGS
    remembers four steps of the features as they are.
    """
    if worker:
        print(json.dumps(measure(**json.loads(worker))))
        return
    rows = []
    for one_ratio, one_quality in product(ratio, quality):
        baseline = None
        for one_precision in precision:
            job = {"ratio": one_ratio, "quality": one_quality, "precision": one_precision}
            job.update(size=size, device=device)
            results = [spawn(job) for _ in range(runs)]
            counted = spawn({**job, "count": True})
            total = median(result["total"] for result in results)
            baseline = baseline or total
            rows.append(figures(job, results, counted, total, total / baseline))
    report(rows, record, runs)


def figures(
    job: dict, results: list[dict], counted: dict, total: float, per_baseline: float
) -> dict[str, Any]:
    """One row."""
    stages = {s: median(result["stages"].get(s, 0) for result in results) for s in STAGES}
    pair = sum(stages.values()) - stages["start"]
    floor = max(counted["flop"] / counted["rate"], counted["bytes"] / counted["copy_rate"])
    return {
        "size": "{} x {}".format(*job["size"]),
        "ratio": job["ratio"],
        "quality": job["quality"],
        "precision": "plain" if job["precision"] == "plain" else counted["precision"],
        "total_s": total,
        "total_per_baseline": per_baseline,
        **{f"{stage}_s": stages[stage] for stage in STAGES},
        "pair_s": pair,
        "peak_mb": median(result["peak"] for result in results),
        "operations_tflop": counted["flop"] / 1e12,
        "traffic_gb": counted["bytes"] / 1e9,
        "floor_s": floor,
        "pair_per_floor": pair / floor,
        "reconstruct_per_floor": stages["reconstruct"] / floor if counted["left"] else None,
        "convolutions_share": counted["convolutions"],
        "left_share": counted["left"],
        "energy": counted["energy"],
    }


def spawn(job: dict[str, Any]) -> dict[str, Any]:
    """Measure a job in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.pair", "--worker"]
    begin = time.perf_counter()
    result = subprocess.run([*command, json.dumps(job)], stdout=subprocess.PIPE, check=True)
    return {**json.loads(result.stdout), "total": time.perf_counter() - begin}


def measure(
    ratio: float,
    quality: str,
    precision: str,
    size: tuple[int, int],
    device: str,
    count: bool = False,
) -> dict[str, Any]:
    """One run; with `count` its operations and objectives too, which takes longer."""
    clock = Clock()
    import torch

    import dia_pipeline.cli.app  # noqa: F401  (sets the process up as `dia` does)
    from dia_pipeline import analogy as algorithm
    from dia_pipeline.networks.network import Network, pick_device
    from dia_pipeline.networks.weights import find_weights
    from dia_pipeline.settings import resolve

    options = {"ratio": ratio, "quality": quality, "precision": precision}
    if precision == "plain":
        make_plain()
        options.update(precision="float32", deconvolution=PLAIN[quality])
    settings = resolve({**options, "max_side": max(size), "pose": "given"})
    network = Network(find_weights(settings.backbone), pick_device(device), settings.precision)
    pair = portraits(size)
    if network.device.type == "cuda":
        algorithm.analogy(*pair, network, settings)
        torch.cuda.reset_peak_memory_stats()
    clock.wait_for(network)
    clock.begin("features")

    def told(level, step, share):
        if share == 0:
            clock.begin(step)

    def work():
        return algorithm.analogy(*pair, network, settings, told)

    aggregate = algorithm.aggregate

    def timed(*arguments, **named):
        clock.begin("aggregate")
        return aggregate(*arguments, **named)

    algorithm.aggregate = timed
    extra = counted(work, network) if count else {}
    result = None if count else work()
    clock.begin("end")
    if result is not None:
        extra["energy"] = result.levels[1].energy_ab.mean().item()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if network.device.type == "cuda":
        peak = torch.cuda.max_memory_allocated() / 2**20
    return {"stages": clock.seconds, "peak": peak, "precision": network.precision, **extra}


def make_plain() -> None:
    """Let deconvolutions be worked in the plain form."""
    from dia_pipeline.algorithm import deconvolution
    from dia_pipeline.machine.convolution import Autograd

    deconvolution.HISTORY = 4
    deconvolution.differentiable = Autograd
    deconvolution._coordinates = as_they_are


def as_they_are(first, *_):
    """The coordinates of features that are searched as they are."""
    import torch

    return (torch.eye(first.shape[2]).to(first),) * 2


def counted(work, network) -> dict[str, Any]:
    """Operations and bytes, share of time in convolutions, and what the objective fell to."""
    from torch.profiler import ProfilerActivity, profile
    from torch.utils.flop_counter import FlopCounterMode

    from dia_pipeline.algorithm import deconvolution
    from dia_pipeline.machine.convolution import Autograd

    deconvolution.differentiable = Autograd
    on_gpu = network.device.type == "cuda"
    begin = time.perf_counter()
    activities = [ProfilerActivity.CUDA] if on_gpu else []
    with profile(activities=[ProfilerActivity.CPU, *activities]) as profiler:
        result = work()
    seconds = time.perf_counter() - begin
    convolutions = sum(
        event.device_time_total if on_gpu else event.cpu_time_total
        for event in profiler.key_averages()
        if event.key in ("aten::convolution", "aten::convolution_backward")
    )
    minimise, left, remembered = deconvolution.minimise, [], []

    def recorded(function, start, iterations, history, tolerance):
        found = minimise(function, start, iterations, history, tolerance)
        left.append(found.values[-1] / found.values[0] if found.values[0] else 0.0)
        remembered.append((len(found.values) - 1) * (2 * history + 1) * start.nbytes)
        return found

    deconvolution.minimise = recorded
    with traffic_counter() as traffic, FlopCounterMode(display=False) as counter:
        work()
    deconvolution.minimise = minimise
    return {
        "flop": counter.get_total_flops(),
        "bytes": traffic.bytes + sum(remembered),
        "rate": product_rate(network),
        "copy_rate": copy_rate(network),
        "convolutions": convolutions / 1e6 / seconds,
        "left": sum(left) / len(left) if left else None,
        "energy": result.levels[1].energy_ab.mean().item(),
    }


def traffic_counter():
    """A context that adds up the bytes that convolutions, forward and backward, read and write."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    convolutions = {
        torch.ops.aten.convolution.default,
        torch.ops.aten.convolution_backward.default,
    }

    class Traffic(TorchDispatchMode):
        bytes = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            if function in convolutions:
                values = tree_leaves((args, result))
                self.bytes += sum(v.nbytes for v in values if isinstance(v, torch.Tensor))
            return result

    return Traffic()


def product_rate(network) -> float:
    """Operations per second of a large matrix product on the device, in the network's precision."""
    import torch

    size = 8192 if network.device.type == "cuda" else 2048
    a, b = torch.rand(2, size, size, device=network.device).to(getattr(torch, network.precision))
    return 2 * size**3 / shortest(lambda: a @ b)


def copy_rate(network) -> float:
    """Bytes per second read and written while a large array is copied on the device."""
    import torch

    source, target = torch.zeros(2, 2**26, device=network.device)
    return 2 * source.nbytes / shortest(lambda: target.copy_(source))


def shortest(work) -> float:
    """Seconds of the fastest of five runs of `work`, which returns a matrix or vector."""
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        work().view(-1)[0].item()  # waits for the device
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def portraits(size: tuple[int, int] = SIZE):
    """The demo's pair of portraits at a size (height, width)."""
    from dia_pipeline.io.images import read_image
    from dia_pipeline.pixels import resize_image
    from dia_pipeline.samples.demo import demo_pairs

    folder = Path(tempfile.gettempdir(), "dia-benchmark")
    if not (folder / "pairs.tsv").exists():
        demo_pairs(folder)
    names = (folder / "images" / f"portrait_{name}.png" for name in ("a", "b_prime"))
    return [resize_image(read_image(name), size) for name in names]


class Clock:
    """Seconds by stage, from the start of the process."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._wait = lambda: None
        self._stage, self._since = "start", time.perf_counter()

    def wait_for(self, network) -> None:
        """From now on wait for a GPU at the end of a stage: it works on while Python goes on."""
        import torch

        if network.device.type == "cuda":
            self._wait = torch.cuda.synchronize

    def begin(self, stage: str) -> None:
        """End the stage under way, once the device has done it, and begin another."""
        self._wait()
        now = time.perf_counter()
        self.seconds[self._stage] = self.seconds.get(self._stage, 0) + now - self._since
        self._stage, self._since = stage, now


if __name__ == "__main__":
    typer.run(main)
