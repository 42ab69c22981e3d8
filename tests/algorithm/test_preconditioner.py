"""The coordinates of the deconvolution: what they make of a known objective."""

from __future__ import annotations

import numpy as np
import torch

from dia_pipeline.algorithm.preconditioner import DAMPING, _inverse_factor, coordinates


def test_the_factor_and_its_inverse_are_those_of_lapack():
    generator = np.random.default_rng(1)
    factor = generator.normal(size=(40, 40))
    matrix = factor @ factor.T + np.eye(40)
    expected = np.linalg.cholesky(matrix)
    inverse, found = _inverse_factor(matrix)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(inverse, np.linalg.inv(expected), atol=1e-12)


def test_a_known_curvature_becomes_the_identity():
    """Of f = |X K|^2 noise is taken back as v K^T: the curvature is K K^T."""
    generator = torch.Generator().manual_seed(2)
    steep = torch.randn(8, 8, generator=generator, dtype=torch.float64) * torch.logspace(-1, 1, 8)
    noise = torch.randn(300, 300, 8, generator=generator, dtype=torch.float64) @ steep.mT
    matrix, back = coordinates(noise)
    curvature = steep @ steep.mT
    damped = curvature + DAMPING * curvature.diagonal().mean() * torch.eye(8)
    assert torch.allclose(matrix @ damped @ matrix.mT, torch.eye(8).double(), atol=0.03)
    assert torch.allclose(matrix @ back, torch.eye(8).double(), atol=1e-9)


def test_where_nothing_bends_features_are_their_own_coordinates():
    for matrix in coordinates(torch.zeros(4, 5, 3)):
        assert torch.equal(matrix, torch.eye(3))
