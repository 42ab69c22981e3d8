"""What the tests share: a browser, and the gallery of a run in which there is something of all."""

from __future__ import annotations

import os
import shutil
from contextlib import chdir

import pytest
from galleries import run_of_all_kinds
from playwright.sync_api import sync_playwright

from dia_pipeline.gallery.gallery import make_gallery

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


@pytest.fixture(scope="session")
def browser():
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        missing = "there is no Chromium; tests/browser/install.sh installs it"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)
    options = [*QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def folder(browser, tmp_path_factory):
    """The folder in which the run was made."""
    folder = tmp_path_factory.mktemp("run of <all> kinds & 100%")
    with chdir(folder):
        make_gallery(run_of_all_kinds())
    return folder


class Watched:
    """A page of the gallery in a window; what goes wrong in it, and what it asks for, is noted."""

    def __init__(self, browser, folder, **options):
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.folder = folder
        self.wrong: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("requestfailed", lambda request: self.wrong.append(request.url))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def open(self, name: str = "", variant: str = ""):
        """The page of a pair or sequence, or the first page."""
        path = f"results/gallery/pages/{name}.html" if name else "results/index.html"
        self.page.goto("about:blank")
        self.page.goto((self.folder / path).as_uri() + f"#{variant}")
        return self.page


@pytest.fixture
def window(browser, request):
    """Opens windows, at whose end nothing has gone wrong and all that was asked for are files."""
    opened = []

    def open_window(folder=None, **options) -> Watched:
        folder = folder or request.getfixturevalue("folder")
        opened.append(Watched(browser, folder, **options))
        return opened[-1]

    yield open_window
    for watched in opened:
        watched.context.close()
        assert not watched.wrong
        assert {url.split(":")[0] for url in watched.asked} <= {"file", "data", "blob", "about"}
