"""Where the files of a gallery lie."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from dia_pipeline.gallery.cache import Cache, GalleryError, no_link
from dia_pipeline.io.files import PAGE
from dia_pipeline.io.reading import read_file

STYLES = "gallery.css"

_SIGN = f"gallery/{STYLES}".encode()
"""What is in every first page: where its styles lie."""


class Site:
    """The files of a gallery: the first page, and beside the results all others.

    Args:
        results: the folder.
        alone: whether there is one pair or sequence: its page is the first one.

    Attributes:
        index: the first page.
        shared: the folder of what all pages share: styles and scripts.
        thumbnails: small images.
        matches: the scripts of matches.

    Raises:
        GalleryError: a folder is a link, or a file of somebody would be overwritten.
    """

    def __init__(self, results: Path, alone: bool):
        self.index, self.alone = results / PAGE, alone
        self.shared = no_link(results / "gallery")
        self.thumbnails = Cache(self.shared / "thumbnails")
        self.matches = Cache(self.shared / "matches")
        self._pages = Cache(self.shared / "pages")
        check_own(results)

    def page(self, name: str) -> Path:
        """The page of a pair or sequence.

        Raises:
            GalleryError: the name leads elsewhere.
        """
        return self.index if self.alone else self._pages.claim(f"{name}.html")

    def prune(self) -> None:
        """Remove what belongs to results that are no more."""
        for cache in (self._pages, self.thumbnails, self.matches):
            cache.prune()


def check_own(results: Path) -> None:
    """Make sure that what has the names of a gallery in a folder is one.

    Raises:
        GalleryError: it is not, and would be overwritten.
    """
    page, shared = results / PAGE, results / "gallery"
    if os.path.lexists(page):
        if not _is_own(page):
            raise GalleryError(page, "somebody's page would be overwritten", "move it elsewhere")
    elif shared.is_dir() and any(shared.iterdir()) and not (shared / STYLES).exists():
        problem = "the gallery would be written into somebody's folder"
        raise GalleryError(shared, problem, "move it elsewhere")


def remove_page(results: Path) -> None:
    """Remove the first page of a gallery from a folder, if there is one."""
    page = results / PAGE
    if os.path.lexists(page) and _is_own(page):
        page.unlink()


def _is_own(page: Path) -> bool:
    """Whether a first page is that of a gallery; after a loss of power such a page may be empty."""
    with suppress(OSError):
        content = read_file(page)
        return not page.is_symlink() and (_SIGN in content or not content)
    return False
