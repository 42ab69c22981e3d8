"""Artefacts of many files: a folder that says itself what it holds.

`provenance.json` is written last and holds the digest of every other file and of itself: the folder
is valid if it names the expected key and every digest holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from dia_pipeline.io.files import digest_file
from dia_pipeline.store.artefacts import Artefact, ArtefactError, Recipe, digest
from dia_pipeline.store.receipts import write_json

PROVENANCE = "provenance.json"


class Written(NamedTuple):
    """The names of the files that were written into a folder, and what is said about them."""

    names: list[str]
    about: dict[str, Any]


class Folder(Artefact):
    """An artefact of many files, which `make` writes; its value is the provenance.

    Inputs may be among the files.
    """

    def read(self) -> dict[str, Any]:
        self._settle_inputs()
        provenance = read_provenance(self.path)
        fault = next(folder_faults(self.path, self.recipe, provenance), None)
        if fault:
            raise fault
        return provenance

    def faults(self) -> Iterator[str]:
        provenance = read_provenance(self.path)
        yield from map(str, folder_faults(self.path, self.recipe, provenance))

    def write(self, value: Written) -> dict[str, Any]:
        self._settle_inputs()
        outdated = read_provenance(self.path).get("outputs", {})
        for name in outdated.keys() - value.names:
            (self.path / name).unlink(missing_ok=True)
        write_provenance(self.path, self.recipe, value)
        return read_provenance(self.path)

    def _settle_inputs(self) -> None:
        for each in self.needed.values():
            if isinstance(each, Artefact):
                each.settle()


def folder_faults(
    folder: Path, recipe: Recipe, provenance: dict[str, Any]
) -> Iterator[ArtefactError]:
    """Each file of the folder that is missing, damaged or not made by `recipe`."""
    if provenance.get("key") != digest(recipe):
        outdated = ArtefactError.OUTDATED if provenance else "missing or damaged"
        yield ArtefactError(folder / PROVENANCE, outdated)
    for name, expected in provenance.get("outputs", {}).items():
        if not (folder / name).is_file():
            yield ArtefactError(folder / name, ArtefactError.MISSING)
        elif digest_file(folder / name) != expected:
            yield ArtefactError(folder / name, ArtefactError.DAMAGED)


def write_provenance(folder: Path, recipe: Recipe, written: Written) -> None:
    """File what the files of a folder are made by, and their digests."""
    outputs = {name: digest_file(folder / name) for name in written.names}
    provenance = {"key": digest(recipe), **written.about, "outputs": outputs}
    write_json(folder / PROVENANCE, {**provenance, "digest": digest(provenance)})


def read_provenance(folder: Path) -> dict[str, Any]:
    """The provenance of a folder, empty if it is missing or damaged."""
    with suppress(FileNotFoundError, ValueError, KeyError):
        provenance = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
        if provenance.pop("digest") == digest(provenance):
            return provenance
    return {}
