"""Numba's compiler, with the cache of compiled functions wherever one can be written.

A person waits while it compiles, so the log says when it first does.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache, wraps
from itertools import pairwise
from pathlib import Path
from typing import Any

import numba
from numba.core import event

from dia_pipeline.caches import is_own, named_folder, temporary_folder


class _Teller(event.Listener):
    """Says once that functions of this package are compiled, and not found compiled."""

    def __init__(self) -> None:
        self._told = False

    def on_start(self, event: event.Event) -> None:
        module = event.data["dispatcher"].py_func.__module__
        if not self._told and module.startswith(__package__.partition(".")[0]):
            self._told = True
            logging.getLogger("dia").info("compiling, the first time only")

    def on_end(self, event: event.Event) -> None:
        """Compiling ends without a word."""


event.register("numba:compile", _Teller())


def compiled(function: Callable, parallel: bool = True) -> Callable:
    """Compile a function on its first call; later processes find it compiled.

    With `parallel`, its loops over `numba.prange` run in threads. Other threads go on meanwhile.

    Numba keeps it beside the source or in the user's cache. Where neither can be written, as in a
    container, or others could have written there, it is kept in `$DIA_CACHE` or else in this user's
    temporary folder.
    """
    for folder in _folders():
        before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, folder
        try:
            kept = numba.njit(cache=True, nogil=True, parallel=parallel)(function)
        except RuntimeError:  # no place to keep it
            continue
        finally:
            numba.config.CACHE_DIR = before
        if folder or _is_safe(Path(kept.stats.cache_path), function):
            return kept
    return numba.njit(nogil=True, parallel=parallel)(function)


def divided(function: Callable) -> Callable:
    """Compile a function (begin, end, *arguments), which works on a part of a range.

    What is returned takes the length of the range instead: all threads work on parts of it. Numba's
    own parallel loops would do the same, but it translates the body of each four times, and a
    person waits for that.
    """
    kernel = compiled(function, parallel=False)

    @wraps(function)
    def whole(length: int, *arguments: Any) -> None:
        parts = max(1, min(length, numba.get_num_threads()))
        edges = pairwise(part * length // parts for part in range(parts + 1))
        (begin, end), *others = edges
        waiting = [_threads().submit(kernel, *other, *arguments) for other in others]
        try:
            kernel(begin, end, *arguments)
        finally:
            wait(waiting)
        for each in waiting:
            each.result()

    return whole


@cache
def _threads() -> ThreadPoolExecutor:
    """Those that work beside the one that asks."""
    return ThreadPoolExecutor(numba.config.NUMBA_NUM_THREADS, "dia")


os.register_at_fork(after_in_child=_threads.cache_clear)  # a child has none of them


def _folders() -> Iterator[str]:
    """Where to keep what is compiled; empty for where Numba does by itself."""
    yield numba.config.CACHE_DIR
    if named := named_folder():
        yield str(named / "numba")
    yield str(temporary_folder() / "numba")


def _is_safe(folder: Path, function: Callable) -> bool:
    """Whether what Numba finds in a folder can be run: it lies beside the source, or is our own."""
    return folder.parent == Path(function.__code__.co_filename).parent or is_own(folder)
