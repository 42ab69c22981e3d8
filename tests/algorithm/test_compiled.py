"""Compiled functions where nothing beside the source, and no home, can be written."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import sys
from dia_pipeline.algorithm.compiled import compiled
# A source whose folder takes no file: what numba finds in a package that is mounted to be read.
code = compile("def double(x):\\n    return 2 * x\\n", "/proc/version", "exec")
names = {"__name__": "read_only"}
exec(code, names)
function = compiled(names["double"])
assert function(21) == 42
print(function.stats.cache_path)
"""


@pytest.mark.parametrize("named", [True, False])
def test_the_cache_falls_back(tmp_path, named):
    environment = {"PATH": os.environ["PATH"], "HOME": "/proc/none", "TMPDIR": str(tmp_path)}
    if named:
        environment["DIA_CACHE"] = str(tmp_path / "cache")
    paths = os.pathsep.join(filter(None, sys.path))
    environment |= {"PYTHONPATH": paths, "XDG_CACHE_HOME": "/proc/none"}
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment
    )
    assert result.returncode == 0, result.stderr
    expected = tmp_path / ("cache" if named else f"dia-{os.getuid()}") / "numba"
    assert result.stdout.strip().startswith(str(expected))


def test_weights_are_kept_where_there_is_no_home(tmp_path):
    code = "from dia_pipeline.caches import cache_folder; print(cache_folder())"
    environment = {"HOME": "/proc/none", "TMPDIR": str(tmp_path), "PATH": os.environ["PATH"]}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert result.stdout.strip() == str(tmp_path / f"dia-{os.getuid()}"), result.stderr


COMPILING = """
import logging
logging.basicConfig(level=logging.INFO, format="%(message)s")
from dia_pipeline.algorithm.compiled import compiled
def double(x):
    return 2 * x
double.__module__ = "dia_pipeline.double"
function = compiled(double)
function(21)
function(2.5)
"""


def test_compiling_is_told_once_and_the_first_time_only(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(COMPILING)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "numba")}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    said = [
        subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment)
        for _ in range(2)
    ]
    assert [each.stderr.count("compiling, the first time only") for each in said] == [1, 0]
