"""A GPU that other processes work on too: memory that they hold is waited for."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
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


def with_memory(work: Callable[[], T], wanted: float, device: torch.device) -> T:
    """What `work` gives, which takes about so many bytes of its device; at once on the CPU.

    On a GPU they are waited for while other processes hold them. If they do not suffice all the
    same, as another process was faster, the work is begun once more.

    Raises:
        JobError: other processes go on holding them.
    """
    if device.type != "cuda":
        return work()
    _wait_for(wanted, device)
    try:
        return work()
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
    torch.cuda.empty_cache()  # only now, as the error holds what was being worked on
    _wait_for(wanted, device)
    try:
        return work()
    except RuntimeError as error:
        now, alone = memory_of(device)
        if out_of_memory(error) and now < alone:
            raise _held_by_others(wanted, now, device) from error
        raise


def memory_of(gpu: torch.device) -> tuple[float, float]:
    """Bytes for the tensors of this process: as it is, and if no other held any."""
    try:
        free, total = torch.cuda.mem_get_info(gpu)
    except RuntimeError as error:
        if out_of_memory(error):  # there is none even for the libraries
            return 0, math.inf
        raise
    return free + torch.cuda.memory_reserved(gpu), total - LIBRARIES


def _wait_for(wanted: float, gpu: torch.device) -> None:
    """Wait until so many bytes can be had, or all that there are if these are fewer.

    Raises:
        JobError: other processes hold them for longer than is waited.
    """
    began = time.monotonic()
    now, alone = memory_of(gpu)
    if now < min(wanted, alone):
        torch.cuda.empty_cache()  # or two that wait would wait for each other
        problem = _held_by_others(wanted, now, gpu).problem
        log.warning("waiting for up to %d minutes: %s", PATIENCE // 60, problem)
    while now < min(wanted, alone):
        if time.monotonic() - began > PATIENCE:
            raise _held_by_others(wanted, now, gpu)
        time.sleep(POLL)
        now, alone = memory_of(gpu)


def _held_by_others(wanted: float, now: float, gpu: torch.device) -> JobError:
    return JobError(
        "",
        f"other processes hold memory of {gpu}; about {wanted / 1e9:.1f} GB are needed, and "
        f"{now / 1e9:.1f} GB can be had",
        "run the same command again when they have ended, or lower max_side or ratio",
    )
