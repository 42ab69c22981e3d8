"""Fusion in closed form."""

from __future__ import annotations

import math

import pytest
import torch

from dia_pipeline.algorithm.fusion import fuse, response


@pytest.fixture
def features():
    """One channel whose squares, scaled to [0, 1], are 0, 0.04, 0.05, 0.06 and 1."""
    return torch.tensor([[[1.0, 1.04, 1.0500001, 1.06, 2.0]]]).sqrt()


def test_the_step_keeps_strong_features(features):
    assert response(features, "step").flatten().tolist() == [0, 0, 1, 1, 1]


def test_the_sigmoid_is_soft_at_the_same_place(features):
    expected = [1 / (1 + math.exp(-300 * (m - 0.05))) for m in (0, 0.04, 0.05, 0.06, 1)]
    assert response(features, "sigmoid").flatten().tolist() == pytest.approx(expected, abs=1e-3)


def test_fusion_weighs_own_by_alpha_where_the_response_is_high(features):
    fused = fuse(features, torch.full_like(features, 10.0), 0.7, "step").flatten()
    assert fused[0] == 10
    assert fused[-1].item() == pytest.approx(0.7 * math.sqrt(2) + 0.3 * 10)


def test_alpha_zero_takes_the_reconstruction_alone(features):
    reconstructed = torch.rand_like(features)
    assert torch.equal(fuse(features, reconstructed, 0.0, "sigmoid"), reconstructed)


def test_constant_features_do_not_divide_by_zero():
    flat = torch.full((2, 3, 3), 5.0)
    assert torch.isfinite(fuse(flat, flat, 0.8, "sigmoid")).all()


@pytest.mark.parametrize("form", ["step", "sigmoid"])
def test_the_response_is_that_of_the_range_of_the_features(features, form):
    """Features seven times as strong, from another least value on, respond alike."""
    squares = features.square()
    stronger = (7 * squares + 3).sqrt()
    assert torch.allclose(response(stronger, form), response(features, form), atol=1e-3)
