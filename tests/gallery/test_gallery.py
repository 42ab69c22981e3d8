"""The files of the gallery: what links to what, what is made again, and what is left alone."""

from __future__ import annotations

import base64
import json
import shutil
import zlib
from contextlib import chdir
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from examples import artefacts, draw_image, make_plan, work, write_pairs
from galleries import ODD, RESULTS, Addresses, run_of_all_kinds
from markupsafe import escape
from PIL import Image
from typer.testing import CliRunner

from dia_pipeline import cli
from dia_pipeline.alignment.parts import loneliness
from dia_pipeline.alignment.pose import Pose
from dia_pipeline.gallery.cache import Cache
from dia_pipeline.gallery.fields import SIDE, UNKNOWN, matches_of
from dia_pipeline.gallery.gallery import make_gallery
from dia_pipeline.gallery.thumbnails import LARGE
from dia_pipeline.gallery.thumbnails import SIDE as SMALL
from dia_pipeline.io.files import digest_file
from dia_pipeline.io.flow import write_flo
from dia_pipeline.io.images import write_image
from dia_pipeline.jobs.batches import run_batch
from dia_pipeline.pixels import shrunk
from dia_pipeline.runs.plan import Plan
from dia_pipeline.samples.photographs import photograph

GALLERY = RESULTS / "gallery"


def test_the_card_and_the_page_of_a_hopeless_pair_say_what_is_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("chelsea", "rocket"):
        write_image(f"{name}.png", shrunk(photograph(name), 128))
    command = ["run", "chelsea.png", "rocket.png", "-o", "out", "--quality", "draft"]
    assert CliRunner().invoke(cli.app, command).exit_code == 0
    pose = Pose.read(json.loads(Path("out/provenance.json").read_text())["pose"])
    assert pose.hopeless and pose.alone.startswith("nothing belongs to")
    shutil.copytree("out", "again")
    assert CliRunner().invoke(cli.app, ["gallery", "."]).exit_code == 0
    for page in ("out/index.html", "index.html", "gallery/pages/out.html"):
        shown = unescape(Path(page).read_text())
        assert f'title="Confidence that the images match, from 0 to 1; {pose.alone}"' in shown
        assert f"The images have little in common: {pose.alone}." in shown
    data = shown.split('id="data">')[1].split("</script>")[0]
    (stage,) = json.loads(data)["variants"].values()
    for side, percents in (("a", pose.parts.a), ("b", pose.parts.b_prime)):
        assert stage[side]["alone"] == loneliness(percents).tolist()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a run of all kinds, its plan, its files, and then its gallery."""
    folder = tmp_path_factory.mktemp("run & <more> 100%")
    with chdir(folder):
        plan = run_of_all_kinds()
        before = artefacts(RESULTS)
        make_gallery(plan)
    return folder, plan, before


@pytest.fixture
def plan(made, tmp_path, monkeypatch):
    """The plan of the run, in a copy that may be changed."""
    shutil.copytree(made[0], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return made[1]


def pages() -> list[Path]:
    return [RESULTS / "index.html", *sorted((GALLERY / "pages").iterdir())]


def status_of(name: str) -> str:
    """What the first page says of a pair in the first variant."""
    card = (RESULTS / "index.html").read_text().split(f'data-name="{escape(name)}"')[1]
    return card.split('data-status="')[1].split('"')[0]


def files() -> dict[Path, int]:
    """When every file of the gallery was written."""
    paths = [RESULTS / "index.html", *(p for p in GALLERY.rglob("*") if p.is_file())]
    return {path: path.stat().st_mtime_ns for path in paths}


def test_the_results_are_left_as_they_are(plan, made):
    now = {path: content for path, content in artefacts(RESULTS).items() if path in made[2]}
    assert now == made[2]


def test_every_address_is_that_of_a_file_and_relative(plan):
    assert len(pages()) == 13
    for page in pages():
        addresses = [each for each in Addresses(page).found if each and each != "data:,"]
        assert len(addresses) > 2
        for address in addresses:
            assert (page.parent / Addresses.path(address)).is_file(), (page, address)


def test_what_is_there_is_not_made_again(plan):
    before = files()
    make_gallery(plan)
    assert files() == before


def test_a_new_result_has_a_new_thumbnail_and_the_old_one_goes(plan):
    kept = files()
    pair = plan.config.pairs[0]
    draw_image(Path(pair.a), 7, (48, 64))
    for stage in plan.stages("plain", "0001"):
        run_batch(plan, stage, "plain", "0001")
    make_gallery(plan)
    now = files()
    old, new = kept.keys() - now.keys(), now.keys() - kept.keys()
    assert {path.parent.name for path in old | new} == {"thumbnails", "matches"}
    assert new
    others = [path for path in kept.keys() & now.keys() if path.parent.name == "thumbnails"]
    assert all(now[path] == kept[path] for path in others)


@pytest.mark.parametrize("left", [None, 0, 50])
def test_a_damaged_or_half_written_result_is_not_there(plan, left):
    """Whichever of its files is gone or cut short, there is a gallery, and never a traceback."""
    folder = RESULTS / "plain" / ODD
    results = {"provenance.json", *json.loads((folder / "provenance.json").read_text())["outputs"]}
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        content = path.read_bytes()
        path.unlink() if left is None else path.write_bytes(content[:left])
        shutil.rmtree(GALLERY / "matches")
        make_gallery(plan)
        assert (status_of(ODD) == "not there") == (path.name in results), path
        path.write_bytes(content)


def test_pairs_that_are_gone_from_the_table_lose_their_pages(plan):
    fewer = Plan(replace(plan.config, pairs=plan.config.pairs[:3:2], sequences=()))
    make_gallery(fewer)
    assert [path.name for path in (GALLERY / "pages").iterdir()] == ["first.html", "one-way.html"]
    assert ODD not in (RESULTS / "index.html").read_text()
    make_gallery(Plan(replace(plan.config, pairs=plan.config.pairs[:1], sequences=())))
    assert not any((GALLERY / "pages").iterdir())  # what is alone is the first page
    assert '<h1 data-name="first">first</h1>' in (RESULTS / "index.html").read_text()


def test_the_command_and_the_status_say_where_it_is(plan):
    plan.write()
    runner = CliRunner()
    for command in ("gallery", "status"):
        told = runner.invoke(cli.app, [command, "results"])
        assert told.exit_code == 0, told.output
        assert told.output.count("results/index.html") == 1


def test_a_run_that_has_just_begun_has_a_gallery(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = make_plan(RESULTS, write_pairs(Path("images"), 2))
    page = make_gallery(plan).read_text()
    assert page.count('data-status="not there"') == 2


def test_images_that_no_browser_shows_are_shown_by_a_smaller_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (pair,) = write_pairs(Path("images"), 1)
    wide = np.zeros((40, 1500, 3), np.uint8)
    Image.fromarray(wide).save("wide.tif")
    plan = make_plan(
        RESULTS,
        (type(pair)("wide", pair.a, "wide.tif"),),
        settings={"max_side": 64, "composition": "voted"},
    )
    work(plan)
    page = make_gallery(plan)
    shown = [each for each in Addresses(page).found if each and each.endswith("-1024.jpg")]
    assert Image.open(page.parent / shown[0]).size == (LARGE, round(40 * LARGE / 1500))
    sizes = {Image.open(path).size for path in (GALLERY / "thumbnails").iterdir()}
    assert max(max(size) for size in sizes - {(LARGE, 27)}) == SMALL


@pytest.mark.parametrize(("height", "width", "step"), [(30, SIDE, 1), (SIDE + 1, 40, 2)])
def test_large_fields_are_thinned_and_unknown_matches_are_so(tmp_path, height, width, step):
    random = np.random.default_rng(1)
    flow = random.integers(-900, 900, (height, width, 2)).astype(np.float32)
    flow[0, 0] = np.nan
    flow[0, step] = (2.0**15, 0)
    write_flo(tmp_path / "flow_ab.flo", flow)
    outputs = {"flow_ab.flo": digest_file(tmp_path / "flow_ab.flo")}
    script = matches_of(Cache(tmp_path / "matches"), tmp_path, outputs)
    text = script.read_text().removeprefix("receiveMatches(").removesuffix(");\n")
    name, content = json.loads(f"[{text}]")
    assert name == script.stem and set(content) == {"radius", "flow_ab"}
    field = content["flow_ab"]
    assert (field["step"], field["size"]) == (step, [width, height])
    values = np.frombuffer(zlib.decompress(base64.b64decode(field["deflated"])), "<i2")
    columns, rows = field["grid"]
    planes = values.reshape(2, rows, columns)
    expected = np.moveaxis(flow[::step, ::step], -1, 0).copy()
    expected[:, 0, :2] = UNKNOWN
    assert (planes == expected).all()
