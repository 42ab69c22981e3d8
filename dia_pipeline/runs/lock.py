"""What one process has for itself: locks that end with the process, however that ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dia_pipeline.errors import DiaError
from dia_pipeline.io.files import lock_file

LOCK = ".lock"
"""The file in a folder of results that is locked while a run is at work there."""

_held: list[int] = []

TRIES = 5
"""So often a lock is tried, because `is_held` holds it for an instant."""


class LockError(DiaError):
    """Another run is at work here."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "another run is at work in this folder", "wait for it, or end it")


def hold_lock(path: Path) -> None:
    """Lock a folder for the rest of this process.

    Args:
        path: the file of the lock, which is made if need be and may stay.

    Raises:
        LockError: another process holds it; where the file system knows no locks, none is held.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):  # some network file systems
        _held.append(_lock_patiently(path))


def is_held(path: Path) -> bool:
    """Whether a process holds the lock of a file; also true where that cannot be known."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # held, or a file system that knows no locks
        return True
    finally:
        os.close(file)
    return False


def take_lock(path: Path) -> bool:
    """Lock a file for the rest of this process; whether it was free, as far as that is known."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _held.append(lock_file(path))
    except BlockingIOError:
        return False
    except OSError:  # some network file systems
        pass
    return True


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """A context in which no other run works in a folder.

    The folder is made if need be, and is taken away again if nothing was put into it.

    Raises:
        LockError: another run is at work in it; where the file system knows no locks, that is not
            known.
        OSError: the folder cannot be made.
    """
    new = not folder.exists()
    file = _lock(folder)
    try:
        yield
    finally:
        if file is not None:
            (folder / LOCK).unlink(missing_ok=True)  # while it is held: the next makes its own
            os.close(file)
        if new:
            with suppress(OSError):  # there is something in it
                folder.rmdir()


def clear_lock(folder: Path) -> None:
    """Take away the lock that a killed process has left in a folder."""
    if (folder / LOCK).exists():
        with suppress(LockError, OSError), alone_in(folder):
            pass


def _lock(folder: Path) -> int | None:
    """The lock of a folder, which is made; None where the file system knows no locks."""
    while True:
        with suppress(FileExistsError):  # it is no folder, or was one until now
            folder.mkdir(parents=True, exist_ok=True)
        try:
            return _lock_patiently(folder / LOCK)
        except FileNotFoundError:  # another run, which came to nothing, has taken the folder away
            if os.path.lexists(folder):
                raise
        except OSError:
            return None


def _lock_patiently(path: Path) -> int:
    """A file, locked; who merely asks whether it is held does so for an instant.

    Raises:
        LockError: another run holds it.
        OSError: the folder is not there, or the file system knows no locks.
    """
    for _ in range(TRIES):
        with suppress(BlockingIOError):
            return lock_file(path)
        time.sleep(0.05)
    raise LockError(path.parent)
