"""What a matcher is to those who ask for one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from dia_pipeline.errors import DiaError

if TYPE_CHECKING:
    import numpy as np

Match = Callable[..., "tuple[np.ndarray, np.ndarray]"]
"""The function of a matcher, see `dia_pipeline.matchers`."""


class MatcherError(DiaError):
    """A matcher cannot process a pair, or is no matcher; the message says what it needs."""


@dataclass(frozen=True)
class Matcher:
    """A matcher of this package, as an input of the fields that it finds."""

    name: str

    @property
    def key(self) -> str:
        """What decides the fields, given images and settings."""
        return self.name

    @property
    def record(self) -> dict[str, dict[str, str]]:
        """What provenance tells of it, beside its name."""
        return {}

    def ensure(self) -> Match:
        """The function `match`."""
        return import_module(f".{self.name.replace('-', '_')}", __package__).match
