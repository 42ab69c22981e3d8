"""The stages of many pairs: each makes what is missing of its batch and leaves a receipt.

What a stage needs and does not find valid it makes itself, whatever stage that belongs to. So a
damaged or deleted artefact costs its own making, wherever it is noticed.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dia_pipeline.errors import JobError, describe, is_expected
from dia_pipeline.io.files import digest_file
from dia_pipeline.io.images import ImageError
from dia_pipeline.matchers import find_matcher
from dia_pipeline.runs.config import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.settings import FEATURE_MATCHERS, Settings
from dia_pipeline.store.artefacts import (
    ArtefactError,
    check_artefact,
    read_artefact,
    write_artefact,
)
from dia_pipeline.store.outputs import output_faults, outputs_valid, write_outputs
from dia_pipeline.store.provenance import Backbone, circumstances, versions
from dia_pipeline.store.receipts import Failure, Receipt, failed_before, write_json
from dia_pipeline.store.recipes import (
    Recipe,
    Sources,
    aggregate_recipe,
    digest,
    features_recipe,
    level_recipe,
    nnf_recipe,
)
from dia_pipeline.store.writer import Writer

if TYPE_CHECKING:
    from dia_pipeline.algorithm.coarse_to_fine import Progress, Pyramid
    from dia_pipeline.algorithm.network import Network
    from dia_pipeline.io.weights import Weights
    from dia_pipeline.store.packing import Arrays

# torch takes seconds to import: a job that finds everything valid never does.

log = logging.getLogger("dia")

FEATURES_DONE = ("level1", "aggregate", "measure")
"""The stages after which a job needs no features; the later ones make them only to mend levels."""


class Content(NamedTuple):
    """The arrays and the attributes of an artefact, by name."""

    arrays: Arrays
    attributes: dict[str, Any]


def find_backbone(name: str) -> tuple[Backbone, Weights]:
    """The weights that a backbone's name stands for on this machine, and the record of them.

    Raises:
        JobError: they are not to be had here.
    """
    from dia_pipeline.io.weights import find_weights

    weights = find_weights(name)
    record = Backbone(weights.backbone, weights.digest, weights.source, weights.licence)
    return record, weights


def load_network(weights: Weights, device: str, precision: str) -> Network:
    """The network of these weights on a device.

    Raises:
        JobError: the device is not to be had here.
    """
    from dia_pipeline.algorithm.network import Network, pick_device

    return Network(weights, pick_device(device), precision)


@dataclass
class Networks:
    """The networks of a job, each loaded when it is first needed and then kept."""

    device: str = "auto"
    _loaded: dict[tuple[Backbone, str], Network] = field(default_factory=dict)

    def get(self, backbone: Backbone, precision: str) -> Network:
        """The network of exactly these weights.

        Raises:
            JobError: weights or device are not to be had here.
        """
        if (backbone, precision) not in self._loaded:
            found, weights = find_backbone(backbone.name)
            if found.digest != backbone.digest:
                raise JobError(
                    weights.path,
                    f"these are not the {backbone.name} weights that this run began with "
                    f"(SHA-256 {backbone.digest})",
                    "put those there, or begin a new folder of results",
                )
            self._loaded[backbone, precision] = load_network(weights, self.device, precision)
        return self._loaded[backbone, precision]


class PairWork:
    """One pair of a plan in one variant: whatever is made of it, read where it is valid."""

    def __init__(
        self,
        plan: Plan,
        variant: str,
        pair: Pair,
        networks: Networks,
        writer: Writer | None = None,
    ):
        self.pair = pair
        self.settings = plan.settings(variant, pair)
        self.backbone = Backbone.read(plan.weights(self.settings.backbone))
        self.folder = plan.folder(variant, pair)
        self._plan = plan
        self._variant = variant
        self._networks = networks
        self._writer = writer

    def make(self, stage: str) -> str:
        """Make what a stage makes of the pair unless it is there and valid; return its key."""
        if stage == "features":
            for picture in self.features_needed:
                self.features(*picture)
            return digest([self._features_recipe(*picture) for picture in self.features_needed])
        if stage == "aggregate":
            self.aggregate()
            return digest(aggregate_recipe(self._sources))
        if stage == "pair":
            self.nnf()
            return self.key
        if stage == "measure":
            from dia_pipeline.stages.measuring import measure_results

            return measure_results(self)
        level = self._level(stage)
        self.level(level)
        return digest(level_recipe(level, self._sources))

    def faults(self, stage: str) -> Iterator[str]:
        """Each file that a stage makes of the pair and that is missing, damaged or outdated."""
        if stage == "aggregate":
            yield from output_faults(self.folder, aggregate_recipe(self._sources))
            return
        for path, recipe in self._artefacts(stage):
            try:
                check_artefact(path, recipe)
            except ArtefactError as error:
                yield str(error)

    def features_file(self, picture: str, mirrored: bool = False) -> Path:
        """Where the features of one of the pictures, or of its mirror image, lie."""
        return self._plan.features(digest(self._features_recipe(picture, mirrored)))

    def features(self, picture: str, mirrored: bool = False) -> Content:
        """The feature pyramid of one of the pictures, or of its mirror image."""

        def make() -> Content:
            from dia_pipeline.store.packing import pack_features

            pyramid = self._extract(picture, mirrored)
            return self._content(pack_features(pyramid, self.settings.feature_dtype))

        recipe = self._features_recipe(picture, mirrored)
        return self._stored(self.features_file(picture, mirrored), recipe, make)

    def level(self, number: int) -> Content:
        """What one level leaves behind."""

        def make() -> Content:
            from dia_pipeline.algorithm.coarse_to_fine import work_level
            from dia_pipeline.store.packing import pack_level, unpack_features, unpack_level

            device = self._network.device
            previous, mirrored = None, None
            if number != self.settings.levels[0]:
                coarser = self.level(number + 1)
                previous = unpack_level(coarser.arrays, device)
                mirrored = coarser.attributes["mirrored"]

            def kept(*picture: Any) -> Pyramid:
                return unpack_features(self.features(*picture).arrays, device)

            features_a, features_b_prime, mirrored = self._oriented(kept, mirrored)
            made = work_level(
                number, features_a, features_b_prime, previous, self._network, self.settings
            )
            return self._content(pack_level(made, self.settings.feature_dtype), mirrored=mirrored)

        if not self._needs_network:
            return self.nnf()
        path = self.folder / f"level{number}.h5"
        recipe = level_recipe(number, self._sources)
        return self._stored(path, recipe, self._timed(recipe, make))

    def nnf(self) -> Content:
        """The fields and energies of all levels."""
        recipe = nnf_recipe(self._sources)
        if not self._needs_network:
            make = self._timed(recipe, self._match_pictures)
        elif self._plan.config.checkpoint == "level":
            make = self._gather_levels
        else:
            make = self._timed(recipe, self._match_features)
        return self._stored(self.folder / "nnf.h5", recipe, make)

    def _match_pictures(self) -> Content:
        from dia_pipeline.analogy import match_pictures
        from dia_pipeline.io.images import read_image
        from dia_pipeline.store.packing import pack_levels

        a, b_prime = map(read_image, self._pictures)
        a_prime = read_image(self.pair.a_prime) if self.pair.a_prime else None
        levels = match_pictures(a, b_prime, a_prime, self.settings)
        mirrored = self.settings.orientation == "mirrored"
        return self._content(pack_levels(levels), mirrored=mirrored)

    def _match_features(self) -> Content:
        from dia_pipeline.algorithm.coarse_to_fine import work_levels
        from dia_pipeline.store.packing import pack_levels

        features_a, features_b_prime, mirrored = self._oriented(self._extract)
        levels = work_levels(features_a, features_b_prime, self._network, self.settings)
        return self._content(pack_levels(levels), mirrored=mirrored)

    def _gather_levels(self) -> Content:
        from dia_pipeline.store.packing import pack_levels, unpack_level

        levels = {number: self.level(number) for number in self.settings.levels}
        arrays = pack_levels({n: unpack_level(content.arrays) for n, content in levels.items()})
        return Content(arrays, levels[self.settings.levels[-1]].attributes)

    def aggregate(self) -> None:
        """The pair's folder of results."""
        nnf = self.nnf()
        if self._writer:
            self._writer.wait(self.folder / "nnf.h5")  # whose digest the results will hold
        recipe = aggregate_recipe(self._sources)
        if outputs_valid(self.folder, recipe):
            return
        from dia_pipeline.analogy import aggregate
        from dia_pipeline.io.images import read_image
        from dia_pipeline.store.packing import unpack_levels

        a, b_prime = map(read_image, self._pictures)
        levels = unpack_levels(nnf.arrays)
        result = aggregate(a, b_prime, levels, self.settings, nnf.attributes["mirrored"])
        write_outputs(
            self.folder,
            self._pictures,
            (a, b_prime),
            result,
            self.settings,
            recipe,
            nnf.attributes,
        )

    @property
    def key(self) -> str:
        """What decides the fields, from which everything else follows."""
        return digest(nnf_recipe(self._sources))

    @property
    def common_backbone(self) -> Backbone:
        """The backbone by which the results of all variants are measured."""
        return Backbone.read(self._plan.weights(self._plan.common.backbone))

    @property
    def common_network(self) -> Network:
        """The network by which the results of all variants are measured."""
        return self._networks.get(self.common_backbone, "float32")

    @property
    def seconds(self) -> dict[str, float]:
        """What making these fields took, by stage; empty if any of it was not noted."""
        recipes = {"nnf": nnf_recipe(self._sources)}
        taken = self._taken()
        if digest(recipes["nnf"]) not in taken:
            levels = self.settings.levels
            recipes = {f"level{level}": level_recipe(level, self._sources) for level in levels}
        keys = {stage: digest(made_by) for stage, made_by in recipes.items()}
        if not all(key in taken for key in keys.values()):
            return {}
        return {stage: taken[key] for stage, key in keys.items()}

    def _taken(self) -> dict[str, float]:
        """The seconds that were noted, by the key of what was made."""
        with suppress(FileNotFoundError, ValueError, AttributeError):
            return dict(json.loads(self._times.read_text(encoding="utf-8")).items())
        return {}

    @property
    def _times(self) -> Path:
        return self._plan.times(self._variant, self.pair)

    @property
    def _pictures(self) -> tuple[str, str]:
        return self.pair.a, self.pair.b_prime

    @property
    def features_needed(self) -> list[tuple[str, bool]]:
        """The pictures whose features are matched, and whether those of their mirror images."""
        if not self._needs_network:
            return []
        ways = {"given": [False], "mirrored": [True], "auto": [False, True]}
        references = ways[self.settings.orientation]
        return [(self.pair.a, False), *((self.pair.b_prime, way) for way in references)]

    @cached_property
    def _digests(self) -> dict[str, str]:
        pictures = filter(None, (*self._pictures, self.pair.a_prime))
        return {picture: digest_picture(picture) for picture in pictures}

    @property
    def _sources(self) -> Sources:
        """What the recipes of the pair begin with."""
        a, b_prime = (self._digests[picture] for picture in self._pictures)
        a_prime = self._digests.get(self.pair.a_prime, "")
        return Sources(a, b_prime, self.backbone.digest, self.settings, a_prime)

    def _level(self, stage: str) -> int:
        """The level that a stage makes: the nearest that is matched at all."""
        level = int(stage.removeprefix("level"))
        return min(self.settings.levels, key=lambda matched: abs(matched - level))

    def _artefacts(self, stage: str) -> list[tuple[Path, Recipe]]:
        """The files, and their recipes, that a stage before the last makes of the pair."""
        if stage == "features":
            return [
                (self.features_file(*picture), self._features_recipe(*picture))
                for picture in self.features_needed
            ]
        if stage == "pair" or not self._needs_network:
            return [(self.folder / "nnf.h5", nnf_recipe(self._sources))]
        level = self._level(stage)
        return [(self.folder / f"level{level}.h5", level_recipe(level, self._sources))]

    def _features_recipe(self, picture: str, mirrored: bool = False) -> Recipe:
        return features_recipe(
            self._digests[picture], self.backbone.digest, self.settings, mirrored
        )

    @property
    def _needs_network(self) -> bool:
        """Whether the features of a network are matched, and not the pictures themselves."""
        return self.settings.matcher in FEATURE_MATCHERS

    @property
    def _network(self) -> Network:
        return self._networks.get(self.backbone, self.settings.precision)

    def _oriented(
        self, features: Callable[[str, bool], Pyramid], mirrored: bool | None = None
    ) -> tuple[Pyramid, Pyramid, bool]:
        """The features of A, those of B' as it is matched, and whether mirrored if not known."""
        from dia_pipeline.algorithm.orientation import orient

        features_a = features(self.pair.a, False)
        if mirrored is not None:
            return features_a, features(self.pair.b_prime, mirrored), mirrored
        features_b_prime, mirrored = orient(
            features_a,
            lambda way: features(self.pair.b_prime, way),
            self._network,
            self.settings,
        )
        _log_orientation(f"{self._variant}/{self.pair.name}", mirrored, self.settings)
        return features_a, features_b_prime, mirrored

    def _extract(self, picture: str, mirrored: bool) -> Pyramid:
        from dia_pipeline.algorithm.features import extract, working_image
        from dia_pipeline.io.images import read_image
        from dia_pipeline.pixels import mirror

        image = read_image(picture)
        image = mirror(image) if mirrored else image
        working = working_image(image, self.settings.ratio, self.settings.max_side)
        return extract(working, self._network, self.settings.feature_dtype)

    def _content(self, arrays: Arrays, **attributes: Any) -> Content:
        made_by = circumstances(self.backbone, self._network) if self._needs_network else {}
        return Content(arrays, {"versions": versions(), **made_by, **attributes})

    def _stored(self, path: Path, recipe: Recipe, make: Callable[[], Content]) -> Content:
        if self._writer is None:
            return stored(path, recipe, make)
        self._writer.wait(path)  # it may be on its way to the disk
        return stored(path, recipe, make, self._writer.write)

    def _timed(self, recipe: Recipe, make: Callable[[], Content]) -> Callable[[], Content]:
        """`make`, which also notes its seconds: beside the results, whose bytes stay the same."""

        def timed() -> Content:
            from dia_pipeline import analogy  # noqa: F401  loaded once for many pairs, as what follows

            _ = self._network if self._needs_network else find_matcher(self.settings.matcher)
            start = time.perf_counter()
            content = make()
            seconds = round(time.perf_counter() - start, 3)
            write_json(self._times, {**self._taken(), digest(recipe): seconds})
            return content

        return timed


def stored(
    path: Path,
    recipe: Recipe,
    make: Callable[[], Content],
    write: Callable[..., None] = write_artefact,
) -> Content:
    """The content of an artefact: read if it is valid, otherwise made and filed."""
    with suppress(ArtefactError):
        return Content(*read_artefact(path, recipe))
    content = make()
    write(path, recipe, *content)
    return content


def _log_orientation(what: str, mirrored: bool, settings: Settings) -> None:
    if settings.orientation == "auto":
        log.info("%s: B' is matched %s", what, "mirrored" if mirrored else "as it is given")


def digest_picture(path: str) -> str:
    """The SHA-256 of a picture file.

    Raises:
        ImageError: the file cannot be read.
    """
    try:
        return digest_file(path)
    except OSError as error:
        raise ImageError(path, f"the file cannot be read ({error.strerror})", "check it") from error


def work_batch(plan: Plan, stage: str, variant: str, batch: str) -> Receipt:
    """Work one stage of a batch and leave its receipt.

    A pair that fails is recorded and does not keep the others from being worked; one that failed
    in an earlier stage is not tried again.

    Raises:
        JobError, OSError: not a pair but the machine is at fault: weights, device, disk.
    """
    previous = plan.previous_receipt(stage, variant, batch)
    carried = failed_before([previous] if previous else [])
    receipt = Receipt(stage, variant, batch)
    networks = Networks(plan.config.device)
    with Writer() as writer:
        for pair in plan.batches[batch]:
            if pair.name in carried:
                receipt.failed[pair.name] = carried[pair.name]
            else:
                _work_pair(PairWork(plan, variant, pair, networks, writer), stage, receipt)
    receipt.write(plan.receipt(stage, variant, batch))
    if stage in FEATURES_DONE and plan.config.features == "temporary":
        _remove_features(plan, variant, batch)
    return receipt


def _work_pair(work: PairWork, stage: str, receipt: Receipt) -> None:
    """Work one stage of a pair, and note in the receipt what was made or why it failed."""
    name, label = work.pair.name, f"{stage} {receipt.variant}/{work.pair.name}"
    start = time.perf_counter()
    try:
        receipt.made[name] = work.make(stage)
    except (JobError, OSError):
        raise
    except Exception as error:
        receipt.failed[name] = Failure(stage, describe(error))
        trace = None if is_expected(error) else error
        log.error("%s FAILED: %s", label, describe(error), exc_info=trace)
    else:
        log.info("%s done in %.1f s", label, time.perf_counter() - start)


def _remove_features(plan: Plan, variant: str, batch: str) -> None:
    """Remove the features that a job needed and that no unfinished job needs.

    Every job leaves its receipt before it looks, so that of several the last one finds all.
    """
    pictures = set(plan.pictures(batch))
    sharing = [other for other in plan.batches if not pictures.isdisjoint(plan.pictures(other))]
    jobs = product(plan.variants, sharing)
    unfinished = [job for job in jobs if not plan.receipt("level1", *job).exists()]
    left = _needed_features(plan, variant, batch)
    for job in unfinished:
        for key in left.keys() & _needed_features(plan, *job):
            del left[key]
    for picture, made_of in left.values():
        with suppress(ImageError):
            plan.features(digest(made_of(digest_picture(picture)))).unlink(missing_ok=True)


def _needed_features(
    plan: Plan, variant: str, batch: str
) -> dict[str, tuple[str, Callable[[str], Recipe]]]:
    """The features that a job needs: each picture, and the recipe by the picture's digest.

    Their keys here are those of the paths, so that no picture need be read to compare jobs.
    """
    needed = {}
    for pair in plan.batches[batch]:
        work = PairWork(plan, variant, pair, Networks())
        for picture, mirrored in work.features_needed:
            made_of = partial(
                features_recipe,
                weights=work.backbone.digest,
                settings=work.settings,
                mirrored=mirrored,
            )
            needed[digest(made_of(picture))] = picture, made_of
    return needed


def run_pair(
    a: str,
    b_prime: str,
    folder: Path,
    settings: Settings,
    device: str = "auto",
    progress: Progress = lambda level, step: None,
) -> None:
    """Work one pair in memory and write the same results as the workflow does.

    Args:
        a, b_prime: paths of the pictures.
        progress: told the level and the step that begins.

    Raises:
        ImageError: a picture cannot be read.
        JobError, OSError: weights, device or disk are at fault.
    """
    from dia_pipeline.analogy import analogy
    from dia_pipeline.io.images import read_image
    from dia_pipeline.store.packing import pack_levels

    pictures = read_image(a), read_image(b_prime)
    backbone, weights = find_backbone(settings.backbone)
    network = load_network(weights, device, settings.precision)
    result = analogy(*pictures, network, settings, progress)
    made_by = circumstances(backbone, network)
    made_by["mirrored"] = result.mirrored
    _log_orientation(str(folder), result.mirrored, settings)
    sources = Sources(digest_picture(a), digest_picture(b_prime), backbone.digest, settings)
    write_artefact(folder / "nnf.h5", nnf_recipe(sources), pack_levels(result.levels), made_by)
    recipe = aggregate_recipe(sources)
    write_outputs(folder, (a, b_prime), pictures, result, settings, recipe, made_by)
