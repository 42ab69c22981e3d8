"""Fields that go on for long, against the truth of a film whose motion is known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.drift import missed
from dia_pipeline.samples.films import sway
from dia_pipeline.samples.photographs import photograph, warped
from dia_pipeline.temporal.coherence import FULL, Known, carried
from dia_pipeline.temporal.motion import followed, grid, homeward, sample
from dia_pipeline.temporal.propagation import Motion, weighed

FRAMES = 48


@pytest.fixture(scope="module")
def film():
    return sway(FRAMES, 64)


def test_a_film_shows_what_its_places_say(film):
    np.testing.assert_allclose(film.places[0], grid(film.frames[0].shape[:2]))
    first = film.frames[0].astype(np.float32)
    for frame, places in zip(film.frames, film.places, strict=True):
        error = np.abs(sample(first, places) - frame)[12:-12, 12:-12]
        assert error.mean() < 6  # it is sampled twice


def test_what_goes_on_for_long_does_not_stray(film):
    """Carried from frame to frame alone, the same matches miss by more and more."""
    exact = film.places[0].astype(np.float32)
    anchor = Known(film.frames[0], {FULL: exact})
    fields, steps = [anchor.fields], [exact]
    for number in range(1, FRAMES):
        motion = Motion(film.frames[number - 1], film.frames[number])
        fresh = film.places[number].astype(np.float32)
        fields.append(carried(film.frames[number], motion, fields[-1], anchor, fresh))
        steps.append(motion.carry(steps[-1], fresh))
    last = slice(FRAMES - 8, FRAMES)
    strayed = [missed(*both) for both in zip(steps[last], film.places[last], strict=True)]
    held = [missed(each[FULL], p) for each, p in zip(fields[last], film.places[last], strict=True)]
    assert max(held) < 1
    assert np.mean(strayed) > 2 * np.mean(held)


def test_the_way_home_is_found_however_far_it_is_and_not_where_something_else_is_seen():
    cat = photograph("chelsea")[20:220, 60:360]
    home = np.ascontiguousarray(cat[60:160, 90:210])
    image = np.ascontiguousarray(cat[30:130, 60:180])  # 30 pixels up and to the left
    image[70:, 80:] = photograph("coffee")[100:130, 200:240]
    way, known = homeward(image, home, np.full((100, 120, 2), -28.5, np.float32))
    shown = np.zeros((100, 120), bool)
    shown[30:, 30:] = True
    shown[66:, 76:] = False
    error = np.linalg.norm(way + 30, axis=-1)
    assert np.quantile(error[known], 0.99) < 1 and known[shown].mean() > 0.85
    assert not known[:30].any() and not known[:, :30].any()
    assert known[74:, 84:].mean() < 0.15


def test_what_one_keyframe_does_not_show_is_taken_of_the_other():
    known = np.ones((40, 60), np.uint8)
    known[:, :30] = 0
    first, second = weighed([0.75, 0.25], [known, None])
    np.testing.assert_allclose(first + second, 1, rtol=1e-6)
    assert first[20, 5, 0] < 0.1 and first[20, 55, 0] == pytest.approx(0.75)
    assert np.abs(np.diff(first[20, :, 0])).max() < 0.25
    for each, share in zip(weighed([0.4, 0.6], [None, None]), (0.4, 0.6), strict=True):
        np.testing.assert_allclose(each, share)


def test_one_way_and_then_another():
    image = photograph("chelsea")[:80, :120]
    _, first = warped(image, 3)
    _, then = warped(image, 4, seed=1)
    there = grid((80, 120)) + first
    np.testing.assert_allclose(
        grid((80, 120)) + followed(first, then), there + sample(then, there), atol=1e-3
    )
