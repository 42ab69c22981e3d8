"""Small images for the pages, each filed under the digest of the image that it shows."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from dia_pipeline.gallery.cache import Cache
from dia_pipeline.io.images import read_image
from dia_pipeline.store.folders import check_file

SIDE = 360
"""Longest side in pixels of a thumbnail."""

LARGE = 1024
"""That of what stands for an image which browsers cannot show."""

SHOWN = frozenset((".png", ".jpg", ".jpeg", ".bmp"))
"""The suffixes of images that every browser shows, and as they are read here."""


def thumbnail(cache: Cache, image: Path, sha256: str, side: int = SIDE) -> Path:
    """The thumbnail of an image file with a digest.

    Raises:
        ArtefactError, ImageError, OSError: it is not there, and the image is another by now or
            cannot be read.
    """

    def write(path: Path) -> None:
        check_file(image, sha256)
        small = Image.fromarray(read_image(image))
        small.thumbnail((side, side))
        small.save(path, quality=85)

    return cache.file(f"{sha256[:32]}-{side}.jpg", write)


def shown(cache: Cache, image: Path, sha256: str) -> Path:
    """What shows an image at full size: itself; a smaller one where browsers cannot, or it is gone.

    Raises:
        ArtefactError, ImageError, OSError: the image is another by now or cannot be read.
    """
    if not image.exists():
        return thumbnail(cache, image, sha256)
    if image.suffix.lower() in SHOWN:
        return image
    return thumbnail(cache, image, sha256, LARGE)
