"""The gallery: pages to look at what was made, which open from the disk.

`index.html` in the folder of results shows every pair and sequence in every variant; each has a
page of its own in `gallery/`. Of one pair or sequence that page itself is `index.html`. Pages link
to the results, which are neither copied nor changed.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from functools import partial
from pathlib import Path

from dia_pipeline.errors import DiaError
from dia_pipeline.gallery.cards import Card, Details, card_of
from dia_pipeline.gallery.outcomes import NOTHING, Exhibit, exhibits_of, looked
from dia_pipeline.gallery.pages import write_page, write_shared
from dia_pipeline.gallery.pairs import pair_details, write_pair_page
from dia_pipeline.gallery.sequences import sequence_details, write_sequence_page
from dia_pipeline.gallery.site import Site
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.single import plans_in

THREADS = 4
"""Images are read by so many threads; more would take much memory for large ones."""

PAGES: dict[str, tuple[Details, Callable[[Site, Path, Exhibit, list[Card]], None]]] = {
    "pair": (pair_details, write_pair_page),
    "sequence": (sequence_details, write_sequence_page),
}
"""What reads the details of a kind of exhibit, and what writes its page."""


def make_gallery(plan: Plan) -> Path:
    """Write the gallery of a run, of all that is there now; return its first page.

    Raises:
        GalleryError: a folder of the gallery is a link, or a file of somebody's would be
            overwritten.
        OSError: a page cannot be written.
    """
    return _show(plan.results, exhibits_of(plan))


def gallery_of(folder: Path) -> list[DiaError]:
    """Write the gallery of a folder of results, or of one that holds several such.

    Returns:
        What is left out of several, and why.

    Raises:
        PlanError: the folder holds neither.
        GalleryError, OSError: as of `make_gallery`.
    """
    plans, left_out = plans_in(folder)
    exhibits = []
    for plan in plans:
        with chdir(plan.directory):
            exhibits += exhibits_of(plan, plan.directory)
    _show(folder, exhibits)
    return left_out


def _show(folder: Path, exhibits: list[Exhibit]) -> Path:
    """Write the pages of exhibits, the first page last; return that.

    Thumbnails and matches that an earlier gallery made of the same results are kept.
    """
    site = Site(folder, len(exhibits) == 1)
    write_shared(site.shared)
    with ThreadPoolExecutor(THREADS) as pool:
        made = list(pool.map(partial(_make, site), exhibits))
    if not site.alone:
        cards = [card for _, _, of_one in made for card in of_one]
        values = {
            "variants": list(dict.fromkeys(filter(None, (c.outcome.variant for c in cards)))),
            "kinds": list(dict.fromkeys(card.outcome.kind for card in cards)),
        }
        write_page(site.index, "index.html", site.shared, made=made, nothing=NOTHING, **values)
    site.prune()
    return site.index


def _make(site: Site, exhibit: Exhibit) -> tuple[Path, Exhibit, list[Card]]:
    """The page of a pair or sequence, and its cards, one for every variant."""
    details, write = PAGES[exhibit.outcomes[0].kind]
    cards = [card_of(site, looked(each), details) for each in exhibit.outcomes]
    page = site.page(exhibit.name)
    write(site, page, exhibit, cards)
    return page, exhibit, cards
