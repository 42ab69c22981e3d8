"""Pairs of a batch that are worked on at once: in threads, as on a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Barrier, Event, current_thread, main_thread

import numba
import pytest
import torch
from examples import artefacts, draw_image, make_plan
from pretended import CUDA

from dia_pipeline.errors import JobError
from dia_pipeline.graphs.shared import Networks
from dia_pipeline.jobs import concurrency
from dia_pipeline.jobs.batches import run_batch
from dia_pipeline.jobs.concurrency import work_abreast
from dia_pipeline.runs.pair import Pair

CPU = torch.device("cpu")
"""Stands for a GPU: threads are what it is about."""


def test_without_a_gpu_all_is_worked_in_turn():
    worked = []
    work_abreast(lambda item: worked.append((item, current_thread())), "abc", 3, lambda: None)
    assert worked == [(item, main_thread()) for item in "abc"]


def test_the_first_is_worked_alone_and_the_others_at_once():
    together = Barrier(3, timeout=60)
    alone = []

    def work(item: int) -> None:
        assert numba.get_num_threads() == 1 or item == 0
        if item == 0:
            alone.append(current_thread())
        else:
            together.wait()

    work_abreast(work, range(7), 3, lambda: CPU)
    assert alone == [main_thread()]


@pytest.mark.parametrize("items", ["", "a"])
def test_few_items_are_worked_too(items):
    worked = []
    work_abreast(worked.append, items, 4, lambda: CPU)
    assert "".join(worked) == items


def test_the_first_error_ends_it_and_nothing_more_is_begun():
    begun, failed = [], Event()

    def work(item: int) -> None:
        begun.append(item)
        if item == 1:
            failed.set()
            raise JobError("", "the device is at fault")
        if item > 1:
            assert failed.wait(60)
            time.sleep(0.2)  # in which a busy machine too ends it

    with pytest.raises(JobError, match="the device is at fault"):
        work_abreast(work, range(100), 2, lambda: CPU)
    assert len(begun) < 10


def test_a_thread_has_a_stream_of_its_own(monkeypatch):
    streams, used = [], []
    monkeypatch.setattr(torch.cuda, "Stream", lambda gpu: streams.append(gpu) or len(streams))
    monkeypatch.setattr(torch.cuda, "set_stream", lambda s: used.append((s, current_thread())))
    together = Barrier(2, timeout=60)
    work_abreast(lambda item: item and together.wait(), range(3), 2, lambda: CUDA)
    assert streams == [CUDA, CUDA]
    assert len({stream for stream, _ in used}) == len({thread for _, thread in used}) == 2


@pytest.mark.parametrize(("layer", "may"), [("workqueue", False), ("omp", True)])
def test_no_threads_share_the_pool_of_numba_that_forbids_it(layer, may):
    code = "from dia_pipeline import session; print(session.may_share_numba())"
    environment = {**os.environ, "NUMBA_THREADING_LAYER": layer}
    command = [sys.executable, "-c", code]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == str(may)


def test_where_they_may_not_all_is_worked_in_turn(monkeypatch):
    monkeypatch.setattr(concurrency, "may_share_numba", lambda: False)
    worked = []
    work_abreast(lambda item: worked.append(current_thread()), range(3), 3, lambda: CPU)
    assert worked == [main_thread()] * 3


@pytest.mark.parametrize("checkpoint", ["pair", pytest.param("level", marks=pytest.mark.slow)])
def test_pairs_worked_at_once_give_the_same_bytes(checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sizes = [(24, 32), (40, 28), (20, 50), (33, 33)]
    b_primes = [draw_image(Path(f"b{n}.png"), 9 + n, sizes[-n]) for n in (1, 2)]
    pairs = [
        Pair(f"pair{n}", draw_image(Path(f"a{n}.png"), n, size), b_primes[n % 2])
        for n, size in enumerate(sizes)
    ]
    Path("none.png").write_bytes(b"no image")
    pairs.insert(2, Pair("damaged", "none.png", b_primes[0]))
    settings = {"deconvolution": 1}
    found = []
    for at_once in (1, 3):
        if at_once > 1:
            monkeypatch.setattr(Networks, "gpu", CPU)
        folder = Path(f"results{at_once}")
        plan = make_plan(
            folder, tuple(pairs), settings=settings, pairs_per_job=5, checkpoint=checkpoint
        )
        receipts = [
            run_batch(plan, stage, "hierarchical", "0001", at_once)
            for stage in plan.stages("hierarchical", "0001")
        ]
        found.append((artefacts(folder), [(each.made, each.failed.keys()) for each in receipts]))
    assert found[0] == found[1]
    assert found[0][1][-1][1] == {"damaged"}
