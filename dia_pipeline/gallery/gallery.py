"""The gallery of a run: pages to look at what was made, which open from the disk.

`index.html` in the folder of results shows every pair and sequence in every variant; each has a
page of its own in `gallery/`. Pages link to the results, which are neither copied nor changed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from dia_pipeline.gallery.cards import Card, card_of
from dia_pipeline.gallery.outcomes import NOTHING, outcome
from dia_pipeline.gallery.pages import write_page, write_shared
from dia_pipeline.gallery.pairs import pair_details, write_pair_page
from dia_pipeline.gallery.sequences import sequence_details, write_sequence_page
from dia_pipeline.gallery.site import Site
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.sequence import Sequence
from dia_pipeline.runs.summary import failures_now
from dia_pipeline.store.receipts import Failure

THREADS = 4
"""Images are read by so many threads; more would take much memory for large ones."""


def make_gallery(plan: Plan) -> Path:
    """Write the gallery of a run, of all that is there now; return its first page.

    Thumbnails and matches that an earlier gallery made of the same results are kept.

    Raises:
        GalleryError: a folder of the gallery is a link.
        OSError: a page cannot be written.
    """
    site, failures = Site(plan), failures_now(plan)
    write_shared(site.shared)
    with ThreadPoolExecutor(THREADS) as pool:
        all_of_them = [*plan.config.pairs, *plan.sequences.values()]
        made = list(pool.map(partial(_make, site, failures), all_of_them))
    write_page(site.index, "index.html", site.shared, site=site, made=made, nothing=NOTHING)
    site.prune()
    return site.index


def _make(
    site: Site, failures: dict[str, dict[str, Failure]], of: Pair | Sequence
) -> tuple[Path, list[Card]]:
    """The page of a pair or sequence, and its cards, one for every variant."""
    plan = site.plan
    outcomes = (outcome(plan, variant, of, failures) for variant in plan.variants)
    details, write = (
        (pair_details, write_pair_page)
        if isinstance(of, Pair)
        else (sequence_details, write_sequence_page)
    )
    cards = [card_of(site, each, details) for each in outcomes]
    page = site.pages.claim(f"{of.name}.html")
    write(site, page, cards)
    return page, cards
