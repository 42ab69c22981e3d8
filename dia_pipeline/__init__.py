"""Visual attribute transfer through deep image analogy."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = ["Settings", "analogy"]

_HOMES = {"Settings": "settings", "analogy": "analogy"}


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: torch takes seconds to load."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
