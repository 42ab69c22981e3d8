"""Artefacts: what a run makes and keeps; a graph of them leads from the images to the results.

An artefact knows its place, what decides its bytes, the artefacts that it is made of, and the
function that makes it. Its key is the digest of all that decides it, down to the images and the
weights: a whole file with the expected key need not be made again.
"""

from __future__ import annotations

import hashlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dia_pipeline.errors import DiaError
from dia_pipeline.io.files import digest_file, digest_of, fault_of_file
from dia_pipeline.io.reading import read_file

if TYPE_CHECKING:
    from dia_pipeline.io.images import Picture

FORMAT = 9
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
    """A file that is given: where a graph begins. Its value is its content."""

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
        """The bytes of which the key is the digest.

        Raises:
            InputError: the file was changed after the key was taken, or cannot be read.
        """
        expected = self.key
        content = b"" if fault_of_file(self.path) else read_file(self.path)
        if digest_of(content) != expected:
            raise self._changed
        return content

    @contextmanager
    def steady(self) -> Iterator[Callable[[], None]]:
        """A context in which the file, too large for the memory, is read by its path.

        Yields a function that makes sure that what was read until then is of the key. That is done
        at the end too.

        Raises:
            InputError: the file was changed after the key was taken, or is changed meanwhile.
        """
        seen = self._signature
        if seen is None or digest_file(self.path) != self.key:
            raise self._changed

        def check() -> None:
            if self._signature != seen:
                raise self._changed

        yield check
        check()

    @property
    def _signature(self) -> tuple[int, ...] | None:
        """What no writing and no replacing leaves as it was; None where there is no file."""
        if fault_of_file(self.path):
            return None
        now = os.stat(self.path)
        return now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns

    @property
    def _changed(self) -> InputError:
        return InputError(self.path, "the file was changed while it was worked on", "run again")


class ImageFile(File):
    """An image file that is given. Its value is the picture."""

    def ensure(self) -> Picture:
        """The picture that the file of the key holds.

        Raises:
            ImageError: the file is no image.
            InputError: the file was changed after the key was taken, or cannot be read.
        """
        from dia_pipeline.io.images import read_picture  # planning needs no Pillow

        return read_picture(super().ensure(), self.path)


class Remembered:
    """An input whose value stays in memory: for what many artefacts are made of.

    Args:
        make: makes the value of that of the input `of`.
    """

    def __init__(self, of: Any, make: Callable[[Any], Any] = lambda value: value):
        self.of = of
        self._make = make

    @property
    def key(self) -> str:
        return self.of.key

    def ensure(self) -> Any:
        return self._value

    @cached_property
    def _value(self) -> Any:
        return self._make(self.of.ensure())


def given_image(path: str) -> Input:
    """An image file that is read once for all that is made of it."""
    return Remembered(ImageFile(path))


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

    def check(self) -> str:
        """The SHA-256 of its file, if that is there and valid.

        Raises:
            ArtefactError: it is not.
        """
        self.read()
        return digest_file(self.path)

    def settle(self) -> None:  # noqa: B027  most are written at once
        """Return when the artefact lies on the disk."""


Graph = dict[str, Artefact]
"""The artefacts of a pair or of a sequence by name, each after those that it is made of."""
