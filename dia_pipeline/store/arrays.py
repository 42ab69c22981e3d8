"""Artefacts of arrays: HDF5 files that are whole and of the expected recipe, or count as absent.

The first 512 bytes, which HDF5 leaves to the user, hold the SHA-256 of all others, so that a
flipped bit is found wherever it is. A file is put together in memory, written at once under a
temporary name and renamed; what is read is verified in memory before HDF5 sees it. A digest says
nothing of who wrote it: arrays of numbers that lie in the file as they are are read, nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from dia_pipeline.errors import MALFORMED
from dia_pipeline.io.files import digest_of, replace_file
from dia_pipeline.io.reading import read_file
from dia_pipeline.store.artefacts import Artefact, ArtefactError, Recipe, digest
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
        if self.writer:
            self.writer.submit(self.path, write_arrays, self.recipe, *value)
        else:
            write_arrays(self.path, self.recipe, *value)
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
    key, content = read_any_arrays(path)
    if key != digest(recipe):
        raise ArtefactError(path, ArtefactError.OUTDATED)
    return content


def check_arrays(path: str | Path, recipe: Recipe) -> str:
    """The SHA-256 of an artefact's file, if that is whole and made by `recipe`.

    Raises:
        ArtefactError: it is not.
    """
    content = _verified(path)
    if _unpacked(content, path)[0] != digest(recipe):
        raise ArtefactError(path, ArtefactError.OUTDATED)
    return digest_of(content)


def read_any_arrays(path: str | Path) -> tuple[str, Content]:
    """The key and the content of a file of arrays, whatever made it and whoever wrote it.

    Raises:
        ArtefactError: it is missing or damaged, or holds what `write_arrays` never writes: links,
            arrays that are kept elsewhere, that are packed or larger than the file.
    """
    return _unpacked(_verified(path), path)


def _unpacked(content: bytes, path: str | Path) -> tuple[str, Content]:
    try:
        with h5py.File(BytesIO(content), "r") as file:
            found = list(_plain_arrays(file))
            if sum(each.nbytes for each in found) > len(content):
                raise ValueError("there is more in it than it could hold")
            arrays = {each.name.lstrip("/"): each[()] for each in found}
            texts = dict(file.attrs.items())
            key = str(texts.pop("key"))
            attributes = {name: json.loads(text) for name, text in texts.items()}
            del attributes["recipe"]
    except (OSError, RuntimeError, *MALFORMED) as error:  # h5py raises many kinds
        raise ArtefactError(path, ArtefactError.DAMAGED) from error
    return key, Content(arrays, attributes)


def _plain_arrays(group: h5py.Group) -> Iterator[h5py.Dataset]:
    """The arrays in a group and the groups in it.

    Raises:
        ValueError: there is something else than numbers that lie in the file as they are.
    """
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{name} is a link")
        item = group[name]
        if isinstance(item, h5py.Group):
            yield from _plain_arrays(item)
        elif (
            item.dtype.kind in "biuf"
            and not (item.chunks or item.external or item.is_virtual)
            and item.id.get_storage_size() == item.nbytes
        ):
            yield item
        else:
            raise ValueError(f"{name} does not lie in the file as it is")


def _verified(path: str | Path) -> bytes:
    try:
        content = read_file(path)
    except FileNotFoundError as error:
        raise ArtefactError(path, ArtefactError.MISSING) from error
    if content[:_HEADER] != _header(memoryview(content)[_HEADER:]):
        raise ArtefactError(path, ArtefactError.DAMAGED)
    return content


def _header(body: memoryview) -> bytes:
    line = f"dia-pipeline artefact\nsha256 {hashlib.sha256(body).hexdigest()}\n"
    return line.encode().ljust(_HEADER, b"\0")
