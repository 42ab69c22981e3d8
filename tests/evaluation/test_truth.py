from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from dia_pipeline.evaluation.truth import (
    Truth,
    TruthError,
    read_keypoints,
    read_truth,
    write_keypoints,
)
from dia_pipeline.io.flow import FlowError, write_flo
from dia_pipeline.io.images import ImageError, write_image


@pytest.fixture
def row(tmp_path):
    """A pair of 20x10 and 30x40 images."""
    write_image(tmp_path / "a.png", np.zeros((10, 20, 3), np.uint8))
    write_image(tmp_path / "b_prime.png", np.zeros((40, 30, 3), np.uint8))
    return {"name": "pair", "a": str(tmp_path / "a.png"), "b_prime": str(tmp_path / "b_prime.png")}


def test_nothing_known_is_no_error(row):
    assert read_truth(row) == Truth()
    assert read_truth({**row, "mirrored": True}).mirrored is True


def test_everything_known_is_read(row, tmp_path):
    flows = {"flow_ab": np.ones((10, 20, 2)), "flow_ba": np.full((40, 30, 2), -2.0)}
    flows["flow_ab"][3, 4] = np.nan
    for name, flow in flows.items():
        row[name] = tmp_path / f"{name}.flo"
        write_flo(row[name], flow)
    row["a_prime"] = tmp_path / "a_prime.png"
    write_image(row["a_prime"], np.full((10, 20, 3), 7, np.uint8))
    row["keypoints"] = tmp_path / "keypoints.json"
    write_keypoints(row["keypoints"], [[19, 2], [3, 4]], [[5, 39], [6.5, 8]], [1, 2, 29, 12])
    truth = read_truth(row)
    np.testing.assert_array_equal(truth.flow_ab, flows["flow_ab"])
    np.testing.assert_array_equal(truth.flow_ba, flows["flow_ba"])
    assert (truth.a_prime == 7).all() and not truth.mirrored
    np.testing.assert_array_equal(truth.keypoints.a, [[2, 19], [4, 3]])  # y, x
    np.testing.assert_array_equal(truth.keypoints.b_prime, [[39, 5], [8, 6.5]])
    assert truth.keypoints.box == 28


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "RGB", "RGBA", "LA"])
def test_any_value_but_zero_is_foreground(row, tmp_path, mode):
    expected = np.zeros((10, 20), bool)
    expected[2:5, 7:] = True
    if mode == "I;16":
        mask = Image.fromarray(expected.astype(np.uint16))
    elif mode == "P":
        mask = Image.fromarray(expected.astype(np.uint8)).convert("P")
    else:
        mask = Image.fromarray(expected.astype(np.uint8) * (255 if mode == "1" else 1))
        mask = mask.convert("RGB" if mode == "RGBA" else "L").convert(mode)
    mask.save(tmp_path / "mask.png")
    truth = read_truth({**row, "mask_a": tmp_path / "mask.png"})
    np.testing.assert_array_equal(truth.mask_a, expected)


def test_without_a_box_that_of_the_points_counts(row, tmp_path):
    write_keypoints(tmp_path / "keypoints.json", [[1, 1], [2, 2]], [[5, 9], [8, 36]])
    assert read_truth({**row, "keypoints": tmp_path / "keypoints.json"}).keypoints.box == 27


@pytest.mark.parametrize("name", ["flow_ba", "mask_b_prime", "a_prime"])
def test_a_size_that_is_not_the_images_is_named(row, tmp_path, name):
    row[name] = tmp_path / "wrong.file"
    if name.startswith("flow"):
        write_flo(row[name], np.zeros((10, 20, 2)))
    else:
        Image.fromarray(np.zeros((30, 40), np.uint8)).save(row[name], format="PNG")
    with pytest.raises(TruthError, match=r"wrong\.file: it is \d+x\d+, but .*\.png is \d+x\d+"):
        read_truth(row)


def test_a_box_that_is_none_is_named(row, tmp_path):
    path = tmp_path / "points.json"
    for box in ([0, 0, float("nan"), 9], [0, 0, float("inf"), 9], [0, 0], []):
        path.write_text(json.dumps({"a": [[1, 2]], "b_prime": [[3, 4]], "box_b_prime": box}))
        with pytest.raises(TruthError, match="`box_b_prime` must be"):
            read_truth({**row, "keypoints": path})


@pytest.mark.parametrize(
    "content",
    [
        "no json",
        "[1, 2]",
        json.dumps({"a": [[1, 2]]}),
        json.dumps({"a": [[1, 2]], "b_prime": [[1, 2], [3, 4]]}),
        json.dumps({"a": [1, 2], "b_prime": [1, 2]}),
        json.dumps({"a": [], "b_prime": []}),
        json.dumps({"a": [[1, 2]], "b_prime": [[3, 400]]}),
        json.dumps({"a": [[1, None]], "b_prime": [[3, 4]]}),
        json.dumps({"a": [[1, float("nan")]], "b_prime": [[3, 4]]}),
    ],
)
def test_keypoints_that_are_none_are_named(row, tmp_path, content):
    (tmp_path / "points.json").write_text(content)
    with pytest.raises(TruthError, match=r"points\.json.*point"):
        read_truth({**row, "keypoints": tmp_path / "points.json"})


def test_a_point_that_is_null_counts_in_neither_image(row, tmp_path):
    content = {
        "a": [[1, 2], None, [3, 4], [5, 6]],
        "b_prime": [[2, 3], [4, 5], [None, None], [6, 7]],
    }
    (tmp_path / "points.json").write_text(json.dumps(content))
    points = read_truth({**row, "keypoints": tmp_path / "points.json"}).keypoints
    np.testing.assert_array_equal(points.a, [[2, 1], [6, 5]])
    np.testing.assert_array_equal(points.b_prime, [[3, 2], [7, 6]])


def test_the_point_outside_is_named(row, tmp_path):
    write_keypoints(tmp_path / "points.json", [[1, 1], [2, 2]], [[5, 9], [36, 8]])
    with pytest.raises(TruthError, match=r"b_prime\[1\].*\[36.0, 8.0\].*30x40"):
        read_truth({**row, "keypoints": tmp_path / "points.json"})


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("flow_ab", FlowError),
        ("mask_a", ImageError),
        ("keypoints", TruthError),
        ("a_prime", ImageError),
    ],
)
def test_a_missing_file_is_named(row, name, error):
    with pytest.raises(error, match=r"not_there.*"):
        read_truth({**row, name: "not_there"})


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(tmp_path, number):
    path = tmp_path / "keypoints.json"
    for point, side in ((number, "9"), ("2", number)):
        path.write_text(
            f'{{"a": [[1, {point}]], "b_prime": [[3, 4]], "box_b_prime": [0, 0, 9, {side}]}}'
        )
        with pytest.raises(TruthError, match=r"keypoints\.json"):
            read_keypoints(path, (30, 30), (30, 30))
    with pytest.raises(ValueError, match="JSON"):
        write_keypoints(path, [[float("nan"), 1]], [[1, 2]])
