"""What the package and each of its extras take on the disk: `python -m benchmarks.sizes`.

Counted are the files of all packages that are needed, as pip has noted them in this environment.
"""

from __future__ import annotations

from importlib.metadata import Distribution, distribution
from typing import Any

import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .records import Record, report

EXTRAS = {
    "workflow": "Snakemake: many pairs, ablations",
    "slurm": "its plugins for Slurm and for other engines",
    "video": "time-lapses and videos",
    "formats": "HEIC and OpenEXR",
    "descriptors": "the networks of dia describe",
    "studio": "the server of dia studio",
    "demo": "the photographs of dia demo and of the synthetic benchmark",
}
CORE = "dia run, dia sweep, dia evaluate, the Python interface"
LARGEST = 4


def main(record: Record = None) -> None:
    """Show the megabytes of the core, what each extra adds, and the largest packages."""
    core = needed("dia-pipeline")
    rows = [figures("no extra", CORE, core)]
    for extra, purpose in EXTRAS.items():
        rows.append(figures(extra, purpose, needed("dia-pipeline", extra) - core))
    largest = sorted(core, key=lambda name: -megabytes({name}))[:LARGEST]
    rows += [figures(name, "in every installation", {name}) for name in largest]
    report(rows, record)


def figures(name: str, purpose: str, packages: set[str]) -> dict[str, Any]:
    """One row."""
    return {
        "installed": name,
        "for": purpose,
        "packages": len(packages),
        "size_mb": megabytes(packages),
    }


def needed(name: str, *extras: str) -> set[str]:
    """The names of all packages that a package needs with these extras, and its own."""
    found: set[str] = set()
    asked = [(name, extras)]
    tried = set()
    while asked:
        each = asked.pop()
        if each in tried:
            continue
        tried.add(each)
        found.add(canonicalize_name(each[0]))
        for line in distribution(each[0]).requires or ():
            other = Requirement(line)
            names = ("", *each[1])
            if not other.marker or any(other.marker.evaluate({"extra": e}) for e in names):
                asked.append((other.name, tuple(other.extras)))
    return found


def megabytes(names: set[str]) -> float:
    return sum(map(_bytes, map(distribution, names))) / 1e6


def _bytes(package: Distribution) -> int:
    paths = (package.locate_file(file) for file in package.files or ())
    return sum(path.stat().st_size for path in paths if path.exists())


if __name__ == "__main__":
    typer.run(main)
