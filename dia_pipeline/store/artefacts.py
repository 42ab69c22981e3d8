"""Artefacts: HDF5 files that are whole and of the expected recipe, or else count as absent.

The first 512 bytes, which HDF5 leaves to the user, hold the SHA-256 of all others, so that a
flipped bit is found wherever it is. A file is put together in memory, written at once under a
temporary name and renamed; what is read is verified in memory before HDF5 sees it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from dia_pipeline.errors import DiaError
from dia_pipeline.io.files import replace_file
from dia_pipeline.store.recipes import Recipe, digest

_HEADER = 512


class ArtefactError(DiaError):
    """A file is missing, damaged or of another recipe; the message says which."""


def write_artefact(
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


def read_artefact(path: str | Path, recipe: Recipe) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the attributes of an artefact, as `write_artefact` took them.

    Raises:
        ArtefactError: the file is missing, damaged or not made by `recipe`.
    """
    arrays: dict[str, np.ndarray] = {}

    def collect(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()]

    with _opened(path, recipe) as file:
        file.visititems(collect)
        attributes = {
            name: json.loads(value) for name, value in file.attrs.items() if name != "key"
        }
    del attributes["recipe"]
    return arrays, attributes


def check_artefact(path: str | Path, recipe: Recipe) -> None:
    """Check that an artefact is whole and made by `recipe`.

    Raises:
        ArtefactError: it is not.
    """
    with _opened(path, recipe):
        pass


@contextmanager
def _opened(path: str | Path, recipe: Recipe) -> Iterator[h5py.File]:
    with h5py.File(BytesIO(_verified(path)), "r") as file:
        if file.attrs["key"] != digest(recipe):
            raise ArtefactError(path, "made from other inputs or with other settings")
        yield file


def _verified(path: str | Path) -> bytes:
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise ArtefactError(path, "there is no such file") from error
    if content[:_HEADER] != _header(memoryview(content)[_HEADER:]):
        raise ArtefactError(path, "the file is damaged")
    return content


def _header(body: memoryview) -> bytes:
    line = f"dia-pipeline artefact\nsha256 {hashlib.sha256(body).hexdigest()}\n"
    return line.encode().ljust(_HEADER, b"\0")
