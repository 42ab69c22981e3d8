"""What of a folder of results can be made again, and is removed where somebody asks for that."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dia_pipeline.io.files import PLANS
from dia_pipeline.runs.lock import LOCK
from dia_pipeline.runs.places import SUFFIXES, PlanError
from dia_pipeline.runs.plan import Plan
from dia_pipeline.store.artefacts import ArtefactError
from dia_pipeline.store.folders import is_result
from dia_pipeline.store.receipts import Receipt
from dia_pipeline.store.state import read_state, state_files, write_state
from dia_pipeline.text import same_name

RECORD = "cleaned.json"
"""The file in a folder of results that names what was removed, so that nothing misses it."""

FORMER = "former variant"
"""The kind of files of which the present run needs none."""

_FEATURES = re.compile(r"[0-9a-f]{64}\.h5")
_LEVEL = re.compile(r"(references/\d+/)?level[1-5]\.h5")


@dataclass(frozen=True)
class Removable:
    """Files of one kind that can be made again.

    Attributes:
        variant: whose they are; empty for what variants share.
        sizes: the bytes of every file.
    """

    kind: str
    variant: str
    sizes: dict[Path, int]

    @property
    def size(self) -> int:
        """The bytes of all."""
        return sum(self.sizes.values())


def removable(plan: Plan) -> list[Removable]:
    """What can be removed: features, levels of finished pairs, what former variants have left.

    A file that some run was given is not among it, nor one that no run writes, nor what a link
    leads to. Paths are seen from the plan's directory, which must be the present one.
    """
    former = list(_former_plans(plan))
    given = {_identity(path) for each in (plan, *former) for path in each.given}
    found = [Removable("features", "", _sizes(_features(plan), given))]
    for variant in plan.variants:
        found.append(Removable("levels", variant, _sizes(_levels(plan, variant), given)))
    for variant, names in _former_variants(plan, former).items():
        files = _of_variant(plan, variant, names)
        found.append(Removable(FORMER, variant, _sizes(files, given)))
    return [each for each in found if each.sizes]


def remove(plan: Plan, found: Iterable[Removable]) -> None:
    """Remove what `removable` has found; the same goes on where it was ended.

    What the results of the present run are made of is named in a record first, so that `dia verify`
    does not miss it. The receipts of a former variant go before its results.

    Raises:
        OSError: a file cannot be removed.
    """
    found = list(found)
    own = [path for each in found if each.kind != FORMER for path in each.sizes]
    if own and (plan.results / PLANS).is_dir():
        gone = {path for path in cleaned(plan) if not path.exists()}
        names = sorted(str(path.relative_to(plan.results)) for path in gone.union(own))
        write_state(plan.results / RECORD, {"files": names})
    for path in (path for each in found for path in each.sizes):
        path.unlink(missing_ok=True)
        _remove_empty(path.parent, plan.results)


def cleaned(plan: Plan) -> Collection[Path]:
    """The files of a run that were removed because somebody asked for that."""
    with suppress(ArtefactError):
        return read_state(plan.results / RECORD, lambda record: _named(plan, record["files"]))
    return frozenset()


def _named(plan: Plan, names: list[str]) -> frozenset[Path]:
    return frozenset(plan.results / name for name in names)


def _former_plans(plan: Plan) -> Iterator[Plan]:
    """The plans of earlier runs in the same folder, those that are whole."""
    for path in sorted(state_files(plan.results / PLANS)):
        with suppress(ArtefactError, PlanError):
            yield Plan.read(path)


def _former_variants(plan: Plan, former: Iterable[Plan]) -> dict[str, set[str]]:
    """The pairs and sequences of variants that the plan does not name.

    A variant whose name differs in case alone may have the same folder, and is none of these; nor
    is one whose folder is now that of another run.
    """
    present = {same_name(variant) for variant in plan.variants}
    found: dict[str, set[str]] = {}
    for each in former:
        names = {*each.batch_of, *each.sequences}
        for variant in each.variants:
            if same_name(variant) not in present and not (plan.results / variant / PLANS).exists():
                found.setdefault(variant, set()).update(names)
    return found


def _features(plan: Plan) -> Iterator[Path]:
    folder = plan.results / "features"
    return (path for name, path in _files(plan, folder) if _FEATURES.fullmatch(name))


def _levels(plan: Plan, variant: str) -> Iterator[Path]:
    """The levels of pairs whose results are there: those of others are what a run goes on from."""
    for batch, pairs in plan.batches.items():
        made: Collection[str] = ()
        with suppress(ArtefactError):
            made = Receipt.read(plan.receipt("aggregate", variant, batch)).made
        for pair in pairs:
            if pair.name in made:
                for name, path in _files(plan, plan.folder(variant, pair)):
                    if _LEVEL.fullmatch(name):
                        yield path


def _of_variant(plan: Plan, variant: str, names: Iterable[str]) -> Iterator[Path]:
    """What a variant has left: receipts first, then logs, times and the results of its pairs."""
    for kind, suffix in SUFFIXES.items():
        for stage in sorted((plan.results / kind).glob("*/")):
            yield from _ending(plan, stage / variant, suffix)
    yield from _ending(plan, plan.results / "times" / variant, "json")
    for folder in (plan.results / variant / name for name in sorted(names)):
        if not (folder / LOCK).exists():  # else a command has made it its own
            yield from (path for name, path in _files(plan, folder) if is_result(name))


def _ending(plan: Plan, folder: Path, suffix: str) -> Iterator[Path]:
    return (path for name, path in _files(plan, folder) if name.endswith(f".{suffix}"))


def _files(plan: Plan, folder: Path) -> Iterator[tuple[str, Path]]:
    """The regular files in a folder by their names in it; none if a link leads there."""
    inside = folder.relative_to(plan.results)
    if os.path.realpath(folder) != os.path.join(os.path.realpath(plan.results), inside):
        return
    for place, _, names in os.walk(folder):
        for name in sorted(names):
            path = Path(place, name)
            if stat.S_ISREG(path.lstat().st_mode):
                yield str(path.relative_to(folder)), path


def _sizes(paths: Iterable[Path], given: Collection[tuple[int, int] | None]) -> dict[Path, int]:
    """The bytes of files, but of those that are given."""
    return {path: path.stat().st_size for path in paths if _identity(path) not in given}


def _identity(path: str | Path) -> tuple[int, int] | None:
    """What all names of a file have in common; None where there is none."""
    with suppress(OSError, ValueError):
        status = os.stat(path)
        return status.st_dev, status.st_ino
    return None


def _remove_empty(folder: Path, top: Path) -> None:
    """Remove a folder and those above it, as far as nothing is in them."""
    with suppress(OSError):  # there is something in it
        while folder != top:
            folder.rmdir()
            folder = folder.parent
