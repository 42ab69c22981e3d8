"""The demo's image pairs and its sequence, made from photographs that installed packages carry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from dia_pipeline.io.cells import cell_of_path, lines_of
from dia_pipeline.io.files import FolderError, write_file
from dia_pipeline.samples.photographs import photograph, warped
from dia_pipeline.samples.styles import night, painted, sunset

LONGEST_SIDE = 448
COLUMNS = ("name", "a", "b_prime", "preset", "ratio")


def demo_pairs(folder: Path) -> Path:
    """Write the demo's images under `folder`/images and the table of pairs beside them.

    Returns:
        The table, `folder`/pairs.tsv; its images are named as seen from the working directory.

    Raises:
        FileNotFoundError: a package that carries one of the photographs is not installed.
        FolderError: there is a table with other rows.
    """
    images = folder / "images"
    pairs = [
        ("portrait", *portrait(), "photo-to-style", 0.5),
        ("temple", *temple(), "photo-to-photo", 1.0),
        ("cat", *cat(), "photo-to-style", 0.5),
    ]
    rows: list[tuple] = [COLUMNS]
    made: dict[Path, np.ndarray] = {}
    for name, a, b_prime, preset, ratio in pairs:
        paths = [images / f"{name}_{role}.png" for role in ("a", "b_prime")]
        made |= zip(paths, (a, b_prime), strict=True)
        rows.append((name, *map(_cell, paths), preset, ratio))
    return _write(folder / "pairs.tsv", rows, made)


def demo_sequence(folder: Path, frames: int = 24) -> Path:
    """Write the temple and its references from day to night, and the table of the sequence.

    Returns:
        The table, `folder`/sequences.tsv.

    Raises:
        FileNotFoundError: the package that carries the photograph is not installed.
        FolderError: there is a table with other rows.
    """
    a, references = day_to_night(frames)
    day, content = folder / "images" / "day_to_night", folder / "images" / "day_to_night_a.png"
    made = {day / f"{number:04d}.png": each for number, each in enumerate(references, 1)}
    row = ("day_to_night", _cell(content), _cell(day), "locked", "photo-to-photo", 0.5)
    rows = [("name", "a", "b_prime", "coherence", "preset", "ratio"), row]
    return _write(folder / "sequences.tsv", rows, {**made, content: a})


def _cell(path: Path) -> str:
    return cell_of_path(path.as_posix())


def _write(table: Path, rows: list[tuple], images: dict[Path, np.ndarray]) -> Path:
    """Write images, and the table that names them, unless somebody has changed it."""
    content = lines_of(rows).encode()
    if table.exists() and table.read_bytes() != content:
        raise FolderError(table, "it has other rows than the demo's", "name another folder")
    for path, image in images.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    write_file(table, content)
    return table


def portrait() -> tuple[np.ndarray, np.ndarray]:
    """Two people: Eileen Collins as photographed, Grace Hopper in oil."""
    collins = photograph("astronaut")[:270, 88:358]
    hopper = photograph("hopper")[:400, 112:]
    return fitted(collins), painted(fitted(hopper))


def temple() -> tuple[np.ndarray, np.ndarray]:
    """A temple by day and, seen from a little closer, by night."""
    day = photograph("china")
    closer = warped(day[:390, 15:600], 10)[0]
    return fitted(day), night(fitted(closer))


def day_to_night(count: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """The temple by day, and `count` frames from day to night of its closer view."""
    day, _ = temple()
    closer = warped(photograph("china")[:390, 15:600], 10)[0]
    return day, graded(fitted(closer), count)


def graded(image: np.ndarray, count: int) -> list[np.ndarray]:
    """The image in the light of `count` times from day over sunset to night."""
    styles = [image, sunset(image), night(image)]
    frames = []
    for time in np.linspace(0, 2, count):
        earlier = min(int(time), 1)
        weight = time - earlier
        mixed = (1 - weight) * styles[earlier] + weight * styles[earlier + 1]
        frames.append(np.rint(mixed).astype(np.uint8))
    return frames


def cat() -> tuple[np.ndarray, np.ndarray]:
    """A ginger cat and a painted blue one: red and blue exchanged."""
    ginger = photograph("chelsea")
    blue = warped(ginger[:280, 20:440, ::-1], 12)[0]
    return fitted(ginger), painted(fitted(blue))


def fitted(image: np.ndarray) -> np.ndarray:
    """The image resized so that its longer side is the demo's."""
    height, width = (round(side * LONGEST_SIDE / max(image.shape[:2])) for side in image.shape[:2])
    own = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(own.resize((width, height), Image.Resampling.LANCZOS))
