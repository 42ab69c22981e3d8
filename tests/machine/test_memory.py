"""Memory: told beforehand, and as it is."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from pretended import CUDA, SharedGpu

from dia_pipeline.machine import memory
from dia_pipeline.machine.memory import (
    PairTooLargeError,
    available_memory,
    check_memory,
    needed,
)
from dia_pipeline.settings import resolve

SETTINGS = resolve({"quality": "standard"})
CPU = torch.device("cpu")

WORKED = """
import sys
from pathlib import Path
from threading import Event, Thread
import numpy as np
import torch
from dia_pipeline.analogy import analogy
from dia_pipeline.machine.convolution import differentiable
from dia_pipeline.networks.network import Network
from dia_pipeline.settings import resolve
from dia_pipeline.networks.weights import find_weights

network = Network(find_weights("vgg16"), "cpu")
results, back = differentiable(network, 0, 2)(torch.zeros(8, 8, 3))  # compiled before
back(results)

def taken():
    # Pages of files, such as those of libraries, come and go as the system likes.
    status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["RssAnon"].split()[0]) * 1024

def watch(done, seen):
    while not done.wait(0.002):
        seen.append(taken())

for side, deconvolution in ((32, 0), (int(sys.argv[1]), int(sys.argv[2]))):
    a, b_prime = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), np.uint8)
    settings = resolve({"deconvolution": deconvolution, "iterations": 1})
    done, seen = Event(), [taken()]
    watching = Thread(target=watch, args=(done, seen))
    watching.start()
    analogy(a, b_prime, network, settings)
    done.set()
    watching.join()
print(max(seen) - seen[0])
"""


def taken_by_a_pair(side, iterations):
    command = [sys.executable, "-c", WORKED, str(side), str(iterations)]
    return int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


@pytest.fixture(scope="module")
def compiled():
    """What a pair runs is compiled, which takes memory too."""
    taken_by_a_pair(160, 1)


@pytest.mark.slow
@pytest.mark.parametrize("iterations", [0, 3])
def test_a_pair_takes_what_was_told(iterations, compiled):
    """Between 0.6 of it and a tenth more."""
    taken = taken_by_a_pair(320, iterations)
    told = needed((320, 320), (320, 320), replace(SETTINGS, deconvolution=(iterations,) * 4))
    assert 0.6 * told < taken < 1.1 * told


def test_a_pair_that_does_not_fit_is_told_what_does(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda device: 2e9)
    with pytest.raises(PairTooLargeError, match="ratio") as error:
        check_memory((1000, 1400), (600, 900), SETTINGS, CPU)
    assert "1400 x 1000 and 900 x 600 pixels" in str(error.value)
    assert "max_side 625" in str(error.value)
    side = 625
    shapes = [(side * h / w, side) for h, w in ((1000, 1400), (600, 900))]
    assert needed(*shapes, SETTINGS) <= 2e9 < 1.01 * needed(*shapes, SETTINGS)
    check_memory((446, 624), (416, 624), SETTINGS, CPU)


def test_a_pair_may_take_what_others_hold_of_a_gpu_but_no_more_than_all_of_it(monkeypatch):
    SharedGpu(monkeypatch, 9e9)
    check_memory((1000, 1000), (1000, 1000), SETTINGS, CUDA)
    with pytest.raises(PairTooLargeError, match=r"and 9\.0 GB can be had"):
        check_memory((2000, 2000), (1000, 1000), SETTINGS, CUDA)


def test_it_grows_with_the_pixels():
    assert needed((400, 600), (200, 200), SETTINGS) * 4 == needed((800, 1200), (400, 400), SETTINGS)


def test_descriptors_count_at_the_finest_level_that_has_them(monkeypatch):
    shapes = (400, 600), (200, 200)
    settings = replace(SETTINGS, deconvolution=(0,) * 4, descriptor_finest=3)
    taken = needed(*shapes, settings, 768) - needed(*shapes, settings)
    values = 768 * (100 * 150 + 50 * 50)
    assert taken == memory.DESCRIBED * values
    coarser = replace(settings, finest=4)
    assert needed(*shapes, coarser, 768) - needed(*shapes, coarser) == taken / 4
    monkeypatch.setattr(memory, "available_memory", lambda device: 0.7e9)
    check_memory(*shapes, settings, CPU)
    with pytest.raises(PairTooLargeError, match="max_side"):
        check_memory(*shapes, settings, CPU, 4096)


def test_the_smallest_pair_takes_the_weights_that_are_transformed():
    paper = resolve({"quality": "paper"})
    assert memory.WEIGHTS < needed((16, 16), (16, 16), paper) < 1.01 * memory.WEIGHTS
    finer = resolve({"deconvolution": [0, 10, 10, 10]})
    assert needed((16, 16), (16, 16), finer) < 0.01 * memory.WEIGHTS


@pytest.mark.parametrize("controllers", memory.GROUP_FILES)
def test_the_limits_of_control_groups_count(controllers, tmp_path):
    limit, used, cached = memory.GROUP_FILES[controllers]
    group = tmp_path / controllers
    group.mkdir(exist_ok=True)
    (group / limit).write_text("1000\n")
    (group / used).write_text("700\n")
    (group / "memory.stat").write_text(f"anon 1\n{cached} 50\n")
    assert min(memory._free_in_groups(tmp_path)) == 350


def test_what_is_free_is_known_here():
    assert 1e8 < available_memory(CPU) < math.inf
