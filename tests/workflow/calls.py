"""Calls of Snakemake."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import warm

ROOT = Path(__file__).parents[2]
RESULTS = Path("results")


class Called(NamedTuple):
    """How a call ended, and all it said."""

    returncode: int
    stdout: str


def snakemake(*options: str) -> Called:
    """Run Snakemake on two cores; it and its jobs are warm."""
    ended = warm.call("snakemake", "--cores", "2", *options)
    return Called(ended.returncode, ended.stdout)


def run_whole(*options: str) -> str:
    """Run Snakemake to a good end; all it says."""
    status, said = snakemake(*options)
    assert status == 0, said
    return said


def would_write(*options: str) -> set[str]:
    """What every job would write that a call would run now."""
    return set(re.findall(r"output: results/(\S+)", run_whole("--dry-run", *options)))


def tree() -> dict[str, tuple]:
    """Content and time of everything in the results; of folders the time alone."""
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in (RESULTS, *RESULTS.rglob("*"))
        if path.exists()
    }
