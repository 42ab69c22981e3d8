"""B' on the canvas, and what is made of it carried back."""

from __future__ import annotations

import numpy as np
import pytest

from dia_pipeline.affine import AS_GIVEN, covered, resizing, shifting, turning
from dia_pipeline.alignment.canvas import Canvas
from dia_pipeline.alignment.pose import MIRRORED
from dia_pipeline.networks.sizes import working_image
from dia_pipeline.pixels import mirror
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.settings import resolve

A, B_PRIME = (120, 160), (150, 130)
SETTINGS = resolve({"ratio": 0.5})


@pytest.fixture(scope="module")
def image():
    return photograph("chelsea")[50 : 50 + B_PRIME[0], 60 : 60 + B_PRIME[1]]


def field(shape, target, seed=0):
    random = np.random.default_rng(seed)
    return np.stack([random.integers(0, side, shape) for side in target], -1).astype(np.int32)


def in_units(matrix):
    """A map from the pixels of A to those of B' as a pose."""
    return np.linalg.inv(resizing(B_PRIME)) @ matrix @ resizing(A)


def posed(degrees, scale, mirrored=False):
    """B' turned about the middles of both images."""
    there = shifting((B_PRIME[0] / 2, B_PRIME[1] / 2)) @ resizing((scale, scale))
    return in_units(there @ turning(degrees, mirrored) @ shifting((-A[0] / 2, -A[1] / 2)))


def quarter(count):
    """B' turned by right angles, in unit coordinates."""
    exact = np.rint(turning(90 * count))
    return shifting((0.5, 0.5)) @ exact @ shifting((-0.5, -0.5))


def test_as_given_nothing_is_touched(image):
    canvas = Canvas.of(AS_GIVEN, A, B_PRIME, SETTINGS)
    nnf = field(A, B_PRIME)
    assert canvas.draw(image) is image and canvas.restore(image) is image
    assert canvas.restore_targets(nnf) is nnf and canvas.restore_field(nnf) is nnf
    assert canvas.size == (B_PRIME, (75, 65))


@pytest.mark.parametrize(
    ("pose", "turned"),
    [
        (MIRRORED, mirror),
        (quarter(1), lambda image: np.rot90(image, 1)),
        (quarter(2), lambda image: np.rot90(image, 2)),
        (quarter(3), lambda image: np.rot90(image, 3)),
    ],
)
def test_mirroring_and_right_angles_exchange_pixels(image, pose, turned):
    canvas = Canvas.of(pose, A, B_PRIME, SETTINGS)
    drawn = canvas.draw(image)
    assert any(np.array_equal(drawn, each) for each in (turned(image), np.rot90(turned(image), 2)))
    assert drawn.shape[:2] == canvas.size.full
    np.testing.assert_array_equal(canvas.restore(drawn), image)
    nnf = field(A, canvas.size.full)
    there = canvas.restore_targets(nnf)
    np.testing.assert_array_equal(drawn[tuple(nnf.T)], image[tuple(there.T)])
    np.testing.assert_array_equal(canvas.draw_targets(there), nnf)
    back = field(canvas.size.full, A)
    np.testing.assert_array_equal(canvas.draw_field(canvas.restore_field(back)), back)


@pytest.mark.parametrize(("degrees", "scale"), [(30, 1), (-60, 0.7), (10, 1.6), (135, 1.0)])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_canvas_shows_all_of_b_prime_and_leads_back(image, degrees, scale, mirrored):
    canvas = Canvas.of(posed(degrees, scale, mirrored), A, B_PRIME, SETTINGS)
    restored = canvas.restore(canvas.draw(image)).astype(int)
    assert np.abs(restored - image)[4:-4, 4:-4].mean() < 4
    grid = np.moveaxis(np.indices(B_PRIME), 0, -1)
    there = canvas.draw_targets(grid)
    assert np.abs(canvas.restore_targets(there) - grid).max() <= 1
    # As fine as B', and as many positions for what it shows as A has.
    assert canvas.size.full[0] * canvas.size.full[1] >= image.shape[0] * image.shape[1]
    top, left, bottom, right = covered(canvas.pose)
    wanted = (bottom - top) * A[0] / 2, (right - left) * A[1] / 2
    assert canvas.size.working == pytest.approx(wanted, abs=0.51)


def test_a_field_is_found_where_the_canvas_shows_its_pixel(image):
    canvas = Canvas.of(posed(30, 1), A, B_PRIME, SETTINGS)
    marked = np.zeros((*canvas.size.full, 2), np.int32)
    marked[..., 0], marked[..., 1] = np.indices(canvas.size.full)
    there = canvas.restore_field(marked)
    grid = np.moveaxis(np.indices(B_PRIME), 0, -1)
    assert np.abs(canvas.restore_targets(there) - grid).max() <= 1


def test_a_large_canvas_has_no_more_positions_than_the_largest_image():
    small = resolve({"max_side": 100})
    canvas = Canvas.of(posed(0, 0.3), A, B_PRIME, small)
    assert canvas.size.working[0] * canvas.size.working[1] == pytest.approx(100**2, rel=0.02)


def test_features_outside_of_b_prime_are_zero_and_inside_those_of_the_image(image, network):
    turned = Canvas.of(posed(45, 1), A, B_PRIME, resolve({})).features(image, network, resolve({}))
    for features in turned.values():
        corners = features[:, [0, 0, -1, -1], [0, -1, 0, -1]]
        assert not corners.any() and features[:, features.shape[1] // 2].any()
    plain = Canvas.of(MIRRORED, A, B_PRIME, SETTINGS).features(image, network, SETTINGS)
    level0 = network.preprocess(working_image(mirror(image), 0.5, 700))
    np.testing.assert_array_equal(plain[0], level0)


def test_an_image_of_more_depth_keeps_it(image):
    deep = image.astype(np.float32) + 0.25
    for pose in (MIRRORED, posed(30, 1)):
        drawn = Canvas.of(pose, A, B_PRIME, SETTINGS).draw(deep)
        assert drawn.dtype == np.float32 and (drawn % 1).any()
