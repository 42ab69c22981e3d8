"""One A with several references: each pair by itself, then A' from all of them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dia_pipeline.declarations import SettingsError
from dia_pipeline.io.files import check_folder
from dia_pipeline.runs.config import Pair
from dia_pipeline.settings import FEATURE_MATCHERS, Settings, Step
from dia_pipeline.stages.jobs import Job, Networks, find_backbone
from dia_pipeline.stages.pairs import PairGraph
from dia_pipeline.store.artefacts import ImageFile, Input, Whole
from dia_pipeline.store.folders import Folder, Written, check_inputs
from dia_pipeline.store.provenance import describe_image

if TYPE_CHECKING:
    from dia_pipeline.algorithm.coarse_to_fine import Progress
    from dia_pipeline.algorithm.pose import Pose
    from dia_pipeline.io.images import Picture


def run_references(
    a: str,
    b_primes: list[str],
    folder: Path,
    settings: Settings,
    device: str = "auto",
    progress: Progress = lambda level, step: None,
) -> list[Pose]:
    """Process one A with several references; return the poses in which these were matched.

    The results of each pair lie in a folder of its number, from 1 on. Beside these are A' of all,
    and `sources.png`, which shows by a colour for each reference where it served.

    Raises:
        SettingsError: the matcher has no energies by which to choose.
        ImageError, InputError: an image cannot be read, or would be overwritten.
        JobError, OSError: weights, device or disk are at fault.
    """
    from dia_pipeline.algorithm.pose import Pose

    if settings.matcher not in FEATURE_MATCHERS:
        raise SettingsError(
            "matcher",
            f"{settings.matcher} is not possible with several references",
            "it has no energies by which to choose; take hierarchical",
        )
    check_inputs(folder, (a, *b_primes))
    check_folder(folder)
    backbone = find_backbone(settings.backbone)[0]
    job = Job(Networks(device), lambda key: folder / "features" / f"{key}.h5", progress=progress)
    inputs: dict[str, Input] = {"a": ImageFile(a)}
    needs: dict[str, Input] = {"a": Whole(ImageFile(a))}
    poses = []
    for number, b_prime in enumerate(b_primes, 1):
        own = folder / str(number)
        graph = PairGraph(Pair(str(number), a, b_prime), settings, backbone, own, job).artefacts
        graph["results"].ensure()
        nnf, image = graph["nnf"], ImageFile(b_prime)
        inputs |= {f"nnf_{number}": nnf, f"b_prime_{number}": image}
        needs |= {f"nnf_{number}": nnf, f"b_prime_{number}": Whole(image)}
        poses.append(Pose.read(nnf.ensure().attributes["pose"]))
    Folder(
        folder,
        stage="aggregate",
        name="references",
        settings=settings.deciding(Step.RESULTS),
        inputs=inputs,
        make=partial(_make, folder, settings, len(b_primes)),
        needs=needs,
    ).ensure()
    return poses


def _make(folder: Path, settings: Settings, count: int, a: Picture, **found: Any) -> Written:
    """A' of all references, and which of them served where."""
    from dia_pipeline.algorithm.pose import Pose
    from dia_pipeline.algorithm.references import Reference, combine
    from dia_pipeline.algorithm.refinement import take
    from dia_pipeline.figures.sources import draw_sources
    from dia_pipeline.io.images import write_image
    from dia_pipeline.store.packing import unpack_levels

    numbers = range(1, count + 1)
    pictures: list[Picture] = [found[f"b_prime_{number}"] for number in numbers]
    fields = [found[f"nnf_{number}"] for number in numbers]
    deep = settings.depth == 16 or (
        settings.depth == "auto" and any(each.deep is not None for each in (a, *pictures))
    )
    shown = [each.grey_levels if deep else each.pixels for each in (a, *pictures)]
    references = [
        Reference(picture.pixels, own, unpack_levels(nnf.arrays), Pose.read(nnf.attributes["pose"]))
        for picture, own, nnf in zip(pictures, shown[1:], fields, strict=True)
    ]
    everything, sources = combine(a.pixels, shown[0], references, settings)
    images = {"a_prime.png": take(shown[0], everything, settings.take)}
    if settings.take != "everything":
        images["a_prime_everything.png"] = everything
    for name, image in images.items():
        write_image(folder / name, image, a.alpha)
    write_image(folder / "sources.png", draw_sources(a.pixels, sources, count))
    about = {
        "inputs": {
            "a": describe_image(a),
            **{f"b_prime_{n}": describe_image(p) for n, p in zip(numbers, pictures, strict=True)},
        },
        "served": [round(float((sources == number - 1).mean()), 3) for number in numbers],
        **fields[0].attributes,
    }
    return Written([*images, "sources.png"], about)
