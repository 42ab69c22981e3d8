"""Pairs a minute with one or more pairs in flight: `python -m benchmarks.throughput`.

The packaged portraits, 448 x 448, over and over. Every pair in flight is a process of its own that
keeps its network, as the jobs of the workflow do, with an equal share of the CPU's threads. What
starting the processes takes is left out: they begin together once all are ready.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from statistics import median
from typing import Annotated

import typer

from .pair import portraits
from .records import Record, report


def main(
    pairs: Annotated[int, typer.Option(help="Pairs that every process works.")] = 3,
    flight: Annotated[list[int], typer.Option(help="Pairs in flight.")] = (1, 2),
    runs: Annotated[int, typer.Option(help="Runs of which the median is shown.")] = 5,
    ratio: float = 0.5,
    quality: str = "standard",
    device: str = "auto",
    record: Record = None,
) -> None:
    """Show the throughput; the first number in flight is the baseline."""
    portraits()  # made once, before the processes look for them
    rows, baseline = [], None
    for count in flight:
        threads = max(1, len(os.sched_getaffinity(0)) // count)
        seconds = median(
            measure(count, threads, pairs, ratio, quality, device) for _ in range(runs)
        )
        rate = 60 * pairs * count / seconds
        baseline = baseline or rate
        row = {"in_flight": count, "threads_each": threads, "pairs_per_minute": rate}
        rows.append({**row, "pairs_per_baseline": rate / baseline, "pair_s": 60 / rate})
    report(rows, record, runs)


def measure(count: int, threads: int, pairs: int, ratio: float, quality: str, device: str) -> float:
    """Seconds from the moment that all processes are ready to the last pair's end."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(count + 1)
    arguments = (ready, threads, pairs, ratio, quality, device)
    workers = [context.Process(target=work, args=arguments) for _ in range(count)]
    for worker in workers:
        worker.start()
    ready.wait()
    begin = time.perf_counter()
    for worker in workers:
        worker.join()
    return time.perf_counter() - begin


def work(ready, threads: int, pairs: int, ratio: float, quality: str, device: str) -> None:
    """Get ready, wait for the others, process the pairs."""
    import numba
    import torch

    from dia_pipeline.algorithm.network import Network, pick_device
    from dia_pipeline.analogy import analogy
    from dia_pipeline.io.weights import find_weights
    from dia_pipeline.settings import resolve

    torch.set_num_threads(threads)
    numba.set_num_threads(threads)
    settings = resolve({"ratio": ratio, "quality": quality, "pose": "given"})
    network = Network(find_weights(settings.backbone), pick_device(device), settings.precision)
    pair = portraits()
    draft = resolve({"ratio": 0.25, "quality": "draft"})
    on_gpu = network.device.type == "cuda"  # whose libraries prepare for every size anew
    analogy(*pair, network, settings if on_gpu else draft)  # compiles the kernels
    ready.wait()
    for _ in range(pairs):
        analogy(*pair, network, settings)


if __name__ == "__main__":
    typer.run(main)
