"""Chroma on the lightness of A: the lightness against Pillow's, the colours against known ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from dia_pipeline.composition import smoothing
from dia_pipeline.composition.chroma import DEEP, look_around, with_chroma
from dia_pipeline.composition.refinement import take
from dia_pipeline.pixels import LUMA, turned_grey
from dia_pipeline.samples.photographs import photograph


def noise(seed, shape=(23, 31), kind=np.uint8):
    values = np.random.default_rng(seed).integers(0, 256, (*shape, 3))
    return values.astype(kind)


@pytest.fixture(scope="module")
def cat():
    return np.ascontiguousarray(photograph("chelsea")[60:180, 90:250])


@pytest.mark.parametrize("seed", range(5))
def test_in_black_and_white_the_result_is_a_to_the_last_digit(seed):
    """Of images of noise, whose colours lie at the borders of the gamut, as Pillow turns grey."""
    a, transferred = noise(seed), noise(seed + 100)
    made = take(a, transferred, "chroma")
    np.testing.assert_array_equal(turned_grey(made), turned_grey(a))
    grey = take(turned_grey(a), transferred, "chroma")
    pillow = np.asarray(Image.fromarray(grey).convert("L"))
    np.testing.assert_array_equal(pillow, turned_grey(a)[..., 0])


def test_every_lightness_is_kept_with_any_chroma():
    """All 256, each with chroma that is far out of the gamut in every direction."""
    angles = np.linspace(0, 2 * np.pi, 90)
    chroma = 300 * np.stack([np.cos(angles), np.sin(angles)], -1).astype(np.float32)
    a = np.arange(256, dtype=np.uint8)[:, None, None].repeat(90, 1).repeat(3, 2)
    made = with_chroma(a, np.broadcast_to(chroma, (256, 90, 2)))
    np.testing.assert_array_equal(turned_grey(made), a)
    assert np.ptp(made[128].astype(int), axis=-1).min() > 60  # and coloured


def test_of_16_bits_the_last_one_is_kept():
    a, transferred = (noise(seed, kind=np.float32) + np.float32(0.3) for seed in (1, 2))
    a = a.clip(0, 255)
    made = take(a, transferred.clip(0, 255), "chroma")
    assert made.dtype == np.float32
    written, given = (np.rint(np.float64(image) * DEEP) @ LUMA for image in (made, a))
    assert np.abs(written - given).max() <= 1


def test_a_grey_reference_leaves_a_grey_picture_as_it_is(cat):
    a, other = turned_grey(cat), turned_grey(cat[::-1])
    np.testing.assert_array_equal(take(a, other, "chroma"), a)


def test_the_truth_in_the_place_of_a_prime_is_found_again(cat):
    made = take(turned_grey(cat), cat, "chroma").astype(float)
    assert np.abs(made - cat).mean() < 2


def test_a_prime_that_lies_beside_a_is_found(cat):
    """By three pixels: much nearer to the truth than the chroma that lies in its place."""
    a, beside = turned_grey(cat), np.roll(cat, (2, -3), (0, 1))
    in_place = with_chroma(a, (beside[..., ::2] - (beside @ LUMA)[..., None]).astype(np.float32))
    errors = [
        np.abs(made.astype(float) - cat)[8:-8, 8:-8].mean()
        for made in (take(a, beside, "chroma"), in_place)
    ]
    assert errors[0] < 0.5 * errors[1]


def test_looking_around_is_the_mean_of_like_patches():
    """Against loops over every place, of a small image far from its border."""
    luma, other = (noise(seed, (17, 17))[..., 0].astype(np.float32) / 8 for seed in (3, 4))
    chroma = noise(5, (17, 17))[..., :2].astype(np.float32) - 128
    found, sure = look_around(luma, other, chroma)
    y = x = 8
    places, weights = [], []
    for down in range(-4, 5):
        for right in range(-4, 5):
            patch = luma[y - 2 : y + 3, x - 2 : x + 3]
            there = other[y + down - 2 : y + down + 3, x + right - 2 : x + right + 3]
            places.append((y + down, x + right))
            weights.append((np.mean((patch - there) ** 2), down**2 + right**2))
    least = min(difference for difference, _ in weights)
    shares = np.array([np.exp(-(d - least) / 16 - 0.3 * away) for d, away in weights])
    expected = shares @ np.array([chroma[place] for place in places]) / shares.sum()
    assert 0 < sure[y, x] < 1
    ratio = found[y, x] / expected
    assert ratio[0] == pytest.approx(ratio[1], rel=1e-4) and 0.5 <= ratio[0] <= 2


def test_where_nothing_is_like_a_the_colour_is_that_of_the_neighbours(cat):
    """A hole in A' that is filled with something else."""
    a, holed = turned_grey(cat), cat.copy()
    holed[90:106, 60:76] = (0, 0, 255)
    made = take(a, holed, "chroma")[90:106, 60:76].astype(float)
    assert np.abs(made - cat[90:106, 60:76]).mean() < 8
    assert made[..., 2].mean() < made[..., 0].mean()


def test_the_number_of_threads_does_not_show(cat):
    a, before = turned_grey(cat), cv2.getNumThreads()
    made = []
    try:
        for threads in (1, 3):
            cv2.setNumThreads(threads)
            made.append(take(a, np.roll(cat, 2, 1), "chroma"))
    finally:
        cv2.setNumThreads(before)
    np.testing.assert_array_equal(*made)


def test_large_images_come_close_to_the_exact_solution(cat, monkeypatch):
    a, beside = turned_grey(cat), np.roll(cat, (1, 2), (0, 1))
    exact = take(a, beside, "chroma").astype(float)
    monkeypatch.setattr(smoothing, "MAX_DIRECT", 2_000)
    found = take(a, beside, "chroma")
    np.testing.assert_array_equal(turned_grey(found), a)
    assert np.abs(found - exact).mean() < 0.5
