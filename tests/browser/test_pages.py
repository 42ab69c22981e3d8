"""The gallery in a real browser, opened from the disk."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from urllib.parse import quote, unquote

import numpy as np
import pytest
from galleries import ODD, ODD_VARIANT, PLAIN, SIZE_A, SIZE_B, flow_of

from dia_pipeline.alignment.parts import loneliness
from dia_pipeline.figures.overview import round_trip
from dia_pipeline.gallery.pairs import DOUBT
from dia_pipeline.io.flow import colour_flow
from dia_pipeline.io.points import rows_of

PAGES = ("", "first", ODD, "one-way", "colours", "several", "poses", "other-matcher")
PAGES += ("unlike", "broken", "damaged", "later", "day")
SHOWN = "li.card:not([hidden])"

pytestmark = pytest.mark.slow


def flow(folder, pair: str, name: str, variant: str = PLAIN) -> np.ndarray:
    """A field of a pair as `flow_of` reads it."""
    return flow_of(folder / "results" / variant / pair / f"{name}.flo")


def names(page) -> list[str]:
    """The names of the cards that are shown, in order."""
    return page.locator(f"{SHOWN} h2").all_text_contents()


def point_at(page, side: str, x: int, y: int, size: tuple[int, int]) -> None:
    """Hover over the middle of a pixel; return when the page says so."""
    box = page.locator(f".view[data-side={side}] .sheet").bounding_box()
    height, width = size
    page.mouse.move(
        box["x"] + box["width"] * (x + 0.5) / width, box["y"] + box["height"] * (y + 0.5) / height
    )
    label = {"a": "A", "b": "B'"}[side]
    page.wait_for_function(
        "text => document.getElementById('said').textContent.startsWith(text)",
        arg=f"{label} ({x}, {y}) ",
    )


def points_said(page) -> list[tuple[int, int]]:
    """The points that the page names: where the probe is, its match, and where that leads back."""
    said = page.locator("#said").text_content()
    return [tuple(map(int, point)) for point in re.findall(r"\((-?\d+), (-?\d+)\)", said)]


def marked(page, side: str, mark: str, size: tuple[int, int]) -> tuple[float, float]:
    """The pixel on which a mark lies."""
    sheet = page.locator(f".view[data-side={side}] .sheet").bounding_box()
    box = page.locator(f".view[data-side={side}] .mark.{mark}").bounding_box()
    height, width = size
    x = (box["x"] + box["width"] / 2 - sheet["x"]) / sheet["width"] * width
    y = (box["y"] + box["height"] / 2 - sheet["y"]) / sheet["height"] * height
    return x - 0.5, y - 0.5


@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens_with_all_its_images_and_without_a_complaint(window, name):
    page = window().open(name)
    assert page.locator("h1").text_content() == (name or "Gallery")
    page.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    page.evaluate("document.querySelectorAll('[hidden]').forEach(part => part.hidden = false)")
    page.wait_for_function(
        "[...document.querySelectorAll('img[src]')].every(i => i.complete && i.naturalWidth)"
    )


def test_cards_say_what_is_made_what_failed_and_what_is_not_there(window):
    page = window().open()
    cards = page.locator("li.card")
    status = dict(
        cards.evaluate_all(
            "cards => cards.map(c => [c.dataset.name + c.dataset.variant, c.dataset.status])"
        )
    )
    expected = {"unlike": "failed", "broken": "failed"}
    expected |= {"damaged": "not there", "later": "not there"}
    for name in PAGES[1:]:
        for variant in (PLAIN, ODD_VARIANT):
            assert status.pop(name + variant) == expected.get(name, "made"), name
    assert not status
    unlike = page.locator("[data-name=unlike]").first.text_content()
    assert "min_confidence is 1" in unlike and "What to try" in unlike
    damaged = page.locator("[data-name=damaged]").first.text_content()
    assert "a_prime.png: the file is damaged" in damaged


def test_cards_are_searched_filtered_and_sorted(window):
    page = window().open()
    count = page.locator("#count")
    assert count.text_content() == "24 results"
    page.get_by_label("Search").fill("<B>&AMP; 100%41")
    assert names(page) == [ODD, ODD] and count.text_content() == "2 of 24 results"
    page.get_by_label("Variant").select_option(ODD_VARIANT)
    assert names(page) == [ODD]
    page.get_by_label("Search").fill("nothing like this")
    assert names(page) == [] and page.get_by_text("Nothing is like this").is_visible()
    page.get_by_label("Search").fill("")
    page.get_by_label("Status").select_option("failed")
    assert names(page) == ["unlike", "broken"]
    page.get_by_label("Status").select_option("")
    page.get_by_label("Kind").select_option("sequences")
    assert names(page) == ["day"]
    page.get_by_label("Kind").select_option("all")
    page.get_by_label("Sort").select_option("name")
    assert names(page) == sorted(PAGES[1:], key=lambda name: name.strip("<").lower())
    page.get_by_label("Sort").select_option("confidence")
    sure = page.locator(SHOWN).evaluate_all("cards => cards.map(c => c.dataset.confidence)")
    known = [float(value) for value in sure if value]
    assert known == sorted(known) and len(known) > 3 and not any(sure[len(known) :])
    page.get_by_label("Sort").select_option("as listed")
    assert names(page)[:2] == ["first", ODD]


def test_a_card_leads_to_its_pair_and_variant_and_back_to_the_filter(window):
    page = window().open()
    page.get_by_label("Variant").select_option(ODD_VARIANT)
    with page.expect_event("load"):
        page.locator(f"{SHOWN} a").nth(1).click()
    assert page.locator("h1").text_content() == ODD
    assert page.get_by_role("radio", name=ODD_VARIANT, exact=True).is_checked()
    page.go_back()
    assert len(names(page)) == 12
    assert page.get_by_label("Variant").input_value() == ODD_VARIANT


def test_the_slider_shows_more_or_less_of_a(window):
    page = window().open("first")
    given = page.locator(".view[data-side=a] .given")

    def width_shown():
        clip = given.evaluate("image => getComputedStyle(image).clipPath")
        return 100 - float(re.search(r"calc\(100% - (.*)%\)|inset\(0px (.*)%", clip)[2])

    slider = page.get_by_label("How much of A is shown before A'")
    slider.focus()
    for key, width in (("Home", 0), ("ArrowRight", 1), ("End", 100)):
        slider.press(key)
        assert width_shown() == pytest.approx(width)
    divider = page.locator(".view[data-side=a] .divider").bounding_box()
    sheet = page.locator(".view[data-side=a] .sheet").bounding_box()
    assert divider["x"] + 1 == pytest.approx(sheet["x"] + sheet["width"])


@pytest.mark.parametrize("variant", [PLAIN, ODD_VARIANT])
def test_the_probe_lies_where_the_field_leads_and_where_that_leads_back(window, folder, variant):
    page = window().open("first", quote(variant))
    fields = {side: flow(folder, "first", f"flow_{side}", variant) for side in ("ab", "ba")}
    ways = {"a": ("ab", "ba", SIZE_A, SIZE_B), "b": ("ba", "ab", SIZE_B, SIZE_A)}
    random = np.random.default_rng(0)
    for side, (there, back, size, other) in ways.items():
        for y, x in [(0, 0), (size[0] - 1, size[1] - 1), *random.integers(0, size, (6, 2))]:
            match = (x, y) + fields[there][y, x]
            returned = match + fields[back][int(match[1]), int(match[0])]
            point_at(page, side, x, y, size)
            assert points_said(page) == [(x, y), tuple(match), tuple(returned)]
            assert marked(page, side, "own", size) == pytest.approx((x, y), abs=0.1)
            assert marked(page, side, "back", size) == pytest.approx(tuple(returned), abs=0.1)
            reached = "b" if side == "a" else "a"
            assert marked(page, reached, "match", other) == pytest.approx(tuple(match), abs=0.1)


def test_the_probe_follows_the_arrow_keys(window, folder):
    page = window().open("first")
    frame = page.get_by_role("group", name="A. The arrow keys")
    frame.focus()
    for key, point in (
        ("ArrowRight", (33, 24)),
        ("Shift+ArrowDown", (33, 34)),
        ("ArrowLeft", (32, 34)),
        ("Shift+ArrowDown", (32, 44)),
        ("Shift+ArrowDown", (32, 47)),  # and not beyond the image
    ):
        frame.press(key)
        page.wait_for_function(
            "text => document.getElementById('said').textContent.startsWith(text)",
            arg=f"A ({point[0]}, {point[1]}) ",
        )
    assert points_said(page)[1] == tuple((32, 47) + flow(folder, "first", "flow_ab")[47, 32])


def test_the_probe_follows_a_finger(window, folder):
    page = window(has_touch=True, viewport={"width": 390, "height": 844}).open("first")
    page.locator(".view[data-side=b] .sheet").tap()
    page.wait_for_selector(".view[data-side=a] .mark.match:visible")
    (x, y), match, _ = points_said(page)
    assert match == tuple((x, y) + flow(folder, "first", "flow_ba")[y, x])


def test_one_direction_has_a_match_and_no_way_back(window, folder):
    page = window().open("one-way")
    point_at(page, "a", 5, 7, SIZE_A)
    assert points_said(page) == [(5, 7), tuple((5, 7) + flow(folder, "one-way", "flow_ab")[7, 5])]
    assert page.get_by_role("radio", name="round trip").is_disabled()


def pixels(page, side: str) -> np.ndarray:
    """What is drawn over an image, (H, W, 4)."""
    page.wait_for_selector(f".view[data-side={side}] canvas:visible")
    width, height, values = page.locator(f".view[data-side={side}] canvas").evaluate(
        "c => [c.width, c.height, [...c.getContext('2d').getImageData(0,0,c.width,c.height).data]]"
    )
    return np.array(values).reshape(height, width, 4)


def test_matches_have_the_colours_of_the_overview(window, folder):
    page = window().open("first")
    page.get_by_label("matches").check(force=True)
    for side, name in (("a", "flow_ab"), ("b", "flow_ba")):
        field = flow(folder, "first", name)
        drawn = pixels(page, side)
        radius = page.evaluate("matches().then(fields => fields.radius)")
        length = np.hypot(*np.moveaxis(field.astype(float), -1, 0))[..., None]
        clipped = field * np.minimum(1, 0.999999 * radius / np.maximum(length, 1))
        expected = colour_flow(clipped, radius)
        assert np.abs(drawn[..., :3] - expected).max() <= 2
    assert page.get_by_text("Full colour is").is_visible()


def test_the_round_trip_is_red_where_a_match_leads_elsewhere(window, folder):
    page = window().open("first")
    page.get_by_label("round trip").check(force=True)
    there, back = (flow(folder, "first", name) for name in ("flow_ab", "flow_ba"))
    for side, fields in (("a", (there, back)), ("b", (back, there))):
        doubt = np.minimum(round_trip(*fields) / DOUBT, 1)
        assert pixels(page, side)[..., 3] == pytest.approx(255 * doubt, abs=1)
        assert 0.02 < (doubt == 0).mean() < 0.98


def test_what_is_alone_is_red_as_the_provenance_says(window, folder):
    page = window().open("first")
    page.get_by_label("alone").check(force=True)
    provenance = (folder / "results" / PLAIN / "first" / "provenance.json").read_text()
    parts = json.loads(provenance)["pose"]["parts"]
    for side, name in (("a", "a"), ("b", "b_prime")):
        drawn = pixels(page, side)
        assert (drawn[..., 3] == loneliness(parts[name])).all()
        assert (drawn[..., :3][drawn[..., 3] == 255] == (220, 30, 30)).all()
    assert page.get_by_text("Red where nothing in the other image belongs").is_visible()
    page.get_by_label("images").check(force=True)
    assert page.locator(".view canvas:visible").count() == 0


@pytest.mark.parametrize("name", ["several", "other-matcher"])
def test_what_is_alone_is_not_shown_where_it_is_not_known(window, name):
    assert window().open(name).get_by_role("radio", name="alone").is_disabled()


def test_variants_change_in_place_at_the_same_zoom(window, folder):
    page = window().open("first")
    page.get_by_label("Zoom").select_option("4")
    frame = page.locator(".view[data-side=a] .frame")
    frame.evaluate("frame => frame.scrollTo(301, 97)")
    place = "frame => [frame.scrollLeft, frame.scrollTop, frame.scrollWidth]"
    before = frame.evaluate(place)
    point_at(page, "a", *at_middle(page), SIZE_A)
    first = points_said(page)
    page.get_by_role("radio", name=ODD_VARIANT, exact=True).check(force=True)
    for side, file in (("a", "a_prime.png"), ("b", "b.png")):
        image = page.locator(f".view[data-side={side}] .result")
        address = (folder / "results" / ODD_VARIANT / "first" / file).as_uri()
        assert unquote(image.evaluate("image => image.src")) == unquote(address)
    assert frame.evaluate(place) == before and before[0] > 0
    (x, y), *_ = first
    page.wait_for_function(
        "text => document.getElementById('said').textContent.includes(text)",
        arg="({:.0f}, {:.0f})".format(
            *((x, y) + flow(folder, "first", "flow_ab", ODD_VARIANT)[y, x])
        ),
    )
    shown = page.locator("section.details:visible")
    assert shown.get_attribute("data-variant") == ODD_VARIANT
    assert "0.1, 0.1, 0.1, 0.1" in shown.text_content()


def at_middle(page) -> tuple[int, int]:
    """The pixel of A in the middle of what is seen of it."""
    x, y = page.locator(".view[data-side=a] .frame").evaluate(
        "f => { const s = f.querySelector('.sheet');"
        " return [(f.scrollLeft + f.clientWidth / 2) / s.offsetWidth,"
        " (f.scrollTop + f.clientHeight / 2) / s.offsetHeight] }"
    )
    return int(x * SIZE_A[1]), int(y * SIZE_A[0])


def test_a_variant_that_failed_is_said_in_its_place(window):
    page = window().open("broken")
    assert "Failed in pair" in page.locator("section.details:visible").text_content()
    assert page.locator(".stage").count() == 0


def test_pages_work_where_the_results_were_moved_without_the_images(window, folder, tmp_path):
    shutil.copytree(folder / "results", tmp_path / "results")
    watched = window(tmp_path)
    page = watched.open("first")
    page.wait_for_function(
        "[...document.querySelectorAll('.sheet img')].every(i => i.complete && i.naturalWidth)"
    )
    assert all("images" in url for url in watched.wrong if url.startswith("file"))
    watched.wrong.clear()  # of the images that are gone


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_need_not_scroll_sideways(window, name):
    page = window(viewport={"width": 360, "height": 740}).open(name)
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_everything_is_reached_by_tab_and_the_focus_is_seen(window):
    page = window().open("first")
    reached = []
    for _ in range(13):
        page.keyboard.press("Tab")
        focus = page.evaluate(
            "() => { const e = document.activeElement;"
            " const of = e.type === 'radio' ? e.nextElementSibling : e;"
            " return [e.id || e.name || e.className || e.tagName,"
            " getComputedStyle(of).outlineStyle] }"
        )
        reached.append(focus[0])
        assert focus[1] != "none", focus
    assert reached[:5] == ["A", "variant", "beside", "layer", "zoom"]
    assert reached.count("frame") == 2


def test_everything_to_be_used_or_seen_has_a_name(window):
    for name in ("", "first", "several", "day"):
        page = window().open(name)
        unnamed = page.evaluate(
            "[...document.querySelectorAll('input, select, a, img')].filter(e => !("
            "e.labels?.length || e.ariaLabel || e.alt || e.textContent.trim() ||"
            " e.querySelector?.('img[alt]'))).map(e => e.outerHTML)"
        )
        assert unnamed == []


def test_the_pages_are_dark_where_that_is_preferred(window):
    light, dark = (
        window(color_scheme=scheme)
        .open("first")
        .evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
        for scheme in ("light", "dark")
    )
    assert min(light) > 200 and max(dark) < 60


def test_the_video_plays_and_gaps_are_named(window):
    page = window().open("day")
    page.wait_for_function("document.querySelector('video').videoWidth > 0")
    assert "Frame 3: day/3.png: there is no such file" in page.locator("main").text_content()
    frames = page.locator("section.details:visible .frames li").all_text_contents()
    assert frames == ["1", "2", "3 missing", "4"]


def test_the_probe_collects_points_for_a_run(window, folder):
    page = window().open("first")
    page.get_by_label("collect points").check()
    for side, x, y, size in (("a", 5, 7, SIZE_A), ("b", 30, 40, SIZE_B), ("b", 9, 9, SIZE_B)):
        point_at(page, side, x, y, size)
        page.mouse.down()
        page.mouse.up()
    frame = page.get_by_role("group", name="A. The arrow keys")
    frame.focus()
    frame.press("ArrowRight")
    page.wait_for_function("document.getElementById('said').textContent.startsWith('A (33, 24)')")
    frame.press("Enter")
    items = page.locator("#collected li")
    assert items.all_text_contents() == [
        "A (5, 7) and B' (30, 40) Remove",
        "A (33, 24) and B' (9, 9) Remove",
    ]
    assert page.locator(".dot").all_text_contents() == ["1", "2", "1", "2"]
    table = page.locator("#table")
    assert table.get_attribute("download") == "points.csv"
    content = unquote(table.get_attribute("href").removeprefix("data:text/csv,")).encode()
    assert rows_of(content, "points")[:, :4].tolist() == [
        [5.5, 7.5, 30.5, 40.5],
        [33.5, 24.5, 9.5, 9.5],
    ]
    items.first.get_by_role("button").click()
    assert items.all_text_contents() == ["A (33, 24) and B' (9, 9) Remove"]
    words = shlex.split(page.locator("#command").text_content())
    assert words[:2] == ["dia", "run"] and words[words.index("--points") + 1] == "points.csv"
    assert all((folder / path).exists() for path in words[2:4])
    assert "--quality=draft" not in words and "--iterations=2" in words


def test_the_line_of_the_probe_stays_in_view_on_a_phone(window):
    page = window(has_touch=True, viewport={"width": 390, "height": 500}).open("first")
    page.locator(".view[data-side=a] .sheet").tap()
    page.wait_for_selector(".view[data-side=a] .mark.own:visible")
    line = page.locator("#said").bounding_box()
    assert line["y"] + line["height"] <= 500
