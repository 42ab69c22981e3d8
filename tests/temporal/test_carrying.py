"""What is said of a frame, carried along the motion."""

from __future__ import annotations

import numpy as np
import pytest

from dia_pipeline.samples.photographs import photograph
from dia_pipeline.temporal.propagation import Motion

SHIFT = (3, -5)
"""By which the content moves from a frame to the next: down and to the left."""


@pytest.fixture(scope="module")
def carrier():
    cat = photograph("chelsea")[:, :, :]
    before = cat[40:200, 60:300]
    now = cat[40 - SHIFT[0] : 200 - SHIFT[0], 60 - SHIFT[1] : 300 - SHIFT[1]]
    return Motion(np.ascontiguousarray(before), np.ascontiguousarray(now))


def test_points_move_with_what_they_lie_on(carrier):
    points = np.array([[30.0, 40], [80, 120], [120.5, 200.25]])
    moved, seen = carrier.carry_points(points)
    assert seen.all()
    np.testing.assert_allclose(moved, points + SHIFT, atol=0.3)


def test_a_point_that_leaves_the_image_is_no_longer_seen(carrier):
    _, seen = carrier.carry_points(np.array([[80.0, 1], [159, 120], [80, 120]]))
    assert seen.tolist() == [False, False, True]


def test_images_move_and_no_two_values_are_mixed(carrier):
    labels = np.zeros((160, 240, 3), np.uint8)
    labels[:, 120:] = (10, 200, 30)
    moved = carrier.carry_image(labels)
    assert {tuple(colour) for colour in moved.reshape(-1, 3)} == {(0, 0, 0), (10, 200, 30)}
    expected = np.roll(labels, SHIFT, (0, 1))[5:-5, 10:-10]
    assert (moved[5:-5, 10:-10] != expected).mean() < 0.01
