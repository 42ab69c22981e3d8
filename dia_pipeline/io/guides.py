"""What is said of a pair, read from files or taken as it is given; see `dia_pipeline.guides`."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np

from dia_pipeline.affine import Shape
from dia_pipeline.guides import DESCRIPTORS, GUIDES, check_channels, check_shape
from dia_pipeline.io.descriptors import read_descriptors, shape_in
from dia_pipeline.io.images import Picture, image_size, read_image
from dia_pipeline.io.points import points_of, read_points, unit_points
from dia_pipeline.pixels import LUMA


def read_guides(
    given: Mapping[str, Any], shapes: Mapping[str, Shape], paths: Mapping[str, str] | None = None
) -> dict[str, np.ndarray]:
    """The values of guides by name, as `alignment.guidance.make_guidance` takes them.

    Args:
        given: by name an image of any kind that `read_image` knows, or a picture; points as rows,
            as a path, or as the content of a table; descriptors as an array, as a path, or as the
            content of a file.
        shapes: height and width of `a` and `b_prime`.
        paths: of those that are files, for messages.

    Returns:
        Labels (h, w, 3) uint8; `keep` and `strength` (h, w) float32 from 0 to 1; points (N, 5)
        float64, see `read_points`; descriptors (C, h, w) float32.

    Raises:
        GuidanceError: one does not lie over its image, or is no map of descriptors.
        ImageError, PointsError: one cannot be read.
    """
    values = {}
    for name, value in given.items():
        path, over = (paths or {}).get(name, ""), GUIDES[name].over
        if not over:
            values[name] = _read_points(value, path, shapes["a"], shapes["b_prime"])
            continue
        if name in DESCRIPTORS:
            values[name] = read_descriptors(value, f"{name}: {path}" if path else name)
            check_shape(name, values[name].shape[1:], shapes[over], path)
            continue
        image = value.pixels if isinstance(value, Picture) else read_image(value, name)
        check_shape(name, image.shape, shapes[over], path)
        values[name] = image if GUIDES[name].coloured else (image @ LUMA / 255).astype(np.float32)
    return values


def check_sizes(guides: Mapping[str, str], images: Mapping[str, str], whole: bool = False) -> None:
    """Make sure, by the headers of files, that guides lie over the images of a pair.

    Args:
        guides, images: paths by name; a header of an image that does not tell the size is no fault
            here.
        whole: whether every number of descriptors is looked at too.

    Raises:
        GuidanceError: a guide has another aspect than its image, or descriptors cannot be used.
    """
    described = {}
    for name, path in guides.items():
        if over := GUIDES[name].over:
            image = image_size(images[over])
            if name in DESCRIPTORS:
                place = f"{name}: {path}"
                described[name] = shape = shape_in(path, place)
                if whole:
                    read_descriptors(path, place)
                size = shape[1:]
            else:
                size = image_size(path)
            if all((*size, *image)):
                check_shape(name, size, image, path)
    if len(described) == len(DESCRIPTORS):
        check_channels(*(described[name] for name in DESCRIPTORS))


def _read_points(value: Any, path: str, a: Shape, b_prime: Shape) -> np.ndarray:
    if isinstance(value, bytes):
        return points_of(value, path or "points", a, b_prime)
    read = read_points if isinstance(value, (str, PathLike)) else unit_points
    return read(value, a, b_prime)
