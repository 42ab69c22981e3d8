"""The weighted-least-squares filter against a dense solution and its properties."""

from __future__ import annotations

import numpy as np
import pytest

from dia_pipeline.composition import smoothing
from dia_pipeline.composition.smoothing import smooth
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.samples.styles import night


@pytest.fixture
def guide():
    return np.random.default_rng(0).random((6, 7))


def dense(image: np.ndarray, guide: np.ndarray, strength: float, sure: np.ndarray) -> np.ndarray:
    """The solution of the normal equations, built from the definition, neighbour by neighbour."""
    height, width = guide.shape
    system = np.diag(sure.ravel())
    for y in range(height):
        for x in range(width):
            for v, u in ((y + 1, x), (y, x + 1)):
                if v < height and u < width:
                    i, j = y * width + x, v * width + u
                    weight = strength / (abs(guide[y, x] - guide[v, u]) + 1e-4)
                    system[i, i] += weight
                    system[j, j] += weight
                    system[i, j] -= weight
                    system[j, i] -= weight
    right = (sure[..., None] * image).reshape(guide.size, -1)
    return np.linalg.solve(system, right).reshape(image.shape)


def test_smoothing_minimises_its_energy(guide):
    image = np.random.default_rng(1).random((6, 7, 2))
    expected = dense(image, guide, 0.8, np.ones_like(guide))
    np.testing.assert_allclose(smooth(image, guide), expected, atol=1e-9)


def test_what_is_not_sure_counts_less_in_smoothing():
    random = np.random.default_rng(0)
    guide, image, sure = (random.random(shape) for shape in ((4, 5), (4, 5, 2), (4, 5)))
    expected = dense(image, guide, 0.01, sure)
    np.testing.assert_allclose(smooth(image, guide, 0.01, sure), expected, atol=1e-9)


def test_a_constant_image_stays_constant(guide):
    np.testing.assert_allclose(smooth(np.full((6, 7, 1), 0.3), guide), 0.3)


def test_smoothing_stops_at_the_edges_of_the_guide():
    guide = np.repeat([0.0, 1.0], 10)[None].repeat(8, axis=0)
    noise = np.random.default_rng(0).normal(0, 0.05, guide.shape)
    smoothed = smooth((guide + noise)[..., None], guide)[..., 0]
    assert smoothed[:, :10].std() < 0.01 and smoothed[:, 10:].std() < 0.01
    assert smoothed[:, 10:].mean() - smoothed[:, :10].mean() > 0.3


def test_images_too_large_to_factorise_come_close_to_the_exact_solution(monkeypatch):
    """On a real photograph with odd sides, in grey levels."""
    own = photograph("china")[100:301, 200:451]
    change = night(own) / 255 - own / 255
    guide = (own / 255) @ (0.299, 0.587, 0.114)
    exact = smooth(change, guide)
    monkeypatch.setattr(smoothing, "MAX_DIRECT", 10_000)
    error = np.abs(smooth(change, guide) - exact) * 255
    assert error.mean() < 0.5
    assert error.max() < 6
