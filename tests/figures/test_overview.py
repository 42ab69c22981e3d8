from __future__ import annotations

import numpy as np
import pytest

from dia_pipeline.figures.overview import HEIGHT, WIDTH, draw_overview

RED, GREEN, BLUE, GREY = (200, 30, 30), (30, 160, 30), (30, 30, 200), (120, 120, 120)


def plain(colour, height=60, width=80):
    return np.full((height, width, 3), colour, np.uint8)


def runs(line):
    """The colours met along a line of pixels, in order, without repetition and white."""
    starts = np.r_[True, (np.diff(line.astype(int), axis=0) != 0).any(axis=1)]
    return [colour for colour in map(tuple, line[starts].tolist()) if colour != (255, 255, 255)]


@pytest.fixture
def flow():
    return np.dstack([np.full((60, 80), 3.0), np.zeros((60, 80))]).astype(np.float32)


def row_middles(overview):
    """The middles of the rows: where the first panel is, at the very left."""
    panel = (overview[:, 30] != 255).any(axis=1)
    edges = np.flatnonzero(np.diff(np.r_[False, panel, False]))
    long = [(top, end) for top, end in zip(edges[::2], edges[1::2], strict=True) if end - top > 50]
    return [(top + end) // 2 for top, end in long]


def test_the_rows_show_pictures_fields_and_levels_in_order(flow):
    levels = {1: plain(BLUE), 5: plain(RED), 3: plain(GREEN)}
    overview = draw_overview(
        plain(RED), plain(GREEN), plain(BLUE), plain(GREY), flow, -flow, levels
    )
    assert overview.dtype == np.uint8
    first, second, third = row_middles(overview)
    assert runs(overview[first]) == [RED, GREEN, BLUE, GREY]
    assert runs(overview[third]) == [RED, GREEN, BLUE]
    right, left = np.array(runs(overview[second])[:2])
    assert right[0] == 255 and right[2] < 50
    assert left[2] == 255 and left[0] < 50


def test_one_direction_leaves_out_what_there_is_not(flow):
    overview = draw_overview(plain(RED), plain(GREEN), None, plain(GREY), flow, None, {})
    first, _ = row_middles(overview)
    assert runs(overview[first]) == [RED, GREEN, GREY]


def test_one_stray_match_does_not_make_the_field_pale(flow):
    calm = draw_overview(plain(RED), plain(GREEN), None, plain(GREY), flow, None, {})
    flow[0, 0] = 1000
    stray = draw_overview(plain(RED), plain(GREEN), None, plain(GREY), flow, None, {})
    middle = row_middles(calm)[1]
    np.testing.assert_array_equal(stray[middle, 30:100], calm[middle, 30:100])


@pytest.mark.parametrize("size", [(40, 40), (3000, 2000), (20, 400), (400, 20)])
def test_every_size_and_shape_fits(size):
    flow = np.zeros((*size, 2), np.float32)
    a, b = plain(RED, *size), plain(BLUE, 50, 70)
    overview = draw_overview(a, a, b, b, flow, np.zeros((50, 70, 2), np.float32), {2: a})
    height, width = overview.shape[:2]
    assert height < 3 * (HEIGHT + 60)
    assert width < 4 * (WIDTH + 30)
    for colour in (RED, BLUE):
        assert (overview == colour).all(axis=-1).any()
