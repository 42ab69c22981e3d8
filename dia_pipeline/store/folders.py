"""Artefacts of many files: a folder that says itself what it holds.

`provenance.json` is written last and holds the digest of every other file and of itself: the folder
is valid if it names the expected key and every digest holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from dia_pipeline.errors import MALFORMED
from dia_pipeline.io.codecs import FILES
from dia_pipeline.io.files import PAGE, PROVENANCE, digest_file
from dia_pipeline.settings import LEVELS
from dia_pipeline.store.artefacts import Artefact, ArtefactError, InputError, Recipe, digest
from dia_pipeline.store.state import read_state, write_state
from dia_pipeline.text import fault_of_characters

RESULTS = frozenset(
    (
        *("a_prime.png", "b.png", "a_prime_everything.png", "b_everything.png", "overview.png"),
        *("sources.png", "guides.png"),
        *("flow_ab.flo", "flow_ba.flo", "nnf.h5", "pose.h5", "measures.json", PROVENANCE),
        *(f"level{level}.h5" for level in LEVELS),
        *(*FILES, "preview.webp", "contact_sheet.png", "flicker.png"),
    )
)
"""The files that a run may write into the folder of a pair, of one of several references, or of a
sequence."""

OWN = RESULTS.union(
    (".lock", PAGE, "gallery"),
    ("features", "references", "fields", "frames", "prepared", "source"),
)
"""The files and folders that are made in the folder of a pair or sequence."""

_INSIDE = re.compile(
    r"(frames|source)/\d{4,}\.png|fields/(\d{4,}|locked|poses)/[^/]+\.h5"
    rf"|prepared/({re.escape(PROVENANCE)}|[^/]+-\d{{4,}}\.(png|csv))"
)
"""The files that a run writes into folders in that of a sequence."""


def is_result(name: str) -> bool:
    """Whether a run writes a file of that name, as seen from the folder of a pair or sequence."""
    own = re.sub(r"^references/\d+/", "", name)
    return own in RESULTS or bool(_INSIDE.fullmatch(name))


def check_inputs(folder: Path, inputs: Iterable[str]) -> None:
    """Make sure that inputs can be named, and are not among what a run writes into a folder.

    Raises:
        InputError: one cannot, or is.
    """
    own = folder.resolve()
    for path in (str(folder), *inputs):
        if fault := fault_of_characters(path):
            raise InputError(path, fault)
    for path in inputs:
        given = Path(path).resolve()
        if (
            given.is_relative_to(own)
            and given.relative_to(own).parts[:1]
            and (given.relative_to(own).parts[0] in OWN)
        ):
            raise InputError(
                path, f"the results in {folder} would overwrite it", "name another folder"
            )


class Written(NamedTuple):
    """What was written into a folder: the SHA-256 of every file by name, and what is said of them.

    The digests are of what was written, whatever lies there afterwards.
    """

    outputs: dict[str, str]
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

    def check(self) -> str:
        self.read()
        return digest_file(self.path / PROVENANCE)

    def faults(self) -> Iterator[str]:
        provenance = read_provenance(self.path)
        yield from map(str, folder_faults(self.path, self.recipe, provenance))

    def write(self, value: Written) -> dict[str, Any]:
        self._settle_inputs()
        outdated = read_provenance(self.path).get("outputs", {})
        for name in outdated.keys() - value.outputs:
            if (self.path / name).is_file():
                (self.path / name).unlink()
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
    if provenance and provenance.get("key") != digest(recipe):
        yield ArtefactError(folder / PROVENANCE, ArtefactError.OUTDATED)
    yield from output_faults(folder, provenance)


def output_faults(folder: Path, provenance: dict[str, Any]) -> Iterator[ArtefactError]:
    """Each file of the folder that is missing or damaged, by what its provenance says."""
    if not provenance:
        yield ArtefactError(folder / PROVENANCE, "missing or damaged")
    for name, expected in provenance.get("outputs", {}).items():
        try:
            check_file(folder / name, expected)
        except ArtefactError as error:
            yield error


def check_file(path: Path, sha256: str) -> None:
    """Check that a file has the content of a digest.

    Raises:
        ArtefactError: it is missing or has another.
    """
    if not path.is_file():
        raise ArtefactError(path, ArtefactError.MISSING)
    if digest_file(path) != sha256:
        raise ArtefactError(path, ArtefactError.DAMAGED)


def write_provenance(folder: Path, recipe: Recipe, written: Written) -> None:
    """File what the files of a folder are made by, and their digests."""
    provenance = {"key": digest(recipe), **written.about, "outputs": written.outputs}
    write_state(folder / PROVENANCE, provenance)


def read_provenance(folder: Path) -> dict[str, Any]:
    """The provenance of a folder, empty if it is missing, damaged or names files elsewhere."""
    with suppress(ArtefactError, *MALFORMED):
        provenance = read_state(folder / PROVENANCE)
        if all(lies_in(folder, name) for name, _ in provenance.get("outputs", {}).items()):
            return provenance
    return {}


def lies_in(folder: Path, name: str) -> bool:
    """Whether a name, which may have been written by anybody, is that of a file in a folder."""
    return folder.resolve() in (folder / name).resolve().parents
