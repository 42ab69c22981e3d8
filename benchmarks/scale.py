"""How long Snakemake takes to see what is to be done for thousands of pairs.

`python -m benchmarks.scale`: a dry run before anything is made, the same when everything is made
and recorded, each with its peak memory. In between every job is run, with a stand-in for `dia`
that writes empty receipts and nothing else.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from dia_pipeline.store.state import write_state

from .records import Record, report

REPOSITORY = Path(__file__).parents[1]

STAND_IN = """\
#!/bin/sh
stage=$1; output=
test $1 = stage && stage=$2
while [ $# -gt 0 ]; do
    case $1 in
        --variant) variant=$2;;
        --batch) batch=$2;;
        --output) output=$2;;
    esac
    shift
done
test $stage = summary && output=results/summary.json
cp bin/empty.json ${output:-results/receipts/$stage/$variant/$batch.json}
"""


def main(
    sizes: Annotated[list[str], typer.Option(help="Number of pairs : pairs per job.")] = (
        "10000:64",
        "1000:1",
    ),
    record: Record = None,
) -> None:
    """Show the time and the peak memory of a dry run, before and afterwards."""
    rows = []
    for size in sizes:
        pairs, per_job = map(int, size.split(":"))
        with TemporaryDirectory() as folder:
            rows.append(measure(Path(folder), pairs, per_job))
    report(rows, record, packages=["snakemake"])


def measure(folder: Path, pairs: int, per_job: int) -> dict[str, float]:
    """One row."""
    prepare(folder, pairs, per_job)
    before, dry_run = snakemake(folder, "--dry-run", "--quiet", "rules")
    _, everything = snakemake(folder, "--cores", "16", "--quiet", "all")
    after, check = snakemake(folder, "--dry-run")
    assert "Nothing to be done" in after, after
    assert "missing provenance" not in after, after
    return {
        "pairs": pairs,
        "pairs_per_job": per_job,
        "jobs": int(re.search(r"^total +(\d+)", before, re.M)[1]),
        **named("dry_run", dry_run),
        **named("check", check),
        **named("stand_in_jobs", everything),
    }


def named(name: str, used: tuple[float, float]) -> dict[str, float]:
    """Seconds and peak megabytes as columns."""
    return {f"{name}_s": used[0], f"{name}_mb": used[1]}


def prepare(folder: Path, pairs: int, per_job: int) -> None:
    """Write a checkout with images that nobody opens, all different, and the stand-in."""
    for name in ("Snakefile", "workflow"):
        (folder / name).symlink_to(REPOSITORY / name)
    for name in ("config", "images", "bin"):
        (folder / name).mkdir()
    rows = ["name\ta\tb_prime"]
    for number in range(pairs):
        paths = [f"images/{role}{number}.png" for role in ("a", "b_prime")]
        for path in paths:
            (folder / path).touch()
        rows.append("\t".join((f"pair{number}", *paths)))
    (folder / "config/pairs.tsv").write_text("\n".join(rows) + "\n")
    (folder / "config/config.yaml").write_text(
        f"pairs: config/pairs.tsv\npairs_per_job: {per_job}\n"
    )
    write_state(folder / "bin/empty.json", {})
    (folder / "bin/dia").write_text(STAND_IN)
    (folder / "bin/dia").chmod(0o755)
    # Rules call the `dia` that lies beside the Python that runs Snakemake.
    (folder / "bin/python").symlink_to(sys.executable)


def snakemake(folder: Path, *options: str) -> tuple[str, tuple[float, float]]:
    """What a run prints, and its seconds and peak megabytes."""
    packages = {"PYTHONPATH": f"{sysconfig.get_path('purelib')}{os.pathsep}{REPOSITORY}"}
    begin = time.perf_counter()
    with subprocess.Popen(
        [folder / "bin/python", "-m", "snakemake", *options],
        cwd=folder,
        env=os.environ | packages,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, output
    return output, (time.perf_counter() - begin, usage.ru_maxrss * 1024 / 1e6)


if __name__ == "__main__":
    typer.run(main)
