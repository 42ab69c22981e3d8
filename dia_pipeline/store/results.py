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
    from dia_pipeline.algorithm.coarse_to_fine import Level
    from dia_pipeline.alignment.alignment import Alignment
    from dia_pipeline.alignment.guidance import Guidance
    from dia_pipeline.alignment.pose import Pose
    from dia_pipeline.io.images import Picture
    from dia_pipeline.result import Analogy

PREVIEW_SIDE = 700
"""Longest side in pixels of the previews, by level, of A'."""


def write_results(
    folder: Path,
    a: Picture,
    b_prime: Picture,
    alignment: Alignment,
    result: Analogy,
    circumstances: dict[str, Any],
    nnf: str,
    guidance: Guidance | None = None,
) -> Written:
    """Write all results of a pair beside its `nnf.h5`.

    Args:
        alignment: of the pair, as it was matched.
        circumstances: network, device and packages that made the fields, and what guided them.
        nnf: the digest of `nnf.h5`.
        guidance: what is said of the pair.

    Raises:
        OSError: a result cannot be written.
    """
    settings = alignment.settings
    title = _title((a.path, b_prime.path), settings, circumstances, alignment.pose)
    pictures = _write_pictures(folder, alignment, result, title, guidance)
    written = result.write(folder, a.alpha, b_prime.alpha)
    about = {
        "inputs": {"a": describe_image(a), "b_prime": describe_image(b_prime)},
        "settings": asdict(settings),
        **circumstances,
    }
    return Written({**written, **pictures, "nnf.h5": nnf}, about)


def _title(
    paths: tuple[str, str], settings: Settings, circumstances: dict[str, Any], pose: Pose
) -> str:
    """The images, the settings that decide most or differ from the defaults; pose and match."""
    a, b_prime = (one_line(Path(path).name) for path in paths)
    common, usual = asdict(settings), asdict(Settings())
    shown = {name: common[name] for name in ("deconvolution", "alphas", "ratio")}
    shown |= {name: value for name, value in common.items() if value != usual[name]}
    if "backbone" in circumstances:
        shown["backbone"] = circumstances["backbone"]["name"]
    chosen = ", ".join(f"{name} {_plain(value)}" for name, value in shown.items())
    return "\n".join([f"{a} and {b_prime}: {chosen}", *pose.lines])


def _plain(value: Any) -> str:
    return " ".join(f"{each:g}" for each in value) if isinstance(value, tuple) else str(value)


def _write_pictures(
    folder: Path, alignment: Alignment, result: Analogy, title: str, guidance: Guidance | None
) -> dict[str, str]:
    """Write the overview, and what is said of the pair."""
    from dia_pipeline.figures.overview import draw_overview
    from dia_pipeline.figures.panels import row_of
    from dia_pipeline.figures.said import draw_said
    from dia_pipeline.io.images import write_image

    a, b_prime = alignment.a, alignment.b_prime
    shown = {"a": a, "a_prime": result.a_prime, "b": result.b, "b_prime": b_prime}
    said = draw_said(a, b_prime, guidance)
    overview = draw_overview(
        title,
        {name: as_levels(each, np.uint8) for name, each in shown.items() if each is not None},
        {name.removesuffix(".flo"): flow for name, flow in result.flows.items()},
        _previews(alignment, result.levels),
        said,
        result.pose.parts,
    )
    written = {"overview.png": write_image(folder / "overview.png", overview)}
    if row := row_of(said):
        written["guides.png"] = write_image(folder / "guides.png", np.array(row))
    return written


def _previews(alignment: Alignment, levels: dict[int, Level]) -> dict[int, np.ndarray]:
    """The A' that the field of every level would give."""
    from dia_pipeline.algorithm.aggregation import preview

    shape = alignment.size.full
    scale = min(1, PREVIEW_SIDE / max(shape))
    size = tuple(max(1, round(side * scale)) for side in shape)
    drawn = alignment.size, alignment.drawn, alignment.canvas.size
    return {number: preview(level.nnf_ab, number, size, *drawn) for number, level in levels.items()}
