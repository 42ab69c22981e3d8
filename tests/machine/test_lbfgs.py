"""L-BFGS against closed forms and SciPy."""

from __future__ import annotations

import math
from functools import partial

import numba
import numpy as np
import pytest
import torch
from scipy.optimize import rosen, rosen_der

from dia_pipeline.machine import lbfgs
from dia_pipeline.machine.lbfgs import cpu as cpu
from dia_pipeline.machine.lbfgs import minimise
from dia_pipeline.machine.lbfgs import reference as reference


def quadratic(size=40, spread=1.5):
    """A badly scaled quadratic with a known minimum, as a least-squares problem."""
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(size, size)) * np.logspace(0, spread, size)
    solution = generator.normal(size=size)
    target = matrix @ solution

    def function(point):
        error = matrix @ point.numpy().ravel() - target
        gradient = 2 * matrix.T @ error
        column = torch.from_numpy(error[:, None])
        value = lbfgs.sums(point.device).dot(column, column)
        return value, torch.from_numpy(gradient.reshape(point.shape))

    return function, solution


def test_a_quadratic_is_solved():
    function, solution = quadratic(size=8, spread=0.5)
    start = torch.zeros(2, 4, dtype=torch.float64)
    found = minimise(function, start, 200, tolerance=1e-10)
    np.testing.assert_allclose(found.point.ravel(), solution, atol=1e-5)


def test_rosenbrock_is_solved():
    def function(point):
        values = point.numpy().ravel()
        return float(rosen(values)), torch.from_numpy(rosen_der(values).reshape(point.shape))

    start = torch.tensor([[-1.2, 1.0], [-1.2, 1.0]], dtype=torch.float64)
    found = minimise(function, start, 300, history=10, tolerance=1e-12)
    np.testing.assert_allclose(found.point.ravel(), 1, atol=1e-5)


def test_the_value_never_rises_and_most_steps_cost_one_evaluation():
    function, _ = quadratic()
    calls = []

    def counted(point):
        calls.append(point)
        return function(point)

    found = minimise(counted, torch.zeros(4, 10, dtype=torch.float64), 30)
    assert all(
        after <= before for before, after in zip(found.values, found.values[1:], strict=False)
    )
    assert len(found.values) == 31
    assert len(calls) <= 45


def test_the_values_reported_are_those_of_the_points():
    function, _ = quadratic()
    found = minimise(function, torch.zeros(4, 10, dtype=torch.float64), 10)
    assert found.values[-1] == function(found.point)[0]


def test_it_stops_at_the_relative_gradient():
    function, _ = quadratic(size=8)
    start = torch.zeros(2, 4, dtype=torch.float64)
    first = function(start)[1].norm()
    found = minimise(function, start, 500, tolerance=1e-2)
    assert function(found.point)[1].norm() <= 1e-2 * first
    assert len(found.values) < 500


def test_nothing_to_do_at_the_minimum():
    start = torch.ones(2, 2)
    found = minimise(lambda point: (0.0, torch.zeros_like(point)), start, 10)
    assert torch.equal(found.point, start)
    assert found.values == [0.0]


BACKENDS = pytest.mark.parametrize("backend", [cpu, reference])


@BACKENDS
def test_the_sums_are_what_they_say(backend):
    vectors = torch.randn(9, 13, 29, 17, generator=torch.Generator().manual_seed(0))
    flat = vectors.flatten(1).double().numpy()
    close = {"rtol": 0, "atol": 1e-6 * flat.shape[1]}
    products, dot = backend.read(backend.products(vectors, [0, 4]), backend.dot(*vectors[:2]))
    np.testing.assert_allclose(products, flat[[0, 4]] @ flat.T, **close)
    assert dot == pytest.approx(flat[0] @ flat[1], abs=close["atol"])
    weights = np.linspace(-1, 1, 9)
    combined = torch.full_like(vectors[0], torch.nan)
    backend.combine(weights, vectors, combined)
    np.testing.assert_allclose(combined.flatten(), weights @ flat, rtol=0, atol=1e-5)


@BACKENDS
def test_the_sums_do_not_depend_on_threads(backend):
    vectors = torch.randn(9, 64, 100, 100, generator=torch.Generator().manual_seed(0))
    threads = torch.get_num_threads()
    results = []
    for count in (1, 2):
        torch.set_num_threads(count)
        numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
        combined = torch.empty_like(vectors[0])
        backend.combine(np.linspace(-1, 1, 9), vectors, combined)
        summed = backend.dot(*vectors[:2]), backend.products(vectors, [0, 8])
        results.append((*backend.read(*summed), combined))
    torch.set_num_threads(threads)
    assert results[0][0] == results[1][0]
    np.testing.assert_array_equal(results[0][1], results[1][1])
    assert torch.equal(results[0][2], results[1][2])


def test_both_forms_find_the_same_minimum(monkeypatch):
    function, _ = quadratic()
    start = torch.zeros(4, 10, dtype=torch.float64)
    found = minimise(function, start, 20)
    monkeypatch.setattr(lbfgs, "sums", lambda device: reference)
    plain = minimise(function, start, 20)
    np.testing.assert_allclose(found.point, plain.point, rtol=1e-6)
    np.testing.assert_allclose(found.values, plain.values, rtol=1e-6)


def trial(step: float, value: float, slope: float = 0.0) -> lbfgs._Trial:
    return lbfgs._Trial(step, value, slope, torch.zeros(1, 1), torch.zeros(1, 1), np.zeros((1, 1)))


@pytest.mark.parametrize(("low", "high"), [(0.0, 2.0), (1.5, 4.0), (3.0, 0.5)])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.85, 0.02, 0.99])
def test_the_next_step_is_the_minimum_of_the_parabola(low, high, share):
    """Through the value and slope at the one end and the value at the other, inside the middle."""
    lowest = low + share * (high - low)
    near = trial(low, 3 * (low - lowest) ** 2 - 7, 6 * (low - lowest))
    far = trial(high, 3 * (high - lowest) ** 2 - 7)
    expected = low + min(max(share, 0.1), 0.9) * (high - low)
    assert lbfgs._between(near, far) == pytest.approx(expected)


@pytest.mark.parametrize("value", [math.inf, -5.0])
def test_where_there_is_no_parabola_the_step_is_halved(value):
    assert lbfgs._between(trial(1.0, 0.0, -1.0), trial(3.0, value)) == pytest.approx(2.0)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_direction_is_that_of_bfgs(count):
    """Of the dense inverse, updated pair by pair from a multiple of the identity on."""
    random, history, size = np.random.default_rng(count), 4, 6
    steps, changes = np.zeros((history, size)), np.zeros((history, size))
    root = random.normal(size=(size, size))
    for pair in range(count):
        steps[pair] = random.normal(size=size)
        changes[pair] = (root @ root.T + np.eye(size)) @ steps[pair]
    gradient = random.normal(size=size)
    memory = np.vstack([steps, changes, gradient])
    newest = list(reversed(range(count)))
    found = lbfgs._direction(memory @ memory.T, newest, history) @ memory
    inverse = np.eye(size)
    if count:
        s, y = steps[newest[0]], changes[newest[0]]
        inverse *= (s @ y) / (y @ y)
    for s, y in zip(steps[:count], changes[:count], strict=True):
        left = np.eye(size) - np.outer(s, y) / (s @ y)
        inverse = left @ inverse @ left.T + np.outer(s, s) / (s @ y)
    np.testing.assert_allclose(found, -inverse @ gradient, rtol=1e-6, atol=1e-9)


CURVES = {
    "a parabola": lambda x: ((x - 3).square().sum(), 2 * (x - 3)),
    "steep, then flat": lambda x: (((x - 3) ** 4).sum(), 4 * (x - 3) ** 3),
    "a waving valley": lambda x: (
        (0.1 * (x - 3) ** 2 + torch.cos(3 * x)).sum(),
        0.2 * (x - 3) - 3 * torch.sin(3 * x),
    ),
}


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("first", [1e-4, 0.1, 1.0, 50.0])
def test_a_line_search_ends_where_wolfe_wants_it(curve, first):
    """Enough decrease, and a slope that is flat enough, from whatever first step."""

    def function(x):
        value, gradient = CURVES[curve](x)
        return float(value), gradient

    point = torch.full((1, 1), -1.3, dtype=torch.float64)
    value, gradient = function(point)
    direction, slope = -gradient, -float(gradient.square().sum())
    found, memory = searched(function, point, direction, slope, first)
    assert found.value == pytest.approx(function(point + found.step * direction)[0])
    assert found.value <= value + lbfgs.DECREASE * found.step * slope
    assert abs(found.slope) <= -lbfgs.CURVATURE * slope
    steps = found.step * direction, found.gradient - gradient, found.gradient
    assert torch.equal(memory, torch.stack(steps))
    np.testing.assert_allclose(found.products, memory.flatten(1) @ memory.flatten(1).T)


def searched(function, point, direction, slope, first):
    """What a line search finds, and what it leaves in the memory."""
    value, gradient = function(point)
    start = lbfgs._Trial(0.0, value, 0.0, point, gradient, np.zeros((1, 1)))
    memory = torch.zeros(3, *point.shape, dtype=point.dtype)
    attempt = partial(lbfgs._attempt, function, start, direction, memory, [0, 1, 2])
    return lbfgs._line_search(attempt, start, slope, first), memory


def test_a_search_along_which_nothing_falls_finds_nothing():
    point = torch.zeros(1, 1, dtype=torch.float64)

    def rising(x):
        return 1.0 + float(x.abs().sum()), torch.ones_like(x)

    assert searched(rising, point, torch.ones_like(point), -1.0, 1.0)[0] is None


def test_where_no_slope_is_flat_enough_the_best_step_is_taken_and_remembered():
    """A corner: the slope jumps from -1 to 10, so that no step satisfies Wolfe's conditions."""
    point = torch.zeros(1, 1, dtype=torch.float64)

    def corner(x):
        rising = (x > 0.37).double()
        value = (1 - rising) * (-x) + rising * (10 * (x - 0.37) - 0.37)
        return float(value), 11 * rising - 1

    found, memory = searched(corner, point, torch.ones_like(point), -1.0, 1.0)
    assert found.value == pytest.approx(-0.37, abs=1e-3)
    assert memory[0] == found.step and memory[2] == found.gradient
