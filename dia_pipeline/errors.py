"""What can go wrong in a way that a person can put right: what it is, where, and what to do."""

from __future__ import annotations

import os
from subprocess import CalledProcessError

MALFORMED = (
    *(ValueError, LookupError, TypeError, AttributeError),
    *(RecursionError, OverflowError),
)
"""The errors that reading raises when a value has another form than expected."""

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "ALLOC_FAILED", "ALLOCATION_FAILED")
"""What torch says when memory lacks; it has a kind of error of its own for some GPUs alone."""

DEVICE_FAILED = (
    "CUDA error",
    "CUDA driver",
    "CUDNN_STATUS",
    "CUBLAS_STATUS",
    "HIP error",
    "No CUDA GPUs",
    "NVIDIA driver",
    "Triton Error",
    "Failed to find C compiler",
)
"""What torch and Triton say when the device, and not what it works on, is at fault."""


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
    known = isinstance(error, (DiaError, OSError))
    return known or out_of_memory(error) or device_failed(error)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says so."""
    return isinstance(error, MemoryError) or _says(error, OUT_OF_MEMORY)


def device_failed(error: BaseException) -> bool:
    """Whether the device is at fault, so that nothing else will work on it either.

    The first use of a GPU calls a C compiler, which may fail too.
    """
    compiler_failed = isinstance(error, CalledProcessError)
    return (compiler_failed or _says(error, DEVICE_FAILED)) and not out_of_memory(error)


def _says(error: BaseException, texts: tuple[str, ...]) -> bool:
    return isinstance(error, RuntimeError) and any(text in str(error) for text in texts)


def reason_and_remedy(error: BaseException) -> tuple[str, str]:
    """An error in words: its message, what to do about memory, or its kind where it is a bug."""
    if isinstance(error, DiaError):
        return error.reason, error.remedy
    if isinstance(error, OSError):
        return str(error), ""
    if out_of_memory(error):
        return "the memory does not suffice for this pair", "lower its max_side or ratio"
    if device_failed(error):
        message = str(error).strip().partition("\n")[0]
        return f"the device is at fault: {message}", "see 'A GPU fails' in docs/cluster.md"
    return f"{type(error).__name__}: {error}", "this is a fault of the program: please report it"


def describe(error: BaseException) -> str:
    """An error in one line: reason, then remedy."""
    return "; ".join(filter(None, reason_and_remedy(error)))
