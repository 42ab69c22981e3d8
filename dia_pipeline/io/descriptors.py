"""Descriptors: maps (C, h, w) that another network makes of an image, as arrays or in files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import IO, Any

import numpy as np

from dia_pipeline.affine import Shape
from dia_pipeline.errors import DiaError
from dia_pipeline.guides import GuidanceError
from dia_pipeline.io.files import replace_file
from dia_pipeline.io.images import tensor_as_array
from dia_pipeline.io.numpy_files import StoredArray, form_of, stored_array
from dia_pipeline.io.reading import open_regular
from dia_pipeline.text import shortened

MAX_CHANNELS = 4096
"""Channels of a map at most."""

MAX_SIDE = 4096
"""Positions along a side of a map at most."""

MAX_VALUES = 2**28
"""Values of a map at most: a gibibyte of float32."""


def shape_in(path: str, place: str) -> Shape:
    """The shape (C, h, w) of the descriptors of a file, by its header alone.

    Args:
        place: what messages call it.

    Raises:
        GuidanceError: it holds no descriptors, or cannot be read.
    """
    with _faults(place), open_regular(path) as file:
        return _checked(file, place).shape


def read_descriptors(value: Any, place: str) -> np.ndarray:
    """Descriptors as (C, h, w) float32, scaled so that the largest value is 1 or -1.

    Args:
        value: an array, a torch tensor, the path of a .npy or .npz file, or what such a file holds.
        place: what messages call it.

    Raises:
        GuidanceError: these are no descriptors, or cannot be read.
    """
    with _faults(place):
        if isinstance(value, bytes):
            found = _checked(BytesIO(value), place).read()
        elif isinstance(value, (str, PathLike)):
            with open_regular(Path(value)) as file:
                found = _checked(file, place).read()
        else:
            found = np.asarray(tensor_as_array(value) if hasattr(value, "detach") else value)
            check_map(found.shape, found.dtype, place)
    if not np.isfinite(found).all():
        problem = f"{np.count_nonzero(~np.isfinite(found))} of its values are NaN or infinite"
        raise GuidanceError(place, problem, "make it anew, or set these to 0")
    return (found / max(np.abs(found).max().astype(float), np.finfo(float).tiny)).astype(np.float32)


def write_descriptors(path: Path, values: np.ndarray) -> None:
    """Write descriptors (C, h, w) as a .npy file."""
    with replace_file(path) as temporary, temporary.open("wb") as file:
        np.save(file, values)


def _checked(file: IO[bytes], place: str) -> StoredArray:
    """The array of a file, which may be one of descriptors by its header."""
    stored = stored_array(file, place)
    check_map(stored.shape, stored.kind, place)
    return stored


def check_map(shape: Shape, kind: np.dtype, place: str) -> None:
    """Make sure that an array has the form of descriptors.

    Args:
        shape: (C, h, w), channels, rows and columns.
        place: what messages call it.

    Raises:
        GuidanceError: it has another, or too many values.
    """
    remedy = "give (C, h, w) of float16, float32 or float64: channels, rows, columns"
    if kind.kind != "f" or kind.itemsize > 8 or len(shape) != 3 or not all(shape):
        problem = f"this is no map of descriptors: {form_of(shape, kind)}"
        raise GuidanceError(place, problem, remedy)
    if shape[0] > MAX_CHANNELS or max(shape[1:]) > MAX_SIDE or math.prod(shape) > MAX_VALUES:
        limits = f"{MAX_CHANNELS} channels, {MAX_SIDE} a side, {MAX_VALUES // 10**6} million in all"
        raise GuidanceError(place, f"{form_of(shape, kind)} are too many", f"make at most {limits}")


@contextmanager
def _faults(place: str) -> Iterator[None]:
    """What NumPy and the system find, in words of ours."""
    try:
        yield
    except DiaError as error:
        raise GuidanceError(place, error.problem, error.remedy) from error
    except OSError as error:
        problem = error.strerror or f"it cannot be read ({shortened(str(error))})"
        raise GuidanceError(place, problem, "check the path") from error
    except Exception as error:  # readers of arrays and archives raise many kinds
        problem = f"it cannot be read ({shortened(repr(error))})"
        raise GuidanceError(place, problem, "write it with numpy.save or numpy.savez") from error
