"""A GPU that other processes and threads work on too: memory that they hold is waited for."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Lock
from typing import TypeVar

import torch

from dia_pipeline.errors import JobError, out_of_memory

T = TypeVar("T")

LIBRARIES = 1_000_000_000
"""Bytes that the libraries hold at most for a process, beside its tensors."""

PATIENCE = 600
"""Seconds for which memory is waited for."""

POLL = 5
"""Seconds from one look at it to the next."""

log = logging.getLogger("dia")

_given: list[float] = []
"""Bytes that works of this process were given; each process works on one GPU."""

_given_back = Condition()

_queue = Lock()
"""Held by the thread that waits for memory, so that none that comes later takes it."""


def with_memory(work: Callable[[], T], wanted: float, device: torch.device) -> T:
    """What `work` gives, which takes about so many bytes of its device; at once on the CPU.

    On a GPU they are waited for while other threads or processes hold them. If they do not suffice
    all the same, the work is begun once more, when no other thread's is under way. It must not call
    this function.

    Raises:
        JobError: other processes go on holding them.
    """
    if device.type != "cuda":
        return work()
    try:
        with _share(wanted, device):
            return work()
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
    with _share(wanted, device, alone=True):  # only now, as the error holds what was worked on
        torch.cuda.empty_cache()
        try:
            return work()
        except RuntimeError as error:
            now, whole = memory_of(device)
            if out_of_memory(error) and now < whole:
                raise _held_by_others(wanted, now, device) from error
            raise


@contextmanager
def _share(wanted: float, gpu: torch.device, alone: bool = False) -> Iterator[None]:
    """A context for a work that takes so many bytes, entered when they can be had.

    Args:
        alone: whether all other works of this process must have ended.
    """
    with _queue:
        _wait_for_threads(wanted, gpu, alone)
        if not _given:
            _wait_for_processes(wanted, gpu)
        _given.append(wanted)
    try:
        yield
    finally:
        with _given_back:
            _given.remove(wanted)
            _given_back.notify()


def memory_of(gpu: torch.device) -> tuple[float, float]:
    """Bytes for the tensors of this process: as it is, and if no other held any."""
    try:
        free, total = torch.cuda.mem_get_info(gpu)
    except RuntimeError as error:
        if out_of_memory(error):  # there is none even for the libraries
            return 0, math.inf
        raise
    return free + torch.cuda.memory_reserved(gpu), total - LIBRARIES


def _wait_for_threads(wanted: float, gpu: torch.device, alone: bool) -> None:
    """Wait until the works of this process leave so many bytes, or have ended."""

    def enough() -> bool:
        return not alone and sum(_given) + wanted <= memory_of(gpu)[0]

    with _given_back:
        _given_back.wait_for(lambda: not _given or enough())


def _wait_for_processes(wanted: float, gpu: torch.device) -> None:
    """Wait until so many bytes can be had, or all that there are if these are fewer.

    Raises:
        JobError: other processes hold them for longer than is waited.
    """
    began = time.monotonic()
    now, whole = memory_of(gpu)
    if now < min(wanted, whole):
        torch.cuda.empty_cache()  # or two that wait would wait for each other
        problem = _held_by_others(wanted, now, gpu).problem
        log.warning("waiting for up to %d minutes: %s", PATIENCE // 60, problem)
    while now < min(wanted, whole):
        if time.monotonic() - began > PATIENCE:
            raise _held_by_others(wanted, now, gpu)
        time.sleep(POLL)
        now, whole = memory_of(gpu)


def _held_by_others(wanted: float, now: float, gpu: torch.device) -> JobError:
    return JobError(
        "",
        f"other processes hold memory of {gpu}; about {wanted / 1e9:.1f} GB are needed, and "
        f"{now / 1e9:.1f} GB can be had",
        "run the same command again when they have ended, or lower max_side or ratio",
    )
