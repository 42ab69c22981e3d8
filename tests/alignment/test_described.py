"""Descriptors of another network: what they add to a match, and that matches follow them."""

from __future__ import annotations

import numpy as np
import pytest

import dia_pipeline
from dia_pipeline.affine import AS_GIVEN, centres, moved, resizing, shifting, turning
from dia_pipeline.alignment.canvas import in_units
from dia_pipeline.alignment.guidance import make_guidance
from dia_pipeline.alignment.pose import MIRRORED
from dia_pipeline.guides import GuidanceError
from dia_pipeline.pixels import resize_image
from dia_pipeline.samples.photographs import photograph

SIDES = ((90, 120), (100, 80))


def told(*descriptors, sides=SIDES):
    images = (np.zeros((*shape, 3), np.uint8) for shape in sides)
    a, b_prime = (each.astype(np.float32) for each in descriptors)
    return make_guidance(*images, 1.0, descriptors_a=a, descriptors_b_prime=b_prime)


def dots(guidance, shape=(9, 12), target=(10, 8), pose=AS_GIVEN, weight=1.0):
    """What every match gains: (H, W, h, w)."""
    a, b_prime = guidance.channels(shape, target, pose, weight)
    return np.einsum("ijc,klc->ijkl", a.numpy(), b_prime.numpy())


def drawn(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def directions(places):
    """Places (H, W, 2) from 0 to 1 as vectors (3, H, W) that change evenly."""
    y, x = np.moveaxis(places, -1, 0)
    return np.stack([y, x, 0.5 + 0 * x])


def test_a_match_gains_the_cosine_times_the_weight():
    a, b_prime = drawn(0, 7, 9, 12), drawn(1, 7, 10, 8)
    a[:, 2, 3] = 0
    gained = dots(told(3 * a, b_prime), weight=0.7)
    lengths = [np.linalg.norm(each, axis=0) for each in (a, b_prime)]
    cosines = np.einsum("cij,ckl->ijkl", a, b_prime) / np.multiply.outer(*lengths).clip(1e-9)
    np.testing.assert_allclose(gained, 0.7 * cosines, atol=1e-5)
    assert not gained[2, 3].any()


def test_they_add_nothing_where_they_do_not_count():
    guidance = told(drawn(0, 7, 9, 12), drawn(1, 7, 10, 8))
    assert [each.shape for each in guidance.channels((9, 12), (10, 8), AS_GIVEN, 0.0)] == [
        (9, 12, 0),
        (10, 8, 0),
    ]


@pytest.mark.parametrize("given", [(36, 48), (9, 12), (5, 6)])
def test_a_map_of_any_size_says_the_same_of_the_same_place(given):
    shape = 9, 12
    guidance = told(*(directions(centres(size) / size) for size in (given, (20, 16))))
    found = guidance.channels(shape, (10, 8), AS_GIVEN, 1.0)[0].numpy()
    expected = np.moveaxis(directions(centres(shape) / shape), 0, -1)
    expected /= np.linalg.norm(expected, axis=-1, keepdims=True)
    np.testing.assert_allclose(found[2:-2, 2:-2], expected[2:-2, 2:-2], atol=1e-3)


def test_they_turn_with_b_prime():
    guidance = told(drawn(0, 7, 9, 12), drawn(1, 7, 10, 8))
    given, turned = (dots(guidance, pose=pose) for pose in (AS_GIVEN, MIRRORED))
    np.testing.assert_allclose(turned, given[..., ::-1], atol=1e-4)


def test_in_any_pose_they_are_what_b_prime_has_there_and_nothing_is_outside_of_it():
    pose = shifting((0.5, 0.5)) @ turning(30) @ resizing((0.8, 0.8)) @ shifting((-0.4, -0.6))
    target = 24, 30
    guidance = told(*(directions(centres(size) / size) for size in ((9, 12), (40, 32))))
    found = guidance.channels((9, 12), target, pose, 1.0)[1].numpy()
    there = moved(in_units(pose), centres(target) / target)
    expected = np.moveaxis(directions(there), 0, -1)
    expected /= np.linalg.norm(expected, axis=-1, keepdims=True)
    well_inside = ((there > 0.1) & (there < 0.9)).all(axis=-1)
    np.testing.assert_allclose(found[well_inside], expected[well_inside], atol=2e-3)
    assert well_inside.sum() > 100
    outside = ((there < 0) | (there > 1)).any(axis=-1)
    assert outside.any() and not found[outside].any()


def test_those_that_cannot_be_compared_are_refused():
    a, b_prime = drawn(0, 7, 9, 12), drawn(1, 7, 10, 8)
    with pytest.raises(GuidanceError, match=r"they have 6 and 7 channels; make both by the same"):
        told(a[:6], b_prime)
    with pytest.raises(GuidanceError, match=r"descriptors_b_prime: it is 10x8, but B' is 80x100"):
        told(a, b_prime.swapaxes(1, 2))
    image = np.zeros((20, 20, 3), np.uint8)
    with pytest.raises(GuidanceError, match="one is missing; descriptors are those of both"):
        dia_pipeline.run(image, image, descriptors_a=a, backbone="vgg16")


def test_a_side_that_is_rounded_to_a_patch_is_no_other_aspect():
    """200 x 133 in patches of 16 pixels: 12 x 8, and not 12 x 9 or 13 x 8 alone."""
    for size in ((8, 12), (9, 12), (8, 13)):
        assert told(np.ones((1, *size)), np.ones((1, *size)), sides=((133, 200),) * 2)
    with pytest.raises(GuidanceError, match="may differ by 5 %, and a side by one position"):
        told(np.ones((1, 10, 12)), np.ones((1, 8, 12)), sides=((133, 200),) * 2)


TILE, TILES = 32, (3, 4)
SHIFT = np.array([1, 2])
"""Of the tiles of a wallpaper, by which B' is hung."""


@pytest.fixture(scope="module")
def wallpaper():
    """A wallpaper twice, its truth, and descriptors that say which tile is which."""
    tile = resize_image(photograph("chelsea")[40:240, 130:330], (TILE, TILE))
    paper = np.tile(tile, (*TILES, 1))
    a, b_prime = (
        (paper + np.random.default_rng(seed).normal(0, 4, paper.shape)).clip(0, 255)
        for seed in (1, 2)
    )
    shape = np.array(paper.shape[:2])
    truth = (centres(shape) + SHIFT * TILE) % shape
    coarse = shape // 8
    of_a, of_b_prime = (
        waves((centres(coarse) / coarse + by / TILES) % 1) for by in (SHIFT, np.zeros(2))
    )
    return a.astype(np.uint8), b_prime.astype(np.uint8), truth - 0.5, of_a, of_b_prime


def waves(places):
    """Places (H, W, 2) from 0 to 1 as sines and cosines (8, H, W), the same at opposite borders."""
    phases = 2 * np.pi * np.concatenate([places, 2 * places], axis=-1)
    return np.moveaxis(np.concatenate([np.sin(phases), np.cos(phases)], -1), -1, 0)


def test_matches_of_a_wallpaper_go_where_descriptors_say(wallpaper):
    a, b_prime, truth, of_a, of_b_prime = wallpaper
    options = {"deconvolution": 0, "iterations": 6, "backbone": "vgg16", "pose": "given"}

    def right(**described):
        """The share of matches that are right within 3 pixels."""
        nnf = dia_pipeline.run(a, b_prime, **options, **described).nnf_ab
        return (np.linalg.norm(nnf - truth, axis=-1) <= 3).mean()

    assert right() < 0.05
    assert right(descriptors_a=of_a, descriptors_b_prime=of_b_prime) > 0.95
