"""Locks: whether somebody is at work, seen without being in the way."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from threading import Timer

import pytest

from dia_pipeline.runs.lock import LockError, hold_lock, is_held

HOLD = """
import sys, time
from pathlib import Path
from dia_pipeline.runs.lock import hold_lock
hold_lock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_lock_is_held_until_its_process_ends_however_it_does(tmp_path):
    path = tmp_path / "lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE)
    assert holder.stdout and holder.stdout.readline() == b"held\n"
    assert is_held(path)
    with pytest.raises(LockError, match="at work"):
        hold_lock(path)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert not is_held(path)
    assert not is_held(path)


def test_what_cannot_be_known_counts_as_held(tmp_path, monkeypatch):
    """No file, or a file system without locks; nothing is made."""
    assert is_held(tmp_path / "none") and not any(tmp_path.iterdir())

    def refuse(file: int, how: int) -> None:
        raise OSError(38, "Function not implemented")

    (tmp_path / "lock").touch()
    monkeypatch.setattr(fcntl, "flock", refuse)
    assert is_held(tmp_path / "lock")


def test_who_looks_at_a_lock_is_not_in_the_way(tmp_path):
    file = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(file, fcntl.LOCK_SH)
    Timer(0.05, os.close, [file]).start()
    hold_lock(tmp_path / "lock")
