"""The Python session in which the package works: a command, a script, a notebook, a worker.

What the session has set does not reach the work, nor does the work change it.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import cache, partial
from threading import Lock, RLock
from typing import Any

_LIBRARIES = {
    # Threads that wait give way instead of spinning. On a machine that other work shares spinning
    # makes everything several times slower; on an idle one it gains nothing.
    "OMP_WAIT_POLICY": "PASSIVE",
    # Large arrays lie in large pages of memory, where the system has them. To be given many small
    # ones takes a fifteenth of the time of a large pair.
    "THP_MEM_ALLOC_ENABLE": "1",
    # The encoder of AV1 says errors alone.
    "SVT_LOG": "1",
}
"""What libraries of torch and PyAV read when they are loaded."""


def tame_libraries() -> None:
    """Set what libraries read when they are loaded, unless it is set."""
    for name, value in _LIBRARIES.items():
        os.environ.setdefault(name, value)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Within it torch, NumPy and warnings are as if the session had set nothing of them.

    Afterwards all is as before. Several threads may be within it at once; so may a process that
    was forked or spawned.
    """
    _tamed()
    with _together, _of_thread(), _threads():
        yield


def may_share_numba() -> bool:
    """Whether several threads may call Numba's parallel functions; its own pool forbids it."""
    import numba

    numba.set_num_threads(numba.get_num_threads())  # starts them
    return numba.threading_layer() != "workqueue"


class _Together:
    """A context of the whole process: the first thread to enter begins it, the last one ends it."""

    def __init__(self, context: Callable[[], AbstractContextManager]):
        self._context = context
        self._lock = Lock()
        self._within = 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._within:
                self._begun = self._context()
                self._begun.__enter__()
            self._within += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._within -= 1
            if not self._within:
                self._begun.__exit__(None, None, None)


@contextmanager
def _of_process() -> Iterator[None]:
    """What all threads of a process have in common."""
    with _environment(), _warnings(), ExitStack() as stack:
        for read, write, value in _of_torch():
            stack.enter_context(_set(read, write, value))
        yield


def _of_torch() -> Iterator[tuple[Callable[[], Any], Callable[[Any], Any], Any]]:
    """What reads a setting of torch, what writes it, and the value that the work needs."""
    import torch
    from torch.backends import cuda, cudnn, mkldnn

    yield torch.get_default_dtype, torch.set_default_dtype, torch.float32
    yield torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode, 0
    # How float32 is rounded has older and newer names in torch; the newer ones are put back last.
    newer = [cuda.matmul, *(getattr(mkldnn, name, None) for name in ("matmul", "conv"))]
    for owner, name, value in (
        *((each, "fp32_precision", "ieee") for each in newer),
        (cuda.matmul, "allow_tf32", False),
        (cudnn, "allow_tf32", False),
        (cudnn, "enabled", True),
        (cudnn, "benchmark", False),
        (cudnn, "deterministic", True),
        (mkldnn, "enabled", True),
    ):
        yield partial(getattr, owner, name), partial(setattr, owner, name), value
    yield torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest"


@contextmanager
def _warnings() -> Iterator[None]:
    """Warnings are no errors."""
    with warnings.catch_warnings():
        filters: Any = warnings.filters
        warnings.filters = [
            ("default" if action == "error" else action, *rest) for action, *rest in filters
        ]
        yield


@contextmanager
def _environment() -> Iterator[None]:
    before = set(os.environ)
    tame_libraries()
    try:
        yield
    finally:
        for name in _LIBRARIES.keys() - before:
            os.environ.pop(name, None)


@contextmanager
def _set(read: Callable[[], Any], write: Callable[[Any], Any], value: Any) -> Iterator[None]:
    """Another value for a while."""
    try:
        before = read()
    except (RuntimeError, AttributeError):  # set by torch's other names for it; not there yet
        yield
        return
    write(value)
    try:
        yield
    finally:
        write(before)


@contextmanager
def _of_thread() -> Iterator[None]:
    """What every thread has for itself."""
    import numpy as np
    import torch

    with ExitStack() as stack:
        usual = np.errstate(divide="warn", over="warn", under="ignore", invalid="warn")
        for each in (usual, torch.inference_mode(False), torch.enable_grad()):
            stack.enter_context(each)
        for device in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.empty(0).device.type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield


@contextmanager
def _threads() -> Iterator[None]:
    """Those of torch and Numba that compute."""
    import numba
    import torch

    before = torch.get_num_threads(), numba.get_num_threads()
    shared = may_share_numba()
    counts = (1, 1) if _works_beside_others() else before
    try:
        numba.set_num_threads(counts[1])
        torch.set_num_threads(counts[0])  # which Numba changed when it started
        with nullcontext() if shared else _one_at_a_time:
            yield
    finally:
        numba.set_num_threads(before[1])
        torch.set_num_threads(before[0])


def _works_beside_others() -> bool:
    """Whether more than one thread would hang, or spin against those of other workers."""
    from multiprocessing import parent_process

    return _forked or (parent_process() is not None and not _tamed())


@cache
def _tamed() -> bool:
    """Whether torch's threads give way: when it is loaded, it reads how they wait."""
    return "torch" not in sys.modules or "OMP_WAIT_POLICY" in os.environ


def _begin_anew() -> None:
    """In a process that was forked: the threads of the other one are not there."""
    global _together, _one_at_a_time, _forked
    _together, _one_at_a_time = _Together(_of_process), RLock()
    _forked = not sys.modules.keys().isdisjoint(("torch", "numba"))
    if parallel := sys.modules.get("numba.np.ufunc.parallel"):
        vars(parallel)["_is_initialized"] = False  # or GNU's OpenMP ends the process


_together, _one_at_a_time, _forked = _Together(_of_process), RLock(), False
os.register_at_fork(after_in_child=_begin_anew)
