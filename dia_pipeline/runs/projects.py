"""Projects: folders of their own in which the installed workflow is run."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from dia_pipeline.errors import DiaError
from dia_pipeline.io.cells import cell_of_path, lines_of
from dia_pipeline.io.files import check_folder, fault_of_file
from dia_pipeline.runs.rows import listed
from dia_pipeline.runs.sources import images_in
from dia_pipeline.text import fault_of_path, same_name

TEMPLATE = files("dia_pipeline") / "project"

TABLE, README = "config/pairs.tsv", "config/README.md"

FILES = (
    "Snakefile",
    *("config/config.yaml", TABLE, "config/sequences.tsv", "config/ablation.yaml", README),
    *("profiles/default/config.yaml", "slurm/profile.yaml", "generic/profile.yaml"),
)
"""What a project is made of."""

_LINK = re.compile(r"\[([^]]*)\]\(\.\./[^)]*\)")
"""A link to what is not part of a project."""

_NAME = 90
"""Bytes of a name that is made of a file's: a number may follow."""


class ProjectError(DiaError):
    """A project cannot be made; the message says why."""


def make_project(folder: Path, rows: Iterable[dict[str, str]] = ()) -> None:
    """Write the files of a project; nothing is written if one of them is there.

    Args:
        folder: made if need be; what else is in it stays.
        rows: of the table of pairs, by column.

    Raises:
        ProjectError: there are such files already.
        FolderError: the folder cannot be written to.
    """
    check_folder(folder)
    there = [name for name in FILES if os.path.lexists(folder / name)]
    if there:
        problem = f"these are there already: {', '.join(there)}"
        raise ProjectError(folder, problem, "name another folder; nothing is overwritten")
    for name in FILES:
        text = (TEMPLATE / name).read_text(encoding="utf-8")
        if name.endswith(".tsv"):
            text = _without_rows(text)
        if name == TABLE:
            columns = text.splitlines()[-1].split("\t")
            text += lines_of([row.get(column, "") for column in columns] for row in rows)
        if name == README:
            text = _LINK.sub(r"\1", text)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)


def rows_of_one_style(content: Path, style: Path, project: Path) -> list[dict[str, str]]:
    """A row of the table of pairs for every other image of a folder, with the same B'.

    Args:
        content: the folder of the images A; a pair is named by its image.
        style: the image B'.
        project: from where paths in it are seen; the others are absolute.

    Raises:
        ProjectError: there are no images, or some cannot be read: all of these are named.
    """
    found = images_in(str(content)) if content.is_dir() else []
    images = [path for path in found if os.path.realpath(path) != os.path.realpath(style)]
    if not images:
        raise ProjectError(content, "there are no images in it", "name a folder of images")
    b_prime, *paths = (_as_seen(path, project) for path in (style, *map(Path, images)))
    faults = {path: _fault(path, project) for path in (b_prime, *paths)}
    problems = [f"{path}: {fault}" for path, fault in faults.items() if fault]
    if problems:
        raise ProjectError("", f"images that cannot be read:{listed(problems)}")
    names = unique_names(Path(image).stem for image in images)
    return [
        {"name": name, "a": path, "b_prime": b_prime}
        for name, path in zip(names, paths, strict=True)
    ]


def unique_names(stems: Iterable[str]) -> list[str]:
    """Names of pairs made of those of files, all different also where case is ignored."""
    names: dict[str, str] = {}
    for stem in stems:
        valid = re.sub(r"[^\w.-]", "-", unicodedata.normalize("NFC", stem)).lstrip(".-") or "pair"
        own = name = valid.encode()[:_NAME].decode(errors="ignore")
        number = 1
        while same_name(name) in names:
            number += 1
            name = f"{own}-{number}"
        names[same_name(name)] = name
    return list(names.values())


def _as_seen(path: Path, project: Path) -> str:
    """A path as a cell of the table, which has no spaces at its ends."""
    absolute, root = (Path(os.path.abspath(each)) for each in (path, project))
    inside = str(absolute.relative_to(root)) if absolute.is_relative_to(root) else ""
    return cell_of_path(inside) if inside and inside == inside.strip() else str(absolute)


def _fault(path: str, project: Path) -> str | None:
    """Why the image of a cell cannot be read, by its name and how it begins; None if it can."""
    from dia_pipeline.io.decoding import is_image

    fault = fault_of_path(path) or fault_of_file(project / path)
    return fault or (None if is_image(project / path) else "this is no image of a known format")


def _without_rows(table: str) -> str:
    """Comments and the header: a checkout's own table may have rows."""
    lines = table.splitlines(keepends=True)
    header = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return "".join(lines[: header + 1])
