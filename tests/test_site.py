"""The site: it builds without a warning and needs nothing but itself; the notebook runs."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """What `make docs` builds; any warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder


class Loads(HTMLParser):
    """What a browser loads to show a page: all that is named by anything but a link."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = ("src", "srcset", "poster", "data") + (("href",) if tag == "link" else ())
        self.found += [value or "" for name, value in attrs if name in names]


def test_the_pages_load_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        loads = Loads()
        loads.feed(page.read_text())
        assert len(loads.found) > 3
        for address in loads.found:
            if not address.startswith("data:image/"):
                assert not re.match(r"(\w+:)?//", address), f"{page}: {address}"
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import )[\"']?(https?:)?//", sheet.read_text())


def test_the_reference_is_filled_from_the_docstrings(site):
    page = (site / "docs" / "api.html").read_text()
    for name in ("run", "result.Analogy.show", "result.Analogy.warp", "result.Analogy.save"):
        assert f'id="dia_pipeline.{name}"' in page
    assert "Every pixel takes the value of its match" in page


def test_the_notebook_is_shown_with_what_it_puts_out(site):
    page = (site / "docs" / "notebook.html").read_text()
    assert page.count("data:image/jpeg") >= 5
    assert re.search("B(&#39;|') (as given|drawn in its pose)", page)


def test_the_notebook_runs(tmp_path):
    """On small images, in a kernel of its own."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells[1].source += "\na, b_prime = a[::7, ::7], b_prime[::7, ::7]"
    NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    for cell in ("show", "mask", "blends"):
        assert any("image/png" in output.get("data", {}) for output in shown[cell]), cell
    assert any("text/html" in output.get("data", {}) for output in shown["result"])
    assert (tmp_path / "portrait" / "a_prime.png").exists()


def test_the_notebook_is_small_and_has_its_outputs():
    assert NOTEBOOK.stat().st_size < 300_000
    code = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if "outputs" in cell]
    assert all(cell.outputs for cell in code[1:])
