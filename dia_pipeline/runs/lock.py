"""What one process has for itself: locks that end with the process, however that ends."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from dia_pipeline.errors import DiaError

_held: list[int] = []

TRIES = 5
"""So often a lock is tried, because `is_held` holds it for an instant."""


class LockError(DiaError):
    """Another run is at work here."""


def hold_lock(path: Path) -> None:
    """Lock a folder for the rest of this process.

    Args:
        path: the file of the lock, which is made if need be and may stay.

    Raises:
        LockError: another process holds it; where the file system knows no locks, none is held.
    """
    for _ in range(TRIES):
        if take_lock(path):
            return
        time.sleep(0.05)
    raise LockError(path, "another snakemake is at work in this folder", "wait for it, or end it")


def is_held(path: Path) -> bool:
    """Whether a process holds the lock of a file; also true where that cannot be known."""
    try:
        file = os.open(path, os.O_RDONLY)
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
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    except OSError:  # some network file systems
        os.close(file)
    else:
        _held.append(file)
    return True
