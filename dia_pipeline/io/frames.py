"""Frames as files: PNG that carry the key of what they were made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from dia_pipeline.io.files import write_file
from dia_pipeline.io.images import ImageError, png_of, srgb_info
from dia_pipeline.io.reading import open_regular


def write_frame(path: Path, image: np.ndarray, key: str) -> None:
    """Write (H, W, 3) uint8 RGB as a PNG that carries the key of what it is made of."""
    about = srgb_info()
    about.add_text("key", key)
    write_file(path, png_of(image, about))


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
