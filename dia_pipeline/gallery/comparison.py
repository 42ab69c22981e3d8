"""The page of a comparison: two results of every pair under one slider, and the verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dia_pipeline.evaluation.tables import Table
from dia_pipeline.gallery.pages import write_page, write_shared
from dia_pipeline.io.images import ImageError, image_size

LABELS = {"a_prime.png": "A'", "b.png": "B"}
"""The images that are compared, and what they are called."""


def write_comparison(
    folder: Path,
    table: Table,
    pairs: Mapping[str, tuple[Path, Path]],
    names: tuple[str, str],
    settings: Mapping[str, tuple[Any, Any]],
) -> Path:
    """Write the page into a folder, and return it.

    Args:
        table: the verdicts by measure.
        pairs: the two folders of results of each pair, by the pair's name.
        names: what the two are called.
        settings: those in which they differ, by name.

    Raises:
        ImageError, OSError: a result cannot be read, or the page not be written.
    """
    page = folder / "index.html"
    write_shared(folder / "gallery")
    shown = {pair: list(_images(*folders)) for pair, folders in pairs.items()}
    values = {"table": table, "pairs": shown, "names": names, "settings": settings}
    write_page(page, "comparison.html", folder / "gallery", **values)
    return page


def _images(first: Path, second: Path) -> Iterator[tuple[str, float, Path, Path]]:
    """Label, aspect and files of the images that both results have."""
    for name, label in LABELS.items():
        if (first / name).is_file() and (second / name).is_file():
            height, width = image_size(first / name)
            if not height:
                raise ImageError(first / name, "this is no image", "make the results again")
            yield label, width / height, first / name, second / name
