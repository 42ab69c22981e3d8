"""One A with several references, or poses of one: each by itself, then A' from all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dia_pipeline.graphs.pair import PairGraph
from dia_pipeline.graphs.shared import deep, pose_in
from dia_pipeline.guides import GUIDES
from dia_pipeline.runs.pair import Pair, check_references
from dia_pipeline.settings import Settings, Step
from dia_pipeline.store.artefacts import Artefact, Graph, Input
from dia_pipeline.store.folders import Folder, Written
from dia_pipeline.store.provenance import describe_image

if TYPE_CHECKING:
    from dia_pipeline.io.images import Picture


SEVERAL = 2
"""The poses in which every B' is matched for `pose: several`."""


def matched(pair: Pair, settings: Settings) -> list[tuple[str, int]]:
    """Each B' of a pair that is matched, with the rank of its pose; a plain pair has one."""
    ranks = range(SEVERAL if settings.pose == "several" else 1)
    return [(path, rank) for path in (pair.b_prime, *pair.references) for rank in ranks]


class ReferencesGraph:
    """What is made of a pair with several references or poses: that of each, and A' from all.

    Args:
        pair: its `b_prime` is the first reference, its `references` are the others.
        folder: of the results.
        graph_of: the graph of a pair of one reference, in a folder, in which of several poses.

    Raises:
        SettingsError: the matcher has no energies by which to choose.
    """

    def __init__(
        self,
        pair: Pair,
        settings: Settings,
        folder: Path,
        graph_of: Callable[[Pair, Path, int], PairGraph],
    ):
        check_references(pair, settings)
        self.settings = settings
        self.folder = folder
        self.pairs = [
            graph_of(
                Pair(f"{pair.name}-{number}", pair.a, path, guides=pair.guides),
                folder / "references" / str(number),
                rank,
            )
            for number, (path, rank) in enumerate(matched(pair, settings), 1)
        ]

    @property
    def asked(self) -> dict[str, Any]:
        """What the provenance says of what is given, of the settings and of the network."""
        asked = [pair.asked for pair in self.pairs]
        b_primes = {f"b_prime_{n}": each["inputs"]["b_prime"] for n, each in enumerate(asked, 1)}
        return {**asked[0], "inputs": {"a": asked[0]["inputs"]["a"], **b_primes}}

    @property
    def artefacts(self) -> Graph:
        """Everything that is made, by name, each after what it is made of."""
        graphs = [pair.artefacts for pair in self.pairs]
        each = {
            f"{number} {name}": artefact
            for number, graph in enumerate(graphs, 1)
            for name, artefact in graph.items()
        }
        return {**each, "results": self._results([graph["nnf"] for graph in graphs])}

    def _results(self, fields: list[Artefact]) -> Folder:
        """A' of all references, and which of them served where."""
        nnf: dict[str, Input] = {f"nnf_{n}": each for n, each in enumerate(fields, 1)}
        a = self.pairs[0].images["a"]
        b_primes = {f"b_prime_{n}": each.images["b_prime"] for n, each in enumerate(self.pairs, 1)}
        return Folder(
            self.folder,
            stage="aggregate",
            name="references",
            settings=self.settings.deciding(Step.RESULTS),
            inputs={**self._guiding, "a": a, **nnf, **b_primes},
            make=self.combine,
        )

    @property
    def _guiding(self) -> dict[str, Input]:
        """What is said of the regions of A."""
        guiding = self.pairs[0].guiding(Step.RESULTS)
        return {name: each for name, each in guiding.items() if name in GUIDES}

    def combine(self, a: Picture, **found: Any) -> Written:
        """A' of all references and which of them served where, written into the folder."""
        from dia_pipeline.alignment.alignment import Alignment
        from dia_pipeline.alignment.references import Reference, combine
        from dia_pipeline.alignment.regions import restrain
        from dia_pipeline.composition.refinement import take
        from dia_pipeline.figures.served import draw_sources
        from dia_pipeline.io.flow import flow_from_nnf, write_flo
        from dia_pipeline.io.images import write_image
        from dia_pipeline.store.packing import unpack_levels

        settings, numbers = self.settings, range(1, len(self.pairs) + 1)
        pictures: list[Picture] = [found[f"b_prime_{number}"] for number in numbers]
        fields = [found[f"nnf_{number}"] for number in numbers]
        shown = deep((a, *pictures), settings.depth) or [each.pixels for each in (a, *pictures)]
        poses = [pose_in(nnf) for nnf in fields]
        references = [
            Reference(
                Alignment(a.pixels, picture.pixels, pose, settings), own, unpack_levels(nnf.arrays)
            )
            for picture, own, nnf, pose in zip(pictures, shown[1:], fields, poses, strict=True)
        ]
        everything, sources, nnf = combine(shown[0], references)
        guides = {name: found[name] for name in self._guiding}
        guidance = self.pairs[0].guidance(a, pictures[0], **guides)
        images = {"a_prime.png": take(shown[0], everything, settings.take)}
        if settings.take != "everything":
            images["a_prime_everything.png"] = everything
        written = {
            name: write_image(self.folder / name, restrain(shown[0], image, guidance), a.alpha)
            for name, image in images.items()
        }
        tinted = draw_sources(a.pixels, sources, len(references))
        written["sources.png"] = write_image(self.folder / "sources.png", tinted)
        inputs = {"a": a, **{f"b_prime_{n}": found[f"b_prime_{n}"] for n in numbers}}
        served = [round(float((sources == number - 1).mean()), 3) for number in numbers]
        about = {
            **fields[0].attributes,
            "inputs": {name: describe_image(picture) for name, picture in inputs.items()},
            "settings": asdict(settings),
            **self.pairs[0].guided,
            "served": served,
            "poses": [asdict(pose) for pose in poses],
            "pose": asdict(max(poses, key=lambda pose: pose.confidence or 0)),
        }
        if len({each.pair.b_prime for each in self.pairs}) == 1:
            flow = flow_from_nnf(nnf)
            written["flow_ab.flo"] = write_flo(self.folder / "flow_ab.flo", flow)
        return Written(written, about)
