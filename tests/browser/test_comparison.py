"""The page of a comparison in a real browser, opened from the disk."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path
from urllib.parse import unquote

import pytest
from galleries import ODD_VARIANT, PLAIN, RESULTS
from typer.testing import CliRunner

from dia_pipeline import cli

pytestmark = pytest.mark.slow


def test_both_results_of_every_pair_lie_under_one_slider(window, folder):
    with chdir(folder):
        variants = (str(RESULTS / variant) for variant in (PLAIN, ODD_VARIANT))
        compared = CliRunner().invoke(cli.app, ["compare", *variants])
    assert compared.exit_code == 1  # one pair is damaged, and keeps no other from being compared
    assert "damaged: results/plain/damaged/a_prime.png: the file is damaged" in compared.stderr
    page = window().page
    page.goto((folder / "comparison" / "index.html").as_uri())
    assert page.locator("h1").text_content() == f"{PLAIN} and {ODD_VARIANT}"
    page.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    page.wait_for_function(
        "[...document.querySelectorAll('img')].every(i => i.complete && i.naturalWidth)"
    )
    shown = page.locator(".view").first
    for image, variant in (("given", PLAIN), ("result", ODD_VARIANT)):
        address = shown.locator(f"img.{image}").evaluate("image => image.src")
        assert Path(unquote(address)).parts[-3] == variant
    slider, given = shown.locator("input"), shown.locator("img.given")
    for key, hidden in (("Home", "100%"), ("End", "0%")):
        slider.press(key)
        clip = given.evaluate("image => getComputedStyle(image).clipPath")
        assert clip.removeprefix("inset(").split()[1].rstrip(")") == hidden
