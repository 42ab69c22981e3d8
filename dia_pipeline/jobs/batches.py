"""The stages of pairs and sequences: each makes what is missing of its own and leaves a receipt.

A stage ensures the artefacts that are its own in the graph of every pair, or of a sequence. What
these need and do not find valid is made too, whatever stage that belongs to: a damaged or deleted
artefact costs its own making, wherever it is noticed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, partial
from itertools import product
from pathlib import Path
from random import Random

from dia_pipeline.errors import JobError, describe, device_failed, is_expected, reason_and_remedy
from dia_pipeline.graphs.measuring import measures_of
from dia_pipeline.graphs.pair import PairGraph
from dia_pipeline.graphs.references import ReferencesGraph
from dia_pipeline.graphs.sequence import SequenceGraph
from dia_pipeline.graphs.shared import Job, Networks
from dia_pipeline.jobs.concurrency import work_abreast
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import WHOLE, Plan
from dia_pipeline.store.artefacts import (
    Artefact,
    File,
    Graph,
    Input,
    InputError,
    digest,
    given_image,
)
from dia_pipeline.store.provenance import Backbone
from dia_pipeline.store.receipts import Failure, Receipt, failed_before
from dia_pipeline.store.times import Times
from dia_pipeline.store.writer import Writer

log = logging.getLogger("dia")


def planned_graph(
    plan: Plan,
    variant: str,
    pair: Pair,
    job: Job | None = None,
    image: Callable[[str], Input] = given_image,
    measured: bool = False,
) -> Graph:
    """Everything that a plan makes of a pair in a variant, by name; with measures if asked."""
    image = cache(image)  # several references are matched with the same A
    job = job or planned_job(plan)
    settings = plan.settings(variant, pair)
    backbone = Backbone.read(plan.weights(settings.backbone))
    folder = plan.folder(variant, pair)
    times = Times(plan.times(variant, pair))

    def graph_of(one: Pair, own: Path, rank: int = 0) -> PairGraph:
        return PairGraph(one, settings, backbone, own, job, times.clock, image, rank)

    if plan.combines(variant, pair):
        return ReferencesGraph(pair, settings, folder, graph_of).artefacts
    graph = graph_of(pair, folder).artefacts
    if not measured:
        return graph
    return {**graph, "measures": measures_of(plan, variant, pair, graph, times, job)}


def planned_job(plan: Plan, writer: Writer | None = None) -> Job:
    """What the graphs of a plan's pairs share in one process."""
    return Job(Networks(plan.config.device), plan.features, plan.config.checkpoint, writer)


def made_by(stage: str, graph: Graph) -> list[Artefact]:
    """The artefacts that a stage makes."""
    return [artefact for artefact in graph.values() if artefact.stage == stage]


def run_batch(plan: Plan, stage: str, variant: str, batch: str, at_once: int = 1) -> Receipt:
    """Process one stage of a batch and leave its receipt.

    A pair that fails is recorded and does not keep the others from being processed; one that failed
    in an earlier stage is not tried again.

    Args:
        at_once: so many pairs at most are worked on at once, if that is on a GPU.

    Raises:
        JobError, OSError: not a pair but the machine is at fault: weights, device, disk.
    """
    carried = failed_before(plan.receipts_before(stage, variant, batch))
    receipt = Receipt(stage, variant, batch)
    job_log = str(plan.job_file("logs", stage, variant, batch))
    with Writer() as writer:
        job = planned_job(plan, writer)

        def work(pair: Pair) -> None:
            if pair.name in carried:
                receipt.failed[pair.name] = carried[pair.name]
                return
            graph = planned_graph(plan, variant, pair, job, measured=stage == "measure")
            label = f"{variant}/{pair.name}"
            ensure(receipt, pair.name, label, partial(made_by, stage, graph), job_log)

        work_abreast(work, plan.batches[batch], at_once, lambda: job.networks.gpu)
    receipt.write(plan.receipt(stage, variant, batch))
    matching = plan.stages(variant, batch)[:-2]  # later ones need features only to mend fields
    if plan.config.features == "temporary" and stage not in matching:
        _remove_features(plan, variant, batch)
    return receipt


def run_sequence_stage(plan: Plan, stage: str, variant: str, name: str, chunk: str = "") -> Receipt:
    """Process one stage of a sequence, or of one of its chunks, and leave its receipt.

    The receipt of the video names every gap as a failure. A sequence that failed in an earlier
    stage is not tried again.

    Raises:
        JobError, OSError: not the sequence but the machine is at fault: weights, device, disk.
    """
    failed = failed_before(plan.sequence_receipts_before(stage, variant, name, chunk))
    receipt = Receipt(stage, variant, chunk or name, failed=failed)
    if not receipt.failed:
        graph = planned_sequence(plan, variant, name)
        job_log = str(plan.job_file("logs", stage, variant, name, chunk or WHOLE))
        label = f"{variant}/{name} {chunk}"
        ensure(receipt, name, label, lambda: made_of(graph, stage, chunk), job_log)
        if stage == "video" and name in receipt.made:
            preparing = str(plan.job_file("logs", "prepare", variant, name, WHOLE))
            for frame, reason in graph.gaps.items():
                failure = Failure("prepare", reason, log=preparing)
                receipt.failed[f"{name}, frame {frame + 1}"] = failure
    receipt.write(plan.sequence_receipt(stage, variant, name, chunk))
    return receipt


def planned_sequence(plan: Plan, variant: str, name: str) -> SequenceGraph:
    """What a plan makes of a sequence in a variant."""
    sequence = plan.sequences[name]
    settings = plan.settings(variant, sequence)
    backbone = Backbone.read(plan.weights(settings.backbone))
    folder = plan.folder(variant, sequence)
    return SequenceGraph(sequence, settings, backbone, folder, planned_job(plan))


def made_of(sequence: SequenceGraph, stage: str, chunk: str) -> list[Artefact]:
    """The artefacts that a stage makes of a sequence or chunk, once its frames are prepared."""
    sequence.prepared.ensure()
    return [each for each in made_by(stage, sequence.artefacts) if each.chunk == chunk]


def ensure(
    receipt: Receipt,
    name: str,
    label: str,
    artefacts: Callable[[], list[Artefact]],
    job_log: str,
) -> None:
    """Ensure the artefacts of a pair or a sequence; note in the receipt their key or the failure.

    Raises:
        JobError, OSError: the machine is at fault.
    """
    start = time.perf_counter()
    try:
        made = artefacts()
        for artefact in made:
            artefact.ensure()
        receipt.made[name] = key_of(made)
    except (JobError, OSError):
        raise
    except Exception as error:
        if device_failed(error):
            raise JobError("", *reason_and_remedy(error)) from error
        receipt.failed[name] = Failure(receipt.stage, *reason_and_remedy(error), job_log)
        trace = None if is_expected(error) else error
        log.error("%s %s FAILED: %s", receipt.stage, label, describe(error), exc_info=trace)
    else:
        log.info("%s %s done in %.1f s", receipt.stage, label, time.perf_counter() - start)


def key_of(artefacts: list[Artefact]) -> str:
    """What decides all of these: the key, if it is one."""
    keys = [artefact.key for artefact in artefacts]
    return keys[0] if len(keys) == 1 else digest(keys)


def _remove_features(plan: Plan, variant: str, batch: str) -> None:
    """Remove the features that a job needed and that no unfinished job needs.

    Every job leaves its receipt before it looks, so that of several the last one finds all.
    """
    features: dict[str, tuple[Artefact, Artefact]] = {}
    for pair in plan.batches[batch]:
        named = _features(plan, variant, pair, Named)
        for name, one in zip(named, _features(plan, variant, pair), strict=True):
            features[name.key] = name, one
    users = plan.users(plan.images(batch))
    for name, one in features.values():
        sharing = min((users[path] for path in _images(name)), key=len)
        if not _is_needed(plan, name.key, sharing):
            with suppress(InputError):
                one.path.unlink(missing_ok=True)


def _is_needed(plan: Plan, key: str, users: dict[str, list[Pair]]) -> bool:
    """Whether an unfinished job needs features of a key, by `Named` images.

    Those of an image that all pairs share are needed almost to the end: n jobs that look at each
    other in random order take n log n looks together, in whatever order they are done.

    Args:
        users: the pairs that may need them, by their batch.
    """
    jobs = list(product(plan.variants, users))
    return any(
        key in (each.key for each in _features(plan, variant, pair, Named))
        for variant, batch in Random(key).sample(jobs, len(jobs))
        if not all(map(Path.exists, plan.receipts_before("aggregate", variant, batch)))
        for pair in users[batch]
    )


def _images(artefact: Artefact) -> Iterator[str]:
    """The paths of the images, `Named`, that an artefact is made of."""
    for each in artefact.inputs.values():
        if isinstance(each, Artefact):
            yield from _images(each)
        else:
            yield each.key


def _features(
    plan: Plan, variant: str, pair: Pair, image: Callable[[str], Input] = given_image
) -> list[Artefact]:
    """The features that a pair needs."""
    graph = planned_graph(plan, variant, pair, image=image)
    return [each for each in made_by("features", graph) if each.name == "features"]


class Named(File):
    """An image that is known by its path, so that no file need be read to compare jobs."""

    @property
    def key(self) -> str:
        return self.path
