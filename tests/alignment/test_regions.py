"""Regions of A that stay as they are, or are restyled less."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.sparse.linalg import spsolve

import dia_pipeline
from dia_pipeline.algorithm.fusion import held
from dia_pipeline.alignment.guidance import make_guidance
from dia_pipeline.alignment.reach import edge_costs
from dia_pipeline.alignment.regions import REACH, restrain
from dia_pipeline.guides import GuidanceError
from dia_pipeline.pixels import resize_image
from dia_pipeline.samples.photographs import photograph


def said(a, **given):
    return make_guidance(a, a, 1.0, **given)


def middle(shape, value=1.0):
    """A map that is `value` in the middle and 0 around it."""
    plane = np.zeros(shape, np.float32)
    plane[shape[0] // 4 : -(shape[0] // 4), shape[1] // 4 : -(shape[1] // 4)] = value
    return plane


@pytest.fixture
def images():
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, (40, 60, 3)).astype(np.uint8) for _ in range(2)]


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_what_is_kept_stays_to_the_bit_in_any_depth(images, kind):
    own, made = (image.astype(kind) for image in images)
    keep = middle((40, 60))
    result = restrain(own, made, said(images[0], keep=keep))
    assert result.dtype == kind
    np.testing.assert_array_equal(result[12:-12, 18:-18], own[12:-12, 18:-18])


def test_strength_goes_from_a_to_a_prime_in_full(images):
    own, made = images
    ramp = np.tile(np.linspace(0, 1, 60, dtype=np.float32), (40, 1))
    result = restrain(own, made, said(own, strength=ramp))
    expected = own + ramp[..., None] * (made.astype(float) - own)
    assert np.abs(result - expected).max() <= 0.5 + 1e-3
    np.testing.assert_array_equal(restrain(own, made, said(own, strength=ramp * 0)), own)
    np.testing.assert_array_equal(restrain(own, made, said(own, strength=ramp * 0 + 1)), made)


def test_a_prime_is_fitted_to_what_is_kept_without_a_step():
    """On a plain A: the step at the border is gone, and far away nothing is changed."""
    own = np.full((160, 160, 3), 120, np.uint8)
    made = np.full((160, 160, 3), 180, np.uint8)
    keep = np.zeros((160, 160), np.float32)
    keep[:, :40] = 1
    row = restrain(own, made, said(own, keep=keep))[80, :, 0].astype(int)
    assert (row[:39] == 120).all() and np.abs(np.diff(row)).max() <= 8
    # A line of it falls off by exp(-x / (REACH * 160)).
    x = np.arange(50, 120)
    expected = 180 - 60 * np.exp(-(x - 39) / (REACH * 160))
    assert np.abs(row[x] - expected).max() < 3
    assert np.abs(row[120:] - 180).max() <= 1


def test_across_an_edge_of_a_nothing_is_fitted():
    """A face that is kept does not shine on the hair beside it."""
    own = np.full((160, 160, 3), 200, np.uint8)
    own[:, 40:] = 30
    made = np.full((160, 160, 3), 90, np.uint8)
    keep = np.zeros((160, 160), np.float32)
    keep[:, :40] = 1
    row = restrain(own, made, said(own, keep=keep))[80, :, 0].astype(int)
    assert (row[:39] == 200).all() and np.abs(row[46:] - 90).max() <= 6


def test_the_correction_is_the_minimum_of_its_energy():
    """Against the same sum, written out and solved by another library."""
    generator = np.random.default_rng(1)
    own, made = (generator.integers(0, 256, (12, 16, 3)).astype(np.float32) for _ in range(2))
    keep = middle((12, 16))
    kept = keep.ravel() > 0.5
    conducts = 1 / edge_costs(own.round().astype(np.uint8)).ravel()
    numbers = np.arange(kept.size).reshape(keep.shape)
    pairs = [*zip(numbers[1:].flat, numbers[:-1].flat, strict=True)]
    pairs += zip(numbers[:, 1:].flat, numbers[:, :-1].flat, strict=True)
    system = sparse.lil_array((kept.size, kept.size))
    system.setdiag(1 / (REACH * 16) ** 2)
    for p, q in pairs:
        weight = min(conducts[p], conducts[q])
        system[p, p] += weight
        system[q, q] += weight
        system[p, q] -= weight
        system[q, p] -= weight
    right = np.zeros((kept.size, 3))
    right[kept] = (own - made).reshape(-1, 3)[kept]
    for p in np.flatnonzero(kept):
        system[p, :] = 0
        system[p, p] = 1
    expected = made + spsolve(system.tocsr(), right).reshape(made.shape)
    result = restrain(own, made, said(own.astype(np.uint8), keep=keep))
    np.testing.assert_allclose(result, expected.clip(0, 255), atol=0.01)


def test_maps_that_say_nothing_or_all_are_no_fault(images):
    own, made = images
    everything, nothing = (np.full((40, 60), value, np.float32) for value in (1, 0))
    np.testing.assert_array_equal(restrain(own, made, said(own, keep=nothing)), made)
    np.testing.assert_array_equal(restrain(own, made, said(own, keep=everything)), own)
    assert restrain(own, made, None) is made


def test_alpha_rises_to_1_where_the_strength_is_low():
    strength = np.array([[0, 0, 0.5, 0.5, 1, 1]] * 2, np.float32)
    alpha = held(0.4, strength, torch.zeros(4, 1, 3))
    torch.testing.assert_close(alpha, torch.tensor([[1.0, 0.7, 0.4]]))
    assert held(0.4, None, torch.zeros(4, 1, 3)) == 0.4


def test_a_map_of_another_shape_than_a_is_refused(images):
    for name in ("keep", "strength"):
        with pytest.raises(GuidanceError, match=f"{name}: it is 40x60, but A is 60x40; paint"):
            said(images[0], **{name: np.zeros((60, 40), np.float32)})


def test_a_weak_strength_holds_the_matches_to_the_structure_of_a_too():
    cat = resize_image(photograph("chelsea"), (96, 144))
    coffee = resize_image(photograph("coffee"), (96, 144))
    options = {"quality": "draft", "backbone": "vgg16", "pose": "given", "blend": 0}
    plain, weak = (
        dia_pipeline.run(cat, coffee, **given, **options)
        for given in ({}, {"strength": np.full((96, 144), 0.1)})
    )
    assert (plain.nnf_ab != weak.nnf_ab).any()
    np.testing.assert_allclose(weak.a_prime.astype(float), cat, atol=0.1 * 255 + 1)
