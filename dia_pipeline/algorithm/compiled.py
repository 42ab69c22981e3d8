"""Numba's compiler, with the cache of compiled functions wherever one can be written.

A person waits while it compiles, so the log says when it first does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

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


def compiled(function: Callable) -> Callable:
    """Compile a function on its first call, parallel; later processes find it compiled.

    Other threads go on while it runs.

    Numba keeps it beside the source or in the user's cache. Where neither can be written, as in a
    container, or others could have written there, it is kept in `$DIA_CACHE` or else in this user's
    temporary folder.
    """
    for folder in _folders():
        before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, folder
        try:
            kept = numba.njit(parallel=True, cache=True, nogil=True)(function)
        except RuntimeError:  # no place to keep it
            continue
        finally:
            numba.config.CACHE_DIR = before
        if folder or _is_safe(Path(kept.stats.cache_path), function):
            return kept
    return numba.njit(parallel=True, nogil=True)(function)


def _folders() -> Iterator[str]:
    """Where to keep what is compiled; empty for where Numba does by itself."""
    yield numba.config.CACHE_DIR
    if named := named_folder():
        yield str(named / "numba")
    yield str(temporary_folder() / "numba")


def _is_safe(folder: Path, function: Callable) -> bool:
    """Whether what Numba finds in a folder can be run: it lies beside the source, or is our own."""
    return folder.parent == Path(function.__code__.co_filename).parent or is_own(folder)
