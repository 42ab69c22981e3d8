"""How far points reach: as far as their radius, and not across edges or the borders of labels."""

from __future__ import annotations

import numpy as np
import pytest

from dia_pipeline.affine import centres
from dia_pipeline.alignment.reach import SIDE, reaches_of

SHAPE = (240, SIDE)
POINT = np.array([[0.5, 0.25]])


def wall(thick=4):
    """Grey, with a bright bar from top to bottom that begins in the middle."""
    a = np.full((*SHAPE, 3), 90, np.uint8)
    a[:, SIDE // 2 : SIDE // 2 + thick] = 220
    return a


def away():
    return np.linalg.norm(centres(SHAPE) - POINT[0] * SHAPE, axis=-1)


def test_on_a_plain_image_the_pull_falls_off_with_the_distance_to_nothing():
    (pull,) = reaches_of(POINT, np.array([0.2]), wall(0))
    share = np.minimum(away() / (0.2 * SIDE), 1)
    # A path along pixels and their diagonals is up to 8.3 % longer than a straight line.
    assert (pull <= (1 - share**2) ** 2 + 0.05).all()
    assert (pull >= (1 - np.minimum(1.083 * share, 1) ** 2) ** 2 - 0.05).all()
    assert pull.max() == 1 and (pull[away() > 0.2 * SIDE + 1] == 0).all()


def test_an_edge_stops_a_point_and_shading_does_not():
    (free,) = reaches_of(POINT, np.array([0.4]), wall(0))
    (stopped,) = reaches_of(POINT, np.array([0.4]), wall())
    beyond = slice(SIDE // 2 + 6, None)
    assert free[:, beyond].max() > 0.3 and stopped[:, beyond].max() == 0
    before = slice(0, SIDE // 2 - 4)
    np.testing.assert_allclose(stopped[:, before], free[:, before], atol=1e-6)
    shaded = np.linspace(20, 240, SIDE).astype(np.uint8)[None, :, None].repeat(240, 0).repeat(3, 2)
    (along,) = reaches_of(POINT, np.array([0.4]), shaded)
    np.testing.assert_allclose(along, free, atol=0.02)


def test_the_border_of_labels_stops_a_point():
    labels = np.zeros((24, 32), int)
    labels[:, 16:] = 1
    (pull,) = reaches_of(POINT, np.array([0.4]), wall(0), labels)
    assert pull[:, : SIDE // 2 - 4].max() == 1 and pull[:, SIDE // 2 + 4 :].max() == 0


def test_a_point_on_an_edge_reaches_both_sides():
    on_edge = np.array([[0.5, 0.5]])
    (pull,) = reaches_of(on_edge, np.array([0.2]), wall())
    assert pull[120, 140] > 0.3 and pull[120, 180] > 0.3


@pytest.mark.parametrize("size", [(120, 160), (60, 80), (720, 960)])
def test_the_reach_is_the_same_at_any_size(size):
    a = wall(12).repeat(3, 0).repeat(3, 1)
    step = a.shape[0] // size[0]
    (small,), (full,) = (
        reaches_of(POINT, np.array([0.15]), image) for image in (a[::step, ::step], wall(12))
    )
    y, x = (np.arange(n) * side // n for n, side in zip(small.shape, full.shape, strict=True))
    assert np.abs(small - full[np.ix_(y, x)]).mean() < 0.01


def test_a_point_in_a_corner_reaches_into_the_image():
    (pull,) = reaches_of(np.array([[1.0, 1.0]]), np.array([0.1]), wall(0))
    assert pull[-1, -1] == 1 and 0 < pull[-20, -10] < 1 and pull[:100].max() == 0
