"""The studio in a real browser: what is drawn is a file of the project, and changes A' there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import chdir
from io import BytesIO
from itertools import pairwise, zip_longest
from pathlib import Path

import numpy as np
import pytest
from examples import DRAFT
from matplotlib.path import Path as Polygon
from PIL import Image
from playwright.sync_api import expect

import dia_pipeline
from dia_pipeline.io.files import write_file
from dia_pipeline.runs.projects import make_project
from dia_pipeline.samples.demo import portrait

pytestmark = pytest.mark.slow

expect.set_options(timeout=60_000)  # what is saved is flushed, and disks may be busy

SIDE = 112
HAIR = [(32, 37, 15, 35), (57, 15, 41, 30), (81, 35, 66, 32)]
"""The hair of A belongs on the cap of B'."""

DIA = Path(sys.executable).with_name("dia")
TABLE = "name\ta\tb_prime\none\ta.png\tb.png\n"
CONFIG = """
pairs: config/pairs.tsv
results: results
checkpoint: pair
settings: {}
"""


class Server:
    """`dia studio` in a project."""

    def __init__(self, project: Path):
        self.project = project
        self.process: subprocess.Popen | None = None
        self.start()

    def start(self):
        command = [DIA, "studio", "--no-browser"]
        self.process = subprocess.Popen(
            command, cwd=self.project, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        line = self.process.stdout.readline()
        assert str(self.project) in line
        self.address = re.search(r"http://\S+", line)[0]

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture(scope="module")
def server(browser, tmp_path_factory):
    """A project whose one pair is the demo's portrait, made small."""
    folder = tmp_path_factory.mktemp("project")
    make_project(folder)
    for name, image in zip("ab", portrait(), strict=True):
        Image.fromarray(image).resize((SIDE, SIDE)).save(folder / f"{name}.png")
    (folder / "config" / "config.yaml").write_text(CONFIG.format(DRAFT))
    (folder / "config" / "sequences.tsv").unlink()
    (folder / "config" / "pairs.tsv").write_text(TABLE)
    server = Server(folder)
    yield server
    server.kill()


@pytest.fixture
def opened(browser, server):
    """Opens the page of the pair in windows, in which nothing goes wrong; nothing is drawn yet."""
    write_file(server.project / "config" / "pairs.tsv", TABLE.encode())
    for path in (server.project / "guides").rglob("*.*"):
        path.unlink()
    contexts, wrong, asked = [], [], []

    def open_window(**options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(server.address)
        page.get_by_role("link", name="Mend").click()
        page.wait_for_selector("body[data-ready]")
        return page

    open_window.wrong = wrong
    yield open_window
    for context in contexts:
        context.close()
    assert not wrong
    assert all(re.match(r"http://127\.0\.0\.1:|blob:|data:", url) for url in asked)


def place(page, image: str, x: float, y: float) -> tuple[float, float]:
    """Where in the window a pixel of an image is."""
    box = page.locator(f".board[data-image={image}] .sheet").bounding_box()
    return box["x"] + box["width"] * x / SIDE, box["y"] + box["height"] * y / SIDE


def add_point(page, point) -> None:
    page.mouse.click(*place(page, "a", *point[:2]))
    page.mouse.click(*place(page, "b_prime", *point[2:]))


def stroke(page, image: str, *places: tuple[float, float]) -> None:
    page.mouse.move(*place(page, image, *places[0]))
    page.mouse.down()
    for each in places[1:]:
        page.mouse.move(*place(page, image, *each), steps=5)
    page.mouse.up()


def choose(page, *names: str) -> None:
    for name in names:
        page.get_by_role("radio", name=name).check(force=True)


def saved(page) -> None:
    """Wait until what is drawn is in the project."""
    expect(page.locator("body:not(.saving)")).to_be_attached()
    expect(page.locator("#hint")).to_contain_text("Saved.")


def rows(server) -> np.ndarray:
    return np.loadtxt(
        server.project / "guides/one/points.csv",
        delimiter=",",
        skiprows=1,
        usecols=range(4),
        ndmin=2,
    )


def mask(server, guide: str) -> np.ndarray:
    return np.asarray(Image.open(server.project / f"guides/one/{guide}.png").convert("RGB"))


def shown(page) -> np.ndarray:
    """A' as the page shows it."""
    return picture(page, page.locator("#compared .result"))


def picture(page, image) -> np.ndarray:
    """The pixels of an image of the page."""
    source = image.get_attribute("src")
    return np.asarray(
        Image.open(BytesIO(page.request.get(page.url.split("/mend")[0] + source).body()))
    )


def work(page, button: str, end: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.locator("#step")).to_have_text(end, timeout=300_000)


def test_points_change_a_prime_where_they_are_and_are_kept_as_the_workflow_keeps(opened, server):
    page = opened()
    work(page, "Draft", "The draft is there.")
    before = shown(page).astype(int)
    for point in HAIR:
        add_point(page, point)
        saved(page)
    assert np.abs(rows(server) - HAIR).max() < 0.5
    work(page, "Draft", "The draft is there.")
    change = np.abs(shown(page) - before).mean(axis=-1)
    y, x = np.mgrid[:SIDE, :SIDE]
    near = np.any([np.hypot(x - point[0], y - point[1]) < 0.12 * SIDE for point in HAIR], axis=0)
    assert change[near].mean() > 1.3 * change[~near].mean() and change[near].mean() > 5
    work(page, "Keep this", "It is kept.")
    result = server.project / "results/hierarchical/one/a_prime.png"
    with chdir(server.project):
        points = "guides/one/points.csv"
        expected = dia_pipeline.run("a.png", "b.png", points=points, **DRAFT).a_prime
    kept = result.read_bytes()
    assert (np.asarray(Image.open(result)) == expected).all() and (shown(page) == expected).all()
    again = subprocess.run(
        [
            sys.executable,
            "-m",
            "snakemake",
            "--cores",
            "1",
            str(result.relative_to(server.project)),
        ],
        cwd=server.project,
        capture_output=True,
        text=True,
    )
    assert "Nothing to be done" in again.stderr and result.read_bytes() == kept


def test_labels_are_painted_in_plain_colours_and_undone(opened, server):
    page = opened()
    choose(page, "labels", "blue")
    stroke(page, "a", (30, 30), (80, 60))
    saved(page)
    assert {tuple(colour) for colour in mask(server, "labels_a").reshape(-1, 3)} == {
        (0, 0, 0),
        (60, 60, 230),
    }
    painted = mask(server, "labels_a")
    assert painted[30, 30].any() and painted[60, 80].any() and not painted[100, 10].any()
    assert "labels" not in (server.project / "config/pairs.tsv").read_text()
    choose(page, "polygon", "red")
    for corner in ((20, 20), (90, 20), (90, 90)):
        page.mouse.click(*place(page, "b_prime", *corner))
    page.keyboard.press("Enter")
    saved(page)
    other = mask(server, "labels_b_prime")
    assert tuple(other[30, 80]) == (230, 60, 60) and not other[80, 30].any()
    table = (server.project / "config/pairs.tsv").read_text()
    assert table.splitlines()[1].endswith("guides/one/labels_a.png\tguides/one/labels_b_prime.png")
    page.keyboard.press("Control+z")
    saved(page)
    assert not (server.project / "guides/one/labels_b_prime.png").exists()
    page.keyboard.press("Control+Shift+Z")
    saved(page)
    assert (mask(server, "labels_b_prime") == other).all()
    choose(page, "eraser")
    stroke(page, "a", (30, 30), (31, 30))
    saved(page)
    assert not mask(server, "labels_a")[30, 30].any() and mask(server, "labels_a")[60, 80].any()


def test_masks_have_the_levels_that_a_run_takes(opened, server):
    page = opened()
    choose(page, "keep")
    stroke(page, "a", (20, 50), (60, 50))
    saved(page)
    choose(page, "strength")
    stroke(page, "a", (20, 80), (60, 80))
    saved(page)
    keep, strength = mask(server, "keep"), mask(server, "strength")
    assert (keep[50, 40] == 255).all() and (keep[80, 40] == 0).all()
    assert (strength[80, 40] == 102).all() and (strength[50, 40] == 255).all()  # 40 of 100


def test_points_are_dragged_removed_and_reach_farther(opened, server):
    page = opened()
    add_point(page, (30, 30, 50, 60))
    add_point(page, (80, 80, 90, 90))
    saved(page)
    stroke(page, "b_prime", (50, 60), (70, 20))
    saved(page)
    assert np.abs(rows(server)[0] - (30, 30, 70, 20)).max() < 1
    page.get_by_label("Reach").fill("40")
    page.get_by_label("Reach").dispatch_event("change")
    saved(page)
    last = (server.project / "guides/one/points.csv").read_text().splitlines()[1]
    assert last.endswith(",40.0")
    page.get_by_role("button", name="Point 1 in A", exact=True).focus()
    page.keyboard.press("Shift+ArrowRight")
    saved(page)
    assert rows(server)[0, 0] == pytest.approx(40, abs=1)
    page.get_by_role("button", name="Point 2 in A", exact=True).click()
    page.keyboard.press("Delete")
    saved(page)
    assert len(rows(server)) == 1


def pixel(page, image: str, x: float, y: float) -> np.ndarray:
    """Which pixel of an image is at a place of the window."""
    box = page.locator(f".board[data-image={image}] .sheet").bounding_box()
    return np.array([x - box["x"], y - box["y"]]) / (box["width"], box["height"]) * SIDE


def test_what_lies_under_the_pointer_stays_there_while_it_is_zoomed(opened, server):
    page = opened()
    x, y = map(round, place(page, "a", 80, 40))  # wheels turn at whole pixels
    seen = pixel(page, "a", x, y)
    page.mouse.move(x, y)
    for _ in range(4):
        page.mouse.wheel(0, -150)
    zoomed = page.locator(".board[data-image=a] .sheet")
    expect(zoomed).to_have_attribute("style", re.compile("--zoom: 4"))
    assert pixel(page, "a", x, y) == pytest.approx(seen, abs=0.1)
    page.keyboard.down(" ")
    page.mouse.down()
    page.mouse.move(x - 30, y - 20, steps=3)
    page.mouse.up()
    page.keyboard.up(" ")
    assert pixel(page, "a", x - 30, y - 20) == pytest.approx(seen, abs=0.1)
    add_point(page, (80, 40, 50, 50))
    saved(page)
    assert np.abs(rows(server)[0] - (80, 40, 50, 50)).max() < 0.3
    page.get_by_role("button", name="Fit").click()
    expect(zoomed).to_have_attribute("style", re.compile("--zoom: 1"))
    assert pixel(page, "a", x, y) == pytest.approx(seen, abs=0.1)


def cell(server, column: str) -> str:
    """What the row of the pair says in a column."""
    header, row = (server.project / "config/pairs.tsv").read_text().splitlines()
    return dict(zip_longest(header.split("\t"), row.split("\t"), fillvalue=""))[column]


def expected(server, **settings) -> np.ndarray:
    with chdir(server.project):
        return dia_pipeline.run("a.png", "b.png", **{**DRAFT, **settings}).a_prime


def test_a_setting_is_changed_tried_undone_and_kept_as_the_workflow_keeps(opened, server):
    page, other = opened(), opened()
    blend = page.get_by_label("blend", exact=True)
    blend.select_option("0")
    saved(page)
    assert cell(server, "blend") == "0"
    expect(other.get_by_label("blend", exact=True)).to_have_value("0")
    work(page, "Draft", "The draft is there.")
    assert (shown(page) == expected(server, blend=0, ratio=0.5)).all()
    page.get_by_role("button", name="Undo").click()
    expect(blend).to_have_value("3")
    assert cell(server, "blend") == ""
    page.get_by_role("button", name="Redo").click()
    expect(blend).to_have_value("0")
    assert cell(server, "blend") == "0"
    work(page, "Try values of take", "The drafts are there.")
    tiles = page.locator(".tile")
    expect(tiles).to_have_text(["everything", "colours", "chroma", "texture"])
    tiles.nth(3).click()
    expect(page.get_by_label("take", exact=True)).to_have_value("texture")
    assert cell(server, "take") == "texture"
    assert (shown(page) == picture(page, tiles.nth(3).get_by_role("img"))).all()
    work(page, "Keep this", "It is kept.")
    assert (shown(page) == expected(server, blend=0, take="texture")).all()
    expect(page.locator("#tried")).to_be_hidden()


def test_what_is_not_possible_is_told_beside_the_field_and_a_list_is_tried(opened, server):
    page = opened()
    ratio = page.get_by_label("ratio", exact=True)
    field = page.locator(".field", has=ratio)
    ratio.fill("5")
    ratio.press("Enter")
    expect(field.get_by_role("alert")).to_contain_text("above 0 and at most 4")
    assert len(opened.wrong) == 1 and "422" in opened.wrong.pop()
    ratio.fill("0.25, 0.75")
    ratio.press("Enter")
    expect(field.get_by_role("alert")).to_have_text("Try values makes a draft with each.")
    field.get_by_role("button").click()
    tiles = page.locator(".tile")
    expect(tiles).to_have_text([re.compile("0.25$"), re.compile("0.75$")])
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#step")).to_have_text("Cancelled.")
    expect(tiles.nth(1)).to_have_text("not made0.75")
    assert (server.project / "config/pairs.tsv").read_text() == TABLE
    assert ratio.input_value() == ""


def test_two_windows_show_the_same(opened, server):
    first, second = opened(), opened()
    add_point(first, HAIR[0])
    saved(first)
    expect(second.get_by_role("button", name="Point 1 in B'")).to_be_visible()
    add_point(second, HAIR[1])
    saved(second)
    expect(first.get_by_role("button", name="Point 2 in B'")).to_be_visible()
    assert len(rows(server)) == 2


def test_a_killed_server_loses_nothing_that_was_drawn(opened, server):
    page = opened()
    add_point(page, HAIR[0])
    saved(page)
    choose(page, "keep")
    stroke(page, "a", (20, 50), (60, 50))
    saved(page)
    page.context.close()
    drawn = mask(server, "keep")
    server.kill()
    server.start()
    page = opened()
    assert np.abs(rows(server) - HAIR[:1]).max() < 0.5
    expect(page.get_by_role("button", name="Point 1 in A", exact=True)).to_be_visible()
    choose(page, "keep")
    assert (mask(server, "keep") == drawn).all()


def test_a_job_is_cancelled(opened, server):
    page = opened()
    page.get_by_role("button", name="Draft", exact=True).click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#step")).to_have_text("Cancelled.", timeout=30_000)
    work(page, "Draft", "The draft is there.")


@pytest.mark.parametrize("pen", ["points", "labels", "keep", "strength"])
def test_a_phone_need_not_scroll_sideways(opened, pen):
    page = opened(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    choose(page, pen)
    expect(page.get_by_label("blend", exact=True)).not_to_be_visible()
    page.get_by_text("Settings").click()
    expect(page.get_by_label("blend", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_points_are_placed_by_a_finger(opened, server):
    page = opened(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.touchscreen.tap(*place(page, "a", 40, 30))
    page.touchscreen.tap(*place(page, "b_prime", 60, 50))
    saved(page)
    assert np.abs(rows(server)[0] - (40, 30, 60, 50)).max() < 0.5


def test_strokes_are_disks_along_a_line_and_polygons_what_is_inside(opened):
    """Compared with the distances of all pixels, and with the polygons of Matplotlib."""
    page = opened()
    drawn = page.evaluate(
        """async () => {
            const { Painting } = await import("/studio/painting.js");
            const line = new Painting(40, 30), area = new Painting(40, 30);
            line.add({ points: [[8, 5], [30, 20], [45, 22]], radius: 4.3, colour: [1, 2, 3] });
            const corners = [[3, 2], [36, 9], [12, 14], [30, 28], [-5, 21]];
            area.add({ points: corners, colour: [1, 2, 3] });
            return [line, area].map(({ data }) => [...data]);
        }"""
    )
    line, area = (np.array(each).reshape(30, 40, 4) for each in drawn)
    assert (line[line[..., 3] > 0] == (1, 2, 3, 255)).all()
    y, x = np.mgrid[:30, :40] + 0.5
    steps = np.linspace(0, 1, 2001)[:, None]
    corners = np.array([[8, 5], [30, 20], [45, 22]], float)
    along = np.vstack([a + steps * (b - a) for a, b in pairwise(corners)])
    away = np.hypot(x[..., None] - along[:, 0], y[..., None] - along[:, 1]).min(axis=-1)
    sure = np.abs(away - 4.3) > 0.01
    assert ((line[..., 3] > 0) == (away <= 4.3))[sure].all()
    polygon = Polygon([[3, 2], [36, 9], [12, 14], [30, 28], [-5, 21]])
    inside = polygon.contains_points(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)
    assert ((area[..., 3] > 0) == inside).mean() > 0.995
