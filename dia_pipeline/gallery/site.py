"""Where the files of a gallery lie."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dia_pipeline.gallery.cache import Cache
from dia_pipeline.runs.plan import Plan


@dataclass(frozen=True)
class Site:
    """The files of the gallery of a run: the first page, and beside the results all others."""

    plan: Plan

    @property
    def index(self) -> Path:
        """The first page."""
        return self.plan.gallery

    @property
    def shared(self) -> Path:
        """The folder of what all pages share: styles and scripts."""
        return self.plan.results / "gallery"

    @cached_property
    def pages(self) -> Cache:
        """A page for every pair and sequence."""
        return Cache(self.shared / "pages")

    @cached_property
    def thumbnails(self) -> Cache:
        return Cache(self.shared / "thumbnails")

    @cached_property
    def matches(self) -> Cache:
        """The scripts of matches."""
        return Cache(self.shared / "matches")

    def prune(self) -> None:
        """Remove what belongs to results that are no more."""
        for cache in (self.pages, self.thumbnails, self.matches):
            cache.prune()
