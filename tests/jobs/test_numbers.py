"""Images of every kind of extreme: no step warns, and no value is none."""

from __future__ import annotations

import gc
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from examples import DRAFT

from dia_pipeline.analogy import analogy, pose_of
from dia_pipeline.figures.overview import WIDTH, boxes_of_levels
from dia_pipeline.io.images import image_size, write_image
from dia_pipeline.jobs.single import run_pair
from dia_pipeline.settings import LEVELS, resolve
from dia_pipeline.store.artefacts import Artefact

NOISE = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
IMAGES = {
    "black": np.zeros((40, 50, 3), np.uint8),
    "white": np.full((40, 50, 3), 255, np.uint8),
    "constant": np.full((40, 50, 3), 77, np.uint8),
    "noise": NOISE,
    "one pixel": np.full((1, 1, 3), 9, np.uint8),
    "row": np.tile(NOISE[:3], (1, 30, 1)),
    "column": np.tile(NOISE[:, :2], (30, 1, 1)),
    "tiny": NOISE[:5, :4],
    "strip": np.tile(NOISE[:16], (1, 80, 1)),
    "pole": np.tile(NOISE[:, :16], (100, 1, 1)),
    "line": NOISE[:1],
    "least": NOISE[:16, :16],
}
PAIRS = [
    ("black", "noise"),
    ("white", "black"),
    ("constant", "constant"),
    ("noise", "noise"),
    ("one pixel", "noise"),
    ("row", "column"),
    ("tiny", "one pixel"),
]
POSED = [
    ("strip", "strip"),
    ("strip", "pole"),
    ("pole", "noise"),
    ("line", "noise"),
    ("noise", "tiny"),
    ("tiny", "tiny"),
    ("least", "least"),
]
KINDS = {
    "draft": {},
    "refined": {"deconvolution": 2, "preset": "photo-to-photo", "quality": None},
    "correspondence": {"task": "correspondence"},
    "voted": {"composition": "voted"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("a", "b_prime"), PAIRS)
def test_extremes_are_processed_without_a_warning(tmp_path, monkeypatch, a, b_prime, kind):
    """At the border of every stage every number is finite."""
    for name, image in (("a", a), ("b", b_prime)):
        write_image(tmp_path / f"{name}.png", IMAGES[image])
    ensure = Artefact.ensure

    def checked(artefact):
        value = ensure(artefact)
        for name, array in getattr(value, "arrays", {}).items():
            assert np.isfinite(array.astype(float)).all(), f"{artefact.name}: {name}"
        return value

    monkeypatch.setattr(Artefact, "ensure", checked)
    options = {**DRAFT, **KINDS[kind]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run_pair(
            str(tmp_path / "a.png"), str(tmp_path / "b.png"), tmp_path / "out", resolve(options)
        )


@pytest.mark.parametrize("pose", ["auto", "mirrored", "several"])
@pytest.mark.parametrize(("a", "b_prime"), POSED)
def test_poses_of_extreme_shapes_are_finite_and_found_without_a_warning(
    tmp_path, a, b_prime, pose, network
):
    images = [IMAGES[name] for name in (a, b_prime)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for rank in (0, 1) if pose == "several" else (0,):
            found = pose_of(*images, network, resolve({**DRAFT, "pose": pose}), rank)
            assert np.isfinite(found.matrix).all() and 0 <= found.confidence <= 1


def test_the_results_of_a_strip_are_all_there(tmp_path):
    """The overview and the gallery's parts of it too."""
    for name, image in (("a", "strip"), ("b", "pole")):
        write_image(tmp_path / f"{name}.png", IMAGES[image])
    options = resolve({**DRAFT, "pose": "auto", "max_side": 64})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run_pair(str(tmp_path / "a.png"), str(tmp_path / "b.png"), tmp_path / "out", options)
    height, width = image_size(tmp_path / "out" / "overview.png")
    assert width == WIDTH
    for shape, other in (((1, 5000), (5000, 1)), ((5000, 1), (1, 5000)), ((4000, 16), (4000, 16))):
        for box in boxes_of_levels(height, LEVELS, shape, other).values():
            assert box.width > 0 and box.height > 0 and box.left < WIDTH


def test_a_pair_of_one_image_is_that_image(network):
    """Matched with itself, every pixel finds itself, and A' is A."""
    from PIL import Image

    smooth = np.array(Image.fromarray(NOISE[:8, :8]).resize((64, 56), Image.Resampling.BICUBIC))
    result = analogy(smooth, smooth, network, resolve(DRAFT))
    own = np.stack(np.mgrid[:56, :64], -1)
    assert (result.nnf_ab == own).mean() > 0.99
    np.testing.assert_allclose(result.a_prime.astype(int), smooth, atol=2)


@pytest.mark.slow
def test_many_pairs_leave_memory_and_handles_as_they_were(network):
    """In one process: what the last sixty add is no more than the noise of the allocator."""
    settings = resolve({**DRAFT, "max_side": 32, "iterations": 1})
    a, b_prime = NOISE[:24, :32], NOISE[10:34, 10:42]

    def work(count: int) -> tuple[int, int]:
        for _ in range(count):
            analogy(a, b_prime, network, settings)
        gc.collect()
        return resident(), len(os.listdir("/proc/self/fd"))

    memory, handles = work(30)
    after, open_after = work(60)
    assert open_after == handles
    assert after - memory < 4 * 2**20


def resident() -> int:
    """Bytes of memory that this process holds."""
    lines = Path("/proc/self/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    return int(status["VmRSS"].split()[0]) * 1024
