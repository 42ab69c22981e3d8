from __future__ import annotations

import numpy as np
import pytest

from dia_pipeline.affine import (
    centres,
    factor_of,
    fit_affine,
    fit_similarity,
    moved,
    resizing,
    shifting,
    turning,
)

POINTS = np.random.default_rng(0).uniform(0, 100, (20, 2))
SIMILARITY = shifting((3, -7)) @ turning(30) @ resizing((1.5, 1.5))
AFFINE = SIMILARITY @ np.array([[1, 0.2, 0], [0, 0.8, 0], [0, 0, 1]])


def test_a_quarter_turn_leads_right_to_up():
    np.testing.assert_allclose(moved(turning(90), np.array([[0, 1]])), [[1, 0]], atol=1e-12)
    np.testing.assert_allclose(moved(turning(0, True), np.array([[2, 1]])), [[2, -1]])


def test_maps_are_found_again():
    for matrix in (SIMILARITY, AFFINE):
        np.testing.assert_allclose(fit_affine(POINTS, moved(matrix, POINTS)), matrix, atol=1e-9)
    found = fit_similarity(POINTS, moved(SIMILARITY, POINTS))
    np.testing.assert_allclose(found, SIMILARITY, atol=1e-9)


def test_a_similarity_is_the_best_of_its_kind():
    """No small change of its turn, scale or shift comes nearer to what an affine map does."""
    targets = moved(AFFINE, POINTS)
    found = fit_similarity(POINTS, targets)
    best = ((moved(found, POINTS) - targets) ** 2).sum()
    for change in (turning(0.1), turning(-0.1), resizing((1.01, 1.01)), shifting((0.1, 0))):
        assert ((moved(change @ found, POINTS) - targets) ** 2).sum() > best


def test_a_single_point_is_shifted():
    np.testing.assert_allclose(
        fit_similarity(POINTS[:1], POINTS[1:2]), shifting(POINTS[1] - POINTS[0])
    )


def test_factor_and_centres():
    assert factor_of(SIMILARITY) == pytest.approx(1.5)
    np.testing.assert_array_equal(centres((1, 2)), [[[0.5, 0.5], [0.5, 1.5]]])
