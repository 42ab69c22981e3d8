"""Warm calls are like others: tests rely on that."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import warm

pytestmark = pytest.mark.slow


def test_a_call_says_and_ends_as_the_command_does(tmp_path, monkeypatch):
    """In the folder and with the environment of now, with and without a fault."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "60")
    for arguments in (["--version"], ["run", "--help"], ["verify"], ["run", "none.png", "x.png"]):
        plain = [str(Path(sys.executable).with_name("dia")), *arguments]
        own = subprocess.run(plain, capture_output=True, text=True)
        warmed = subprocess.run(
            ["dia", *arguments], env=warm.environment(), capture_output=True, text=True
        )
        assert (warmed.returncode, warmed.stdout) == (own.returncode, own.stdout)
        assert warmed.stderr == own.stderr


def test_who_kills_the_program_kills_the_call(tmp_path):
    fifo = tmp_path / "Snakefile"
    os.mkfifo(fifo)
    program = subprocess.Popen(["snakemake", "--snakefile", fifo], env=warm.environment())
    while True:
        with suppress(OSError):  # until the call reads
            writing = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
            break
        assert program.poll() is None
        time.sleep(0.02)
    program.kill()
    with pytest.raises(BrokenPipeError):
        for _ in range(600):
            os.write(writing, b"#")
            time.sleep(0.1)
    os.close(writing)
