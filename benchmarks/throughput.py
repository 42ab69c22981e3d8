"""Pairs a minute with one or more pairs in flight: `python -m benchmarks.throughput`.

The packaged portraits, 448 x 448, over and over. Every pair in flight is a process of its own that
keeps its network, as jobs of the workflow are, or a thread of one process, as pairs of a job are on
a GPU. Processes share the threads of the CPU evenly; a pair in a thread has that one alone. What
starting takes is left out: all begin together once they are ready.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from itertools import product
from statistics import median
from typing import Annotated

import typer

from .pair import portraits
from .records import Record, report

WAYS = "processes", "threads"


def main(
    pairs: Annotated[int, typer.Option(help="Pairs for each one in flight.")] = 3,
    flight: Annotated[list[int], typer.Option(help="Pairs in flight.")] = (1, 2),
    way: Annotated[list[str], typer.Option(help="In processes or threads.")] = WAYS,
    runs: Annotated[int, typer.Option(help="Runs of which the median is shown.")] = 5,
    ratio: float = 0.5,
    quality: str = "standard",
    device: str = "auto",
    record: Record = None,
) -> None:
    """Show the throughput; the first number in flight is the baseline."""
    portraits()  # made once, before the processes look for them
    rows, baseline = [], None
    for one_way, count in product(way, flight):
        job = ratio, quality, device
        seconds = median(measure(one_way, count, pairs, job) for _ in range(runs))
        rate = 60 * pairs * count / seconds
        baseline = baseline or rate
        row = {"in_flight": count, "way": one_way, "pairs_per_minute": rate}
        rows.append({**row, "pairs_per_baseline": rate / baseline, "pair_s": 60 / rate})
    report(rows, record, runs)


def measure(way: str, count: int, pairs: int, job: tuple) -> float:
    """Seconds from the moment that all are ready to the last pair's end."""
    processes, flight = (count, 1) if way == "processes" else (1, count)
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(processes + 1)
    threads = max(1, len(os.sched_getaffinity(0)) // processes)
    arguments = (ready, threads, flight, pairs, *job)
    workers = [context.Process(target=work, args=arguments) for _ in range(processes)]
    for worker in workers:
        worker.start()
    ready.wait()
    begin = time.perf_counter()
    for worker in workers:
        worker.join()
    return time.perf_counter() - begin


def work(
    ready, threads: int, flight: int, pairs: int, ratio: float, quality: str, device: str
) -> None:
    """Get ready, wait for the others, process the pairs."""
    import numba
    import torch

    from dia_pipeline.analogy import analogy
    from dia_pipeline.jobs.concurrency import work_abreast
    from dia_pipeline.networks.network import Network, pick_device
    from dia_pipeline.networks.weights import find_weights
    from dia_pipeline.settings import resolve

    torch.set_num_threads(threads)
    numba.set_num_threads(threads)
    settings = resolve({"ratio": ratio, "quality": quality, "pose": "given"})
    network = Network(find_weights(settings.backbone), pick_device(device), settings.precision)
    pair = portraits()
    draft = resolve({"ratio": 0.25, "quality": "draft"})
    on_gpu = network.device.type == "cuda"  # whose libraries prepare for every size anew

    def process(number: int) -> None:
        if number:
            analogy(*pair, network, settings)
        else:
            analogy(*pair, network, settings if on_gpu else draft)  # compiles the kernels
            ready.wait()

    work_abreast(process, range(1 + pairs * flight), flight, lambda: network.device)


if __name__ == "__main__":
    typer.run(main)
