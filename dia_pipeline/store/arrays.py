"""Artefacts of arrays: HDF5 files that are whole and of the expected recipe, or count as absent.

The first 512 bytes, which HDF5 leaves to the user, hold the SHA-256 of all others, so that a
flipped bit is found wherever it is. A file is put together in memory, written at once under a
temporary name and renamed; what is read is verified in memory before HDF5 sees it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import h5py
import numpy as np

from dia_pipeline.io.files import digest_of, replace_file
from dia_pipeline.store.artefacts import Artefact, ArtefactError, Recipe, digest

if TYPE_CHECKING:
    from dia_pipeline.store.writer import Writer

_HEADER = 512


class Content(NamedTuple):
    """Arrays, and what is said about them, by name."""

    arrays: dict[str, np.ndarray]
    attributes: dict[str, Any]


@dataclass(eq=False, kw_only=True)
class Arrays(Artefact):
    """An artefact whose value is a `Content`.

    Attributes:
        writer: writes it in the background, if given.
    """

    writer: Writer | None = None

    def read(self) -> Content:
        self.settle()
        return read_arrays(self.path, self.recipe)

    def check(self) -> str:
        self.settle()
        return check_arrays(self.path, self.recipe)

    def write(self, value: Content) -> Content:
        write = self.writer.write if self.writer else write_arrays
        write(self.path, self.recipe, *value)
        return value

    def settle(self) -> None:
        if self.writer:
            self.writer.wait(self.path)


def write_arrays(
    path: str | Path,
    recipe: Recipe,
    arrays: dict[str, np.ndarray],
    attributes: dict[str, Any],
) -> None:
    """Write arrays under their names, which may contain folders, as one HDF5 file.

    The attributes of the file are the key and, as JSON, the recipe and `attributes`. The bytes
    depend on nothing else.

    Raises:
        OSError: the file cannot be written, on a full disk for example; nothing is left of it.
    """
    content = BytesIO()
    with h5py.File(content, "w", userblock_size=_HEADER) as file:
        for name, value in sorted({"recipe": recipe, **attributes}.items()):
            file.attrs[name] = json.dumps(value, sort_keys=True)
        file.attrs["key"] = digest(recipe)
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
    body = content.getbuffer()[_HEADER:]
    with replace_file(path) as temporary, temporary.open("wb") as file:
        file.write(_header(body))
        file.write(body)


def read_arrays(path: str | Path, recipe: Recipe) -> Content:
    """What was written, as `write_arrays` took them.

    Raises:
        ArtefactError: the file is missing, damaged or not made by `recipe`.
    """
    arrays: dict[str, np.ndarray] = {}

    def collect(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()]

    with _opened(_verified(path), path, recipe) as file:
        file.visititems(collect)
        attributes = {
            name: json.loads(value) for name, value in file.attrs.items() if name != "key"
        }
    del attributes["recipe"]
    return Content(arrays, attributes)


def check_arrays(path: str | Path, recipe: Recipe) -> str:
    """The SHA-256 of an artefact's file, if that is whole and made by `recipe`.

    Raises:
        ArtefactError: it is not.
    """
    content = _verified(path)
    with _opened(content, path, recipe):
        return digest_of(content)


@contextmanager
def _opened(content: bytes, path: str | Path, recipe: Recipe) -> Iterator[h5py.File]:
    with h5py.File(BytesIO(content), "r") as file:
        if file.attrs["key"] != digest(recipe):
            raise ArtefactError(path, ArtefactError.OUTDATED)
        yield file


def _verified(path: str | Path) -> bytes:
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise ArtefactError(path, ArtefactError.MISSING) from error
    if content[:_HEADER] != _header(memoryview(content)[_HEADER:]):
        raise ArtefactError(path, ArtefactError.DAMAGED)
    return content


def _header(body: memoryview) -> bytes:
    line = f"dia-pipeline artefact\nsha256 {hashlib.sha256(body).hexdigest()}\n"
    return line.encode().ljust(_HEADER, b"\0")
