"""The results of a pair: images, flows, overview, beside the fields that they are made by."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dia_pipeline.pixels import as_levels
from dia_pipeline.settings import Settings
from dia_pipeline.store.folders import Written
from dia_pipeline.store.provenance import describe_image
from dia_pipeline.text import one_line

if TYPE_CHECKING:
    from dia_pipeline.io.images import Picture
    from dia_pipeline.result import Analogy

PREVIEW_SIDE = 700
"""Longest side in pixels of the previews, by level, of A'."""


def write_results(
    folder: Path,
    a: Picture,
    b_prime: Picture,
    result: Analogy,
    settings: Settings,
    circumstances: dict[str, Any],
    nnf: str,
) -> Written:
    """Write all results of a pair beside its `nnf.h5`.

    Args:
        circumstances: network, device and packages that made the fields, and what guided them.
        nnf: the digest of `nnf.h5`.

    Raises:
        OSError: a result cannot be written.
    """
    title = _title((a.path, b_prime.path), settings, circumstances, result.found)
    images = _write_images(folder, a, b_prime, result, settings, title)
    about = {
        "inputs": {"a": describe_image(a), "b_prime": describe_image(b_prime)},
        "settings": asdict(settings),
        **circumstances,
    }
    return Written({**images, **_write_flows(folder, result), "nnf.h5": nnf}, about)


def _title(
    paths: tuple[str, str], settings: Settings, circumstances: dict[str, Any], pose: str
) -> str:
    """The images, the settings that decide most or differ from the defaults; pose and match."""
    a, b_prime = (one_line(Path(path).name) for path in paths)
    common, usual = asdict(settings), asdict(Settings())
    shown = {name: common[name] for name in ("deconvolution", "alphas", "ratio")}
    shown |= {name: value for name, value in common.items() if value != usual[name]}
    if "backbone" in circumstances:
        shown["backbone"] = circumstances["backbone"]["name"]
    chosen = ", ".join(f"{name} {_plain(value)}" for name, value in shown.items())
    return f"{a} and {b_prime}: {chosen}" + (f"\n{pose}" if pose else "")


def _plain(value: Any) -> str:
    return " ".join(f"{each:g}" for each in value) if isinstance(value, tuple) else str(value)


def _write_images(
    folder: Path,
    a: Picture,
    b_prime: Picture,
    result: Analogy,
    settings: Settings,
    title: str,
) -> dict[str, str]:
    from dia_pipeline.figures.overview import draw_overview
    from dia_pipeline.io.images import write_image

    shown = {"a": a.pixels, "a_prime": result.a_prime, "b": result.b, "b_prime": b_prime.pixels}
    overview = draw_overview(
        title,
        {name: as_levels(each, np.uint8) for name, each in shown.items() if each is not None},
        {name.removesuffix(".flo"): flow for name, flow in result.flows.items()},
        _previews(a.pixels.shape[:2], b_prime.pixels, result, settings),
    )
    written = {
        name: write_image(folder / name, image, (b_prime if name.startswith("b") else a).alpha)
        for name, image in result.images.items()
    }
    return {**written, "overview.png": write_image(folder / "overview.png", overview)}


def _write_flows(folder: Path, result: Analogy) -> dict[str, str]:
    from dia_pipeline.io.flow import write_flo

    return {name: write_flo(folder / name, flow) for name, flow in result.flows.items()}


def _previews(
    shape: tuple[int, ...], b_prime: np.ndarray, result: Analogy, settings: Settings
) -> dict[int, np.ndarray]:
    """The A' that the field of every level would give."""
    from dia_pipeline.algorithm.aggregation import preview
    from dia_pipeline.algorithm.canvas import Canvas
    from dia_pipeline.algorithm.features import Size

    canvas = Canvas.of(result.pose.matrix, shape, b_prime.shape, settings)
    reference, own = canvas.draw(b_prime), Size.of(shape, settings)
    scale = min(1, PREVIEW_SIDE / max(shape))
    size = tuple(max(1, round(side * scale)) for side in shape)
    return {
        number: preview(level.nnf_ab, number, size, own, reference, canvas.size)
        for number, level in result.levels.items()
    }
