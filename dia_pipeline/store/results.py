"""The results of a pair: images, flows, overview, beside the fields that they are made by."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dia_pipeline.settings import Settings
from dia_pipeline.store.folders import Written
from dia_pipeline.store.provenance import describe_image

if TYPE_CHECKING:
    import numpy as np

    from dia_pipeline.analogy import Analogy

PREVIEW_SIDE = 700
"""Longest side in pixels of the previews, by level, of A'."""


def write_results(
    folder: Path,
    paths: tuple[str, str],
    given: tuple[np.ndarray, np.ndarray],
    result: Analogy,
    settings: Settings,
    circumstances: dict[str, Any],
) -> Written:
    """Write all results of a pair beside its `nnf.h5`.

    Args:
        paths: the files of A and B'.
        given: A and B', (H, W, 3) uint8 RGB.
        circumstances: network, device and packages that made the fields.

    Raises:
        OSError: a result cannot be written.
    """
    title = _title(paths, settings, circumstances)
    images = _write_images(folder, *given, result, settings, title)
    about = {
        "inputs": dict(zip(("a", "b_prime"), map(describe_image, paths), strict=True)),
        "settings": asdict(settings),
        **circumstances,
    }
    return Written([*images, *_write_flows(folder, result), "nnf.h5"], about)


def _title(paths: tuple[str, str], settings: Settings, circumstances: dict[str, Any]) -> str:
    """The images, and the settings that decide most or differ from the defaults."""
    a, b_prime = (Path(path).name for path in paths)
    common, usual = asdict(settings), asdict(Settings())
    shown = {name: common[name] for name in ("deconvolution", "alphas", "ratio")}
    shown |= {name: value for name, value in common.items() if value != usual[name]}
    if "backbone" in circumstances:
        shown["backbone"] = circumstances["backbone"]["name"]
    return f"{a} and {b_prime}: " + ", ".join(f"{name} {_plain(v)}" for name, v in shown.items())


def _plain(value: Any) -> str:
    return " ".join(f"{each:g}" for each in value) if isinstance(value, tuple) else str(value)


def _write_images(
    folder: Path,
    a: np.ndarray,
    b_prime: np.ndarray,
    result: Analogy,
    settings: Settings,
    title: str,
) -> list[str]:
    from dia_pipeline.figures.overview import draw_overview
    from dia_pipeline.io.images import write_image

    shown = {"a": a, "a_prime": result.a_prime, "b": result.b, "b_prime": b_prime}
    overview = draw_overview(
        title,
        {name: each for name, each in shown.items() if each is not None},
        _flows(result),
        _previews(a.shape[:2], b_prime, result, settings),
    )
    images = {
        "a_prime.png": result.a_prime,
        "b.png": result.b,
        "a_prime_unrefined.png": result.a_prime_unrefined,
        "b_unrefined.png": result.b_unrefined,
        "overview.png": overview,
    }
    made = {name: image for name, image in images.items() if image is not None}
    for name, image in made.items():
        write_image(folder / name, image)
    return list(made)


def _write_flows(folder: Path, result: Analogy) -> list[str]:
    from dia_pipeline.io.flow import write_flo

    for name, flow in _flows(result).items():
        write_flo(folder / f"{name}.flo", flow)
    return [f"{name}.flo" for name in _flows(result)]


def _flows(result: Analogy) -> dict[str, np.ndarray]:
    from dia_pipeline.io.flow import flow_from_nnf

    fields = {"flow_ab": result.nnf_ab, "flow_ba": result.nnf_ba}
    return {name: flow_from_nnf(nnf) for name, nnf in fields.items() if nnf is not None}


def _previews(
    shape: tuple[int, ...], b_prime: np.ndarray, result: Analogy, settings: Settings
) -> dict[int, np.ndarray]:
    """The A' that the field of every level would give."""
    from dia_pipeline.algorithm.aggregation import preview
    from dia_pipeline.pixels import mirror

    reference = mirror(b_prime) if result.mirrored else b_prime
    scale = min(1, PREVIEW_SIDE / max(shape))
    size = tuple(max(1, round(side * scale)) for side in shape)
    return {
        number: preview(level.nnf_ab, number, size, shape, reference, settings)
        for number, level in result.levels.items()
    }
