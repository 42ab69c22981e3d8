"""Compiled functions where nothing beside the source, and no home, can be written."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from dia_pipeline.machine import compiled as compiling
from dia_pipeline.machine.compiled import divided

SCRIPT = """
import sys
from dia_pipeline.machine.compiled import compiled
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
from dia_pipeline.machine.compiled import compiled
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


@pytest.fixture
def squares():
    def squares(begin, end, values, result):
        for k in range(begin, end):
            result[k] = values[k] ** 2

    return divided(squares)


@pytest.mark.parametrize("length", [0, 1, 2, 7, 1000])
def test_a_divided_range_is_worked_on_once_and_whole(squares, length):
    values, result = np.arange(length, dtype=np.float64), np.full(length, np.nan)
    squares(length, values, result)
    assert (result == values**2).all()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_every_thread_has_an_equal_part(monkeypatch, threads):
    def parts(begin, end, which, seen):
        seen.append((begin, end, which))

    monkeypatch.setattr(compiling, "compiled", lambda function, parallel: function)
    monkeypatch.setattr(compiling.numba, "get_num_threads", lambda: threads)
    seen = []
    divided(parts)(10, "x", seen)
    edges = [10 * k // threads for k in range(threads + 1)]
    assert sorted(seen) == [(begin, end, "x") for begin, end in pairwise(edges)]


def test_an_error_of_a_part_is_that_of_the_whole(monkeypatch):
    def fails(begin, end):
        if begin:
            raise ValueError("in another thread")

    monkeypatch.setattr(compiling, "compiled", lambda function, parallel: function)
    monkeypatch.setattr(compiling.numba, "get_num_threads", lambda: 2)
    with pytest.raises(ValueError, match="in another thread"):
        divided(fails)(2)


FORKED = """
import os, sys
import numba, numpy as np
from dia_pipeline.machine.compiled import divided
def ones(begin, end, result):
    result[begin:end] = 1
work = divided(ones)
def done():
    result = np.zeros(10)
    work(10, result)
    return result.all()
assert done()
child = os.fork()
if not child:
    os._exit(not done())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_process_has_threads_of_its_own(tmp_path):
    environment = {**os.environ, "NUMBA_NUM_THREADS": "2", "NUMBA_THREADING_LAYER": "workqueue"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    script = tmp_path / "script.py"
    script.write_text(FORKED)
    subprocess.run([sys.executable, script], check=True, env=environment, timeout=60)
