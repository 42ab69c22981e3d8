"""How still a video holds: warp error and the consistency of colours, in closed form."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.distance import jensenshannon

from dia_pipeline.temporal.flicker import (
    STEPS,
    Flows,
    Steadiness,
    boundaries,
    colour_consistency,
    histograms,
    motion_of,
    warp_error,
)

RANDOM = np.random.default_rng(0)


def noise(height=120, width=160):
    return RANDOM.integers(0, 256, (height, width, 3), np.uint8)


def shifted(y, x, shape, visible=True):
    """Flows of a content that goes on by so many pixels."""
    on = np.broadcast_to(np.float32([y, x]), (*shape, 2))
    return Flows(-on, np.full(shape, True), on, np.full(shape, visible))


def test_a_video_that_is_its_own_warp_has_no_warp_error():
    """The next frame is the last one, 2 down and 5 to the left, and new where that shows more."""
    before = noise()
    frame = np.roll(before, (2, -5), (0, 1))
    flows = shifted(2, -5, before.shape[:2])
    flows.visible[-2:] = flows.visible[:, :5] = False
    assert warp_error(frame, before, flows) == 0


def test_a_shift_that_is_seen_has_hardly_any_warp_error():
    rough = RANDOM.random((90, 120, 3)) * 255
    smooth = ndimage.gaussian_filter(rough, (2, 2, 0))
    texture = np.uint8((smooth - smooth.min()) / np.ptp(smooth) * 255)
    before, frame = texture[5:85, 5:105], texture[3:83, 8:108]
    moved = motion_of(frame, before)
    still = shifted(0, 0, before.shape[:2])
    assert moved.visible.mean() > 0.8
    assert warp_error(frame, before, moved) < 2e-4 < warp_error(frame, before, still) / 20


def test_the_warp_error_of_noise_is_twice_its_variance():
    """In squares of the range; one pixel by itself has its own."""
    before, frame = noise(), noise()
    flows = shifted(0, 0, before.shape[:2])
    variance = (256**2 - 1) / 12 / 255**2
    assert warp_error(frame, before, flows) == pytest.approx(2 * variance, rel=0.02)
    flows.visible[:] = False
    assert np.isnan(warp_error(frame, before, flows))
    flows.visible[7, 9] = True
    own = ((before[7, 9] / 255 - frame[7, 9] / 255) ** 2).mean()
    assert warp_error(frame, before, flows) == pytest.approx(own)


def test_a_flow_has_boundaries_where_it_is_steep_for_its_length():
    flow = np.zeros((6, 10, 2))
    flow[:, 4:] = 1, 2
    edges = np.zeros((6, 10), bool)
    edges[:, 3] = True
    np.testing.assert_array_equal(boundaries(flow), edges)
    np.testing.assert_array_equal(boundaries(flow.transpose(1, 0, 2)), edges.T)
    ramp = np.zeros((3, 40, 2))
    ramp[..., 1] = 0.05 * np.arange(40)  # 0.05^2 > 0.01 (0.05 x)^2 + 0.002 up to x = 4.47
    np.testing.assert_array_equal(boundaries(ramp), np.broadcast_to(np.arange(40) < 5, (3, 40)))


def grey(level):
    return np.full((6, 8, 3), level, np.uint8)


def consistency(*scenes):
    return colour_consistency([[histograms(frame) for frame in scene] for scene in scenes])


def test_equal_colours_are_consistent_and_disjoint_ones_are_not():
    assert consistency([grey(9)] * 6) == 0
    picture = noise()
    assert consistency([np.roll(picture, n, axis=1) for n in range(6)]) == pytest.approx(0)
    assert consistency([grey(n) for n in range(6)]) == pytest.approx(log(2))
    flashing = [grey(100 + 20 * (n % 2)) for n in range(6)]  # alike two and four frames apart
    assert consistency(flashing) == pytest.approx(log(2) / 3)
    half = [np.dstack([grey(0)[..., 0], grey(0)[..., 0], grey(n)[..., 0]]) for n in range(6)]
    assert consistency(half) == pytest.approx(log(2) / 3)  # of one channel of three


def test_consistency_is_the_mean_of_divergences_by_step():
    frames = [(noise(12, 16) // (n + 2)).astype(np.uint8) for n in range(7)]
    by_step = []
    for step in STEPS:
        found = []
        for first, second in zip(frames, frames[step:], strict=False):
            for channel in range(3):
                counts = [
                    np.histogram(each[..., channel], 256, (0, 256))[0] for each in (first, second)
                ]
                found.append(jensenshannon(*counts) ** 2)
        by_step.append(np.mean(found))
    assert consistency(frames) == pytest.approx(np.mean(by_step))


def test_what_lies_between_scenes_is_no_inconsistency():
    assert consistency([grey(0)] * 5, [grey(255)] * 5) == 0
    assert np.isnan(consistency([grey(0)] * 4, [grey(255)] * 4))


def test_a_film_holds_still_within_its_scenes():
    """Two scenes of one grey each; what cannot be known of a single one is left out."""
    steady = Steadiness()
    for number in range(10):
        flows = shifted(0, 0, (6, 8)) if number % 5 else None
        steady.add(grey(200 * (number // 5)), flows)
    assert steady.measures() == {"flicker": 0, "change": 0, "warp_error": 0, "cdc": 0}
    short = Steadiness()
    short.add(grey(0), None)
    assert short.measures() == {}
    short.add(grey(51), shifted(0, 0, (6, 8)))
    assert short.measures() == pytest.approx({"flicker": 51, "change": 51, "warp_error": 0.04})
    short.add(grey(0), shifted(0, 0, (6, 8), visible=False))
    assert short.measures()["warp_error"] == pytest.approx(0.04)
