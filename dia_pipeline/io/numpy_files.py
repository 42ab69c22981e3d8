"""The array of a .npy or .npz file of others', whose form is known before its values are read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import IO, Any
from zipfile import ZipFile, is_zipfile

import numpy as np

from dia_pipeline.errors import DiaError

HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
"""How headers are read, by the version of the format that they tell."""


class ArrayError(DiaError):
    """A file does not hold one array; the message says why."""


@dataclass(frozen=True)
class StoredArray:
    """An array of a file, of which the header is read and the values are not.

    Attributes:
        place: what messages call the file.
        columns_first: whether the first axis changes fastest, as in Fortran.
        file: where the values come next.
    """

    place: Any
    shape: tuple[int, ...]
    columns_first: bool
    kind: np.dtype
    file: IO[bytes]

    def read(self) -> np.ndarray:
        """Its values.

        Raises:
            ArrayError: some are missing.
            Exception: the archive is damaged; of many kinds.
        """
        size = math.prod(self.shape) * self.kind.itemsize
        content = self.file.read(size)
        if len(content) < size:
            raise ArrayError(self.place, "the file is cut off", "copy or make it again")
        values = np.frombuffer(content, self.kind)
        if self.columns_first:
            return values.reshape(self.shape[::-1]).T
        return values.reshape(self.shape)


def form_of(shape: tuple[int, ...], kind: np.dtype) -> str:
    """The form of an array in words."""
    return f"{'x'.join(map(str, shape)) or 'a single'} values of type {kind}"


def stored_array(file: IO[bytes], place: Any) -> StoredArray:
    """The array of a file that is open.

    Raises:
        ArrayError: there are several, or none.
        Exception: this is no such file; of many kinds.
    """
    if is_zipfile(file):
        archive = ZipFile(file)
        if len(names := archive.namelist()) != 1:
            raise ArrayError(place, f"it holds {len(names)} arrays", "keep the one that counts")
        file = archive.open(names[0])
    else:
        file.seek(0)
    shape, columns_first, kind = HEADERS[np.lib.format.read_magic(file)](file)
    return StoredArray(place, shape, columns_first, kind, file)
