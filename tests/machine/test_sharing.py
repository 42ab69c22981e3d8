"""A GPU of 10 GB, which is only pretended, and of which other processes hold some."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
import torch
from pretended import CUDA, SharedGpu

from dia_pipeline.errors import JobError
from dia_pipeline.machine import sharing
from dia_pipeline.machine.sharing import PATIENCE, with_memory


def failing(times: int, text: str = "CUDA out of memory. Tried to allocate 2 GiB"):
    """Work that fails so many times."""
    asked = []

    def work():
        asked.append(True)
        if len(asked) <= times:
            raise RuntimeError(text)
        return "done"

    return work


def test_memory_that_others_hold_is_waited_for(monkeypatch, caplog):
    gpu = SharedGpu(monkeypatch, 9e9, 8e9, 7e9, 6e9)
    assert with_memory(lambda: gpu.held[0], 3e9, CUDA) == 7e9
    (line,) = caplog.messages
    assert "about 3.0 GB are needed, and 1.0 GB can be had" in line


def test_nothing_is_said_where_enough_is_free(monkeypatch, caplog):
    gpu = SharedGpu(monkeypatch, 7e9)
    assert with_memory(failing(0), 3e9, CUDA) == "done"
    assert not caplog.messages and not gpu.seconds and not gpu.emptied


def test_what_this_process_keeps_can_be_had_and_is_given_back_before_it_waits(monkeypatch):
    gpu = SharedGpu(monkeypatch, 6e9, 2e9)
    gpu.ours = 3e9
    with_memory(failing(0), 4e9, CUDA)
    assert not gpu.emptied
    with_memory(failing(0), 5e9, CUDA)
    assert gpu.emptied == 1 and gpu.ours == 0


def test_memory_that_is_never_given_back_is_an_error_of_the_job(monkeypatch):
    gpu = SharedGpu(monkeypatch, 8e9)
    with pytest.raises(JobError, match=r"other processes .* 3\.0 GB .* 2\.0 GB can be had"):
        with_memory(lambda: pytest.fail("begun"), 3e9, CUDA)
    assert PATIENCE <= gpu.seconds < 1.1 * PATIENCE


def test_a_gpu_without_room_for_the_libraries_is_waited_for_too(monkeypatch):
    gpu = SharedGpu(monkeypatch, 10e9, 10e9, 0)
    told = torch.cuda.mem_get_info

    def full(device):
        if gpu.held[0] == 10e9:
            raise RuntimeError("CUDA error: out of memory")
        return told(device)

    monkeypatch.setattr(torch.cuda, "mem_get_info", full)
    assert with_memory(failing(0), 3e9, CUDA) == "done" and gpu.seconds


def test_no_more_is_waited_for_than_an_empty_gpu_has(monkeypatch):
    gpu = SharedGpu(monkeypatch, 4e9, 0)
    assert with_memory(lambda: gpu.held[0], 30e9, CUDA) == 0


def test_what_runs_out_of_memory_is_begun_again_when_that_is_free(monkeypatch):
    """Another process takes it after the first look."""
    gpu = SharedGpu(monkeypatch, 0)
    work = failing(1)

    def overtaken():
        gpu.held = gpu.held if gpu.seconds else [8e9, 8e9, 1e9]
        return work(), gpu.held[0]

    assert with_memory(overtaken, 3e9, CUDA) == ("done", 1e9)
    assert gpu.emptied


def test_twice_out_of_memory_is_the_fault_of_the_work_unless_others_hold_some(monkeypatch):
    gpu = SharedGpu(monkeypatch, 0)
    with pytest.raises(RuntimeError, match="Tried to allocate") as error:
        with_memory(failing(2), 3e9, CUDA)
    assert not isinstance(error.value, JobError) and not gpu.seconds
    SharedGpu(monkeypatch, 5e9)
    with pytest.raises(JobError, match="other processes hold"):
        with_memory(failing(2), 3e9, CUDA)


def test_other_errors_and_other_devices_are_left_alone(monkeypatch):
    gpu = SharedGpu(monkeypatch, 0)
    with pytest.raises(RuntimeError, match="illegal"):
        with_memory(failing(1, "CUDA error: an illegal memory access"), 3e9, CUDA)
    gpu.held = [10e9]
    with pytest.raises(RuntimeError, match="out of memory"):
        with_memory(failing(1), 3e9, torch.device("cpu"))
    assert not gpu.seconds and not gpu.emptied


@pytest.fixture
def threads():
    with ThreadPoolExecutor(4) as pool:
        yield pool


class Work:
    """Work of a thread that lasts until it is to end."""

    def __init__(self, threads, wanted: float):
        self.begun, self.end = Event(), Event()
        self.result = threads.submit(with_memory, self._go, wanted, CUDA)

    def _go(self):
        self.begun.set()
        assert self.end.wait(60)
        return "done"


def test_threads_whose_works_fit_work_at_once(monkeypatch, threads):
    SharedGpu(monkeypatch, 1e9)
    together = Barrier(2, timeout=60)
    works = [threads.submit(with_memory, together.wait, 4e9, CUDA) for _ in range(2)]
    assert sorted(each.result() for each in works) == [0, 1]


def test_a_thread_waits_for_what_others_of_its_process_were_given(monkeypatch, threads, caplog):
    gpu = SharedGpu(monkeypatch, 0)
    first = Work(threads, 6e9)
    assert first.begun.wait(60)
    second = Work(threads, 5e9)
    assert not second.begun.wait(0.2)
    small = Work(threads, 1e9)
    assert not small.begun.wait(0.2), "overtakes the one that waits, which may so wait for ever"
    for each in (first, second, small):
        each.end.set()
        assert each.result.result(60) == "done"
    assert not gpu.seconds and not caplog.messages and not sharing._given


def test_what_is_too_large_for_all_threads_is_worked_alone(monkeypatch, threads):
    SharedGpu(monkeypatch, 0)
    first = Work(threads, 6e9)
    assert first.begun.wait(60)
    second = Work(threads, 30e9)
    assert not second.begun.wait(0.2)
    second.end.set()
    first.end.set()
    assert second.result.result(60) == "done"


def test_a_work_that_fails_gives_its_memory_back(monkeypatch, threads):
    SharedGpu(monkeypatch, 0)
    with pytest.raises(ZeroDivisionError):
        with_memory(lambda: 1 / 0, 9e9, CUDA)
    assert threads.submit(with_memory, failing(0), 9e9, CUDA).result(60) == "done"


def test_a_thread_out_of_memory_begins_again_when_the_others_have_ended(monkeypatch, threads):
    gpu = SharedGpu(monkeypatch, 0)
    other = Work(threads, 6e9)
    assert other.begun.wait(60)
    again = threads.submit(with_memory, failing(1), 3e9, CUDA)
    with pytest.raises(TimeoutError):
        again.result(0.2)
    other.end.set()
    assert again.result(60) == "done"
    assert gpu.emptied == 1 and not gpu.seconds
