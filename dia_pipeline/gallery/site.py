"""Where the files of a gallery lie."""

from __future__ import annotations

from dia_pipeline.gallery.cache import Cache, no_link
from dia_pipeline.runs.plan import Plan


class Site:
    """The files of the gallery of a run: the first page, and beside the results all others.

    Attributes:
        index: the first page.
        shared: the folder of what all pages share: styles and scripts.
        pages: a page for every pair and sequence.
        thumbnails: small images.
        matches: the scripts of matches.

    Raises:
        GalleryError: a folder is a link.
    """

    def __init__(self, plan: Plan):
        self.plan = plan
        self.index = plan.gallery
        self.shared = no_link(plan.results / "gallery")
        self.pages = Cache(self.shared / "pages")
        self.thumbnails = Cache(self.shared / "thumbnails")
        self.matches = Cache(self.shared / "matches")

    def prune(self) -> None:
        """Remove what belongs to results that are no more."""
        for cache in (self.pages, self.thumbnails, self.matches):
            cache.prune()
