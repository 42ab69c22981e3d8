"""Artefacts written in the background, while the next one is computed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Any

MAX_WAITING = 2
"""So many artefacts at most wait in memory for the disk."""


class Writer:
    """Writes artefacts one after the other in a thread of its own; any thread may hand them over.

    Used as a context: when it is left everything is written, or the error of what could not be
    written is raised.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._waiting: dict[Path, Future] = {}
        self._lock = RLock()

    def submit(self, path: Path, write: Callable[..., None], *args: Any) -> None:
        """Begin to write an artefact: `write(path, *args)`.

        Raises:
            OSError: an earlier one could not be written.
        """
        with self._lock:
            while len(self._waiting) >= MAX_WAITING:
                self.wait(next(iter(self._waiting)))
            self.wait(path)
            self._waiting[path] = self._thread.submit(write, path, *args)

    def wait(self, path: Path) -> None:
        """Return when the artefact of that path, if there is one under way, is written.

        Raises:
            OSError: it could not be.
        """
        with self._lock:
            if path in self._waiting:
                self._waiting.pop(path).result()

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        if error is None:
            for path in list(self._waiting):
                self.wait(path)
