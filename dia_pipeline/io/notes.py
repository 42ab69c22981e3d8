"""Notes for a person on how a file was read."""

from __future__ import annotations

import logging
from functools import cache


@cache
def say_once(text: str, level: int = logging.INFO) -> None:
    """Log a note, unless this process has logged it before."""
    logging.getLogger("dia").log(level, "%s", text)
