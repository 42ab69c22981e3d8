"""What can go wrong in a way that a person can put right: what it is, where, and what to do."""

from __future__ import annotations

import os

MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""The errors that reading raises when a value has another form than expected."""


class DiaError(Exception):
    """An expected error, shown as one line: `place: problem; remedy`.

    Args:
        place: the file, and if it helps the row, field or value in it; empty if there is none.
        problem: what is wrong there.
        remedy: what to do; empty if the problem says it.
    """

    def __init__(self, place: str | os.PathLike, problem: str, remedy: str = "") -> None:
        super().__init__(place, problem, remedy)
        self.place, self.problem, self.remedy = str(place), problem, remedy

    @property
    def reason(self) -> str:
        """Place and problem."""
        return f"{self.place}: {self.problem}" if self.place else self.problem

    def __str__(self) -> str:
        return f"{self.reason}; {self.remedy}" if self.remedy else self.reason


class JobError(DiaError):
    """The job cannot go on with any pair: the weights or the device are at fault."""


def is_expected(error: BaseException) -> bool:
    """Whether an error is for a person to put right, and no fault of the program."""
    return isinstance(error, (DiaError, OSError)) or out_of_memory(error)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says so; torch has a kind of its own for GPUs and none for the CPU."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and any(words in str(error) for words in ("out of memory", "can't allocate memory"))
    )


def reason_and_remedy(error: BaseException) -> tuple[str, str]:
    """An error in words: its message, what to do about memory, or its kind where it is a bug."""
    if isinstance(error, DiaError):
        return error.reason, error.remedy
    if isinstance(error, OSError):
        return str(error), ""
    if out_of_memory(error):
        return "the memory does not suffice for this pair", "lower its max_side or ratio"
    return f"{type(error).__name__}: {error}", "this is a fault of the program: please report it"


def describe(error: BaseException) -> str:
    """An error in one line: reason, then remedy."""
    return "; ".join(filter(None, reason_and_remedy(error)))
