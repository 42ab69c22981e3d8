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
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from dia_pipeline.io.files import check_folder
from dia_pipeline.matchers import find_matcher
from dia_pipeline.runs.config import Pair
from dia_pipeline.settings import FEATURE_MATCHERS, Settings, Step
from dia_pipeline.stages.jobs import Job, Matching, Networks, features_of, find_backbone
from dia_pipeline.store.arrays import Arrays, Content
from dia_pipeline.store.artefacts import Graph, ImageFile, Whole
from dia_pipeline.store.folders import Folder, Written, check_inputs
from dia_pipeline.store.provenance import NO_BACKBONE, Backbone, versions

if TYPE_CHECKING:
    import numpy as np

    from dia_pipeline.algorithm.coarse_to_fine import Progress
    from dia_pipeline.io.images import Picture

log = logging.getLogger("dia")

MIRRORED = {"given": (False,), "mirrored": (True,), "auto": (False, True)}
"""Whether B' is matched as its mirror image, by orientation; `auto` tries both."""


class PairGraph:
    """What is made of a pair.

    Args:
        folder: of the results.
        clock: see `Artefact`; of all that finds the fields.
        image: what stands for the image file of a path.
    """

    def __init__(
        self,
        pair: Pair,
        settings: Settings,
        backbone: Backbone,
        folder: Path,
        job: Job,
        clock: Callable = nullcontext,
        image: Callable[[str], ImageFile] = ImageFile,
    ):
        self.pair = pair
        self.settings = settings
        self.folder = folder
        self._matching = Matching(settings, backbone, job.networks)
        self._job = job
        self._clock = clock
        self._a_prime = {"a_prime": image(pair.a_prime)} if pair.a_prime else {}
        self._images = {"a": image(pair.a), "b_prime": image(pair.b_prime)}

    @cached_property
    def artefacts(self) -> Graph:
        """Everything that is made of the pair, by name, each after what it is made of."""
        if self.settings.matcher not in FEATURE_MATCHERS:
            nnf = self._nnf_of_images()
            return {"nnf": nnf, "results": self._results(nnf)}
        features = self._features()
        levels = self._levels(features)
        nnf = self._nnf(levels)
        return {**features, **levels, "nnf": nnf, "results": self._results(nnf)}

    # What depends on what.

    def _features(self) -> Graph:
        """The features of A, and those of B' or of its mirror image, or of both."""
        names = {False: "features_b_prime", True: "features_mirrored"}
        graph: Graph = {"features_a": features_of(self._images["a"], self._matching, self._job)}
        for mirrored in MIRRORED[self.settings.orientation]:
            b_prime = self._images["b_prime"]
            graph[names[mirrored]] = features_of(b_prime, self._matching, self._job, mirrored)
        return graph

    def _levels(self, features: Graph) -> Graph:
        """The levels, each of the features and of the next coarser level."""
        levels: Graph = {}
        coarser: Graph = {}
        for level in self.settings.levels:
            name = f"level{level}"
            levels[name] = Arrays(
                self.folder / f"{name}.h5",
                stage=name,
                name=name,
                settings=self.settings.deciding_stage(name),
                inputs={**features, **coarser},
                make=partial(self.make_level, level),
                clock=self._warm_clock,
                writer=self._job.writer,
            )
            coarser = {"coarser": levels[name]}
        return levels

    def _nnf(self, levels: Graph) -> Arrays:
        """The fields of all levels, of the levels or, with checkpoint `pair`, of the images."""
        by_level = self._job.checkpoint == "level"
        return Arrays(
            self.folder / "nnf.h5",
            stage="aggregate" if by_level else "pair",
            name="nnf",
            settings={},
            inputs={"finest": list(levels.values())[-1]},
            make=self.gather if by_level else self.match,
            needs=levels if by_level else self._images,
            clock=nullcontext if by_level else self._warm_clock,
            writer=self._job.writer,
        )

    def _nnf_of_images(self) -> Arrays:
        """The fields of a matcher that works on the images themselves."""
        settings = self.settings.deciding_stage("level1") | self.settings.deciding(Step.FEATURES)
        return Arrays(
            self.folder / "nnf.h5",
            stage="level5" if self._job.checkpoint == "level" else "pair",
            name="nnf",
            settings=settings,
            inputs={**self._images, **self._a_prime},
            make=self.match_images,
            clock=self._warm_clock,
            writer=self._job.writer,
        )

    def _results(self, nnf: Arrays) -> Folder:
        """The folder of images, flows, overview and provenance."""
        return Folder(
            self.folder,
            stage="aggregate",
            name="results",
            settings=self.settings.deciding(Step.RESULTS),
            inputs={"nnf": nnf, **self._images},
            make=self.aggregate,
            needs={"nnf": nnf, **{name: Whole(image) for name, image in self._images.items()}},
        )

    @contextmanager
    def _warm_clock(self, key: str) -> Iterator[None]:
        """The clock, started when what many pairs share is loaded."""
        from dia_pipeline import analogy  # noqa: F401

        matcher = self.settings.matcher
        _ = self._matching.network if matcher in FEATURE_MATCHERS else find_matcher(matcher)
        with self._clock(key):
            yield

    # How it is made.

    def make_level(
        self, number: int, coarser: Content | None = None, **features: Content
    ) -> Content:
        """One level, from the features and the level before."""
        from dia_pipeline.algorithm.coarse_to_fine import Pyramid, run_level
        from dia_pipeline.algorithm.orientation import orient
        from dia_pipeline.store.packing import pack_level, unpack_features, unpack_level

        network = self._matching.network

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
            number,
            features_a,
            features_b_prime,
            previous,
            network,
            self.settings,
            self._job.progress,
        )
        arrays = pack_level(made, self.settings.feature_dtype)
        return self._matching.content(arrays, mirrored=mirrored)

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

        levels, mirrored = match(
            a, b_prime, self._matching.network, self.settings, self._job.progress
        )
        self._log_orientation(mirrored)
        return self._matching.content(pack_levels(levels), mirrored=mirrored)

    def match_images(
        self, a: np.ndarray, b_prime: np.ndarray, a_prime: np.ndarray | None = None
    ) -> Content:
        """The fields of a matcher that works on the images themselves."""
        from dia_pipeline.analogy import match_images
        from dia_pipeline.store.packing import pack_levels

        levels = match_images(a, b_prime, a_prime, self.settings)
        mirrored = self.settings.orientation == "mirrored"
        return Content(pack_levels(levels), {"versions": versions(), "mirrored": mirrored})

    def aggregate(self, nnf: Content, a: Picture, b_prime: Picture) -> Written:
        """The images, flows and overview, written into the folder."""
        from dia_pipeline.analogy import aggregate
        from dia_pipeline.store.packing import unpack_levels
        from dia_pipeline.store.results import write_results

        result = aggregate(
            a.pixels,
            b_prime.pixels,
            unpack_levels(nnf.arrays),
            self.settings,
            nnf.attributes["mirrored"],
            _deep(a, b_prime, self.settings.depth),
        )
        return write_results(self.folder, a, b_prime, result, self.settings, nnf.attributes)

    def _log_orientation(self, mirrored: bool) -> None:
        if self.settings.orientation == "auto":
            matched = "mirrored" if mirrored else "as it is given"
            log.info("%s: B' is matched %s", self.folder, matched)


def _deep(a: Picture, b_prime: Picture, depth: str | int) -> tuple[np.ndarray, np.ndarray] | None:
    """A and B' as float32 in grey levels, if the results are to have 16 bits."""
    if depth == 8 or (depth == "auto" and a.deep is None and b_prime.deep is None):
        return None
    of_a, of_b_prime = (
        picture.pixels.astype("float32") if picture.deep is None else picture.deep
        for picture in (a, b_prime)
    )
    return of_a, of_b_prime


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
        ImageError, InputError: an image cannot be read, or would be overwritten.
        JobError, OSError: weights, device or disk are at fault.
    """
    check_inputs(folder, (a, b_prime))
    check_folder(folder)
    matches_features = settings.matcher in FEATURE_MATCHERS
    backbone = find_backbone(settings.backbone)[0] if matches_features else NO_BACKBONE
    job = Job(Networks(device), lambda key: folder / "features" / f"{key}.h5", progress=progress)
    graph = PairGraph(Pair(folder.name, a, b_prime), settings, backbone, folder, job)
    graph.artefacts["results"].ensure()
