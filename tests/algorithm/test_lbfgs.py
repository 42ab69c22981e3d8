"""L-BFGS against closed forms and SciPy."""

from __future__ import annotations

import numba
import numpy as np
import pytest
import torch
from scipy.optimize import rosen, rosen_der

from dia_pipeline.algorithm import lbfgs
from dia_pipeline.algorithm.lbfgs import cpu as cpu
from dia_pipeline.algorithm.lbfgs import minimise
from dia_pipeline.algorithm.lbfgs import reference as reference


def quadratic(size=40, spread=1.5):
    """A badly scaled quadratic with a known minimum, as a least-squares problem."""
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(size, size)) * np.logspace(0, spread, size)
    solution = generator.normal(size=size)
    target = matrix @ solution

    def function(point):
        error = matrix @ point.numpy().ravel() - target
        gradient = 2 * matrix.T @ error
        return float(error @ error), torch.from_numpy(gradient.reshape(point.shape))

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
    np.testing.assert_allclose(backend.products(vectors, [0, 4]), flat[[0, 4]] @ flat.T, **close)
    assert backend.dot(vectors[0], vectors[1]) == pytest.approx(
        flat[0] @ flat[1], abs=close["atol"]
    )
    weights = np.linspace(-1, 1, 9)
    combined = backend.combine(weights, vectors)
    np.testing.assert_allclose(combined.flatten(), weights @ flat, rtol=0, atol=1e-5)
    assert combined.shape == vectors.shape[1:]


@BACKENDS
def test_the_sums_do_not_depend_on_threads(backend):
    vectors = torch.randn(9, 64, 100, 100, generator=torch.Generator().manual_seed(0))
    threads = torch.get_num_threads()
    results = []
    for count in (1, 2):
        torch.set_num_threads(count)
        numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
        combined = backend.combine(np.linspace(-1, 1, 9), vectors)
        results.append((backend.dot(*vectors[:2]), backend.products(vectors, [0, 8]), combined))
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
