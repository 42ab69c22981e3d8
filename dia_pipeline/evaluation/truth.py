"""What is known of a pair: where its pixels and keypoints belong, how A' and B should look."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dia_pipeline.errors import MALFORMED, DiaError
from dia_pipeline.io.files import replace_file
from dia_pipeline.io.flow import FlowError, read_flow
from dia_pipeline.io.images import read_image, read_mask
from dia_pipeline.io.reading import read_file
from dia_pipeline.pixels import same_aspect
from dia_pipeline.text import shortened

TRUTH_COLUMNS = (
    "flow_ab",
    "flow_ba",
    "mask_a",
    "mask_b_prime",
    "keypoints",
    "a_prime",
    "b",
    "mirrored",
)
"""The columns of the table of pairs that `read_truth` understands, all optional."""


class TruthError(DiaError):
    """A file of the truth cannot be used; the message names it and says what is wrong."""


@dataclass(frozen=True)
class Keypoints:
    """Points of A and the points of B' that are the same: (N, 2) float64 each, (y, x) in pixels.

    Attributes:
        box: the longer side in pixels of the box around the object in B'; where no box is known,
            of the box around its points.
    """

    a: np.ndarray
    b_prime: np.ndarray
    box: float


@dataclass(frozen=True)
class Truth:
    """All that is known of a pair; None where it is not.

    Attributes:
        flow_ab, flow_ba: (H, W, 2) float32 (u, v) in pixels of the images as they are given,
            from A to B' and back, NaN where unknown.
        mask_a, mask_b_prime: (H, W) bool, the foreground.
        keypoints: points that correspond.
        a_prime, b: (H, W, 3) uint8, what A' and B should look like, at any size.
        mirrored: whether the pair matches only with one of the images mirrored.
    """

    flow_ab: np.ndarray | None = None
    flow_ba: np.ndarray | None = None
    mask_a: np.ndarray | None = None
    mask_b_prime: np.ndarray | None = None
    keypoints: Keypoints | None = None
    a_prime: np.ndarray | None = None
    b: np.ndarray | None = None
    mirrored: bool = False


def read_truth(row: dict[str, Any], sizes: dict[str, tuple[int, ...]] | None = None) -> Truth:
    """Read what is known of a pair.

    Args:
        row: a row of the table of pairs: the paths `a` and `b_prime`, and any of TRUTH_COLUMNS.
            `flow_ab` and `flow_ba` are flows of the size of A and of B', see `read_flow`; of
            `mask_a` and `mask_b_prime` any colour but black is foreground; `keypoints` is a JSON
            file with the lists `a` and `b_prime` of points [x, y] and, if known, `box_b_prime`
            [left, top, right, bottom]: a point that is null in one counts in neither; `a_prime`
            and `b` are images of any size, with the aspect of A and of B'.
        sizes: height and width of `a` and `b_prime`, whose files are read if it is not given.

    Raises:
        TruthError: a file does not fit its image or is not what it should be.
        FlowError, ImageError: a file cannot be read.
    """
    given = {name: row[name] for name in TRUTH_COLUMNS if row.get(name)}
    if sizes is None:
        names = ("a", "b_prime") if given else ()
        sizes = {name: read_image(row[name]).shape[:2] for name in names}
    readers: dict[str, tuple[Callable[[str], np.ndarray], str, Callable[..., None]]] = {
        "flow_ab": (_read_flow, "a", _check_size),
        "flow_ba": (_read_flow, "b_prime", _check_size),
        "mask_a": (read_mask, "a", _check_size),
        "mask_b_prime": (read_mask, "b_prime", _check_size),
        "a_prime": (read_image, "a", _check_aspect),
        "b": (read_image, "b_prime", _check_aspect),
    }
    known: dict[str, Any] = {"mirrored": bool(row.get("mirrored"))}
    for name, (read, image, check) in readers.items():
        if name in given:
            known[name] = read(given[name])
            check(given[name], known[name].shape[:2], row.get(image, image), sizes[image])
    if "keypoints" in given:
        known["keypoints"] = read_keypoints(given["keypoints"], sizes["a"], sizes["b_prime"])
    return Truth(**known)


def read_keypoints(
    path: str | Path, shape: tuple[int, ...], target_shape: tuple[int, ...]
) -> Keypoints:
    """Read corresponding points; see `read_truth` for the file.

    Args:
        shape, target_shape: (height, width) of A and of B'.

    Raises:
        TruthError: the file is not in the format, or a point lies outside its image.
    """
    try:
        content = json.loads(read_file(path).decode())
        given = known_points(content["a"], content["b_prime"])
        a, b_prime = (np.array(points, float) for points in given)
        corners = np.array(content.get("box_b_prime", b_prime), float).reshape(-1, 2)
    except (OSError, *MALFORMED) as error:
        raise TruthError(
            path,
            f"the keypoints cannot be read ({shortened(repr(error))})",
            "give JSON with the lists `a` and `b_prime` of points [x, y]",
        ) from error
    if a.ndim != 2 or a.shape[1] != 2 or a.shape != b_prime.shape or not len(a):
        raise TruthError(path, "`a` and `b_prime` must be lists of as many points [x, y] each")
    for name, points, size in (("a", a, shape), ("b_prime", b_prime, target_shape)):
        _check_points(path, name, points, size)
    if (corners.shape != (2, 2) and "box_b_prime" in content) or not np.isfinite(corners).all():
        raise TruthError(path, "`box_b_prime` must be [left, top, right, bottom]")
    box = float(np.ptp(corners, axis=0).max())
    return Keypoints(a[:, ::-1], b_prime[:, ::-1], box)


def known_points(a: Sequence[Any], b_prime: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The points of two lists that neither has as null, or as [null, null].

    Raises:
        ValueError: one list is longer.
    """
    both = [
        each
        for each in zip(a, b_prime, strict=True)
        if all(point is not None and tuple(point) != (None, None) for point in each)
    ]
    return [point for point, _ in both], [point for _, point in both]


def write_keypoints(
    path: str | Path,
    a: Iterable[Iterable[float]],
    b_prime: Iterable[Iterable[float]],
    box_b_prime: Iterable[float] | None = None,
) -> None:
    """Write corresponding points [x, y], and the box of the object in B', as `read_truth` reads."""
    content = {"a": [list(point) for point in a], "b_prime": [list(point) for point in b_prime]}
    if box_b_prime is not None:
        content["box_b_prime"] = list(box_b_prime)
    with replace_file(path, flush=False) as temporary:
        temporary.write_text(json.dumps(content, allow_nan=False) + "\n", encoding="utf-8")


def _read_flow(path: str) -> np.ndarray:
    try:
        return read_flow(path)
    except OSError as error:
        raise FlowError(
            path, f"the flow cannot be read ({error.strerror})", "check the path"
        ) from error


def _check_size(path: str, size: tuple[int, ...], image: str, image_size: tuple[int, ...]) -> None:
    if size != image_size:
        raise TruthError(
            path,
            f"it is {_sides(size)}, but the image {image} is {_sides(image_size)}",
            "give the truth at the image's own size",
        )


def _check_aspect(
    path: str, size: tuple[int, ...], image: str, image_size: tuple[int, ...]
) -> None:
    if not same_aspect(size, image_size):
        raise TruthError(
            path,
            f"it is {_sides(size)}, but the image {image} is {_sides(image_size)}",
            "give one that shows the same places, scaled as a whole",
        )


def _check_points(path: str | Path, name: str, points: np.ndarray, size: tuple[int, ...]) -> None:
    outside = ~((points > -1) & (points < np.array(size)[::-1] + 1)).all(axis=1)
    if outside.any():
        first = int(outside.argmax())
        raise TruthError(
            f"{path}, {name}[{first}]",
            f"the point {points[first].tolist()} lies outside the image of {_sides(size)}",
            "points are [x, y] in pixels from the upper left",
        )


def _sides(size: tuple[int, ...]) -> str:
    return f"{size[1]}x{size[0]}"
