"""`dia score`: data sets in their published layouts, made of known warps, and anybody's methods."""

from __future__ import annotations

import csv
import json
import math
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from scipy.io import savemat
from skimage.metrics import structural_similarity
from typer.testing import CliRunner

from dia_pipeline.cli import app
from dia_pipeline.evaluation.truth import write_keypoints
from dia_pipeline.io.images import write_image
from dia_pipeline.pixels import LUMA, resize_image

ALPHAS = {1: 0.01, 5: 0.05, 10: 0.1, 15: 0.15}


def dia(*words):
    output = () if "-o" in words else ("-o", "out")
    return CliRunner().invoke(app, ["score", *words, *output])


def draw(path, height, width):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(height).integers(0, 255, (height, width, 3), np.uint8)
    Image.fromarray(noise).save(path)


def scores(name="scores.csv"):
    with Path("out", name).open(newline="") as file:
        return list(csv.DictReader(file))


def value(method, measure, per="image"):
    wanted = {"method": method, "measure": measure, "per": per}
    [row] = [row for row in scores() if wanted.items() <= row.items()]
    return float(row["value"])


@pytest.fixture
def tss(tmp_path, monkeypatch):
    """Two pairs whose sizes differ, one flipped, as `published_tss` reads them.

    In the first `n` rows of image 1 nothing is known.
    """
    monkeypatch.chdir(tmp_path)
    for n, (group, name) in enumerate((("FG3DCar", "car"), ("JODS", "plane")), 1):
        folder = Path("TSS", group, name)
        shapes = (20, 30 + n), (16, 40)
        flows = [warp(*shapes, n == 2), warp(*shapes[::-1], n == 2)]
        flows[0][:n] = np.nan
        for number, (shape, flow) in enumerate(zip(shapes, flows, strict=True), 1):
            draw(folder / f"image{number}.png", *shape)
            write_raw(folder / f"flow{number}.flo", flow)
            mask = np.zeros(shape, np.uint8)
            mask[: 9 + n, 5:25] = 255
            Image.fromarray(mask).save(folder / f"mask{number}.png")
        (folder / "flip_gt.txt").write_text(f"{n - 1}\n")
    return published_tss(Path("TSS"))


def write_raw(path, flow):
    """A .flo file by its description: a number that is a mark, width, height, u and v by row."""
    header = np.float32([202021.25]).tobytes() + np.int32(flow.shape[1::-1]).tobytes()
    path.write_bytes(header + np.where(np.isnan(flow), 1e10, flow).astype("<f4").tobytes())


def read_raw(path):
    width, height = np.fromfile(path, "<i4", 2, offset=4)
    flow = np.fromfile(path, "<f4", offset=12).reshape(height, width, 2)
    return np.where(np.abs(flow) > 1e9, np.nan, flow)


def published_tss(folder):
    """Flow, foreground and shape of B' of each direction, by the published files alone."""
    known = {}
    for pair in folder.glob("*/*"):
        for this, other in ("12", "21"):
            mask = np.asarray(Image.open(pair / f"mask{this}.png")) > 0
            target_shape = Image.open(pair / f"image{other}.png").size[::-1]
            name = f"{pair.parent.name}-{pair.name}_{this}{other}"
            known[name] = read_raw(pair / f"flow{this}.flo"), mask, target_shape
    return dict(sorted(known.items()))


def warp(shape, target_shape, flipped):
    """The flow from an image to a scaled, bent and maybe mirrored one, (H, W, 2) float64."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    to_x, to_y = x * target_shape[1] / shape[1], y * target_shape[0] / shape[0] + np.sin(x / 7)
    to_x = target_shape[1] - 1 - to_x if flipped else to_x
    return np.stack([to_x - x, to_y - y], axis=-1)


def by_hand(fields, known):
    """The measures of fields (H, W, 2) by pair, pixel by pixel: shares and errors per image, and
    over all points."""
    apart, lengths = {}, {}
    for pair, (flow, mask, _) in known.items():
        height, width = mask.shape
        apart[pair], lengths[pair] = [], []
        for y in range(height):
            for x in range(width):
                if mask[y, x] and not np.isnan(flow[y, x]).any():
                    dx, dy = (float(each) for each in fields[pair][y, x] - flow[y, x].astype(float))
                    distance = math.sqrt(dx * dx + dy * dy)
                    apart[pair].append(distance if distance < 1e8 else math.nan)
                    lengths[pair].append(math.hypot(*(float(each) for each in flow[y, x])))
        assert apart[pair]
    found = {}
    for percent, alpha in ALPHAS.items():
        right = {
            pair: [distance <= alpha * max(known[pair][2]) for distance in each]
            for pair, each in apart.items()
        }
        found[f"pck_image_{percent}"] = right
    found["outliers"] = {
        pair: [not (each <= 3 or each <= 0.05 * length) for each, length in zip(*both, strict=True)]
        for pair in apart
        for both in [(apart[pair], lengths[pair])]
    }
    found["end_point_error"] = {
        pair: [math.hypot(*known[pair][2]) if math.isnan(each) else each for each in distances]
        for pair, distances in apart.items()
    }
    return found


def check(method, found):
    for measure, by_pair in found.items():
        per_image = [sum(each) / len(each) for each in by_pair.values()]
        every = [one for each in by_pair.values() for one in each]
        assert value(method, measure) == pytest.approx(sum(per_image) / len(per_image), abs=1e-9)
        assert value(method, measure, "point") == pytest.approx(sum(every) / len(every), abs=1e-9)


def noisy(known, deviation, seed=0):
    random = np.random.default_rng(seed)
    return {
        pair: np.nan_to_num(flow) + random.normal(0, deviation, flow.shape)
        for pair, (flow, _, _) in known.items()
    }


def save(folder, fields, suffix=".npy"):
    """The fields of a method, as it keeps them."""
    Path(folder).mkdir()
    for pair, field in fields.items():
        path = Path(folder, pair + suffix)
        if suffix == ".flo":
            write_raw(path, field)
        elif suffix == ".npz":
            np.savez(path, field)
        else:
            np.save(path, field)


def test_fields_of_anybody_score_as_they_do_by_hand(tss):
    """Flipped and unflipped, in both directions, beside the control, in every format of a field."""
    methods = {"one": noisy(tss, 0.5), "two": noisy(tss, 2, 1), "three": noisy(tss, 1, 2)}
    suffixes = {"one": ".npy", "two": ".flo", "three": ".npz"}
    for name, fields in methods.items():
        save(name, fields, suffixes[name])
    result = dia("TSS", *methods)
    assert result.exit_code == 0, result.output
    methods["two"] = {pair: np.float32(field) for pair, field in methods["two"].items()}
    methods["identity"] = {
        pair: stays(mask.shape, target_shape) for pair, (_, mask, target_shape) in tss.items()
    }
    for name, fields in methods.items():
        check(name, by_hand(fields, tss))
        assert value(name, "answered") == 1
    table = Path("out/table.md").read_text()
    assert table.count("| method | FG3DCar | JODS | unflipped | flipped |") == len(ALPHAS)
    assert "Differences from one, pair by pair" in table and "| identity |" in table
    # Less error is better, and the second has more everywhere.
    errors = table.partition("| method | end-point error, px | better : worse |")[2]
    assert re.search(r"^\| two \| .* \| 0 : 4 \|$", errors, re.MULTILINE)
    assert "PCK of image, per image" in result.output and "PCK of image, per point" in result.output


def stays(shape, target_shape):
    """The field that leaves each pixel where it is, in images scaled to one size."""
    field = np.empty((*shape, 2))
    for y in range(shape[0]):
        for x in range(shape[1]):
            field[y, x] = (
                (x + 0.5) * target_shape[1] / shape[1] - 0.5 - x,
                (y + 0.5) * target_shape[0] / shape[0] - 0.5 - y,
            )
    return field


def test_what_is_without_an_answer_is_named_and_wrong(tss):
    """A pair of each: unknown values, another size, no file, two files; and all is right else."""
    first, second, third, fourth = tss
    fields = noisy(tss, 0)
    save("gaps", fields)
    fields[first][3, 6:9] = np.nan
    fields[first][4, 7] = 2e9
    np.save(Path("gaps", f"{first}.npy"), fields[first])
    np.save(Path("gaps", f"{second}.npy"), fields[second][:-1])
    Path("gaps", f"{third}.npy").unlink()
    write_raw(Path("gaps", f"{fourth}.flo"), fields[fourth])
    result = dia("TSS", "gaps")
    assert result.exit_code == 0, result.output
    named = {row["pair"]: row for row in scores("unanswered.csv")}
    assert (named[first]["points"], named[first]["of"]) == ("4", str(9 * 20))
    assert "39x16" not in named[second]["reason"] and "but A is 40x16" in named[second]["reason"]
    assert named[third]["reason"] == "there is no file"
    assert f"{fourth}.npy is there too" in named[fourth]["reason"]
    assert all(pair in result.stderr for pair in tss)
    for pair in (second, third, fourth):
        fields[pair] = np.full(tss[pair][0].shape, np.nan)
    check("gaps", by_hand(fields, tss))
    assert value("gaps", "answered") == pytest.approx((1 - 4 / 180) / 4)


def test_what_is_without_an_answer_is_left_out_for_all(tss):
    """So that all methods, and the control, are compared at the same points."""
    fields, other = noisy(tss, 1), noisy(tss, 1, 1)
    first, second, *_ = tss
    fields[first][5, 6:20] = np.nan
    save("gaps", fields)
    Path("gaps", f"{second}.npy").unlink()
    save("whole", other)
    assert dia("TSS", "gaps", "whole", "--unanswered", "left-out").exit_code == 0
    del tss[second]
    tss[first][0][5, 6:20] = np.nan
    for name, each in (("gaps", fields), ("whole", other)):
        check(name, by_hand(each, tss))
        assert value(name, "answered") == 1
    assert {row["pairs"] for row in scores()} == {"3"}


def affine(points):
    """Where points [x, y] of A lie in B', by a known map."""
    return [[round(1.1 * x + 0.1 * y + 2, 2), round(0.9 * y - 0.05 * x + 3, 2)] for x, y in points]


@pytest.fixture
def spair(tmp_path, monkeypatch):
    """Three pairs of one class, of which the last has no point, as `published_spair` reads them."""
    monkeypatch.chdir(tmp_path)
    for name in ("1", "2", "3"):
        draw(Path(f"SPair-71k/JPEGImages/cat/{name}.jpg"), 60, 70)
    Path("SPair-71k/Layout/large").mkdir(parents=True)
    Path("SPair-71k/PairAnnotation/test").mkdir(parents=True)
    pairs = ["000001-1-2:cat", "000002-1-3:cat", "000003-2-3:cat"]
    Path("SPair-71k/Layout/large/test.txt").write_text("\n".join(pairs) + "\n")
    for n, pair in enumerate(pairs, 1):
        _, source, target = pair.partition(":")[0].split("-")
        points = np.random.default_rng(n).integers(5, 50, (4 + n, 2)).tolist()
        targets, box = affine(points), [4, 6, 50 + 4 * n, 40]
        # One point is in A alone, one in neither.
        annotation = {
            "category": "cat",
            "src_imname": f"{source}.jpg",
            "trg_imname": f"{target}.jpg",
            "src_kps": [points[0], [9, 9], *points[1:], [None, None]],
            "trg_kps": [targets[0], None, *targets[1:], [None, None]],
            "trg_bndbox": box,
        }
        if n == 3:  # nothing is left
            annotation["trg_kps"] = [None] * len(annotation["src_kps"])
        path = Path(f"SPair-71k/PairAnnotation/test/{pair}.json")
        path.write_text(json.dumps(annotation))
    return published_spair(Path("SPair-71k"))


def published_spair(folder):
    """The points of A and of B', and the box's longer side, by the published files alone."""
    known = {}
    for path in sorted(folder.glob("PairAnnotation/test/*.json")):
        about = json.loads(path.read_text())
        both = zip(about["src_kps"], about["trg_kps"], strict=True)
        if points := [each for each in both if all(point and None not in point for point in each)]:
            left, top, right, bottom = about["trg_bndbox"]
            known[path.stem.replace(":", "-")] = (
                *zip(*points, strict=True),
                max(right - left, bottom - top),
            )
    return known


def keypoint_scores(found, known):
    """PCK by image and by box, and errors, of points by pair."""
    scored = defaultdict(dict)
    for pair, (_, targets, box) in known.items():
        apart = [math.dist(*each) for each in zip(found[pair], targets, strict=True)]
        for percent, alpha in ALPHAS.items():
            scored[f"pck_image_{percent}"][pair] = [each <= alpha * 70 for each in apart]
            scored[f"pck_box_{percent}"][pair] = [each <= alpha * box for each in apart]
        missing = math.hypot(60, 70)
        errors = [missing if math.isnan(each) else each for each in apart]
        scored["end_point_error"][pair] = errors
    return scored


def test_keypoints_of_anybody_score_as_they_do_by_hand(spair):
    """A field, a table and JSON; a point without truth leaves out that point, and no pair."""
    random = np.random.default_rng(0)
    found = {
        pair: (np.array(targets) + random.normal(0, 4, (len(targets), 2))).tolist()
        for pair, (_, targets, _) in spair.items()
    }
    first = next(iter(found))
    found[first][1] = [math.nan, math.nan]
    for name in ("table", "json", "field"):
        Path(name).mkdir()
    for pair, points in found.items():
        lines = ["x,y,sure", *(f"{x!r},{y!r},yes" for x, y in points)]
        Path("table", f"{pair}.csv").write_text("\n".join(lines) + "\n")
        listed = [None if math.isnan(x) else [x, y] for x, y in points]
        Path("json", f"{pair}.json").write_text(json.dumps({"b_prime": listed}))
        field = np.random.default_rng(1).normal(0, 9, (60, 70, 2))
        for (x, y), (to_x, to_y) in zip(spair[pair][0], points, strict=True):
            field[y, x] = to_x - x, to_y - y
        np.save(Path("field", f"{pair}.npy"), field)
    result = dia("SPair-71k", "table", "json", "field")
    assert result.exit_code == 1  # one pair has no points
    assert "000003-2-3-cat is not scored: neither keypoints" in result.stderr
    for name in ("table", "json", "field"):
        check(name, keypoint_scores(found, spair))
    check("identity", keypoint_scores({pair: each[0] for pair, each in spair.items()}, spair))
    assert "PCK of box, per point" in result.output


def write_lines(path, header, *lines):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *lines])


@pytest.mark.parametrize("layout", ["pf-pascal", "pf-willow"])
def test_lists_of_keypoints_score_as_they_do_by_hand(tmp_path, monkeypatch, layout):
    """They count from 1. The box of PF-PASCAL is annotated, that of PF-WILLOW is the points'."""
    monkeypatch.chdir(tmp_path)
    points = np.random.default_rng(3).integers(5, 50, (10, 2)).tolist()
    targets = affine(points)
    columns = [[each[axis] + 1 for each in side] for side in (points, targets) for axis in range(2)]
    columns[3][9] = math.nan  # a point that is not known
    if layout == "pf-pascal":
        for name in ("1", "2"):
            draw(Path(f"set/JPEGImages/{name}.png"), 60, 70)
        header = ["source_image", "target_image", "class", "XA", "YA", "XB", "YB"]
        cells = [";".join(map(str, column)) for column in columns]
        write_lines(Path("set/test_pairs.csv"), header, ["x/1.png", "x/2.png", 8, *cells])
        Path("set/Annotations/cat").mkdir(parents=True)
        savemat("set/Annotations/cat/2.mat", {"bbox": np.array([[2, 3, 32, 48]])})
        box = 45
    else:
        for name in ("1", "2"):
            draw(Path(f"set/car/{name}.png"), 60, 70)
        names = [f"{axis}{side}{n}" for side in "AB" for axis in "XY" for n in range(1, 11)]
        cells = [number for column in columns for number in column]
        header = ["imageA", "imageB", *names]
        write_lines(Path("set/test_pairs.csv"), header, ["x/car/1.png", "x/car/2.png", *cells])
        box = max(np.ptp(targets[:9], axis=0))
    assert dia("set").exit_code == 0
    [pair] = {row["pair"] for row in scores("measures.csv")}
    assert pair == "0001-1-2"
    known = {pair: (points[:9], targets[:9], box)}
    check("identity", keypoint_scores({pair: points[:9]}, known))


def test_names_of_methods_are_those_of_their_folders(tss):
    """In LaTeX too: each is escaped, and nothing of it is taken for an argument."""
    for name in ("a_b", "[2] 50%", "x/net", "y/net"):
        Path(name).parent.mkdir(exist_ok=True)
        save(name, noisy(tss, 1))
    result = dia("TSS", "a_b/", "[2] 50%", "x/net", "y/net")
    assert result.exit_code == 0, result.output
    assert list(dict.fromkeys(row["method"] for row in scores())) == [
        *("[2] 50%", "a_b", "identity", "x/net", "y/net")
    ]
    latex = Path("out/table.tex").read_text()
    rows = [line for line in latex.splitlines() if line.endswith(r"\\")]
    assert any(line.startswith(r"a\_b & 4 &") for line in rows)
    assert not any(line.startswith(("[", "*")) for line in rows)
    assert not re.search(r"(?<!\\)[_%#]", latex.removeprefix("%"))
    labels = re.findall(r"\\label\{(.*?)\}", latex)
    assert len(labels) == len({*labels}) == latex.count(r"\begin{table}") > 4
    assert latex.count("{") == latex.count("}")
    for table in latex.split(r"\begin{table}")[1:]:
        columns = len(re.search(r"\{tabular\}\{(.*?)\}", table)[1])
        counts = {len(re.findall(r"(?<!\\)&", row)) + 1 for row in table.splitlines() if "&" in row}
        assert counts == {columns}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["TSS", "nowhere"], "nowhere: there is no such folder"),
        (["TSS", "empty"], "the first would be FG3DCar-car_12.flo"),
        (["TSS", "good", "./good"], "good: this method is given twice"),
        (["TSS", "identity"], "identity: a control has this name"),
        (["empty.tsv", "good"], "there is nothing in the data set"),
        (["empty"], "empty: this is no benchmark that is known"),
        (["TSS", "-o", "run"], "run: it holds the results of a run"),
        (["TSS", "--layout", "spair-71k"], "Layout/large/test.txt"),
        (["TSS", "gaps", "--unanswered", "left-out"], "nothing can be scored: some method"),
    ],
)
def test_what_cannot_be_scored_is_told(tss, words, expected):
    Path("empty").mkdir()
    Path("empty.tsv").write_text("name\ta\tb_prime\n")
    Path("run/plans").mkdir(parents=True)
    for name in ("good", "identity"):
        save(name, noisy(tss, 1))
    save("gaps", {pair: np.full(flow.shape, np.nan) for pair, (flow, _, _) in tss.items()})
    result = dia(*words)
    assert result.exit_code == 2
    assert expected in result.stderr


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("p.npy", np.zeros((4, 5)), "this is no field: 4x5 values"),
        ("p.npy", np.zeros((4, 5, 2), complex), "of type complex128"),
        ("p.npy", np.array([{}]), "1 values of type object"),
        ("p.npz", {"a": np.zeros(2), "b": np.zeros(2)}, "it holds 2 arrays"),
        ("p.flo", b"PIEH", "no Middlebury"),
        ("p.npy", b"\x93NUMPY", "cannot be read"),
        ("p.npz", b"PK\x03\x04", "cannot be read"),
        ("p.csv", b"u,v\n1,2\n", "no columns x and y"),
        ("p.csv", b"x,y\n1\n", "cannot be read"),
        ("p.csv", b"x,y\n1,2\n", "it has 1 points, but the pair has 2"),
        ("p.json", b'{"b_prime": [[1, 2, 3], [4, 5, 6]]}', "cannot be read"),
        ("p.json", b"[[1, 2], [3, 4]]", "cannot be read"),
        ("p.npy", np.zeros((9, 9, 2)), "it is 9x9, but A is 50x40"),
    ],
)
def test_files_that_are_no_answer_are_told(tmp_path, monkeypatch, name, content, expected):
    monkeypatch.chdir(tmp_path)
    draw(Path("image.png"), 40, 50)
    write_keypoints("points.json", [[3, 4], [20, 30]], [[4, 6], [30, 36]])
    Path("pairs.tsv").write_text(
        "name\ta\tb_prime\tkeypoints\np\timage.png\timage.png\tpoints.json\n"
    )
    Path("method").mkdir()
    path = Path("method", name)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, dict):
        np.savez(path, **content)
    else:
        np.save(path, content)
    assert dia("pairs.tsv", "method").exit_code == 0
    [row] = scores("unanswered.csv")
    assert expected in row["reason"] and row["points"] == "2"
    assert value("method", "pck_image_15") == value("method", "answered") == 0


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """A table of two pairs of which one has a reference, and the pictures of all by name."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(5)
    lines = ["name\ta\tb_prime\ta_prime\tkinds"]
    pictures = {}
    for name, reference in (("one", "true.png"), ("two", "")):
        for part, shape in (("a", (40, 50)), ("b_prime", (30, 60)), ("made", (40, 50))):
            smooth = ndimage.gaussian_filter(random.random((*shape, 3)) * 255, (2, 2, 0))
            stretched = (smooth - smooth.min()) / np.ptp(smooth) * 255
            pictures[name, part] = np.uint8(stretched)
            write_image(f"{name}_{part}.png", pictures[name, part])
        lines.append(f"{name}\t{name}_a.png\t{name}_b_prime.png\t{reference}\t{name}s")
    pictures["one", "true"] = resize_image(pictures["one", "made"], (80, 100))
    write_image("true.png", pictures["one", "true"])
    Path("pairs.tsv").write_text("\n".join(lines) + "\n")
    Path("method").mkdir()
    for name in ("one", "two"):
        write_image(f"method/{name}.png", pictures[name, "made"])
    return pictures


def grey(image):
    return image.astype(float) @ LUMA


def test_pictures_of_anybody_score_beside_a_and_b_prime_themselves(drawn):
    """Against another implementation of SSIM, and the reference where there is one."""
    result = dia("pairs.tsv", "method", "--of", "pictures")
    assert result.exit_code == 0, result.output
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    for method, part in (("method", "made"), ("copy", "b_prime"), ("identity", "a")):
        each = []
        for name in ("one", "two"):
            a = drawn[name, "a"]
            shown = resize_image(drawn[name, part], a.shape[:2])
            each.append(structural_similarity(grey(a), grey(shown), data_range=255, **window))
        assert value(method, "ssim") == pytest.approx(np.mean(each), abs=1e-9)
    assert value("identity", "structure") == 1 > value("method", "structure")
    assert value("copy", "colour_distance") < value("method", "colour_distance")
    assert value("identity", "self_similarity") == 0 < value("method", "self_similarity")
    assert 0 < value("copy", "self_similarity") < 1
    apart = [resize_image(drawn["one", part], (64, 64)).astype(float) for part in ("true", "made")]
    difference = np.abs(apart[0] - apart[1]).mean() / 255
    assert value("method", "difference") == pytest.approx(difference, abs=1e-9)
    assert value("method", "difference") < value("identity", "difference")
    counts = {(row["method"], row["measure"]): row["pairs"] for row in scores()}
    assert counts["copy", "difference"] == "1" and counts["copy", "ssim"] == "2"
    assert {method for method, measure in counts if measure == "seams"} == {"identity", "copy"}
    table = Path("out/table.md").read_text()
    assert "| identity |" in table and "| copy |" in table and "Differences from method" in table


def test_a_pair_of_which_a_method_has_no_picture_is_scored_for_none(drawn):
    write_image("method/two.png", drawn["two", "b_prime"])
    result = dia("pairs.tsv", "method", "--of", "pictures")
    assert result.exit_code == 1
    assert "method/two.png: it is 60x30, but A is 50x40" in result.stderr
    assert {row["pair"] for row in scores("measures.csv")} == {"one"}
    Path("method/two.png").unlink()
    assert "method/two.png" in dia("pairs.tsv", "method", "--of", "pictures").stderr
    Path("method/one.png").rename("method/other.png")
    result = dia("pairs.tsv", "method", "--of", "pictures")
    assert result.exit_code == 2 and "the first would be one.png" in result.stderr
