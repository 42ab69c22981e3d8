"""A run that dies at a call of the writing layer is taken up by the same command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "crash.py"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pairs", "sequence"])
def test_a_run_that_dies_at_a_write_of_any_kind_goes_on(tmp_path, name):
    """The bytes are those of a clean run, and nothing else is left."""
    alone = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    environment = {**os.environ, **alone, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    result = subprocess.run(
        [sys.executable, str(SCRIPT), name, str(tmp_path)],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert result.returncode == 0 and "deaths of" in result.stdout, result.stdout + result.stderr
