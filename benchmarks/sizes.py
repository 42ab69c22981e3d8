"""What the package and each of its extras take on the disk: `python -m benchmarks.sizes`.

Counted are the files of all packages that are needed, as pip has noted them in this environment.
"""

from __future__ import annotations

from importlib.metadata import Distribution, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from rich import print
from rich.table import Table

EXTRAS = ("workflow", "slurm", "video", "formats", "demo")
LARGEST = 5


def main() -> None:
    """Print packages and megabytes of the core, what each extra adds, and the largest packages."""
    core = needed("dia-pipeline")
    table = Table("", "packages", "MB")
    table.add_row("core", str(len(core)), f"{megabytes(core):.0f}")
    for extra in EXTRAS:
        more = needed("dia-pipeline", extra) - core
        table.add_row(extra, str(len(more)), f"{megabytes(more):.0f}")
    for name in sorted(core, key=lambda name: -megabytes({name}))[:LARGEST]:
        table.add_row(f"of core: {name}", "1", f"{megabytes({name}):.0f}")
    print(table)


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
    main()
