"""A matcher of the user's own: a file of Python, whose source decides the fields that it finds.

The file is read once: what is run is what the digest is of, even if the file is edited meanwhile.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from dia_pipeline.errors import DiaError, device_failed, out_of_memory
from dia_pipeline.matchers.matcher import Match, Matcher, MatcherError
from dia_pipeline.settings import Settings
from dia_pipeline.text import one_line

_SHOWN = 300
"""So many characters of an error of the user's code are shown."""


@dataclass(frozen=True)
class OwnMatcher(Matcher):
    """A matcher of the user's own, as an input of the fields that it finds."""

    path: Path
    source: bytes

    @classmethod
    def read(cls, name: str, path: Path) -> OwnMatcher:
        """Read a file; nothing of it is run yet.

        Raises:
            MatcherError: it cannot be read, or is no Python.
        """
        try:
            source = path.read_bytes()
        except OSError as error:
            raise MatcherError(path, f"the matcher cannot be read: {error}", "check it") from error
        _code(path, source)
        return cls(name, path, source)

    @property
    def key(self) -> str:
        return sha256(self.source).hexdigest()

    @property
    def record(self) -> dict[str, dict[str, str]]:
        return {"matcher": {"path": self.path.as_posix(), "sha256": self.key}}

    def ensure(self) -> Match:
        """The function `match`, whose errors name the file and whose fields are checked.

        Raises:
            MatcherError: the file cannot be run, or has no such function.
        """
        return partial(_match, self.path, _function(self.path, self.source))


@cache
def _code(path: Path, source: bytes) -> CodeType:
    """A file of that source, compiled."""
    with _told(path):
        return compile(source, path, "exec")


@cache
def _function(path: Path, source: bytes) -> Match:
    """The function `match` of a file of that source, which is run once in a process."""
    module = ModuleType(f"{__package__}.{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # classes look for their module there
    with _told(path):
        exec(_code(path, source), vars(module))
    match = getattr(module, "match", None)
    if not callable(match):
        raise MatcherError(path, "there is no function match in it", "docs/ablation.md shows one")
    return match


def _match(
    path: Path,
    match: Match,
    a: np.ndarray,
    b_prime: np.ndarray,
    a_prime: np.ndarray | None,
    settings: Settings,
) -> tuple[np.ndarray, np.ndarray]:
    """The fields of the user's function, which is given copies and may change them."""
    images = [None if image is None else image.copy() for image in (a, b_prime, a_prime)]
    with _told(path):
        fields: Any = match(*images, settings)
    if not isinstance(fields, (tuple, list)) or len(fields) != 2:
        problem = f"match returns a value of type {type(fields).__name__}, not two fields"
        raise MatcherError(path, problem, "return nnf_ab, nnf_ba")
    return (
        _checked(path, "nnf_ab", fields[0], a, b_prime),
        _checked(path, "nnf_ba", fields[1], b_prime, a),
    )


def _checked(path: Path, name: str, nnf: Any, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """A copy of a field from `source` to `target`, if it is one."""
    shape, bounds = (*source.shape[:2], 2), target.shape[:2]
    kind = type(nnf).__name__
    if isinstance(nnf, np.ndarray):
        if (nnf.dtype, nnf.shape) == (np.int32, shape):
            outside = np.argwhere(((nnf < 0) | (nnf >= bounds)).any(axis=-1))
            if not len(outside):
                return np.array(nnf, order="C")
            y, x = outside[0].tolist()
            raise MatcherError(
                path,
                f"{name}[{y}, {x}] is {nnf[y, x].tolist()}, outside the other image",
                f"all (y, x) must be from (0, 0) to {(bounds[0] - 1, bounds[1] - 1)}",
            )
        kind = f"{nnf.dtype} of shape {nnf.shape}"
    raise MatcherError(path, f"{name} is {kind}", f"it must be int32 of shape {shape}")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """An error of the user's code becomes one that names the file and the line."""
    try:
        yield
    except (Exception, SystemExit) as error:
        if isinstance(error, DiaError) or out_of_memory(error) or device_failed(error):
            raise
        message = one_line(f"{type(error).__name__}: {error}")[:_SHOWN]
        raise MatcherError(_place(path, error), message, "mend the matcher") from error


def _place(path: Path, error: BaseException) -> str:
    """The file and the last of its lines that led to an error."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    if isinstance(error, SyntaxError) and error.filename == str(path):
        lines.append(error.lineno)
    return f"{path}, line {lines[-1]}" if lines else str(path)
