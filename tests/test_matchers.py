"""The matchers to compare with: known motion is found, and nothing leaves the other picture."""

from __future__ import annotations

import numpy as np
import pytest

from dia_pipeline.images import resize_image
from dia_pipeline.matchers import MATCHERS, find_matcher, patchmatch_rgb
from dia_pipeline.motion import grid
from dia_pipeline.photographs import photograph, warped
from dia_pipeline.settings import Settings

SETTINGS = Settings()
FOLLOWERS = ["optical-flow", "patchmatch-rgb"]
"""The matchers that follow what is seen, at least within one look."""


@pytest.fixture(scope="module")
def cat():
    return resize_image(photograph("chelsea"), (100, 150))


def window(picture, y, x):
    return np.ascontiguousarray(picture[y : y + 80, x : x + 120])


def distances(nnf, truth):
    """How far matches are off, in pixels, apart from a border of 10 pixels."""
    return np.linalg.norm(nnf - truth, axis=-1)[10:-10, 10:-10]


@pytest.mark.parametrize("name", MATCHERS)
def test_every_name_finds_a_matcher(name):
    assert callable(find_matcher(name))


def test_an_unknown_name_is_told_the_known_ones():
    with pytest.raises(KeyError, match="optical-flow"):
        find_matcher("magic")


def test_identity_keeps_the_scaled_place():
    nnf_ab, nnf_ba = find_matcher("identity")(
        np.zeros((2, 4, 3), np.uint8), np.zeros((4, 2, 3), np.uint8), None, SETTINGS
    )
    assert nnf_ab[1].tolist() == [[3, 0], [3, 0], [3, 1], [3, 1]]
    assert nnf_ba[:, 1].tolist() == [[0, 3], [0, 3], [1, 3], [1, 3]]


@pytest.mark.parametrize("name", FOLLOWERS)
def test_a_shift_is_found_both_ways(name, cat):
    a, b_prime = window(cat, 10, 14), window(cat, 13, 10)  # b_prime[y - 3, x + 4] = a[y, x]
    nnf_ab, nnf_ba = find_matcher(name)(a, b_prime, None, SETTINGS)
    assert (distances(nnf_ab, grid(a.shape[:2]) - (3, -4)) <= 1.5).mean() > 0.97
    assert (distances(nnf_ba, grid(a.shape[:2]) - (-3, 4)) <= 1.5).mean() > 0.97


@pytest.mark.parametrize("name", FOLLOWERS)
def test_a_warp_is_found(name, cat):
    bent, displacement = warped(cat, 5)
    nnf_ab, _ = find_matcher(name)(bent, cat, None, SETTINGS)
    assert (distances(nnf_ab, grid(cat.shape[:2]) + displacement) <= 1.5).mean() > 0.9


@pytest.mark.parametrize("name", MATCHERS)
@pytest.mark.parametrize("size", [(40, 75), (120, 70)])
def test_fields_stay_inside_pictures_of_other_sizes(name, size, cat):
    a, b_prime = resize_image(cat, (60, 70)), resize_image(cat, size)
    nnf_ab, nnf_ba = find_matcher(name)(a, b_prime, a, SETTINGS)
    for nnf, source, target in ((nnf_ab, a, b_prime), (nnf_ba, b_prime, a)):
        assert nnf.shape == (*source.shape[:2], 2)
        assert nnf.dtype == np.int32
        assert nnf.min() >= 0
        assert (nnf < target.shape[:2]).all()
        if name in FOLLOWERS:  # the scaled picture matches itself at the scaled place
            truth = (grid(source.shape[:2]) + 0.5) * np.divide(target.shape, source.shape)[:2] - 0.5
            assert np.median(distances(nnf, truth)) <= 1.5


def test_rgb_matching_maps_multiply_to_the_squared_difference():
    source, target = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 3), np.uint8)
    s, t = patchmatch_rgb._matching_maps(source, target)
    difference = source[:, :, None, None] / 255 - target / 255
    expected = -(difference**2).sum(axis=-1)
    np.testing.assert_allclose(np.einsum("ijk,mnk->ijmn", s, t), expected, atol=1e-6)
