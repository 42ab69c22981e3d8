"""Cards: what the first page shows of a pair or sequence in a variant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dia_pipeline.alignment.parts import REMEDY
from dia_pipeline.errors import MALFORMED, DiaError, reason_and_remedy
from dia_pipeline.gallery.cache import Cache
from dia_pipeline.gallery.outcomes import Outcome
from dia_pipeline.gallery.site import Site
from dia_pipeline.gallery.thumbnails import thumbnail
from dia_pipeline.io.files import digest_file
from dia_pipeline.store.folders import PROVENANCE, check_file

Details = Callable[[Site, Outcome], dict[str, Any]]
"""Reads what a page shows of results; it raises any kind of error where they are damaged."""


@dataclass(frozen=True)
class Card:
    """An outcome with its thumbnails.

    Attributes:
        result: of A', or of a frame in the middle of a sequence; itself where no card is shown.
        given: of A and B', as many as can be read.
        details: what else the page shows of results.
    """

    outcome: Outcome
    result: Path | None
    given: tuple[Path, ...]
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def remedy(self) -> str:
        """What to try where something failed, or the images have little in common."""
        if self.outcome.failure:
            return self.outcome.failure.remedy
        return REMEDY if self.outcome.verdict in ("doubtful", "hopeless") else ""


def card_of(site: Site, outcome: Outcome, details: Details) -> Card:
    """The card of an outcome; results of which anything cannot be read count as not there."""
    given = tuple(_given(outcome, site.thumbnails))
    if not outcome.made:
        return Card(outcome, None, given)
    name = _shown(outcome)
    try:
        result, sha256 = outcome.folder / name, outcome.outputs[name]
        if site.alone:
            check_file(result, sha256)
        else:
            result = thumbnail(site.thumbnails, result, sha256)
        return Card(outcome, result, given, details(site, outcome))
    except (DiaError, OSError, *MALFORMED) as error:
        expected = isinstance(error, (DiaError, OSError))
        reason, _ = reason_and_remedy(error) if expected else (f"{PROVENANCE}: {error!r}", "")
        return Card(replace(outcome, provenance={}, fault=reason), None, given)


def _shown(outcome: Outcome) -> str:
    """The file of the results that stands for all."""
    if outcome.kind == "pair":
        return "a_prime.png"
    frames = sorted(name for name in outcome.outputs if name.startswith("frames/"))
    return frames[len(frames) // 2] if frames else ""


def _given(outcome: Outcome, thumbnails: Cache) -> Iterator[Path]:
    """The thumbnails of A and B', or of those of them that can be read."""
    for each, sha256 in _inputs(outcome):
        path = outcome.directory / each
        with suppress(DiaError, OSError):
            yield thumbnail(thumbnails, path, sha256 or digest_file(path))


def _inputs(outcome: Outcome) -> list[tuple[str, str]]:
    """The paths and, if they are known, the digests of A and B'."""
    if outcome.inputs:
        first = list(outcome.inputs.values())[:2]
        return [(image["path"], image["sha256"]) for image in first]
    if outcome.failure and outcome.kind == "pair":
        return [(outcome.of.a, ""), (outcome.of.b_prime, "")]
    return list(outcome.provenance.get("fixed", {}).items())[:1]
