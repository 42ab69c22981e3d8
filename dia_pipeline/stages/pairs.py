"""The graph of a pair: what is made of it, from the two images to the results (figure 4).

    a ──────── features_a ─────────┐
                                   ├─ level5 ─ level4 ─ level3 ─ level2 ─ level1 ─ nnf ─ results
    b_prime ── features_b_prime ───┘

Every level is made of the features and of the next coarser level; the results of the fields of all
levels and the images themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dia_pipeline.matchers import find_matcher
from dia_pipeline.runs.config import Pair
from dia_pipeline.settings import FEATURE_MATCHERS, Settings, Step
from dia_pipeline.stages.jobs import Job, Matching, Networks, features_of, find_backbone
from dia_pipeline.store.arrays import Arrays, Content
from dia_pipeline.store.artefacts import Graph, ImageFile
from dia_pipeline.store.folders import Folder, Written
from dia_pipeline.store.provenance import Backbone, versions

if TYPE_CHECKING:
    import numpy as np

    from dia_pipeline.algorithm.coarse_to_fine import Progress

log = logging.getLogger("dia")

MIRRORED = {"given": (False,), "mirrored": (True,), "auto": (False, True)}
"""Whether B' is matched as its mirror image, by orientation; `auto` tries both."""


def pair_graph(
    pair: Pair,
    settings: Settings,
    backbone: Backbone,
    folder: Path,
    job: Job,
    clock: Callable = nullcontext,
    image: Callable[[str], ImageFile] = ImageFile,
) -> Graph:
    """Everything that is made of a pair, by name.

    Args:
        folder: of the results.
        clock: see `Artefact`; of all that finds the fields.
        image: what stands for the image file of a path.
    """
    images = {"a": image(pair.a), "b_prime": image(pair.b_prime)}
    steps = PairSteps(Matching(settings, backbone, job.networks), str(folder), job.progress)
    kept = partial(Arrays, clock=steps.warm(clock), writer=job.writer)
    graph: Graph = {}
    if settings.matcher in FEATURE_MATCHERS:
        graph |= _features(images, steps.matching, job)
        features = dict(graph)
        coarser: Graph = {}
        for level in settings.levels:
            name = f"level{level}"
            graph[name] = kept(
                folder / f"{name}.h5",
                name,
                name,
                settings.deciding_stage(name),
                {**features, **coarser},
                partial(steps.level, level),
            )
            coarser = {"coarser": graph[name]}
        levels = {name: each for name, each in graph.items() if name.startswith("level")}
        kept_levels = job.checkpoint == "level"
        graph["nnf"] = Arrays(
            folder / "nnf.h5",
            "aggregate" if kept_levels else "pair",
            "nnf",
            {},
            coarser,
            steps.gather if kept_levels else steps.match,
            needs=levels if kept_levels else images,
            clock=nullcontext if kept_levels else steps.warm(clock),
            writer=job.writer,
        )
    else:
        given = {"a_prime": image(pair.a_prime)} if pair.a_prime else {}
        graph["nnf"] = kept(
            folder / "nnf.h5",
            "level5" if job.checkpoint == "level" else "pair",
            "nnf",
            settings.deciding_stage("level1") | settings.deciding(Step.FEATURES),
            {**images, **given},
            steps.match_images,
        )
    graph["results"] = Folder(
        folder,
        "aggregate",
        "results",
        settings.deciding(Step.RESULTS),
        {"nnf": graph["nnf"], **images},
        partial(steps.aggregate, folder, (pair.a, pair.b_prime)),
    )
    return graph


def _features(images: dict[str, ImageFile], matching: Matching, job: Job) -> Graph:
    """The features of A, and those of B' and of its mirror image as far as they are matched."""
    references = {
        f"features_{'mirrored' if mirrored else 'b_prime'}": features_of(
            images["b_prime"], matching, job, mirrored
        )
        for mirrored in MIRRORED[matching.settings.orientation]
    }
    return {"features_a": features_of(images["a"], matching, job), **references}


class PairSteps:
    """The functions by which the artefacts of a pair are made.

    Args:
        label: what to call the pair in the log.
    """

    def __init__(self, matching: Matching, label: str, progress: Progress):
        self.matching = matching
        self.settings = matching.settings
        self._label = label
        self._progress = progress

    def warm(self, clock: Callable) -> Callable:
        """A clock that starts when what many pairs share is loaded."""

        @contextmanager
        def warmed(key: str) -> Iterator[None]:
            from dia_pipeline import analogy  # noqa: F401

            matcher = self.settings.matcher
            _ = self.matching.network if matcher in FEATURE_MATCHERS else find_matcher(matcher)
            with clock(key):
                yield

        return warmed

    def level(self, number: int, coarser: Content | None = None, **features: Content) -> Content:
        """One level, from the features and the level before."""
        from dia_pipeline.algorithm.coarse_to_fine import Pyramid, run_level
        from dia_pipeline.algorithm.orientation import orient
        from dia_pipeline.store.packing import pack_level, unpack_features, unpack_level

        network = self.matching.network

        def pyramid(name: str) -> Pyramid:
            return unpack_features(features[f"features_{name}"].arrays, network.device)

        def reference(mirrored: bool) -> Pyramid:
            return pyramid("mirrored" if mirrored else "b_prime")

        features_a, previous = pyramid("a"), None
        if coarser:
            previous = unpack_level(coarser.arrays, network.device)
            mirrored = coarser.attributes["mirrored"]
            features_b_prime = reference(mirrored)
        else:
            features_b_prime, mirrored = orient(features_a, reference, network, self.settings)
            self._log_orientation(mirrored)
        made = run_level(
            number, features_a, features_b_prime, previous, network, self.settings, self._progress
        )
        arrays = pack_level(made, self.settings.feature_dtype)
        return self.matching.content(arrays, mirrored=mirrored)

    def gather(self, **levels: Content) -> Content:
        """The fields and energies of all levels, of the levels."""
        from dia_pipeline.store.packing import pack_levels, unpack_level

        unpacked = {int(name[-1]): unpack_level(each.arrays) for name, each in levels.items()}
        finest = levels[f"level{min(unpacked)}"]
        return Content(pack_levels(unpacked), finest.attributes)

    def match(self, a: np.ndarray, b_prime: np.ndarray) -> Content:
        """The fields and energies of all levels, of the images: everything in memory."""
        from dia_pipeline.analogy import match
        from dia_pipeline.store.packing import pack_levels

        levels, mirrored = match(a, b_prime, self.matching.network, self.settings, self._progress)
        self._log_orientation(mirrored)
        return self.matching.content(pack_levels(levels), mirrored=mirrored)

    def match_images(
        self, a: np.ndarray, b_prime: np.ndarray, a_prime: np.ndarray | None = None
    ) -> Content:
        """The fields of a matcher that works on the images themselves."""
        from dia_pipeline.analogy import match_images
        from dia_pipeline.store.packing import pack_levels

        levels = match_images(a, b_prime, a_prime, self.settings)
        mirrored = self.settings.orientation == "mirrored"
        return Content(pack_levels(levels), {"versions": versions(), "mirrored": mirrored})

    def aggregate(
        self,
        folder: Path,
        paths: tuple[str, str],
        nnf: Content,
        a: np.ndarray,
        b_prime: np.ndarray,
    ) -> Written:
        """The images, flows and overview, written into the folder."""
        from dia_pipeline.analogy import aggregate
        from dia_pipeline.store.packing import unpack_levels
        from dia_pipeline.store.results import write_results

        levels = unpack_levels(nnf.arrays)
        result = aggregate(a, b_prime, levels, self.settings, nnf.attributes["mirrored"])
        return write_results(folder, paths, (a, b_prime), result, self.settings, nnf.attributes)

    def _log_orientation(self, mirrored: bool) -> None:
        if self.settings.orientation == "auto":
            matched = "mirrored" if mirrored else "as it is given"
            log.info("%s: B' is matched %s", self._label, matched)


def run_pair(
    a: str,
    b_prime: str,
    folder: Path,
    settings: Settings,
    device: str = "auto",
    progress: Progress = lambda level, step: None,
) -> None:
    """Process one pair and leave the same results as the workflow does.

    Args:
        a, b_prime: paths of the images.
        progress: told the level and the step that begins.

    Raises:
        ImageError: an image cannot be read.
        JobError, OSError: weights, device or disk are at fault.
    """
    backbone, _ = find_backbone(settings.backbone)
    job = Job(Networks(device), lambda key: folder / "features" / f"{key}.h5", progress=progress)
    pair_graph(Pair(folder.name, a, b_prime), settings, backbone, folder, job)["results"].ensure()
