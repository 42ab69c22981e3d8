"""The pages that `dia run` and `dia sweep` leave, in a real browser, opened from the disk."""

from __future__ import annotations

import re
from contextlib import chdir
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from examples import draw_image
from galleries import flow_of
from typer.testing import CliRunner

from dia_pipeline import cli

SIZES = {"a": (48, 64), "b": (56, 40)}
QUICK = ["--quality", "draft", "--backbone", "vgg16", "--pose", "given", "--iterations", "1"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results(browser, tmp_path_factory):
    """A folder with results of each command."""
    folder = tmp_path_factory.mktemp("results & 100%")
    with chdir(folder):
        images = [draw_image(Path(f"{name} #1.png"), n, SIZES[name]) for n, name in enumerate("ab")]
        for words in (["run", "-o", "one"], ["sweep", "-o", "swept", "--over", "blend=0,2,4"]):
            told = CliRunner().invoke(cli.app, [words[0], *images, *words[1:], *QUICK])
            assert told.exit_code == 0, told.output
    return folder


def opened(window, results: Path, name: str, **options):
    """A page whose images are all there."""
    page = window(results, **options).page
    page.goto((results / name / "index.html").as_uri())
    page.wait_for_function(
        "[...document.querySelectorAll('.sheet img')].every(i => i.complete && i.naturalWidth)"
    )
    return page


def shown(page, side: str) -> list[str]:
    """The files under the slider, from left to right, and what they are called."""
    view = page.locator(f".view[data-side={side}]")
    sources = [view.locator(f"img.{i}").evaluate("i => i.src") for i in ("given", "result")]
    labels = [view.locator(f".{place}").text_content() for place in ("before", "after")]
    return ["/".join(unquote(each).split("/")[-3:]) for each in sources] + labels


def cut(page, side: str) -> float:
    """How much of the left image is shown, in percent."""
    clip = page.locator(f".view[data-side={side}] .given").evaluate(
        "image => getComputedStyle(image).clipPath"
    )
    return 100 - float(re.search(r"inset\(0px (?:calc\(100% - )?([\d.]+)%", clip)[1])


def test_the_probe_of_a_single_page_leads_where_the_field_does(window, results):
    page = opened(window, results, "one")
    assert page.locator("h1").text_content() == "one" and page.locator("nav").count() == 0
    assert page.get_by_text("A is a #1.png, B' is b #1.png").is_visible()
    fields = {side: flow_of(results / "one" / f"flow_{side}.flo") for side in ("ab", "ba")}
    frame = page.get_by_role("group", name="A. The arrow keys")
    frame.focus()
    frame.press("ArrowRight")
    x, y = SIZES["a"][1] // 2 + 1, SIZES["a"][0] // 2
    page.wait_for_function(
        "text => document.getElementById('said').textContent.startsWith(text)",
        arg=f"A ({x}, {y}) ",
    )
    match = np.array([x, y]) + fields["ab"][y, x]
    back = match + fields["ba"][int(match[1]), int(match[0])]
    said = re.findall(r"\((-?\d+), (-?\d+)\)", page.locator("#said").text_content())
    assert [tuple(map(int, point)) for point in said] == [(x, y), tuple(match), tuple(back)]


def test_any_value_of_a_sweep_lies_beside_a_or_another_value(window, results):
    page = opened(window, results, "swept")
    assert shown(page, "a")[0].endswith("/a #1.png")
    assert shown(page, "a")[1:] == ["blend-0/pair/a_prime.png", "A", "A'"]
    page.get_by_role("radio", name="4", exact=True).check(force=True)
    assert shown(page, "a")[1] == "blend-4/pair/a_prime.png"
    page.get_by_label("Beside").select_option("blend 2")
    for side, file, label in (("a", "a_prime.png", "A'"), ("b", "b.png", "B")):
        assert shown(page, side) == [
            *(f"blend-2/pair/{file}", f"blend-4/pair/{file}"),
            *(f"{label}, blend 2", f"{label}, blend 4"),
        ]
    slider = page.get_by_label("How much of A', blend 2 is shown before A', blend 4")
    for key, share in (("Home", 0), ("ArrowRight", 1), ("End", 100)):
        slider.press(key)
        assert cut(page, "a") == pytest.approx(share)
    page.get_by_role("radio", name="0", exact=True).check(force=True)
    assert shown(page, "a")[1] == "blend-0/pair/a_prime.png"
    assert shown(page, "a")[2:] == ["A', blend 2", "A', blend 0"]
    page.get_by_label("matches").check(force=True)  # they lie over what is given
    assert shown(page, "b")[0].endswith("b #1.png") and page.get_by_label("Beside").is_disabled()
    page.get_by_label("images").check(force=True)
    page.get_by_label("Beside").select_option("A, B'")
    assert shown(page, "b")[0].endswith("b #1.png") and shown(page, "b")[2:] == ["B'", "B"]


@pytest.mark.parametrize("name", ["one", "swept"])
def test_a_page_of_one_fits_a_phone(window, results, name):
    page = opened(window, results, name, viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
