"""A folder of results that one command makes: by it alone, and never in the place of another's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dia_pipeline.graphs.pair import PairGraph
from dia_pipeline.graphs.references import ReferencesGraph
from dia_pipeline.graphs.sequence import SequenceGraph
from dia_pipeline.graphs.shared import Job, Networks, find_backbone
from dia_pipeline.io.files import PLANS, FolderError, check_folder
from dia_pipeline.jobs.replacing import check_replaced
from dia_pipeline.runs.lock import alone_in, clear_lock
from dia_pipeline.runs.pair import Pair, check_references
from dia_pipeline.runs.sequence import Sequence
from dia_pipeline.settings import FEATURE_MATCHERS, Settings
from dia_pipeline.store.artefacts import ArtefactError, given_image
from dia_pipeline.store.folders import check_inputs
from dia_pipeline.store.provenance import NO_BACKBONE

if TYPE_CHECKING:
    from dia_pipeline.alignment.pose import Pose
    from dia_pipeline.machine.effort import Estimate, Progress

Value = TypeVar("Value")

SequenceProgress = Callable[[str, "Estimate"], None]
"""Told what is being made, by its name in `SequenceGraph.numbered`, and how far everything is."""


def make_single(
    folder: Path,
    inputs: Iterable[str],
    asked: Callable[[], dict[str, Any]],
    read: Callable[[], Value],
    make: Callable[[], Value],
    replace: bool,
) -> Value:
    """What a command makes in a folder of its own: read if it is there, else made.

    Where it is there nothing is written, not even a lock; that of a killed process is taken away.

    Args:
        inputs: the files that it is made of.
        asked: gives what the provenance will say of inputs and settings.
        read: gives what is there; raises ArtefactError if that is not all.
        make: makes what lacks.
        replace: whether results of other inputs or settings may be replaced.

    Raises:
        InputError: an input cannot be read, or would be overwritten.
        FolderError: the folder cannot be written to, or holds other results.
        LockError: another run is at work in it.
    """
    check_inputs(folder, inputs)
    if (folder / PLANS).exists():
        raise FolderError(folder, "it holds a run of many pairs", "name another folder")
    with suppress(ArtefactError):
        found = read()
        clear_lock(folder)
        return found
    check_folder(folder)
    with alone_in(folder):
        if not replace:
            check_replaced(folder, asked())
        return make()


def run_pair(
    a: str,
    b_prime: str,
    folder: Path,
    settings: Settings,
    device: str = "auto",
    progress: Progress = lambda level, step, share: None,
    guides: dict[str, str] | None = None,
    replace: bool = False,
) -> Pose:
    """Process one pair and leave the same results as the workflow does; return its pose.

    Args:
        a, b_prime: paths of the images.
        progress: see `machine.effort.Progress`.
        guides: paths of what is said of the pair, by `guides.GUIDES`.
        replace: whether results of other inputs or settings may be replaced.

    Raises:
        ImageError, InputError: an image cannot be read, or would be overwritten.
        FolderError, LockError: the folder holds other results, or another run is at work there.
        GuidanceError, PointsError: what is said of the pair cannot be used.
        JobError, OSError: weights, device or disk are at fault.
    """
    from dia_pipeline.io.guides import check_sizes

    guides = guides or {}
    check_sizes(guides, {"a": a, "b_prime": b_prime}, whole=True)
    matches_features = settings.matcher in FEATURE_MATCHERS
    backbone = find_backbone(settings.backbone)[0] if matches_features else NO_BACKBONE
    job = Job(Networks(device), progress=progress)
    pair = Pair(folder.name, a, b_prime, guides=guides)
    graph = PairGraph(pair, settings, backbone, folder, job)
    results = graph.artefacts["results"]
    provenance = make_single(
        folder,
        (a, b_prime, *guides.values()),
        lambda: graph.asked,
        results.read,
        results.ensure,
        replace,
    )
    from dia_pipeline.alignment.pose import Pose

    return Pose.read(provenance["pose"])


def run_references(
    pair: Pair,
    folder: Path,
    settings: Settings,
    device: str = "auto",
    progress: Progress = lambda level, step, share: None,
    replace: bool = False,
) -> None:
    """Process a pair with several references and leave the same results as the workflow does.

    The results of each lie in `references/1` and so on. Beside that folder are A' of all, and
    `sources.png`, which shows by a colour for each reference where it served.

    Args:
        replace: whether results of other inputs or settings may be replaced.

    Raises:
        SettingsError: the matcher has no energies by which to choose.
        ImageError, InputError: an image cannot be read, or would be overwritten.
        FolderError, LockError: the folder holds other results, or another run is at work there.
        JobError, OSError: weights, device or disk are at fault.
    """
    from dia_pipeline.io.guides import check_sizes

    check_references(pair, settings)
    check_sizes(pair.guides, {"a": pair.a, "b_prime": pair.b_prime}, whole=True)
    backbone = find_backbone(settings.backbone)[0]
    job = Job(Networks(device), progress=progress)

    image = cache(given_image)  # all are matched with the same A

    def graph_of(one: Pair, own: Path, rank: int) -> PairGraph:
        return PairGraph(one, settings, backbone, own, job, image=image, rank=rank)

    graph = ReferencesGraph(pair, settings, folder, graph_of)
    made = [each for each in graph.artefacts.values() if each.stage == "aggregate"]
    make_single(
        folder,
        (pair.a, pair.b_prime, *pair.references, *pair.guides.values()),
        lambda: graph.asked,
        lambda: [each.read() for each in made],
        lambda: [each.ensure() for each in made],
        replace,
    )


def run_sequence(
    sequence: Sequence,
    folder: Path,
    settings: Settings,
    device: str = "auto",
    progress: SequenceProgress = lambda name, estimate: None,
    replace: bool = False,
) -> dict[int, str]:
    """Process a sequence in one go and leave the same results as the workflow does.

    Args:
        progress: see `SequenceProgress`.
        replace: whether results of other inputs or settings may be replaced.

    Returns:
        Why each frame that is missing, counted from 0, is.

    Raises:
        ImageError, InputError: an image that all frames need, or every frame, cannot be read, or
            one would be overwritten.
        FolderError, LockError: the folder holds other results, or another run is at work there.
        JobError, OSError: weights, device or disk are at fault.
    """
    from dia_pipeline.jobs.progress import sequence_efforts
    from dia_pipeline.machine.effort import Estimate

    backbone, _ = find_backbone(settings.backbone)

    def tell(level: int, step: str, share: float) -> None:
        """Of what is being made: the last `name` below."""
        estimate.tell(level, f"{name}, {step}", share)
        progress(name, estimate)

    job = Job(Networks(device), progress=tell)
    graph, expected = (SequenceGraph(sequence, settings, backbone, folder, job) for _ in range(2))
    expected.report = graph.one_scene
    name, estimate = next(iter(expected.numbered)), Estimate([sequence_efforts(expected)])

    def read() -> dict[int, str]:
        graph.prepared.read()
        for artefact in graph.numbered.values():
            artefact.read()
        return graph.gaps

    def make() -> dict[int, str]:
        nonlocal name, estimate
        graph.prepared.ensure()
        estimate = Estimate([sequence_efforts(graph)])
        for name, artefact in graph.numbered.items():  # noqa: B007  it is what `tell` names
            artefact.ensure()
        return graph.gaps

    return make_single(folder, sequence.files, lambda: graph.asked, read, make, replace)
