"""Artefacts: what a run makes and keeps; a graph of them leads from the images to the results.

An artefact knows its place, what decides its bytes, the artefacts that it is made of, and the
function that makes it. Its key is the digest of all that decides it, down to the images and the
weights: a whole file with the expected key need not be made again.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dia_pipeline.errors import DiaError
from dia_pipeline.io.files import digest_file, fault_of_file

if TYPE_CHECKING:
    import numpy as np

    from dia_pipeline.io.images import Picture

FORMAT = 6
"""Raised whenever the same recipe comes to mean other bytes: older artefacts are then remade."""

Recipe = dict[str, Any]
"""What decides the bytes of an artefact; JSON-like."""


class ArtefactError(DiaError):
    """A file is missing, damaged or made of something else; the message says which."""

    MISSING = "there is no such file"
    DAMAGED = "the file is damaged"
    OUTDATED = "made from other inputs or with other settings"


def digest(value: Any) -> str:
    """The SHA-256 of a JSON-like value in hexadecimal.

    Raises:
        ValueError: a number in it is none, or infinite: JSON knows no such.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class InputError(DiaError):
    """A file that is given cannot be read; the message says which and why."""


class File:
    """A file that is given: where a graph begins. Its value is its path."""

    def __init__(self, path: str):
        self.path = path

    @cached_property
    def key(self) -> str:
        """The SHA-256 of the file.

        Raises:
            InputError: it cannot be read.
        """
        fault = fault_of_file(self.path)
        if fault:
            raise InputError(self.path, fault, "check the path")
        return digest_file(self.path)

    def ensure(self) -> Any:
        return self.path


class ImageFile(File):
    """An image file that is given. Its value is the image."""

    def ensure(self) -> np.ndarray:
        """The image, (H, W, 3) uint8 RGB.

        Raises:
            ImageError: the file is no image.
        """
        from dia_pipeline.io.images import read_image  # planning needs no Pillow

        return read_image(self.path)


class Whole:
    """An image file as a `Picture`: with its full depth and its transparency."""

    def __init__(self, image: ImageFile):
        self._image = image

    @property
    def path(self) -> str:
        return self._image.path

    @property
    def key(self) -> str:
        return self._image.key

    def ensure(self) -> Picture:
        """The picture.

        Raises:
            ImageError: the file is no image.
        """
        from dia_pipeline.io.images import read_picture

        return replace(read_picture(self.path), sha256=self.key)


class Input(Protocol):
    """What an artefact is made of: it has a key and, when it is ensured, a value."""

    @property
    def key(self) -> str: ...

    def ensure(self) -> Any: ...


@dataclass(eq=False)
class Artefact(ABC):
    """Something that is made once and kept.

    Attributes:
        place: the file or folder, or what finds it by the key.
        stage: the stage that makes it, unless an earlier one needs it.
        name: what it is.
        settings: those that decide it, given its inputs.
        inputs: what it is made of, by name.
        make: takes the values of the inputs by their names and returns the value.
        needs: what `make` takes, where that is not the inputs themselves.
        clock: a context in which the artefact of a key is made, to note how long that takes.
        chunk: of a sequence, whose job makes it; empty for what is not made by chunks.
    """

    place: Path | Callable[[str], Path]
    stage: str
    name: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, Input]
    make: Callable[..., Any]
    needs: Mapping[str, Input] | None = None
    clock: Callable[[str], AbstractContextManager] = nullcontext
    chunk: str = ""

    @cached_property
    def recipe(self) -> Recipe:
        """All that decides the bytes."""
        inputs = {name: each.key for name, each in self.inputs.items()}
        return {
            "format": FORMAT,
            "artefact": self.name,
            "settings": dict(self.settings),
            "inputs": inputs,
        }

    @cached_property
    def key(self) -> str:
        """The digest of the recipe."""
        return digest(self.recipe)

    @cached_property
    def path(self) -> Path:
        return self.place if isinstance(self.place, Path) else self.place(self.key)

    def ensure(self) -> Any:
        """The value: read if it is there and valid; else made, of inputs that are ensured first."""
        with suppress(ArtefactError):
            return self.read()
        values = {name: each.ensure() for name, each in self.needed.items()}
        with self.clock(self.key):
            value = self.make(**values)
        return self.write(value)

    @property
    def needed(self) -> Mapping[str, Input]:
        """What `make` takes, by name."""
        return self.inputs if self.needs is None else self.needs

    def faults(self) -> Iterator[str]:
        """Each file of the artefact that is missing, damaged or outdated."""
        try:
            self.check()
        except ArtefactError as error:
            yield str(error)

    @abstractmethod
    def read(self) -> Any:
        """The value.

        Raises:
            ArtefactError: it is not there or not valid.
        """

    @abstractmethod
    def write(self, value: Any) -> Any:
        """Keep what `make` returned; return the value.

        Raises:
            OSError: it cannot be written.
        """

    def check(self) -> None:
        """Check that the artefact is there and valid.

        Raises:
            ArtefactError: it is not.
        """
        self.read()

    def settle(self) -> None:  # noqa: B027  most are written at once
        """Return when the artefact lies on the disk."""


Graph = dict[str, Artefact]
"""The artefacts of a pair or of a sequence by name, each after those that it is made of."""
