"""Motion between frames, and what makes a cut."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from dia_pipeline.pixels import resize_image
from dia_pipeline.samples.photographs import PHOTOGRAPHS, photograph, warped
from dia_pipeline.samples.styles import night, sunset
from dia_pipeline.temporal.flicker import relighting_error, restyling_error
from dia_pipeline.temporal.motion import flow_between, grid, is_cut, sample, trusted


@pytest.fixture(scope="module")
def cat():
    return resize_image(photograph("chelsea"), (150, 225))


def window(image, y, x):
    return np.ascontiguousarray(image[y : y + 100, x : x + 160])


def test_a_shift_is_found_and_trusted_where_it_stays_in_sight(cat):
    now, before = window(cat, 20, 20), window(cat, 17, 24)  # (3, -4) pixels
    forward, backward = flow_between(now, before), flow_between(before, now)
    inner = np.s_[20:-20, 20:-20]
    assert np.abs(forward[inner] - (3, -4)).mean() < 0.3
    known = trusted(forward, backward)
    assert known[inner].mean() > 0.95
    assert known[-2:].mean() < 0.2 and known[:, :3].mean() < 0.2


def test_a_warp_is_found(cat):
    bent, displacement = warped(cat, 4)
    error = np.linalg.norm(flow_between(bent, cat) - displacement, axis=-1)
    assert np.median(error) < 0.4


def test_sampling_is_bilinear():
    values = grid((5, 7))
    np.testing.assert_allclose(sample(values, np.array([[[1.5, 2.25]]], "f4")), [[[1.5, 2.25]]])


def test_light_and_motion_are_no_cuts_and_another_view_is(cat):
    assert not is_cut(cat, cat)
    assert not is_cut(window(cat, 20, 20), window(cat, 15, 32))
    assert not is_cut(cat, sunset(cat))
    for name in ("coffee", "rocket", "chelsea"):
        assert not is_cut(photograph(name), night(photograph(name)))
    for one, other in combinations(PHOTOGRAPHS, 2):
        assert is_cut(photograph(one), photograph(other)), (one, other)


def test_a_video_that_moves_with_its_content_has_no_restyling_error(cat):
    """Restyled steadily, against restyled anew in every frame."""
    content = [window(cat, 20, 20 + 3 * n) for n in range(2)]
    steady = [255 - image for image in content]
    noise = np.random.default_rng(0).normal(0, 20, steady[0].shape)
    shaken = [steady[0], (steady[1] + noise).clip(0, 255).astype(np.uint8)]
    errors = [restyling_error(s[1], s[0], content[1], content[0]) for s in (steady, shaken)]
    assert errors[0] < 3
    assert errors[1] > errors[0] + 8


def test_a_relighting_error_is_what_the_reference_does_not_explain():
    before, frame = np.full((2, 2, 3), 100, np.uint8), np.full((2, 2, 3), 140, np.uint8)
    assert relighting_error(frame, before, explained=before) == 0
    explained = before.copy()
    explained[0, 0] = 104
    assert relighting_error(frame, before, explained) == 1
