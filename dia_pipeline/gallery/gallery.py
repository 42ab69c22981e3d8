"""The gallery of a run: pages to look at what was made, which open from the disk.

`index.html` in the folder of results shows every pair and sequence in every variant; each has a
page of its own in `gallery/`. Pages link to the results, which are neither copied nor changed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dia_pipeline.gallery.cache import Cache
from dia_pipeline.gallery.cards import Card, card_of
from dia_pipeline.gallery.outcomes import NOTHING, outcome
from dia_pipeline.gallery.pages import write_page, write_statics
from dia_pipeline.gallery.pairs import write_pair_page
from dia_pipeline.gallery.sequences import write_sequence_page
from dia_pipeline.runs.config import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.sequences import Sequence
from dia_pipeline.runs.summary import failures_now

THREADS = 4
"""Images are read by so many threads; more would take much memory for large ones."""


def make_gallery(plan: Plan) -> Path:
    """Write the gallery of a run, of all that is there now; return its first page.

    Thumbnails and matches that an earlier gallery made of the same results are kept.

    Raises:
        OSError: a page cannot be written.
    """
    index, folder = plan.gallery, plan.results / "gallery"
    thumbnails, matches = Cache(folder / "thumbnails"), Cache(folder / "matches")
    pages = Cache(folder / "pages")
    failures = failures_now(plan)

    def make(of: Pair | Sequence) -> tuple[Path, list[Card]]:
        outcomes = (outcome(plan, variant, of, failures) for variant in plan.variants)
        cards = [card_of(each, thumbnails) for each in outcomes]
        page = pages.claim(f"{of.name}.html")
        if isinstance(of, Pair):
            write_pair_page(page, index, cards, plan, thumbnails, matches)
        else:
            write_sequence_page(page, index, cards, folder)
        return page, cards

    write_statics(folder)
    with ThreadPoolExecutor(THREADS) as pool:
        made = list(pool.map(make, [*plan.config.pairs, *plan.sequences.values()]))
    values = {"made": made, "variants": plan.variants, "nothing": NOTHING}
    write_page(index, "index.html", statics=folder, **values)
    for cache in (thumbnails, matches, pages):
        cache.prune()
    return index
