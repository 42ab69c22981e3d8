"""Calls of Snakemake."""

from __future__ import annotations

import os
import re
import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
RESULTS = Path("results")


class Called(NamedTuple):
    """How a call ended, and all it said."""

    returncode: int
    stdout: str


def snakemake(*options: str) -> Called:
    """Run Snakemake on two cores, as `snakemake` does.

    It runs in a child of this process, which has imported it: most calls take longer to import it
    than to do the rest.
    """
    from snakemake import cli

    shell = import_module("snakemake.shell")  # the package has a class of that name

    with TemporaryFile() as said:
        child = os.fork()
        if not child:
            status: object = 1
            try:
                for stream in (1, 2):
                    os.dup2(said.fileno(), stream)
                sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
                shell.STDOUT = sys.stdout  # that of the time when it was imported
                sys.argv = ["snakemake", "--cores", "2", *options]
                cli.main(sys.argv[1:])
            except SystemExit as left:
                status = left.code
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(int(bool(status)))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        return Called(status, said.read().decode())


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
