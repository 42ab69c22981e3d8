from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest

from dia_pipeline.io.points import (
    REACH,
    PointsError,
    read_points,
    rows_of,
    unit_points,
    write_points,
)

SHAPES = (100, 200), (50, 80)


def test_points_are_read_whatever_the_order_of_columns(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("b_prime_x, b_prime_y, a_x, a_y\n40,25,50,50\n\n80, 0, 0, 100\n")
    expected = [[0.5, 0.25, 0.5, 0.5, REACH], [1, 0, 0, 1, REACH]]
    np.testing.assert_allclose(read_points(path, *SHAPES), expected)


def test_how_far_a_point_reaches_is_a_share_of_the_longest_side_of_a(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("radius,a_x,a_y,b_prime_x,b_prime_y\n30,50,50,40,25\n,50,50,40,25\n")
    np.testing.assert_allclose(read_points(path, *SHAPES)[:, 4], [0.15, REACH])
    rows = [[50, 50, 40, 25, 30], [50, 50, 40, 25, np.nan]]
    np.testing.assert_array_equal(unit_points(rows, *SHAPES), read_points(path, *SHAPES))


def test_points_are_written_as_they_are_read(tmp_path):
    rows = np.array([[1 / 3, 2, 3, 4, np.nan], [5, 6, 7, 8, 0.1]])
    write_points(tmp_path / "points.csv", rows)
    content = (tmp_path / "points.csv").read_bytes()
    np.testing.assert_array_equal(rows_of(content, "points.csv"), rows)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n1,2\n", r"columns are not known.*a_x,a_y,b_prime_x,b_prime_y"),
        ("", "columns are not known"),
        ("a_x,a_y,b_prime_x,b_prime_y\n", "no points"),
        ("a_x,a_y,b_prime_x,b_prime_y\n1,2,3,4\n1,2,left,4\n", "row 3, b_prime_x: 'left'"),
        ("a_x,a_y,b_prime_x,b_prime_y\n1,2,3\n", "row 2, b_prime_y: '' is no number"),
        ("a_x,a_y,b_prime_x,b_prime_y\n1,2,81,4\n", "point 1 lies outside: b_prime_x is 81.*80"),
        ("a_x,a_y,b_prime_x,b_prime_y\nnan,2,3,4\n", "row 2, a_x: 'nan' is no number"),
        (b"\xff\xfe\x00", "no table in UTF-8"),
        ("a_x,a_y,b_prime_x,b_prime_y,radius\n1,2,3,4,0\n", "point 1 reaches nowhere: radius is 0"),
        ("a_x,a_y,b_prime_x,b_prime_y,radius\n1,2,3,4,far\n", "row 2, radius: 'far' is no number"),
        ("a_x,a_y,b_prime_x,radius,radius\n1,2,3,4,5\n", "columns are not known"),
        ("a_x,a_x,a_y,b_prime_x,b_prime_y\n1,2,3,4,5\n", "columns are not known"),
    ],
)
def test_what_is_wrong_with_a_table_is_told(tmp_path, text, message):
    path = tmp_path / "points.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(PointsError, match=message):
        read_points(path, *SHAPES)


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(PointsError, match=r"none\.csv"):
        read_points(tmp_path / "none.csv", *SHAPES)


@pytest.mark.parametrize("points", [[], [1, 2, 3, 4], [[1, 2, 3]]])
def test_arrays_of_another_shape_are_refused(points):
    with pytest.raises(PointsError, match="they are no points"):
        unit_points(points, *SHAPES)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,2,3,4,5", "row 2: there are 5 cells; give 4"),
        ('1,2,3,"4\n5,6,7,8', "row 2: a quotation mark means nothing there"),
        ("1_0,2,3,4", "row 2, a_x: '1_0' is no number"),
        ("1,2,inf,4", "row 2, b_prime_x: 'inf' is no number"),
        ("1,2,3,4\x00", "row 2: this is no table in UTF-8"),
    ],
)
def test_no_cell_is_dropped_or_swallows_others(tmp_path, row, message):
    path = tmp_path / "points.csv"
    path.write_text(f"a_x,a_y,b_prime_x,b_prime_y\n{row}\n")
    with pytest.raises(PointsError, match=message):
        read_points(path, *SHAPES)


def test_points_as_programs_write_them(tmp_path):
    """With quotation marks, comments, spaces, empty cells at the end and any kind of line ends."""
    path = tmp_path / "points.csv"
    path.write_bytes(
        b'\xef\xbb\xbf# clicked by hand\r\n"a_x","a_y",b_prime_x,b_prime_y,\r\n'
        b'"50", 5.0e1 ,40,25,,\r\r# "one"\n\n'
    )
    np.testing.assert_allclose(read_points(path, *SHAPES), [[0.5, 0.25, 0.5, 0.5, REACH]])


@pytest.mark.parametrize(
    "given", [b"1,2,3,4", BytesIO(b"1,2,3,4"), "1,2\n", [["a", 1, 2, 3]], {1: 2}]
)
def test_what_is_no_array_of_points_is_one_line(given):
    with pytest.raises(PointsError, match="are no points; give rows of a_x, a_y"):
        unit_points(given, *SHAPES)
