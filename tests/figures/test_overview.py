from __future__ import annotations

import numpy as np
import pytest

from dia_pipeline.alignment.guidance import make_guidance
from dia_pipeline.alignment.parts import Parts
from dia_pipeline.figures import overview
from dia_pipeline.figures.overview import WIDTH, boxes_of_levels, draw_overview, round_trip
from dia_pipeline.figures.said import draw_said

RED, GREEN, BLUE, GREY = (200, 30, 30), (30, 160, 30), (30, 30, 200), (120, 120, 120)
IMAGES = {"a": RED, "a_prime": GREEN, "b": BLUE, "b_prime": GREY}


def plain(colour, height=60, width=80):
    return np.full((height, width, 3), colour, np.uint8)


def images(*names):
    return {name: plain(IMAGES[name]) for name in names or IMAGES}


def shift(x, y, height=60, width=80):
    return np.dstack([np.full((height, width), x), np.full((height, width), y)]).astype(np.float32)


def runs(line):
    """The colours met along a line of pixels, in order, without repetition and white."""
    starts = np.r_[True, (np.diff(line.astype(int), axis=0) != 0).any(axis=1)]
    return [colour for colour in map(tuple, line[starts].tolist()) if colour != (255, 255, 255)]


def row_middles(image):
    """The middles of the rows: where the first panel is, near the very left."""
    panel = (image[:, 24] != 255).any(axis=1)
    edges = np.flatnonzero(np.diff(np.r_[False, panel, False]))
    long = [(top, end) for top, end in zip(edges[::2], edges[1::2], strict=True) if end - top > 50]
    return [(top + end) // 2 for top, end in long]


PARTS = Parts(((100,),), ((100,),))


@pytest.fixture
def both():
    return {"flow_ab": shift(3, 0), "flow_ba": shift(-3, 0)}


def test_the_rows_show_results_matches_levels_in_order_and_nothing_twice(both):
    levels = {1: plain(BLUE), 5: plain(RED), 3: plain(GREEN)}
    image = draw_overview("title", images(), both, levels, parts=PARTS)
    assert image.dtype == np.uint8
    first, second, third, fourth = row_middles(image)
    assert runs(image[first]) == [RED, GREEN, BLUE, GREY]
    right, left = np.array(runs(image[second])[:2])
    assert right[0] == 255 and right[2] < 50
    assert left[2] == 255 and left[0] < 50
    assert runs(image[third]) == [RED, GREEN]  # by level 1 it is A' itself
    assert RED in runs(image[fourth]) and GREY in runs(image[fourth])


def test_rows_fill_the_width(both):
    image = draw_overview("title", images(), both, {}, parts=PARTS)
    for middle in row_middles(image)[:2]:
        shown = np.flatnonzero((image[middle] != 255).any(axis=1))
        assert shown[0] <= 24 and shown[-1] >= WIDTH - 30


def test_one_direction_shows_its_field_beside_the_results():
    flows = {"flow_ab": shift(3, 0)}
    image = draw_overview("title", images("a", "a_prime", "b_prime"), flows, {})
    first, _ = row_middles(image)
    assert runs(image[first])[:3] == [RED, GREEN, GREY] and len(runs(image[first])) == 4


def test_stray_matches_do_not_make_the_field_pale(both):
    calm = draw_overview("title", images(), both, {})
    both["flow_ab"][:6] = 1000  # a tenth of all
    stray = draw_overview("title", images(), both, {})
    middle = row_middles(calm)[1]
    np.testing.assert_array_equal(stray[middle, 30:100], calm[middle, 30:100])


def test_a_round_trip_is_the_distance_from_where_it_began():
    there = shift(3, -2)
    assert np.all(round_trip(there, shift(-3, 2)) == 0)
    np.testing.assert_allclose(round_trip(there, shift(0, 0)), np.hypot(3, 2) / 80)
    assert round_trip(there, shift(0, 0), step=7).shape == (9, 12)


@pytest.mark.parametrize("directions", [1, 2])
def test_what_is_alone_is_red_in_its_image_and_the_fuller_the_surer(both, directions):
    flows = dict(list(both.items())[:directions])
    parts = Parts(((0, 25, 50, 100),), ((100,),))
    image = draw_overview("title", images(), flows, {}, parts=parts)
    row = image[row_middles(image)[1]].astype(int)
    edges = np.flatnonzero(np.diff(np.r_[False, (row != 255).any(axis=1), False]))
    *_, a, b_prime = (row[start:stop] for start, stop in edges.reshape(-1, 2))
    second, third = (len(a) * number // 8 for number in (3, 5))
    assert (a[0] == overview._RED).all()
    assert a[second] == pytest.approx((a[-1] + overview._RED) / 2, abs=3)  # half of an even chance
    assert (a[third + 2 :] == a[-1]).all() and np.ptp(a[-1]) == 0
    assert (b_prime == b_prime[0]).all() and np.ptp(b_prime[0]) == 0


def test_without_parts_no_panel_says_what_is_alone(both):
    image = draw_overview("title", images(), both, {})
    assert tuple(overview._RED) not in runs(image[row_middles(image)[0]])
    assert len(row_middles(image)) == 2


def test_a_long_title_is_broken_into_lines_that_fit(both):
    short, long = (draw_overview(each, images(), both, {}) for each in ("word", "word " * 60))
    assert long.shape[0] > short.shape[0] and (long[:, -20:] == 255).all()


def test_lines_lead_to_the_matches_and_leave_out_what_is_not_sure(both):
    both["flow_ba"][:, :40] = (30, 0)
    matches = overview._well_spread(both)
    assert 0 < len(matches) < 12
    for here, there in matches:
        np.testing.assert_array_equal(there - here, (0, 3))
        assert here[1] + 3 >= 40


@pytest.mark.parametrize("size", [(40, 40), (3000, 2000), (20, 400), (400, 20), (2, 1)])
def test_every_size_and_shape_fits(size):
    flows = {"flow_ab": np.zeros((*size, 2), np.float32), "flow_ba": shift(0, 0, 50, 70)}
    a, b = plain(RED, *size), plain(BLUE, 50, 70)
    shown = {"a": a, "a_prime": a, "b": b, "b_prime": b}
    image = draw_overview("title", shown, flows, {2: a, 1: a})
    assert image.shape[1] == WIDTH and image.shape[0] < 5 * (overview.HEIGHT + 60)
    for colour in (RED, BLUE):
        assert (image == colour).all(axis=-1).any()


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize(
    ("a", "b"), [((60, 80), (60, 80)), ((90, 30), (20, 300)), ((7, 400), (9, 9))]
)
def test_the_images_of_levels_lie_where_their_boxes_are(a, b, directions):
    names = ["a", "a_prime", "b_prime", "b"][: 2 + directions]
    given = {name: plain(GREY, *(b if name.startswith("b") else a)) for name in names}
    flows = {"flow_ab": shift(0, 0, *a), "flow_ba": shift(0, 0, *b)}
    if directions == 1:
        del flows["flow_ba"]
    colours = {5: RED, 4: GREEN, 3: BLUE}
    levels = {level: plain(colour, *a) for level, colour in colours.items()} | {2: plain(GREY, *a)}
    image = draw_overview("one\ntwo", given, flows, levels)
    boxes = boxes_of_levels(image.shape[0], (5, 4, 3, 2), a[::-1], b[::-1])
    assert boxes.keys() == colours.keys()
    for level, box in boxes.items():
        inside = image[box.top : box.top + box.height, box.left : box.left + box.width]
        assert (inside == colours[level]).all()
        around = image[
            box.top - 1 : box.top + box.height + 1, box.left - 1 : box.left + box.width + 1
        ]
        assert (around == colours[level]).all(axis=-1).sum() == box.width * box.height


def test_descriptors_are_shown_by_colours_that_are_alike_where_they_are():
    halves = np.zeros((4, 6, 8), np.float32)
    halves[0, :, :4] = halves[1, :, 4:] = 1
    guidance = make_guidance(
        *(plain(RED), plain(GREY)), 1.0, descriptors_a=halves, descriptors_b_prime=-2 * halves
    )
    panels = dict(draw_said(plain(RED), plain(GREY), guidance))
    assert list(panels) == ["descriptors of A", "descriptors of B'"]
    for shown in panels.values():
        assert shown.shape == plain(RED).shape
        left, right = (half.reshape(-1, 3) for half in np.split(shown, 2, axis=1))
        assert (left == left[0]).all() and (right == right[0]).all() and (left[0] != right[0]).any()


def test_an_overview_shows_what_is_said_and_what_points_reach(both):
    """The levels are found from below, whatever is said above them."""
    a, b_prime = plain(RED), plain(GREY)
    keep = np.zeros((60, 80), np.float32)
    keep[:20] = 1
    points = np.array([[0.5, 0.5, 0.2, 0.2, 0.25]])
    guidance = make_guidance(a, b_prime, 1.0, points=points, keep=keep)
    said = dict(draw_said(a, b_prime, guidance))
    assert list(said) == ["what points of A reach", "points of B'", "what is kept of A"]
    reached = np.ptp(said["what points of A reach"].astype(int), axis=-1)  # how far from grey
    away = np.hypot(*np.ogrid[-29.5:30, -39.5:40])
    assert (reached[away > 22] == 0).all() and (reached[(away > 4) & (away < 12)] > 10).all()
    kept = said["what is kept of A"]
    assert (kept[:19] == RED).all() and np.ptp(kept[21:].astype(int), axis=-1).max() == 0
    levels = {1: plain(BLUE), 5: plain(RED), 3: plain(GREEN)}
    without, shown = (
        draw_overview("title", images(), both, levels, panels) for panels in ([], [*said.items()])
    )
    boxes = [boxes_of_levels(len(each), (5, 3, 1), (80, 60), (80, 60)) for each in (without, shown)]
    for level, colour in ((5, RED), (3, GREEN)):
        for image, found in zip((without, shown), boxes, strict=True):
            box = found[level]
            part = image[box.top : box.top + box.height, box.left : box.left + box.width]
            assert (part == colour).all()
    assert draw_said(a, b_prime, None) == []
