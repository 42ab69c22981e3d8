"""Frames as files: PNG that carry the key of what they were made of.

A frame is (H, W, 3), or 4 with opacity: uint8, or float32 in grey levels, kept in 16 bits.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from dia_pipeline.io.decoding import decode
from dia_pipeline.io.files import write_file
from dia_pipeline.io.images import ImageError, png_of, srgb_info
from dia_pipeline.io.reading import open_regular, read_file
from dia_pipeline.pixels import DEEP, as_levels


def colours_of(frame: np.ndarray) -> np.ndarray:
    """A frame in 8 bits and without its opacity: (H, W, 3) uint8."""
    return np.ascontiguousarray(as_levels(frame[..., :3], np.uint8))


def write_frame(path: Path, image: np.ndarray, key: str) -> None:
    """Write a frame as a PNG that carries the key of what it is made of."""
    about = srgb_info()
    about.add_text("key", key)
    write_file(path, png_of(image, about))


def read_frame(path: Path) -> np.ndarray:
    """The frame of a file of `write_frame`, just as it was written.

    Raises:
        ImageError, OSError: it cannot be read.
    """
    stored = decode(read_file(path))
    alpha = () if stored.alpha is None else (stored.alpha,)
    values = np.dstack([stored.colours, *alpha])
    return values if values.dtype == np.uint8 else values.astype(np.float32) / DEEP


class Kind(NamedTuple):
    """Whether a frame has more than 8 bits, and whether it has opacity."""

    deep: bool
    clear: bool


def kind_of_frame(path: Path) -> Kind:
    """What a file of `write_frame` holds, by its header.

    Raises:
        OSError: it cannot be read.
    """
    with open_regular(path) as file:
        depth, colours = file.read(26)[24:]
    return Kind(depth > 8, colours > 2)


def frame_fault(path: Path, key: str) -> str | None:
    """What is wrong with a file of `write_frame`: missing, damaged or of another key."""
    try:
        with open_regular(path) as file, Image.open(file) as image:
            found = image.info.get("key")
            image.verify()  # the checksum of every part
    except FileNotFoundError:
        return "there is no such file"
    except Exception:  # Pillow raises many kinds for damaged files
        return "the file is damaged"
    return None if found == key else "made from other inputs or with other settings"


def is_frame(path: Path) -> bool:
    """Whether a file is one of `write_frame`, of whatever key."""
    try:
        with open_regular(path) as file, Image.open(file, formats=("PNG",)) as image:
            return "key" in image.info
    except Exception:  # Pillow raises many kinds for damaged files
        return False


def check_size(name: str, image: np.ndarray, size: tuple[int, ...] | None) -> None:
    """Check that a frame (H, W, 3) has the `size` (height, width) of the first, if that is known.

    Raises:
        ImageError: it has another one.
    """
    if size and image.shape[:2] != size:
        (height, width), (h, w) = size, image.shape[:2]
        raise ImageError(
            name, f"the frame has {w}x{h} pixels, the first one {width}x{height}", "resize it"
        )
