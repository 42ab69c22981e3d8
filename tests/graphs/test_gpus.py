"""Several GPUs in one machine, which are only pretended: each job takes one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager

import torch

from dia_pipeline.graphs.shared import own_device

JOB = """
import sys
from types import SimpleNamespace
import torch
from dia_pipeline.graphs.shared import own_device

torch.cuda.is_available = lambda: True
torch.cuda.device_count = lambda: int(sys.argv[1])
torch.cuda.get_device_properties = lambda number: SimpleNamespace(uuid=f"uuid{number}")
assert own_device("auto") == own_device("auto")
print(own_device("auto"), flush=True)
sys.stdin.read()
"""


@contextmanager
def job(folder, count):
    """A job that works on a GPU, of so many, until its context ends; which it took."""
    command = [sys.executable, "-c", JOB, str(count)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    environment = os.environ | {"TMPDIR": str(folder)}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def test_every_job_takes_a_gpu_of_its_own_until_it_ends(tmp_path):
    with job(tmp_path, 2) as first:
        with job(tmp_path, 2) as second, job(tmp_path, 2) as shared:
            assert (first, second, shared) == ("cuda:0", "cuda:1", "cuda:0")
        with job(tmp_path, 2) as after_the_second:
            assert after_the_second == "cuda:1"


def test_the_only_gpu_and_one_that_is_named_are_taken_as_they_are(tmp_path, monkeypatch):
    with job(tmp_path, 1) as first, job(tmp_path, 1) as second:
        assert first == second == "cuda"
    assert not list(tmp_path.rglob("*.lock"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert own_device.__wrapped__("cpu") == torch.device("cpu")
