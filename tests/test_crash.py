"""A run that dies at any call of the writing layer is taken up by the same command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "crash.py"


def deaths(name: str, folder: Path, every: int) -> str:
    alone = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    environment = {**os.environ, **alone, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    result = subprocess.run(
        [sys.executable, str(SCRIPT), name, str(folder), str(every)],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pairs", "sequence"])
def test_a_run_that_dies_while_writing_goes_on(tmp_path, name):
    """At every thirteenth call: the bytes are those of a clean run, and nothing else is left."""
    assert "deaths of" in deaths(name, tmp_path, 13)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["pairs", "sequence"])
def test_a_run_that_dies_at_any_write_goes_on(tmp_path, name):
    assert "deaths of" in deaths(name, tmp_path, 1)
