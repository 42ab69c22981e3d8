"""Pairs of a batch that are worked on at once, so that a GPU has work while one of them reads,
packs or waits.

Each has a thread of its own, and a stream of the GPU: its bytes are the same as alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from dia_pipeline.session import may_share_numba

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


def work_abreast(
    work: Callable[[T], None],
    items: Iterable[T],
    at_once: int,
    gpu: Callable[[], torch.device | None],
) -> None:
    """Work on all items, one after the other until a GPU is in use; then on several at once.

    So the first one loads and compiles what all share.

    Args:
        at_once: so many at most.
        gpu: the GPU in use, if there is one by now.

    Raises:
        Exception: what `work` raises; no further item is begun then.
    """
    left = iter(items)
    for item in left:
        work(item)
        device = gpu()
        if device and at_once > 1 and may_share_numba():
            break
    else:
        return
    with ThreadPoolExecutor(at_once, initializer=_set_up, initargs=(device,)) as threads:
        works = [threads.submit(work, item) for item in left]
        try:
            ended, _ = wait(works, return_when=FIRST_EXCEPTION)
            for each in ended:
                each.result()
        finally:
            threads.shutdown(cancel_futures=True)


def _set_up(device: torch.device) -> None:
    """Give this thread a stream of the GPU and one thread of the CPU."""
    import numba
    import torch

    numba.set_num_threads(1)
    if device.type == "cuda":
        torch.cuda.set_stream(torch.cuda.Stream(device))  # and the device
