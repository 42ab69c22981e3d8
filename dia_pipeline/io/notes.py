"""What was done to read a file that a person may want to know, said once a process."""

from __future__ import annotations

import logging
from functools import cache


@cache
def say_once(text: str, level: int = logging.INFO) -> None:
    logging.getLogger("dia").log(level, "%s", text)
