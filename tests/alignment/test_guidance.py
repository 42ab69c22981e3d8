"""Labels and points: what they add to a match, and that matches follow them."""

from __future__ import annotations

import numpy as np
import pytest

import dia_pipeline
from dia_pipeline.affine import AS_GIVEN, centres
from dia_pipeline.alignment.guidance import Guidance, labels_of, make_guidance
from dia_pipeline.alignment.pose import MIRRORED
from dia_pipeline.guides import GuidanceError
from dia_pipeline.pixels import resize_image
from dia_pipeline.samples.photographs import photograph

SIDES = ((90, 120), (100, 80))
WIDE = 0.5
"""A reach that is wide enough for these maps, as a share of the longest side."""

RED, BLUE = (255, 0, 0), (0, 0, 255)


def halves(left, right, shape=(60, 80)):
    image = np.empty((*shape, 3), np.uint8)
    image[:, : shape[1] // 2], image[:, shape[1] // 2 :] = left, right
    return image


def pointing(weight, *point):
    """Guidance by one point on images that show nothing."""
    images = (np.zeros((*shape, 3), np.uint8) for shape in SIDES)
    return make_guidance(*images, weight, points=np.array([[*point, WIDE]]))


def dots(guidance, shape=(9, 12), target=(10, 8), pose=AS_GIVEN):
    """What every match gains: (H, W, h, w)."""
    a, b_prime = guidance.channels(shape, target, pose)
    return np.einsum("ijc,klc->ijkl", a.numpy(), b_prime.numpy())


def test_colours_are_labels_though_jpeg_and_borders_blur_them():
    a = resize_image(halves(RED, BLUE), (305, 413))
    b_prime = halves((10, 8, 240), (250, 12, 9))
    first, second = labels_of(a, b_prime)
    assert set(np.unique(first)) == {0, 1}
    assert (second[:, :40] == first[0, -1]).all() and (second[:, 40:] == first[0, 0]).all()


def test_a_photograph_is_no_label_map():
    with pytest.raises(GuidanceError, match=r"more than a few colours.*16 labels at most"):
        labels_of(photograph("coffee"), photograph("china"))
    many = np.random.default_rng(0).permutation(
        np.mgrid[:256:85, :256:85, :256:85].reshape(3, -1).T
    )
    with pytest.raises(GuidanceError, match="have 64 colours"):
        labels_of(many[None].astype(np.uint8))


def test_a_match_within_a_label_gains_the_weight_and_one_across_nothing():
    labels = labels_of(halves(RED, BLUE), halves(BLUE, RED))
    gained = dots(Guidance(0.5, SIDES, labels))
    np.testing.assert_allclose(gained[0, 0, :, 4:], 0.5, atol=1e-6)
    np.testing.assert_allclose(gained[0, 0, :, :4], 0, atol=1e-6)
    np.testing.assert_allclose(gained[0, -1, :, :4], 0.5, atol=1e-6)


def test_a_point_gains_the_weight_and_the_more_the_nearer():
    guidance = pointing(2.0, 0.5, 0.25, 0.25, 0.75)
    gained = dots(guidance, (90, 120), (100, 80))[45, 30]
    where = np.unravel_index(gained.argmax(), gained.shape)
    assert np.abs(np.subtract(where, (25, 60))).max() <= 1
    assert gained.max() == pytest.approx(2, abs=0.01)
    away = np.linalg.norm(centres((100, 80)) - (25.5, 60.5), axis=-1)
    means = [gained[(away >= r) & (away < r + 10)].mean() for r in (0, 10, 20, 30, 60)]
    assert (np.diff(means) < 0).all()


def test_a_neighbour_of_a_point_is_pulled_beside_its_match_and_one_far_away_nowhere():
    guidance = pointing(1.0, 0.5, 0.25, 0.5, 0.5)
    gained = dots(guidance, (90, 120), (100, 80))
    beside = np.unravel_index(gained[45, 40].argmax(), (100, 80))
    assert beside[1] > 44 and abs(beside[0] - 50) <= 2
    assert np.abs(gained[85, 115]).max() < 0.02


@pytest.mark.parametrize("labels", [True, False])
def test_guides_turn_with_b_prime(labels):
    maps = labels_of(halves(RED, BLUE), halves(BLUE, RED))
    guidance = Guidance(1.0, SIDES, maps) if labels else pointing(1.0, 0.5, 0.25, 0.25, 0.75)
    given, turned = (dots(guidance, pose=pose) for pose in (AS_GIVEN, MIRRORED))
    np.testing.assert_allclose(turned, given[..., ::-1], atol=1e-5)


def test_nothing_said_is_no_guidance():
    image = np.zeros((20, 20, 3), np.uint8)
    assert make_guidance(image, image, 1.0) is None


def test_labels_of_one_image_alone_are_refused():
    image = np.zeros((20, 20, 3), np.uint8)
    with pytest.raises(GuidanceError, match=r"one is missing.*labels are those of both images"):
        dia_pipeline.run(image, image, labels_a=halves(RED, BLUE), backbone="vgg16")


@pytest.mark.parametrize("turned", [0, 1])
def test_labels_of_another_shape_than_their_image_are_refused(turned):
    """Such as those of a photograph that EXIF turns, or of the other image."""
    image = np.zeros((20, 30, 3), np.uint8)
    labels = [halves(RED, BLUE, (40, 60)), halves(BLUE, RED, (40, 60))]
    assert make_guidance(image, image, 1.0, *labels).labels
    labels[turned] = np.rot90(labels[turned])
    message = ("labels_a: it is 40x60, but A is 30x20", "labels_b_prime: it is 40x60, but B' is")
    with pytest.raises(GuidanceError, match=message[turned]):
        make_guidance(image, image, 1.0, *labels)
    with pytest.raises(GuidanceError, match="it is 60x60"):
        make_guidance(image, image, 1.0, halves(RED, BLUE, (60, 60)), labels[1])


@pytest.fixture(scope="module")
def cat():
    return resize_image(photograph("chelsea"), (96, 144))


def targets(cat, **guides):
    options = {"quality": "draft", "backbone": "vgg16", "pose": "given"}
    return dia_pipeline.run(cat, cat, **guides, **options).nnf_ab


def test_matches_keep_to_their_label(cat):
    """A cat with itself, of which the left half must go to the right half and back."""
    left, right = (halves(*colours, (48, 72)) for colours in ((RED, BLUE), (BLUE, RED)))
    crossed = targets(cat, labels_a=left, labels_b_prime=right, guidance=3)[..., 1]
    assert (crossed[:, :64] >= 68).mean() > 0.95 and (crossed[:, 80:] < 76).mean() > 0.95
    plain = targets(cat)[..., 1]
    assert (plain[:, :64] >= 68).mean() < 0.05


def test_three_points_move_what_lies_around_them(cat):
    points = [[40, 30, 60, 40], [60, 30, 80, 40], [50, 45, 70, 55]]
    moved = targets(cat, points=points, guidance=3)
    for a_x, a_y, b_x, b_y in points:
        assert np.linalg.norm(moved[a_y, a_x] - (b_y, b_x)) <= 6
    assert np.linalg.norm(moved[80, 130] - (80, 130)) <= 6
