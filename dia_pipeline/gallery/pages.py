"""Pages: templates filled in, with links that hold wherever the folder of results is moved."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from dia_pipeline.gallery.cache import no_link
from dia_pipeline.io.files import replace_file
from dia_pipeline.io.reading import read_file

PACKAGE = "dia_pipeline.gallery"

Link = Callable[[Path], str]
"""Gives the address of a file as seen from a page."""


def link_from(page: Path) -> Link:
    """The links of a page."""
    return lambda target: quote(os.fsencode(os.path.relpath(target, page.parent)))


def write_page(page: Path, template: str, shared: Path, **values: Any) -> None:
    """Fill in a template, which can call `link(FILE)`, and write the page.

    Args:
        shared: the folder of what all pages share.
    """
    filled = _templates().get_template(template)
    replace_text(page, filled.render(link=link_from(page), shared=shared, **values))


def write_shared(folder: Path) -> None:
    """Write what all pages share: styles and scripts.

    Raises:
        GalleryError: the folder is a link.
    """
    no_link(folder)
    for each in files(PACKAGE).joinpath("static").iterdir():
        replace_text(folder / each.name, each.read_text(encoding="utf-8"))


def replace_text(path: Path, text: str) -> None:
    """Write a text file, unless it is that already."""
    content = text.encode(errors="replace")  # names from JSON may be no text
    with suppress(OSError):
        if read_file(path) == content:
            return
    with replace_file(path, flush=False) as temporary:
        temporary.write_bytes(content)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader(PACKAGE),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
