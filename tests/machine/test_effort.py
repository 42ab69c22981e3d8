"""What the steps of a pair are expected to take, and the time that is left."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from dia_pipeline.analogy import analogy
from dia_pipeline.machine.effort import EVALUATION, Estimate, efforts
from dia_pipeline.settings import resolve

SHAPE, OTHER = (40, 56), (48, 40)


@pytest.fixture
def images():
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, (*shape, 3), np.uint8) for shape in (SHAPE, OTHER)]


@pytest.mark.parametrize(
    "options",
    [
        {"quality": "draft"},
        {"deconvolution": 2, "pose": "given"},
        {"deconvolution": 1, "pose": "given", "finest": 3},
        {"deconvolution": 1, "pose": "given", "directions": "ab"},
        {"matcher": "layer-independent", "pose": "given"},
    ],
)
def test_the_steps_are_those_that_a_pair_tells_of(options, images, network):
    settings = resolve({"iterations": 1, **options})
    told = []
    analogy(*images, network, settings, lambda *step: told.append(step))
    begun = [(level, step) for level, step, share in told if share == 0]
    assert begun == list(efforts(SHAPE, OTHER, settings))
    for step in begun:
        shares = [share for *which, share in told if tuple(which) == step]
        assert shares == sorted(shares) and shares[-1] <= 1


@pytest.mark.parametrize("level", [2, 3, 4, 5])
def test_a_reconstruction_takes_as_long_as_its_convolutions_have_operations(level, network):
    channels, side = {0: (3, 64), 1: (64, 64), 2: (128, 32), 3: (256, 16)}[level - 2]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.forward(torch.zeros(channels, side, side), level - 2, level)

    def expected(iterations):
        settings = resolve({"deconvolution": iterations, "backbone": "vgg16", "pose": "given"})
        return efforts((64, 64), (64, 64), settings)[level, "reconstruct"]

    products = 2 * counter.get_total_flops() / 2  # both directions; an operation is half a product
    assert expected(21) - expected(1) == pytest.approx(20 * EVALUATION * products)


def test_nothing_is_expected_where_nothing_is_known():
    assert efforts(SHAPE, OTHER, resolve({"matcher": "sift"})) == {}
    assert efforts(SHAPE, (0, 0), resolve({})) == {}
    assert str(Estimate([{}])) == ""


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


PAIR = {(0, "features"): 10.0, (5, "match"): 40.0, (0, "compose"): 50.0}


def test_the_time_that_is_left_is_at_first_what_is_expected_and_passes():
    clock = Clock()
    estimate = Estimate([PAIR], clock)
    assert estimate.whole == estimate.left == 100
    estimate.tell(0, "features", 0.0)
    clock.now += 3
    assert estimate.left == 97
    assert str(estimate) == "0%, 0:01:37 left"
    clock.now += 300
    assert estimate.left == 0


@pytest.mark.parametrize("slower", [0.2, 1, 5])
def test_a_machine_that_is_slower_is_found_out(slower):
    clock = Clock()
    estimate = Estimate([PAIR], clock)
    estimate.tell(0, "features", 0.0)
    clock.now += 10 * slower
    estimate.tell(5, "match", 0.0)
    clock.now += 20 * slower
    estimate.tell(5, "match", 0.5)
    assert estimate.done == 30
    assert estimate.left == pytest.approx(70 * slower, rel=0.3)


def test_what_is_there_already_has_taken_no_time():
    clock = Clock()
    estimate = Estimate([PAIR], clock)
    clock.now += 1
    estimate.tell(0, "compose", 0.0)
    assert estimate.done == 50 and estimate.left == 50


@pytest.mark.parametrize("there", [["first"], ["second"], ["first", "second", "third"], ["third"]])
def test_it_does_not_matter_where_what_is_there_already_lies(there):
    clock = Clock()
    names = ["first", "second", "third", "fourth", "fifth"]
    estimate = Estimate([{(0, name): 100.0 for name in names}], clock)
    for name in names[:4]:
        if name not in there:
            estimate.tell(0, name, 0.0)
            clock.now += 200
            estimate.tell(0, name, 1.0)
    estimate.tell(0, "fifth", 0.0)
    assert estimate.done == 400
    assert estimate.left == pytest.approx(200, rel=0.02)


def test_pairs_are_processed_one_after_another():
    estimate = Estimate([PAIR, PAIR], Clock())
    for level, step in [*PAIR, *PAIR]:
        estimate.tell(level, step, 0.0)
    assert estimate.done == 150 and estimate.whole == 200
