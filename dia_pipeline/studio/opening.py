"""What `dia studio` opens: a project, the results of one, those of `dia run`, or two images."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from dia_pipeline.gallery.details import options_of
from dia_pipeline.io.cells import cell_of_path, cells_of, lines_of
from dia_pipeline.io.files import PLANS, write_file
from dia_pipeline.io.reading import read_file
from dia_pipeline.runs.begun import latest_plan
from dia_pipeline.runs.projects import TABLE, make_project, unique_names
from dia_pipeline.runs.single import state_of
from dia_pipeline.store.folders import read_provenance
from dia_pipeline.studio.project import CONFIG, StudioError
from dia_pipeline.studio.table import set_cells


def folder_of(given: Path, configfile: str) -> Path:
    """The folder of the project that a folder, or one of its results, belongs to.

    Args:
        configfile: as Snakemake's `--configfile`, empty if there is none.

    Raises:
        StudioError: there is none.
        PlanError: the plan of the results cannot be read.
    """
    if not given.is_dir():
        raise StudioError(given, "there is no such folder", "name a project, or two images")
    folder = latest_plan(given).directory if (given / PLANS).exists() else given
    if not (folder / (configfile or CONFIG)).is_file():
        remedy = (
            "name a project, the folder of `dia run`, or two images; `dia init` makes a project"
        )
        raise StudioError(folder, f"there is no {configfile or CONFIG}", remedy)
    return folder


def is_single(folder: Path) -> bool:
    """Whether a folder holds the results of `dia run`."""
    return state_of(folder) is not None and "inputs" in read_provenance(folder)


def row_of_single(folder: Path) -> dict[str, str]:
    """The row of a table that makes the same as the results of `dia run`."""
    about = read_provenance(folder)
    a, b_prime, *references = (each["path"] for each in about["inputs"].values())
    row = row_of_images(a, b_prime) | {"name": unique_names([folder.resolve().name])[0]}
    if references:
        row["references"] = ",".join(map(os.path.abspath, references))
    row |= {name: _path(guide["path"]) for name, guide in about.get("guides", {}).items()}
    return row | options_of(about["settings"])


def row_of_images(a: str | Path, b_prime: str | Path) -> dict[str, str]:
    """The row of a table for two images."""
    return {"name": unique_names([Path(a).stem])[0], "a": _path(a), "b_prime": _path(b_prime)}


def project_with(folder: Path, row: Mapping[str, str]) -> None:
    """Make a project with one row, unless it is there; add the row to one that has none like it.

    Raises:
        ProjectError, FolderError: the project cannot be made.
        OSError: its table cannot be read or written.
    """
    if not (folder / CONFIG).exists():
        make_project(folder)
    table = folder / TABLE
    content = read_file(table)
    header, *rows = cells_of(content, table).values()
    at = [header.index(column) for column in ("name", "a", "b_prime")]
    known = [[cells[column] for column in at] for cells in rows]
    if any(cells[1:] == [row["a"], row["b_prime"]] for cells in known):
        return
    name = unique_names([*(cells[0] for cells in known), row["name"]])[-1]
    new = lines_of([[name if column == "name" else row.get(column, "") for column in header]])
    separator = b"" if content.endswith(b"\n") else b"\n"
    write_file(table, content + separator + new.encode())
    set_cells(table, name, {k: v for k, v in row.items() if k != "name"})


def _path(path: str | Path) -> str:
    return cell_of_path(os.path.abspath(path))
