"""Every layout on a miniature of two pairs, made here as the benchmark's makers describe it."""

from __future__ import annotations

import csv
import json

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from dia_pipeline.evaluation.layouts import LAYOUTS, LayoutError, read_layout
from dia_pipeline.evaluation.truth import read_truth
from dia_pipeline.io.flow import write_flo


def image(path, width, height):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height)).save(path)


def read(folder, layout, **options):
    rows = read_layout(folder, layout, folder / "derived", **options)
    return rows, [read_truth(row) for row in rows]


@pytest.fixture
def tss(tmp_path):
    """A plain pair, and one in JODS that matches mirrored: (x, y) lies at (37 - x, y - 1)."""
    for group, name, flip in (("FG3DCar", "car_1", 0), ("JODS", "plane 2", 1)):
        folder = tmp_path / group / name
        image(folder / "image1.png", 30, 20)
        image(folder / "image2.png", 40, 20)
        (folder / "flip_gt.txt").write_text(f"{flip}\n")
        for number, width in ((1, 30), (2, 40)):
            flow = np.full((20, width, 2), (2.0 * number, -1.0), np.float32)
            if flip:
                flow[..., 0] = 37 - 2 * np.arange(width)
                flow[..., 1] = {1: -1, 2: 1}[number]
            flow[0] = np.nan
            write_flo(folder / f"flow{number}.flo", flow)
            mask = np.zeros((20, width), np.uint8)
            mask[5:10, 3 * number :] = number
            Image.fromarray(mask).save(folder / f"mask{number}.png")
    return tmp_path


def test_tss_gives_both_directions(tss):
    rows, truths = read(tss, "tss")
    assert [row["name"] for row in rows] == [
        "FG3DCar-car_1_12",
        "FG3DCar-car_1_21",
        "JODS-plane-2_12",
        "JODS-plane-2_21",
    ]
    kinds = [row["kinds"] for row in rows[1:3]]
    assert kinds == [["FG3DCar", "unflipped"], ["JODS", "flipped"]]
    there, back = truths[:2]
    assert (there.flow_ab[1:] == (2, -1)).all() and (back.flow_ab[1:] == (4, -1)).all()
    assert np.isnan(there.flow_ab[0]).all() and there.flow_ab.shape == (20, 30, 2)
    np.testing.assert_array_equal(there.flow_ba, back.flow_ab)
    assert there.mask_a.sum() == 5 * 27 and there.mask_b_prime.sum() == 5 * 34
    assert back.mask_a.sum() == 5 * 34
    assert not there.mirrored


def test_the_flows_of_a_mirrored_tss_pair_carry_its_keypoints(tss):
    """The annotators' keypoints lie in both images as they are, and so the flows lead there."""
    rows, (_, _, there, back) = read(tss, "tss")
    points = np.array([(3, 15), (10, 7), (25, 12)])
    partners = np.array([(34, 14), (27, 6), (12, 11)])
    for flow, source, target in (
        (there.flow_ab, points, partners),
        (there.flow_ba, partners, points),
        (back.flow_ab, partners, points),
    ):
        np.testing.assert_array_equal(source + flow[source[:, 1], source[:, 0]], target)
    assert there.mirrored and back.mirrored
    assert rows[2]["flow_ab"] == str(tss / "JODS" / "plane 2" / "flow1.flo")


@pytest.fixture
def spair(tmp_path):
    pairs = ["000001-2008_1-2009_2:cat", "000002-2009_2-2008_1:cat"]
    for name in ("2008_1", "2009_2"):
        image(tmp_path / "JPEGImages" / "cat" / f"{name}.jpg", 60, 50)
    (tmp_path / "Layout" / "large").mkdir(parents=True)
    (tmp_path / "Layout" / "large" / "val.txt").write_text("\n".join(pairs) + "\n")
    (tmp_path / "PairAnnotation" / "val").mkdir(parents=True)
    for pair in pairs:
        _, source, target = pair.split(":")[0].split("-")
        annotation = {
            "category": "cat",
            "src_imname": f"{source}.jpg",
            "trg_imname": f"{target}.jpg",
            "src_kps": [[10, 20], [30, 40]],
            "trg_kps": [[11, 21], [31, 41]],
            "src_bndbox": [0, 0, 50, 45],
            "trg_bndbox": [5, 6, 45, 46],
        }
        (tmp_path / "PairAnnotation" / "val" / f"{pair}.json").write_text(json.dumps(annotation))
    return tmp_path


def test_spair_gives_keypoints_and_the_box_of_the_target(spair):
    rows, truths = read(spair, "spair-71k", split="val")
    assert [row["name"] for row in rows] == ["000001-2008_1-2009_2-cat", "000002-2009_2-2008_1-cat"]
    assert rows[0]["kinds"] == ["cat"]
    assert rows[1]["a"].endswith("2009_2.jpg") and rows[1]["b_prime"].endswith("2008_1.jpg")
    np.testing.assert_array_equal(truths[0].keypoints.a, [[20, 10], [40, 30]])
    np.testing.assert_array_equal(truths[0].keypoints.b_prime, [[21, 11], [41, 31]])
    assert truths[0].keypoints.box == 40


def test_a_split_that_is_not_there_is_named(spair):
    with pytest.raises(LayoutError, match=r"test\.txt"):
        read(spair, "spair-71k")


def write_csv(path, header, *lines):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *lines])


@pytest.fixture
def pf_pascal(tmp_path):
    for name in ("2008_1", "2009_2"):
        image(tmp_path / "JPEGImages" / f"{name}.jpg", 60, 50)
    write_csv(
        tmp_path / "test_pairs_pf_pascal.csv",
        ["source_image", "target_image", "class", "XA", "YA", "XB", "YB"],
        [
            "PF-dataset-PASCAL/JPEGImages/2008_1.jpg",
            "x/2009_2.jpg",
            8,
            "1;11",
            "2;12",
            "3;23",
            "4;9",
        ],
        [
            "PF-dataset-PASCAL/JPEGImages/2009_2.jpg",
            "x/2008_1.jpg",
            7,
            "1;11",
            "2;12",
            "3;23",
            "4;9",
        ],
    )
    (tmp_path / "Annotations" / "cat").mkdir(parents=True)
    savemat(tmp_path / "Annotations" / "cat" / "2009_2.mat", {"bbox": np.array([[2, 3, 32, 48]])})
    return tmp_path


def test_pf_pascal_gives_keypoints_counted_from_zero_and_boxes_where_there_are(pf_pascal):
    rows, truths = read(pf_pascal, "pf-pascal")
    assert [row["name"] for row in rows] == ["0001-2008_1-2009_2", "0002-2009_2-2008_1"]
    np.testing.assert_array_equal(truths[0].keypoints.a, [[1, 0], [11, 10]])
    np.testing.assert_array_equal(truths[0].keypoints.b_prime, [[3, 2], [8, 22]])
    assert [truth.keypoints.box for truth in truths] == [45, 20]


def test_pf_willow_gives_ten_keypoints(tmp_path):
    for name in ("a_1", "b_2"):
        image(tmp_path / "car(G)" / f"{name}.png", 60, 50)
    columns = [f"{axis}{side}{n}" for side in "AB" for axis in "XY" for n in range(1, 11)]
    write_csv(
        tmp_path / "test_pairs.csv",
        ["imageA", "imageB", *columns],
        ["PF-dataset/car(G)/a_1.png", "PF-dataset/car(G)/b_2.png", *range(1, 41)],
    )
    (row,), (truth,) = read(tmp_path, "pf-willow")
    assert row["name"] == "0001-a_1-b_2" and row["a"].endswith("car(G)/a_1.png")
    np.testing.assert_array_equal(truth.keypoints.a[0], [10, 0])
    np.testing.assert_array_equal(truth.keypoints.b_prime[9], [39, 29])
    assert len(truth.keypoints.a) == 10 and truth.keypoints.box == 9


@pytest.fixture
def kitti(tmp_path):
    """Two frames 3 and -1.5 pixels apart; in the upper row nothing is known."""
    for number in ("000000", "000007"):
        for frame in ("10", "11"):
            image(tmp_path / f"training/image_2/{number}_{frame}.png", 30, 20)
        (tmp_path / "training/flow_occ").mkdir(exist_ok=True)
        pixels = np.full((20, 30, 3), (1, 2**15 - 96, 2**15 + 192), np.uint16)  # blue, green, red
        pixels[0] = 0
        cv2.imwrite(str(tmp_path / f"training/flow_occ/{number}_10.png"), pixels)
    return tmp_path


def test_kitti_gives_the_flow_where_it_was_measured(kitti):
    rows, (_, truth) = read(kitti, None)
    assert [row["name"] for row in rows] == ["000000", "000007"]
    assert rows[1]["a"].endswith("image_2/000007_10.png")
    assert rows[1]["b_prime"].endswith("image_2/000007_11.png")
    assert np.isnan(truth.flow_ab[0]).all() and (truth.flow_ab[1:] == (3, -1.5)).all()


def test_sintel_gives_the_flow_to_the_next_frame(tmp_path):
    for scene in ("alley_1", "market_2"):
        for frame in (1, 2, 3):
            image(tmp_path / f"training/final/{scene}/frame_{frame:04d}.png", 30, 20)
        (tmp_path / "training/flow" / scene).mkdir(parents=True)
        for frame in (1, 2):
            flow = np.full((20, 30, 2), (frame, -2.5), np.float32)
            write_flo(tmp_path / f"training/flow/{scene}/frame_{frame:04d}.flo", flow)
    rows, truths = read(tmp_path, None, split="final")
    names = ["alley_1-0001", "alley_1-0002", "market_2-0001", "market_2-0002"]
    assert [row["name"] for row in rows] == names
    assert rows[3]["a"].endswith("final/market_2/frame_0002.png")
    assert rows[3]["b_prime"].endswith("final/market_2/frame_0003.png")
    assert rows[3]["kinds"] == ["market_2"] and (truths[3].flow_ab == (2, -2.5)).all()
    with pytest.raises(LayoutError, match=r"no part 'test'; name one of clean, final"):
        read(tmp_path, "sintel")
    with pytest.raises(LayoutError, match=r"clean/alley_1/frame_0001\.png"):
        read(tmp_path, "sintel", split="clean")


def test_a_point_that_is_not_known_leaves_out_itself_alone(spair):
    path = next((spair / "PairAnnotation" / "val").iterdir())
    annotation = json.loads(path.read_text())
    for points in ([[10, 20], None], [[None, None], [30, 40]]):
        path.write_text(json.dumps({**annotation, "src_kps": points}))
        rows, truths = read(spair, "spair-71k", split="val")
        known = 0 if points[1] is None else 1
        [each] = [
            t.keypoints for t, row in zip(truths, rows, strict=True) if path.stem[:6] in row["name"]
        ]
        np.testing.assert_array_equal(each.b_prime, [[[21, 11], [41, 31]][known]])
    path.write_text(json.dumps({**annotation, "trg_kps": [None, None]}))
    rows = read_layout(spair, "spair-71k", spair / "derived", "val")
    assert sorted("keypoints" in row for row in rows) == [False, True]


def test_the_layout_is_found_by_what_is_in_the_folder(tss, spair, pf_pascal, tmp_path):
    """Each fixture adds to the same folder: the first that fits is taken."""
    assert read_layout(tss, None, tss / "derived")[0]["flow_ab"]
    with pytest.raises(LayoutError, match=r"one of .*flip_gt.*test_pairs"):
        read_layout(tmp_path / "JODS", None, tss / "derived")


def test_names_are_those_a_pair_can_have(tss, spair, pf_pascal):
    for layout, split in (("tss", ""), ("spair-71k", "val"), ("pf-pascal", "test")):
        for row in read_layout(tss, layout, tss / "derived", split):
            assert all(character.isalnum() or character in "_.-" for character in row["name"])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_that_holds_something_else_is_named(tmp_path, layout):
    with pytest.raises(LayoutError, match=tmp_path.name):
        read(tmp_path, layout)


def test_a_missing_file_of_a_pair_is_named(tss):
    (tss / "JODS" / "plane 2" / "flow2.flo").unlink()
    with pytest.raises(LayoutError, match=r"plane 2/flow2\.flo"):
        read(tss, "tss")


def test_an_unknown_layout_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(LayoutError, match=r"'tts'.*tss.*pf-willow"):
        read(tmp_path, "tts")


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"[" * 5000, b"nonsense;1;2\n3\n", b"{}"]
)
@pytest.mark.parametrize("layout", ["tss", "spair-71k", "pf-pascal"])
def test_a_file_of_a_benchmark_that_means_nothing_is_named(request, layout, content):
    """Each file but images and flows in turn; what is read in spite of it is whole."""
    folder = request.getfixturevalue(layout.replace("-71k", "").replace("-", "_"))
    whole = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for path in whole:
        if path.suffix not in (".png", ".jpg", ".flo"):
            path.write_bytes(content)
            try:
                read_layout(folder, layout, folder / "derived")
            except LayoutError as error:
                assert str(folder) in str(error)
            path.write_bytes(whole[path])
