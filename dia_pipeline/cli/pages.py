"""The page that a command leaves beside its results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from dia_pipeline.cli.app import complain, say
from dia_pipeline.errors import describe, is_expected

NoPage = Annotated[bool, typer.Option("--no-page", help="Leave out the page of the results.")]


@contextmanager
def page_of(folder: Path, no_page: bool) -> Iterator[None]:
    """What is made within is shown on a page, which is named last: also where some of it failed.

    Args:
        folder: of the results.
        no_page: whether there is to be none.

    Raises:
        GalleryError: before anything is made, if the page would be written over somebody's.
    """
    from dia_pipeline.gallery.site import check_own, remove_page

    if no_page:
        yield
        remove_page(folder)  # it may be of other results
        return
    check_own(folder)
    try:
        yield
    except typer.Exit:
        _make_page(folder)
        raise
    _make_page(folder)


def _make_page(folder: Path) -> None:
    """Make the page and name it; results without one are results too."""
    from dia_pipeline.gallery.gallery import gallery_of

    try:
        gallery_of(folder)
    except Exception as error:
        if not is_expected(error):
            raise
        complain(f"The results have no page: {describe(error)}", None)
        complain(f"Once that is mended: dia gallery {folder}", None)
    else:
        say(f"The page: {folder}/index.html")
