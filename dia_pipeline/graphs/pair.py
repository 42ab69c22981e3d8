"""The graph of a pair: the artefacts that its nodes stand for, and how each is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dia_pipeline.graphs.shared import Job, Matching, deep, guidance_of, pose_in
from dia_pipeline.guides import GUIDES, deciding
from dia_pipeline.matchers import find_matcher
from dia_pipeline.matchers.matcher import Match
from dia_pipeline.runs.nodes import Node, nodes_of
from dia_pipeline.runs.pair import Pair
from dia_pipeline.settings import FEATURE_MATCHERS, LEVELS, OCTAVES, Settings, Step
from dia_pipeline.store.arrays import Arrays, Content
from dia_pipeline.store.artefacts import Artefact, File, Graph, Input, given_image
from dia_pipeline.store.folders import Folder, Written
from dia_pipeline.store.provenance import Backbone, describe_file, versions

if TYPE_CHECKING:
    from dia_pipeline.alignment.guidance import Guidance
    from dia_pipeline.io.images import Picture


class PairGraph:
    """What is made of a pair.

    Args:
        folder: of the results.
        clock: see `Artefact`; of all that finds the fields.
        image: what stands for the image file of a path; its value is the picture.
        rank: which of several poses B' is matched in.
    """

    def __init__(
        self,
        pair: Pair,
        settings: Settings,
        backbone: Backbone,
        folder: Path,
        job: Job,
        clock: Callable = nullcontext,
        image: Callable[[str], Input] = given_image,
        rank: int = 0,
    ):
        self.pair = pair
        self.settings = settings
        self.folder = folder
        self._matching = Matching(settings, backbone, job.networks)
        self._matcher = find_matcher(settings.matcher)
        self._job = job
        self._clock = clock
        self._rank = rank
        self._a_prime = {"a_prime": image(pair.a_prime)} if pair.a_prime else {}
        self.images = {"a": image(pair.a), "b_prime": image(pair.b_prime)}
        self._guides: dict[str, Input] = {
            name: image(path) if GUIDES[name].is_image else File(path)
            for name, path in pair.guides.items()
        }

    @property
    def asked(self) -> dict[str, Any]:
        """What the provenance says of what is given, of the settings and of the network."""
        paths = {"a": self.pair.a, "b_prime": self.pair.b_prime}
        inputs = {name: describe_file(paths[name], each.key) for name, each in self.images.items()}
        return {
            "inputs": inputs,
            "settings": asdict(self.settings),
            "backbone": asdict(self._matching.backbone),
            **self.guided,
        }

    def guiding(self, steps: Step) -> dict[str, Input]:
        """The guides that decide steps, and the images that they lie over; nothing if none does."""
        named = {name: self._guides[name] for name in deciding(steps, self._guides)}
        return {**named, **self.images} if named else {}

    @property
    def guided(self) -> dict[str, Any]:
        """What the provenance says of guides; nothing if there are none."""
        guides = {
            name: describe_file(path, self._guides[name].key)
            for name, path in self.pair.guides.items()
        }
        return {"guides": guides} if guides else {}

    @property
    def artefacts(self) -> Graph:
        """Everything that is made of the pair, by name, each after what it is made of."""
        graph: Graph = {}
        for name, node in nodes_of(self.settings, self._job.checkpoint).items():
            graph[name] = self._artefact(name, node, graph)
        return graph

    def _artefact(self, name: str, node: Node, graph: Graph) -> Artefact:
        """What a node stands for; `graph` has those that it is made of."""
        known = {**self.images, **self._a_prime, "matcher": self._matcher, **graph}
        inputs, needs = (
            {own: known[of] for own, of in (names or {}).items() if of in known}
            for names in (node.inputs, node.needs)
        )
        (needs or inputs).update(self.guiding(node.guided))
        about: dict[str, Any] = {
            "stage": node.stage if node.kept else "",
            "name": node.kind or name,
            "settings": self._deciding(node),
            "inputs": inputs,
            "needs": needs or None,
        }
        if name == "results":
            return Folder(self.folder, make=partial(self.aggregate, graph["nnf"].check), **about)
        make = getattr(self, node.make)
        return Arrays(
            self._job.features if node.kind == "features" else self.folder / f"{name}.h5",
            make=partial(make, node.level) if node.level else make,
            clock=self._warm_clock if node.timed else nullcontext,
            writer=self._job.writer,
            **about,
        )

    def _deciding(self, node: Node) -> dict[str, Any]:
        """The settings that decide a node: the weights in the place of the network's name."""
        decided = dict(node.settings)
        if decided.pop("backbone", None):
            decided["weights"] = self._matching.backbone.digest
        if self._rank and node.make == "find_pose":
            decided["rank"] = self._rank
        return decided

    # How each is made.

    @contextmanager
    def _warm_clock(self, key: str) -> Iterator[None]:
        """The clock, started when what many pairs share is loaded."""
        from dia_pipeline import analogy  # noqa: F401

        if self.settings.matcher in FEATURE_MATCHERS:
            _ = self._matching.network
        with self._clock(key):
            yield

    def find_pose(self, a: Picture, b_prime: Picture) -> Content:
        """The pose of B', and the shape of A, by which it is drawn."""
        from dia_pipeline.analogy import pose_of

        network = self._matching.network
        pose = pose_of(a.pixels, b_prime.pixels, network, self.settings, self._rank)
        return self._matching.content({}, pose=asdict(pose), shape=a.pixels.shape[:2])

    def extract_features(self, pixels: Picture) -> Content:
        """The features of an image as it is given, which all that match it share."""
        return self._matching.packed(self._matching.extract(pixels.pixels))

    def draw_features(self, pixels: Picture, pose: Content) -> Content:
        """The features of B' in its pose."""
        from dia_pipeline.affine import AS_GIVEN
        from dia_pipeline.alignment.canvas import Canvas

        matrix = pose_in(pose).matrix
        if matrix == AS_GIVEN:
            return self._matching.content({})
        b_prime, network = pixels.pixels, self._matching.network
        canvas = Canvas.of(matrix, pose.attributes["shape"], b_prime.shape, self.settings)
        return self._matching.packed(canvas.features(b_prime, network, self.settings))

    def make_level(
        self,
        number: int,
        features_a: Content,
        features_b_prime: Content,
        pose: Content,
        features_drawn: Content | None = None,
        coarser: Content | None = None,
        **guides: Any,
    ) -> Content:
        """One level, from the features and the level before."""
        from dia_pipeline.algorithm.coarse_to_fine import run_level
        from dia_pipeline.analogy import check_confidence
        from dia_pipeline.store.packing import pack_level, unpack_features, unpack_level

        network = self._matching.network
        drawn = features_drawn.arrays if features_drawn else {}
        octaves = OCTAVES if number == LEVELS[0] else ()
        levels = {0, *range(max(number - 2, 0), number + 1), *octaves}
        matched = pose_in(pose)
        if coarser is None:
            check_confidence(matched, self.settings)
        made = run_level(
            number,
            unpack_features(features_a.arrays, network.device, levels),
            unpack_features(drawn or features_b_prime.arrays, network.device, levels),
            unpack_level(coarser.arrays, network.device) if coarser else None,
            network,
            self.settings,
            self._job.progress,
            pose=matched.matrix,
            guidance=self.guidance(**guides) if guides else None,
        )
        arrays = pack_level(made, self.settings.feature_dtype)
        return self._matching.content(arrays, pose=asdict(matched))

    def gather(self, **levels: Content) -> Content:
        """The fields and energies of all levels, of the levels."""
        from dia_pipeline.store.packing import pack_levels, unpack_level

        unpacked = {int(name[-1]): unpack_level(each.arrays) for name, each in levels.items()}
        finest = levels[f"level{min(unpacked)}"]
        return Content(pack_levels(unpacked), finest.attributes)

    def match(self, a: Picture, b_prime: Picture, **guides: Any) -> Content:
        """The fields and energies of all levels, of the images: everything in memory."""
        from dia_pipeline.analogy import match
        from dia_pipeline.store.packing import pack_levels

        guidance = self.guidance(a, b_prime, **guides)
        levels, alignment = match(
            a.pixels,
            b_prime.pixels,
            self._matching.network,
            self.settings,
            self._job.progress,
            guidance,
            self._rank,
        )
        return self._matching.content(pack_levels(levels), pose=asdict(alignment.pose))

    def guidance(self, a: Picture, b_prime: Picture, **guides: Any) -> Guidance | None:
        """What is said of the pair, by the values of its guides."""
        return guidance_of(a.pixels, b_prime.pixels, guides, self.pair.guides, self.settings)

    def match_images(
        self, a: Picture, b_prime: Picture, matcher: Match, a_prime: Picture | None = None
    ) -> Content:
        """The fields of a matcher that works on the images themselves."""
        from dia_pipeline.alignment.alignment import Alignment
        from dia_pipeline.alignment.pose import POSES
        from dia_pipeline.analogy import match_images
        from dia_pipeline.store.packing import pack_levels

        pose = POSES[self.settings.pose]
        alignment = Alignment(a.pixels, b_prime.pixels, pose, self.settings)
        levels = match_images(alignment, a_prime.pixels if a_prime else None, matcher)
        about = {"versions": versions(), "pose": asdict(pose), **self._matcher.record}
        return Content(pack_levels(levels), about)

    def aggregate(
        self, check: Callable[[], str], nnf: Content, a: Picture, b_prime: Picture, **guides: Any
    ) -> Written:
        """The images, flows and overview, written into the folder; `check` that of the fields."""
        from dia_pipeline.alignment.alignment import Alignment
        from dia_pipeline.analogy import aggregate
        from dia_pipeline.machine.effort import COMPOSE
        from dia_pipeline.store.packing import unpack_levels
        from dia_pipeline.store.results import write_results

        self._job.progress(0, COMPOSE, 0.0)
        guidance = self.guidance(a, b_prime, **guides)
        alignment = Alignment(a.pixels, b_prime.pixels, pose_in(nnf), self.settings)
        shown = deep((a, b_prime), self.settings.depth)
        result = aggregate(alignment, unpack_levels(nnf.arrays), shown, guidance)
        circumstances = {**nnf.attributes, **self.guided}
        return write_results(
            self.folder, a, b_prime, alignment, result, circumstances, check(), guidance
        )
