"""Chains of artefacts, each of which is made of the one before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dia_pipeline.store.artefacts import Artefact


class Link:
    """An artefact of a chain, as an input.

    An artefact asks its inputs, and these theirs: along a chain, deeper than Python allows. A link
    asks those before it one after another, from the first on.

    Args:
        before: the link of which the artefact is made, if there is one.
    """

    def __init__(self, of: Artefact, before: Link | None):
        self.of = of
        self._before = before
        self._key = ""

    @property
    def key(self) -> str:
        for link in self._since(lambda link: bool(link._key)):
            link._key = link.of.key
        return self._key

    def ensure(self) -> Any:
        for link in self._since(lambda link: not any(link.of.faults())):
            link.of.ensure()
        return self.of.ensure()

    def _since(self, done: Callable[[Link], bool]) -> list[Link]:
        """The links up to this one, in order, after the last that is done."""
        links: list[Link] = []
        link: Link | None = self
        while link and not done(link):
            links.append(link)
            link = link._before
        return links[::-1]
