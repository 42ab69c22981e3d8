"""What every benchmark does with its figures: it prints them, and keeps them if asked to.

A record is a JSON file: the rows as they were measured, the command, the day, the machine, the
versions and the commit. `python -m benchmarks.tables` makes the tables of the documentation of the
records in `benchmarks/records`.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Collection
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from dia_pipeline.io.files import replace_file
from dia_pipeline.store.provenance import versions

from .columns import Row, cell, filled, heading, is_number

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "benchmarks" / "records"

FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
"""What a processor can do that the time of a pair depends on."""

Record = Annotated[Path | None, typer.Option(help="Keep the figures in this file (JSON).")]
"""The option of every benchmark."""


def report(
    rows: list[Row], record: Path | None, runs: int | None = None, packages: Collection[str] = ()
) -> None:
    """Print rows that have the same columns, and keep them if a file is given.

    Figures are medians of `runs`, where that is given. `packages` are measured beside the project.
    """
    table = Table()
    columns = filled(rows)
    for column in columns:
        table.add_column(heading(column), justify="right" if is_number(rows, column) else "left")
    for row in rows:
        table.add_row(*(cell(column, row[column]) for column in columns))
    Console(width=320).print(table)
    if record:
        content = {**circumstances(packages), "runs": runs, "rows": rows}
        with replace_file(record) as temporary:
            temporary.write_text(json.dumps(content, indent=2) + "\n")


def circumstances(packages: Collection[str] = ()) -> dict[str, Any]:
    """How, when, where and with what is measured."""
    return {
        "command": command(),
        "date": str(datetime.now(UTC).date()),
        "commit": git("rev-parse", "HEAD").strip() or None,
        "dirty": bool(git("diff", "--name-only", "HEAD", "--", ".", f":!{RECORDS}")),
        "machine": machine(),
        "versions": versions() | {name: version(name) for name in packages},
    }


def command() -> str:
    """The command that measures, without where its record goes."""
    module = sys.modules["__main__"].__spec__.name.removesuffix(".__main__")
    options = iter(sys.argv[1:])
    kept = [each for each in options if each != "--record" or not next(options)]
    return shlex.join(["python", "-m", module, *kept])


def git(*arguments: str) -> str:
    """What git says of the checkout; nothing where there is none."""
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True).stdout


def machine() -> dict[str, Any]:
    """The processor, how many of its cores this process may use, the memory, the GPU."""
    import torch

    described = processor()
    flags = described.get("flags", "").split()
    return {
        "cpu": described.get("model name", platform.machine()),
        "cores": len(os.sched_getaffinity(0)),
        "flags": [flag for flag in FLAGS if flag in flags],
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def processor() -> dict[str, str]:
    """What Linux says of the first core; nothing elsewhere."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().partition("\n\n")[0].splitlines() if file.exists() else ()
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}
