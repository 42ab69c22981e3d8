"""Small pairs of images for the tests, and runs of the workflow over them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from dia_pipeline.graphs.shared import find_backbone
from dia_pipeline.jobs.batches import run_batch
from dia_pipeline.runs.config import Config
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.store.provenance import Backbone

DRAFT = {
    "quality": "draft",
    "backbone": "vgg16",
    "precision": "float32",
    "iterations": 2,
    "pose": "given",
}
"""Settings that work a small pair in well under a second."""


PUBLISHED = {
    "coarse_patch": 3,
    "smoothness": 0.0,
    "fine_smoothness": 0.0,
}
"""The search of the paper: patches of 3 at levels 5 to 3, by energy alone."""


def draw_image(path: Path, number: int, size: tuple[int, int] = (24, 32)) -> str:
    """Write a smooth image of `size` (height, width) with a bright spot; return its path."""
    height, width = size
    y, x = np.mgrid[:height, :width]
    waves = [np.sin((x * (k + 1) + y * number) / 9 + k) for k in range(3)]
    image = np.stack(waves, -1) * 100 + 128
    image[6 : 6 + 2 * number, 8:18] = (250, 40 * number % 255, 30)
    Image.fromarray(image.astype(np.uint8)).save(path)
    return str(path)


def write_pairs(folder: Path, count: int) -> tuple[Pair, ...]:
    """Write `count` pairs; all share the image B'."""
    folder.mkdir(parents=True, exist_ok=True)
    b_prime = draw_image(folder / "b_prime.png", 9, (20, 28))
    return tuple(
        Pair(f"pair{n}", draw_image(folder / f"a{n}.png", n), b_prime) for n in range(1, count + 1)
    )


def make_plan(folder: Path, pairs: tuple[Pair, ...], **fields) -> Plan:
    """A plan with results in `folder` and its weights decided."""
    settings = {**DRAFT, **fields.pop("settings", {})}
    plan = Plan(Config(pairs, results=str(folder), settings=settings, **fields))
    record: Backbone = find_backbone("vgg16")[0]
    for name in ("vgg16", "auto"):
        record.write(plan.weights(name))
    return plan


def work(plan: Plan) -> None:
    """Process all stages of a plan as the workflow does."""
    for variant in plan.variants:
        for batch in plan.batches:
            for stage in plan.stages(variant, batch):
                run_batch(plan, stage, variant, batch)


PASSING = ("receipts", "plans", "begun.json", "times", "gallery", "index.html")
"""The folders and files of results whose content may differ between runs, or say when they were."""


def artefacts(folder: Path) -> dict[str, bytes]:
    """Every file under `folder` but those that may differ, by its path in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in PASSING
    }


def times(folder: Path) -> dict[str, int]:
    """When every artefact was last written."""
    return {name: (folder / name).stat().st_mtime_ns for name in artefacts(folder)}
