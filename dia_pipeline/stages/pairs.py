"""The graph of a pair: what is made of it, from the two images to the results (figure 4).

    a ──────── features_a ─────────┐
                                   ├─ level5 ─ level4 ─ level3 ─ level2 ─ level1 ─ nnf ─ results
    b_prime ── features_b_prime ───┘

Every level is made of the features and of the next coarser level; the results of the fields of all
levels and the images themselves. `pose` says in which pose B' is matched; where that is not the
given one, `features_drawn` take the place of its features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dia_pipeline.matchers import Match, find_matcher
from dia_pipeline.runs.config import Pair
from dia_pipeline.settings import FEATURE_MATCHERS, Settings, Step
from dia_pipeline.stages.jobs import Job, Matching, Networks, features_of, find_backbone
from dia_pipeline.stages.single import make_single
from dia_pipeline.store.arrays import Arrays, Content
from dia_pipeline.store.artefacts import Artefact, File, Graph, Input, given_image
from dia_pipeline.store.folders import Folder, Written
from dia_pipeline.store.provenance import NO_BACKBONE, Backbone, describe_file, versions

if TYPE_CHECKING:
    import numpy as np

    from dia_pipeline.algorithm.effort import Progress
    from dia_pipeline.algorithm.guidance import Guidance
    from dia_pipeline.algorithm.pose import Pose
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
            name: File(path) if name == "points" else image(path)
            for name, path in pair.guides.items()
        }
        if self._guides:
            self._guides |= self.images

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

    @property
    def guided(self) -> dict[str, Any]:
        """What the provenance says of what guides the matches; nothing if nothing does."""
        guides = {
            name: describe_file(path, self._guides[name].key)
            for name, path in self.pair.guides.items()
        }
        return {"guides": guides} if guides else {}

    @property
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
        """The pose; the features of both images, and of B' in its pose unless that is given."""
        a, b_prime = self.images.values()
        graph: Graph = {
            "pose": self._pose(),
            "features_a": features_of(a, self._matching, self._job),
            "features_b_prime": features_of(b_prime, self._matching, self._job),
        }
        if self.settings.pose != "given":
            graph["features_drawn"] = self._drawn(graph["pose"])
        return graph

    def _pose(self) -> Arrays:
        """The pose of B' in A's plane, and the confidence that it matches."""
        decided = {name: getattr(self.settings, name) for name in ("pose", "precision", "seed")}
        if self._rank:
            decided["rank"] = self._rank
        return Arrays(
            self.folder / "pose.h5",
            stage="features",
            name="pose",
            settings={**decided, "weights": self._matching.backbone.digest},
            inputs=self.images,
            make=self.find_pose,
            writer=self._job.writer,
        )

    def _drawn(self, pose: Artefact) -> Arrays:
        """The features of B' in its pose; none where that is as it is given."""
        return Arrays(
            self._job.features,
            stage="features",
            name="features",
            settings=self._matching.decide_features,
            inputs={"pixels": self.images["b_prime"], "pose": pose},
            make=self.draw_features,
            writer=self._job.writer,
        )

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
                inputs={**features, **coarser, **self._guides},
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
            needs=levels if by_level else {**self.images, **self._guides},
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
            inputs={**self.images, **self._a_prime, "matcher": self._matcher},
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
            inputs={"nnf": nnf, **self.images},
            make=partial(self.aggregate, nnf.check),
        )

    @contextmanager
    def _warm_clock(self, key: str) -> Iterator[None]:
        """The clock, started when what many pairs share is loaded."""
        from dia_pipeline import analogy  # noqa: F401

        if self.settings.matcher in FEATURE_MATCHERS:
            _ = self._matching.network
        with self._clock(key):
            yield

    # How it is made.

    def find_pose(self, a: Picture, b_prime: Picture) -> Content:
        """The pose of B', and the shape of A, by which it is drawn."""
        from dia_pipeline.analogy import pose_of

        network = self._matching.network
        pose = pose_of(a.pixels, b_prime.pixels, network, self.settings, self._rank)
        return self._matching.content({}, pose=asdict(pose), shape=a.pixels.shape[:2])

    def draw_features(self, pixels: Picture, pose: Content) -> Content:
        """The features of B' in its pose."""
        from dia_pipeline.algorithm.canvas import Canvas
        from dia_pipeline.algorithm.pose import AS_GIVEN

        matrix = _pose_of(pose).matrix
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
        levels = {0, *range(max(number - 2, 0), number + 1)}
        matched = _pose_of(pose)
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
            guidance=self._guidance(**guides) if guides else None,
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

        guidance = self._guidance(a, b_prime, **guides) if guides else None
        levels, pose = match(
            a.pixels,
            b_prime.pixels,
            self._matching.network,
            self.settings,
            self._job.progress,
            guidance,
            self._rank,
        )
        return self._matching.content(pack_levels(levels), pose=asdict(pose))

    def _guidance(
        self,
        a: Picture,
        b_prime: Picture,
        labels_a: Picture | None = None,
        labels_b_prime: Picture | None = None,
        points: bytes | None = None,
    ) -> Guidance | None:
        """What guides the matches: the content of a table of points, and images of labels."""
        from dia_pipeline.algorithm.guidance import make_guidance
        from dia_pipeline.io.points import points_of

        images, found = (a.pixels, b_prime.pixels), None
        if points is not None:
            shapes = (image.shape for image in images)
            found = points_of(points, self.pair.guides["points"], *shapes)
        labels = _pixels(labels_a), _pixels(labels_b_prime)
        return make_guidance(*images, *labels, found, self.settings.guidance)

    def match_images(
        self, a: Picture, b_prime: Picture, matcher: Match, a_prime: Picture | None = None
    ) -> Content:
        """The fields of a matcher that works on the images themselves."""
        from dia_pipeline.algorithm.pose import POSES
        from dia_pipeline.analogy import match_images
        from dia_pipeline.store.packing import pack_levels

        levels = match_images(a.pixels, b_prime.pixels, _pixels(a_prime), matcher, self.settings)
        pose = asdict(POSES[self.settings.pose])
        about = {"versions": versions(), "pose": pose, **self._matcher.record}
        return Content(pack_levels(levels), about)

    def aggregate(
        self, check: Callable[[], str], nnf: Content, a: Picture, b_prime: Picture
    ) -> Written:
        """The images, flows and overview, written into the folder; `check` that of the fields."""
        from dia_pipeline.algorithm.effort import COMPOSE
        from dia_pipeline.analogy import aggregate
        from dia_pipeline.store.packing import unpack_levels
        from dia_pipeline.store.results import write_results

        self._job.progress(0, COMPOSE, 0.0)
        result = aggregate(
            a.pixels,
            b_prime.pixels,
            unpack_levels(nnf.arrays),
            self.settings,
            _pose_of(nnf),
            deep((a, b_prime), self.settings.depth),
        )
        circumstances = {**nnf.attributes, **self.guided}
        return write_results(self.folder, a, b_prime, result, self.settings, circumstances, check())


def _pixels(picture: Picture | None) -> np.ndarray | None:
    return None if picture is None else picture.pixels


def _pose_of(content: Content) -> Pose:
    """The pose that an artefact records."""
    from dia_pipeline.algorithm.pose import Pose

    return Pose.read(content.attributes["pose"])


def deep(pictures: Iterable[Picture], depth: str | int) -> tuple[np.ndarray, ...] | None:
    """Pictures as float32 in grey levels, if the results are to have 16 bits."""
    pictures = tuple(pictures)
    if depth == 8 or (depth == "auto" and all(each.deep is None for each in pictures)):
        return None
    return tuple(each.grey_levels for each in pictures)


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
        progress: see `algorithm.effort.Progress`.
        guides: paths of what guides the matches, by `runs.tables.GUIDES`.
        replace: whether results of other inputs or settings may be replaced.

    Raises:
        ImageError, InputError: an image cannot be read, or would be overwritten.
        FolderError, LockError: the folder holds other results, or another run is at work there.
        GuidanceError, PointsError: what is to guide the matches cannot be used.
        JobError, OSError: weights, device or disk are at fault.
    """
    guides = guides or {}
    matches_features = settings.matcher in FEATURE_MATCHERS
    backbone = find_backbone(settings.backbone)[0] if matches_features else NO_BACKBONE
    job = Job(Networks(device), lambda key: folder / "features" / f"{key}.h5", progress=progress)
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
    from dia_pipeline.algorithm.pose import Pose

    return Pose.read(provenance["pose"])
