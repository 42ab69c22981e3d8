"""Benchmarks as they are published: their folders read as rows of the table of pairs.

Rows are directed, from A to B'. Keypoints, which benchmarks hold in formats of their own, are
written as `truth` reads them to a folder that the caller names. A point that is not known in both
images is left out, and its pair kept.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from math import isnan
from pathlib import Path
from typing import Any

from scipy.io import loadmat

from dia_pipeline.errors import MALFORMED, DiaError
from dia_pipeline.evaluation.truth import known_points, write_keypoints
from dia_pipeline.settings.declarations import either
from dia_pipeline.text import quoted, shortened

Row = dict[str, Any]

VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
"""The classes of PASCAL VOC; PF-PASCAL numbers them from 1."""


PASSES = ("clean", "final")
"""The frames of Sintel: without blur and air, or with them."""


class LayoutError(DiaError):
    """A folder does not hold the benchmark it should; the message says what is missing where."""


def read_layout(
    folder: str | Path, layout: str | None, derived: str | Path, split: str = "test"
) -> list[Row]:
    """The pairs of a benchmark.

    Args:
        folder: the benchmark as unpacked.
        layout: one of LAYOUTS; None for the one of which a file is there.
        derived: the folder for keypoints.
        split: the part of the benchmark, as it names it, where it has parts.

    Returns:
        Rows with `name`, `a`, `b_prime`, those of `truth.TRUTH_COLUMNS` that are known, and as
        `kinds` the pair's class or the part of the benchmark it belongs to.

    Raises:
        LayoutError: there is no such layout, or the folder does not hold it.
    """
    layout = layout or _layout_of(Path(folder))
    if layout not in LAYOUTS:
        problem = f"there is no layout {quoted(layout)}"
        raise LayoutError("", problem, f"known are {', '.join(LAYOUTS)}")
    try:
        rows = list(LAYOUTS[layout](Path(folder), Path(derived), split))
    except (csv.Error, *MALFORMED) as error:
        reason = f"a file of the layout {layout} is not as it should be ({shortened(repr(error))})"
        raise LayoutError(folder, reason, "unpack the benchmark again") from error
    if not rows:
        raise LayoutError(folder, f"there are no pairs of the layout {layout} in this folder")
    return rows


def read_tss(folder: Path, derived: Path, split: str) -> Iterator[Row]:
    """TSS (Taniai, Sinha and Sato 2016): dense flow and foreground both ways; it has no splits.

    FG3DCar, JODS and PASCAL hold a folder for each pair with image1.png, image2.png, flow1.flo
    (from image 1 to 2), flow2.flo, mask1.png, mask2.png, and flip_gt.txt. Where that says 1, the
    images match only if one is mirrored. The flows lead to the other image as it is all the
    same: the annotators' keypoints agree with them to 2 pixels.
    """
    for pair in sorted(path.parent for path in folder.glob("*/*/image1.png")):
        name = _name(pair.parent.name, pair.name)
        images, flows, masks = (
            [_file(pair / f"{kind}{number}{suffix}") for number in "12"]
            for kind, suffix in (("image", ".png"), ("flow", ".flo"), ("mask", ".png"))
        )
        mirrored = _file(pair / "flip_gt.txt").read_text().split()[:1] == ["1"]
        for source, target in ((0, 1), (1, 0)):
            yield {
                "name": f"{name}_{source + 1}{target + 1}",
                "a": str(images[source]),
                "b_prime": str(images[target]),
                "flow_ab": str(flows[source]),
                "flow_ba": str(flows[target]),
                "mask_a": str(masks[source]),
                "mask_b_prime": str(masks[target]),
                "mirrored": mirrored,
                "kinds": [pair.parent.name, "flipped" if mirrored else "unflipped"],
            }


def read_spair(folder: Path, derived: Path, split: str) -> Iterator[Row]:
    """SPair-71k (Min, Lee, Ponce and Cho 2019): keypoints and boxes; splits trn, val and test.

    Layout/large/SPLIT.txt lists the pairs of a split, PairAnnotation/SPLIT/PAIR.json annotates
    one, and JPEGImages/CATEGORY holds the images.
    """
    listing = _file(folder / "Layout" / "large" / f"{split}.txt")
    for pair in listing.read_text().split():
        annotation = json.loads(
            _file(folder / "PairAnnotation" / split / f"{pair}.json").read_text()
        )
        images = [
            folder / "JPEGImages" / annotation["category"] / annotation[f"{role}_imname"]
            for role in ("src", "trg")
        ]
        points = annotation["src_kps"], annotation["trg_kps"]
        kind, box = annotation["category"], annotation["trg_bndbox"]
        yield _keypoint_row(_name(pair), kind, images, points, box, derived)


def read_pf_pascal(folder: Path, derived: Path, split: str) -> Iterator[Row]:
    """PF-PASCAL (Ham, Cho, Schmid and Ponce 2017): keypoints; splits val and test.

    SPLIT_pairs.csv or SPLIT_pairs_pf_pascal.csv, the lists of Rocco, Arandjelović and Sivic (2017),
    have source_image, target_image, class, and XA, YA, XB, YB as numbers with semicolons between,
    counted from 1. JPEGImages holds the images, and Annotations/CLASS/IMAGE.mat a `bbox`.
    """
    names = (f"{split}_pairs.csv", f"{split}_pairs_pf_pascal.csv")
    for number, line in _lines(*(folder / name for name in names)):
        images = [
            folder / "JPEGImages" / Path(line[f"{role}_image"]).name
            for role in ("source", "target")
        ]
        points = [
            _from_one(*(line[axis + image].strip(";").split(";") for axis in "XY"))
            for image in "AB"
        ]
        kind = VOC_CLASSES[int(line["class"]) - 1]
        box = _voc_box(folder / "Annotations" / kind / f"{images[1].stem}.mat")
        yield _keypoint_row(_numbered(number, images), kind, images, points, box, derived)


def read_pf_willow(folder: Path, derived: Path, split: str) -> Iterator[Row]:
    """PF-WILLOW (Ham, Cho, Schmid and Ponce 2016): ten keypoints a pair, in no splits.

    test_pairs.csv, the list of Rocco et al. (2017), has imageA, imageB (as PF-dataset/CLASS/FILE)
    and XA1 to XA10, YA1 to YA10, XB1 ..., YB1 ..., counted from 1. There are no boxes but those of
    the keypoints.
    """
    for number, line in _lines(folder / "test_pairs.csv"):
        images = [folder.joinpath(*Path(line[f"image{side}"]).parts[-2:]) for side in "AB"]
        points = [
            _from_one(*([line[f"{axis}{side}{n}"] for n in range(1, 11)] for axis in "XY"))
            for side in "AB"
        ]
        kind = images[0].parent.name
        yield _keypoint_row(_numbered(number, images), kind, images, points, None, derived)


def read_kitti(folder: Path, derived: Path, split: str) -> Iterator[Row]:
    """KITTI 2015 (Menze and Geiger 2015): flow from a frame to the next; it has no splits.

    Training/image_2 holds the frames NUMBER_10.png and NUMBER_11.png, flow_occ the flow of the
    first one, of parts too that are hidden in the second.
    """
    for flow in sorted((folder / "training" / "flow_occ").glob("*_10.png")):
        number = flow.stem.removesuffix("_10")
        images = folder / "training" / "image_2"
        yield {
            "name": _name(number),
            "a": str(_file(images / flow.name)),
            "b_prime": str(_file(images / f"{number}_11.png")),
            "flow_ab": str(flow),
        }


def read_sintel(folder: Path, derived: Path, split: str) -> Iterator[Row]:
    """MPI Sintel (Butler, Wulff, Stanley and Black 2012): flow from a frame to the next.

    Training/clean and final hold a folder of frames frame_0001.png for each scene, flow one of
    frame_0001.flo. The split says which frames.
    """
    if split not in PASSES:
        problem = f"Sintel has no part {quoted(split)}"
        raise LayoutError(folder, problem, f"name {either(PASSES)} as the split")
    for flow in sorted((folder / "training" / "flow").glob("*/frame_*.flo")):
        scene, number = flow.parent.name, int(flow.stem.removeprefix("frame_"))
        images = folder / "training" / split / scene
        a, b_prime = (_file(images / f"frame_{each:04d}.png") for each in (number, number + 1))
        yield {
            "name": _name(scene, f"{number:04d}"),
            "a": str(a),
            "b_prime": str(b_prime),
            "flow_ab": str(flow),
            "kinds": [scene],
        }


LAYOUTS: dict[str, Callable[[Path, Path, str], Iterator[Row]]] = {
    "tss": read_tss,
    "spair-71k": read_spair,
    "pf-pascal": read_pf_pascal,
    "pf-willow": read_pf_willow,
    "kitti": read_kitti,
    "sintel": read_sintel,
}
"""The benchmarks that can be read."""

SIGNS = {
    "tss": "*/*/flip_gt.txt",
    "spair-71k": "Layout/large",
    "pf-pascal": "JPEGImages",
    "pf-willow": "test_pairs.csv",
    "kitti": "training/flow_occ",
    "sintel": "training/flow",
}
"""What only the benchmark has, or none of those before it."""


def _layout_of(folder: Path) -> str:
    """The layout of a folder by what is in it."""
    for layout, sign in SIGNS.items():
        if next(folder.glob(sign), None):
            return layout
    raise LayoutError(
        folder,
        f"this is no benchmark that is known: there is no {either(SIGNS.values())} in it",
        "name the folder that was unpacked, or a table of pairs",
    )


def _keypoint_row(
    name: str, kind: str, images: list[Path], points: Any, box: list[float] | None, derived: Path
) -> Row:
    """The row of a pair with keypoints [x, y] in both images, which are written."""
    a, b_prime = map(_file, images)
    row: Row = {"name": name, "a": str(a), "b_prime": str(b_prime), "kinds": [kind]}
    of_a, of_b_prime = known_points(*points)
    if of_a:
        keypoints = derived / f"{name}.json"
        write_keypoints(keypoints, of_a, of_b_prime, box)
        row["keypoints"] = str(keypoints)
    return row


def _lines(*lists: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The numbered lines of the first of these lists of pairs that is there."""
    path = next((path for path in lists if path.is_file()), lists[0])
    with _file(path).open(newline="", encoding="utf-8-sig") as file:
        for number, line in enumerate(csv.DictReader(file), 1):
            yield number, {key.strip(): value for key, value in line.items() if key}


def _from_one(xs: list[str], ys: list[str]) -> list[list[float] | None]:
    """Points [x, y] whose coordinates were counted from 1, None where they are not known."""
    points = [
        [float("nan" if number == "" else number) - 1 for number in point]
        for point in zip(xs, ys, strict=True)
    ]
    return [None if isnan(x) or isnan(y) else [x, y] for x, y in points]


def _voc_box(path: Path) -> list[float] | None:
    if not path.is_file():
        return None
    try:
        return loadmat(path)["bbox"].astype(float).ravel().tolist()
    except Exception as error:  # SciPy's reader raises many kinds
        raise LayoutError(path, f"the box cannot be read ({error})", "unpack it again") from error


def _numbered(number: int, images: list[Path]) -> str:
    return _name(f"{number:04d}", *(image.stem for image in images))


def _name(*parts: str) -> str:
    """A name that a pair can have."""
    return re.sub(r"[^\w.-]+", "-", "-".join(parts))


def _file(path: Path) -> Path:
    if not path.is_file():
        raise LayoutError(path, "there is no such file", "the benchmark is not whole, or elsewhere")
    return path
