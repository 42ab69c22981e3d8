"""The matchers to compare with: known motion is found, and nothing leaves the other image."""

from __future__ import annotations

from itertools import product

import cv2
import numba
import numpy as np
import pytest

from dia_pipeline.matchers import MATCHERS, find_matcher, image_analogies, patchmatch_rgb
from dia_pipeline.matchers.belief_propagation import propagate
from dia_pipeline.matchers.matcher import MatcherError
from dia_pipeline.matchers.sift import dense_sift
from dia_pipeline.pixels import resize_image
from dia_pipeline.samples.photographs import photograph, warped
from dia_pipeline.samples.styles import night
from dia_pipeline.settings import Settings
from dia_pipeline.temporal.motion import grid

SETTINGS = Settings()
FOLLOWERS = ["optical-flow", "patchmatch-rgb", "sift"]
"""The matchers that follow what is seen, at least within one style."""


@pytest.fixture(scope="module")
def cat():
    return resize_image(photograph("chelsea"), (100, 150))


def window(image, y, x):
    return np.ascontiguousarray(image[y : y + 80, x : x + 120])


def distances(nnf, truth):
    """How far matches are off, in pixels, apart from a border of 10 pixels."""
    return np.linalg.norm(nnf - truth, axis=-1)[10:-10, 10:-10]


@pytest.mark.parametrize("name", MATCHERS)
def test_every_name_finds_a_matcher(name):
    assert callable(find_matcher(name).ensure())


def test_an_unknown_name_is_told_the_known_ones():
    with pytest.raises(
        MatcherError, match=r"optical-flow.*there is no file config/matchers/magic.py"
    ):
        find_matcher("magic")


def test_identity_keeps_the_scaled_place():
    nnf_ab, nnf_ba = find_matcher("identity").ensure()(
        np.zeros((2, 4, 3), np.uint8), np.zeros((4, 2, 3), np.uint8), None, SETTINGS
    )
    assert nnf_ab[1].tolist() == [[3, 0], [3, 0], [3, 1], [3, 1]]
    assert nnf_ba[:, 1].tolist() == [[0, 3], [0, 3], [1, 3], [1, 3]]


@pytest.mark.parametrize("name", FOLLOWERS)
def test_a_shift_is_found_both_ways(name, cat):
    a, b_prime = window(cat, 10, 14), window(cat, 13, 10)  # b_prime[y - 3, x + 4] = a[y, x]
    nnf_ab, nnf_ba = find_matcher(name).ensure()(a, b_prime, None, SETTINGS)
    assert (distances(nnf_ab, grid(a.shape[:2]) - (3, -4)) <= 1.5).mean() > 0.99
    assert (distances(nnf_ba, grid(a.shape[:2]) - (-3, 4)) <= 1.5).mean() > 0.99


@pytest.mark.parametrize("name", FOLLOWERS)
def test_a_warp_is_found(name, cat):
    bent, displacement = warped(cat, 5)
    nnf_ab, _ = find_matcher(name).ensure()(bent, cat, None, SETTINGS)
    assert (distances(nnf_ab, grid(cat.shape[:2]) + displacement) <= 1.5).mean() > 0.95


@pytest.mark.parametrize("name", MATCHERS)
@pytest.mark.parametrize("size", [(40, 75), (120, 70)])
def test_fields_stay_inside_images_of_other_sizes(name, size, cat):
    a, b_prime = resize_image(cat, (60, 70)), resize_image(cat, size)
    nnf_ab, nnf_ba = find_matcher(name).ensure()(a, b_prime, a, SETTINGS)
    for nnf, source, target in ((nnf_ab, a, b_prime), (nnf_ba, b_prime, a)):
        assert nnf.shape == (*source.shape[:2], 2)
        assert nnf.dtype == np.int32
        assert nnf.min() >= 0
        assert (nnf < target.shape[:2]).all()
        if name in FOLLOWERS:  # the scaled image matches itself at the scaled place
            truth = (grid(source.shape[:2]) + 0.5) * np.divide(target.shape, source.shape)[:2] - 0.5
            assert np.median(distances(nnf, truth)) <= 1.5


@pytest.mark.parametrize("name", MATCHERS)
def test_fields_depend_on_nothing_but_images_and_settings(name, cat):
    a, b_prime = window(cat, 10, 14), resize_image(cat, (70, 90))
    fields = []
    for threads in (1, 2):
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        fields.append(find_matcher(name).ensure()(a, b_prime, a, SETTINGS))
    for one, other in zip(*fields, strict=True):
        np.testing.assert_array_equal(one, other)


def test_rgb_matching_maps_multiply_to_the_squared_difference():
    source, target = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 3), np.uint8)
    s, t = patchmatch_rgb._matching_maps(source, target)
    difference = source[:, :, None, None] / 255 - target / 255
    expected = -(difference**2).sum(axis=-1)
    np.testing.assert_allclose(np.einsum("ijk,mnk->ijmn", s, t), expected, atol=1e-6)


def test_dense_sift_is_the_sift_of_opencv(cat):
    """Up to the Gaussian window; its orientations run the other way, y being up in its gradient."""
    positions = [(y, x) for y in range(15, 85, 6) for x in range(15, 135, 6)]
    keypoints = [cv2.KeyPoint(float(x), float(y), 2, 0) for y, x in positions]
    unblurred = cv2.SIFT_create(sigma=0.5)
    _, theirs = unblurred.compute(cv2.cvtColor(cat, cv2.COLOR_RGB2GRAY), keypoints)
    theirs = np.roll(theirs.reshape(-1, 16, 8)[..., ::-1], 1, axis=-1).reshape(-1, 128)
    ours = dense_sift(cat)[tuple(np.transpose(positions))].astype(float)
    lengths = np.linalg.norm(ours, axis=-1) * np.linalg.norm(theirs, axis=-1)
    cosines = (ours * theirs).sum(axis=-1) / lengths
    assert np.median(cosines) > 0.96
    assert cosines.min() > 0.9


def energies(offsets, data, centre, small, slope, most):
    """The energy of SIFT flow, term by term, of many fields (N, H, W, 2)."""
    height, width, side, _ = data.shape
    total = small * np.abs(offsets).sum(axis=(1, 2, 3))
    for axis in (1, 2):
        step = np.abs(np.diff(offsets, axis=axis))
        total += np.minimum(slope * step, most).sum(axis=(1, 2, 3))
    position = offsets - centre + side // 2
    y, x = np.indices((height, width))
    return total + data[y, x, position[..., 0], position[..., 1]].sum(axis=(1, 2))


@pytest.mark.parametrize("shape", [(1, 4), (4, 1), (2, 2)])
def test_belief_propagation_finds_the_least_energy(shape):
    """Of all fields, in windows around centres of their own; loops may keep it from one or two."""
    weights = (0.1, 0.4, 0.7)
    windows = list(product((-1, 0, 1), repeat=2))
    fields = np.array(list(product(windows, repeat=4))).reshape(-1, *shape, 2)
    found, least = [], []
    for seed in range(20):
        random = np.random.default_rng(seed)
        data = random.random((*shape, 3, 3), np.float32)
        centre = random.integers(-1, 2, (*shape, 2), np.int32)
        offsets = propagate(data, centre, *weights, 10)
        found.extend(energies(offsets[None], data, centre, *weights))
        least.append(energies(centre + fields, data, centre, *weights).min())
    assert np.isclose(found, least, atol=1e-5).mean() >= 0.9


def test_an_image_analogy_takes_a_new_look_off_again(cat):
    """A' and B' are by night; B must come out by day, from the right positions, and both ways."""
    a, b = window(cat, 10, 14), window(cat, 13, 10)  # b[y - 3, x + 4] = a[y, x]
    nnf_ab, nnf_ba = find_matcher("image-analogies").ensure()(a, night(b), night(a), SETTINGS)
    error = np.abs(a[nnf_ba[..., 0], nnf_ba[..., 1]].astype(float) - b)
    assert error[10:-10, 10:-10].mean() < 2
    assert (distances(nnf_ba, grid(a.shape[:2]) - (-3, 4)) <= 2).mean() > 0.9
    assert (distances(nnf_ab, grid(a.shape[:2]) - (3, -4)) <= 2).mean() > 0.9


def test_an_image_analogy_asks_for_a_prime(cat):
    match = find_matcher("image-analogies").ensure()
    with pytest.raises(MatcherError, match="column a_prime"):
        match(cat, cat, None, SETTINGS)
    with pytest.raises(MatcherError, match="150x100 and 120x80"):
        match(cat, cat, window(cat, 0, 0), SETTINGS)


def test_what_an_image_analogy_needs_of_a_pixel_comes_before_it():
    """Working a front at once gives what the scan order gives."""
    order = np.full((5, 8), -1)
    for turn, (y, x) in enumerate(image_analogies._fronts(order.shape)):
        assert (order[y, x] == -1).all()
        order[y, x] = turn
    assert (order >= 0).all()
    for y, x in np.ndindex(order.shape):
        for dy, dx in image_analogies._BEFORE:
            if y + dy >= 0 and 0 <= x + dx < 8:
                assert order[y + dy, x + dx] < order[y, x]
