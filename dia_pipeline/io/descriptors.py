"""Descriptors: maps (C, h, w) that another network makes of an image, as arrays or in files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import IO, Any, NamedTuple
from zipfile import ZipFile, is_zipfile

import numpy as np

from dia_pipeline.affine import Shape
from dia_pipeline.errors import DiaError
from dia_pipeline.guides import GuidanceError
from dia_pipeline.io.files import replace_file
from dia_pipeline.io.images import tensor_as_array
from dia_pipeline.io.reading import open_regular
from dia_pipeline.text import shortened

MAX_CHANNELS = 4096
"""Channels of a map at most."""

MAX_SIDE = 4096
"""Positions along a side of a map at most."""

MAX_VALUES = 2**28
"""Values of a map at most: a gibibyte of float32."""

HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
"""How headers are read, by the version of the format that they tell."""


class _Stored(NamedTuple):
    """An array of a file, of which the header is read and the values are what follows."""

    shape: Shape
    columns_first: bool
    kind: np.dtype
    values: IO[bytes]


def shape_in(path: str, place: str) -> Shape:
    """The shape (C, h, w) of the descriptors of a file, by its header alone.

    Args:
        place: what messages call it.

    Raises:
        GuidanceError: it holds no descriptors, or cannot be read.
    """
    with _faults(place), open_regular(path) as file:
        return _opened(file, place).shape


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
            found = _read(BytesIO(value), place)
        elif isinstance(value, (str, PathLike)):
            with open_regular(Path(value)) as file:
                found = _read(file, place)
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


def _read(file: IO[bytes], place: str) -> np.ndarray:
    stored = _opened(file, place)
    count = math.prod(stored.shape)
    content = stored.values.read(count * stored.kind.itemsize)
    if len(content) < count * stored.kind.itemsize:
        raise GuidanceError(place, "the file is cut off", "copy or make it again")
    values = np.frombuffer(content, stored.kind)
    if stored.columns_first:
        return values.reshape(stored.shape[::-1]).T
    return values.reshape(stored.shape)


def _opened(file: IO[bytes], place: str) -> _Stored:
    """The one array of a .npy or .npz file, which may be one of descriptors by its header."""
    if is_zipfile(file):
        archive = ZipFile(file)
        if len(names := archive.namelist()) != 1:
            raise GuidanceError(place, f"it holds {len(names)} arrays", "keep the map alone")
        file = archive.open(names[0])
    else:
        file.seek(0)
    shape, columns_first, kind = HEADERS[np.lib.format.read_magic(file)](file)
    check_map(shape, kind, place)
    return _Stored(shape, columns_first, kind, file)


def check_map(shape: Shape, kind: np.dtype, place: str) -> None:
    """Make sure that an array has the form of descriptors.

    Args:
        shape: (C, h, w), channels, rows and columns.
        place: what messages call it.

    Raises:
        GuidanceError: it has another, or too many values.
    """
    shown = "x".join(map(str, shape)) or "a single"
    remedy = "give (C, h, w) of float16, float32 or float64: channels, rows, columns"
    if kind.kind != "f" or kind.itemsize > 8 or len(shape) != 3 or not all(shape):
        problem = f"this is no map of descriptors: {shown} values of type {kind}"
        raise GuidanceError(place, problem, remedy)
    if shape[0] > MAX_CHANNELS or max(shape[1:]) > MAX_SIDE or math.prod(shape) > MAX_VALUES:
        limits = f"{MAX_CHANNELS} channels, {MAX_SIDE} a side, {MAX_VALUES // 10**6} million in all"
        raise GuidanceError(place, f"{shown} values are too many", f"make at most {limits}")


@contextmanager
def _faults(place: str) -> Iterator[None]:
    """What NumPy and the system find, in words of ours."""
    try:
        yield
    except DiaError:
        raise
    except OSError as error:
        problem = error.strerror or f"it cannot be read ({shortened(str(error))})"
        raise GuidanceError(place, problem, "check the path") from error
    except Exception as error:  # readers of arrays and archives raise many kinds
        problem = f"it cannot be read ({shortened(repr(error))})"
        raise GuidanceError(place, problem, "write it with numpy.save or numpy.savez") from error
