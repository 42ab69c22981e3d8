"""Makes the tables of the documentation of their records: `python -m benchmarks.tables`.

A table stands between two comments. The first names its record and, where not all of it is shown,
the columns:

    <!-- record: search pair matching_s -->
    <!-- end -->
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from .columns import cell, filled, heading, is_number
from .records import FLAGS, RECORDS, ROOT

PAGES = [ROOT / "README.md", ROOT / "benchmarks/README.md", *sorted((ROOT / "docs").glob("*.md"))]

MARKED = re.compile(r"(?P<begin><!-- record: (?P<named>[^>]+) -->)\n.*?<!-- end -->", re.DOTALL)


def main() -> None:
    """Write the pages whose tables are not those of the records."""
    for page in PAGES:
        text = page.read_text()
        renewed = renew(text, page.parent)
        if renewed != text:
            page.write_text(renewed)
            print(page.relative_to(ROOT))


def renew(text: str, folder: Path) -> str:
    """A page that lies in a folder, with the tables of the records that it names.

    Only the first table of a record says where its figures come from.
    """
    told = set()

    def marked(match: re.Match) -> str:
        name, *columns = match["named"].split()
        file = RECORDS / f"{name}.json"
        record = json.loads(file.read_text())
        link = f"[record]({os.path.relpath(file, folder)})"
        said = [] if name in told else [f"{describe(record)} ({link}):"]
        told.add(name)
        shown = table(record["rows"], columns or filled(record["rows"]))
        return "\n\n".join([match["begin"], *said, shown, "<!-- end -->"])

    return MARKED.sub(marked, text)


def describe(record: dict[str, Any]) -> str:
    """The command, the day, the machine, the versions and what else is known of the figures."""
    versions = record["versions"]
    parts = [
        record["date"],
        where(record["machine"]),
        *(f"{name} {versions[name]}" for name in ("torch", "snakemake") if name in versions),
        f"median of {record['runs']}" if (record["runs"] or 0) > 1 else "",
        record.get("note", ""),
    ]
    return f"`{record['command']}`, {', '.join(filter(None, parts))}"


def where(machine: dict[str, Any]) -> str:
    """The GPU, or the processor with the most that it can do of what a pair's time depends on."""
    if machine["gpu"] or not machine["cpu"]:
        return machine["gpu"] or ""
    known = [flag for flag in FLAGS if flag in machine["flags"]]
    cores = "1 core" if machine["cores"] == 1 else f"{machine['cores']} cores"
    return f"{cores} of {' with '.join([machine['cpu'], *known[-1:]])}"


def table(rows: list[dict[str, Any]], columns: list[str]) -> str:
    """Rows in Markdown."""
    lines = [
        [heading(column) for column in columns],
        ["--:" if is_number(rows, column) else "---" for column in columns],
        *([cell(column, row[column]) for column in columns] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
