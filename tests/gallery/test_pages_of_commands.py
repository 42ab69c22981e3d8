"""The page that `dia run`, `dia sweep` and `dia timelapse` leave beside their results."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from examples import draw_image
from galleries import Addresses
from PIL import Image
from typer.testing import CliRunner

from dia_pipeline import cli
from dia_pipeline.gallery import pages
from dia_pipeline.store.state import read_state, write_state

QUICK = ["--quality", "draft", "--backbone", "vgg16", "--pose", "given"]
SWEEP = ["--iterations", "1", "--over", "min_confidence=0,1"]
KINDS = ("one", "swept", "lapse")
OWN = ("index.html", "gallery")
KEYS = ("name", "kind", "variant", "status")


def dia(*words: str):
    return CliRunner().invoke(cli.app, words)


def commands() -> dict[str, list[str]]:
    """A command for each kind of page, by the folder of its results."""
    return {
        "one": ["run", "in/a.png", "in/b #1.png", "-o", "one", *QUICK, "--iterations", "1"],
        "swept": ["sweep", "in/a.png", "in/noise.png", "-o", "swept", *QUICK, *SWEEP],
        "lapse": ["timelapse", "in/a.png", "in/%d.png", "-o", "lapse", *QUICK],
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with results of each kind; of the sweep one value fails, and a frame is missing."""
    folder = tmp_path_factory.mktemp("made of <all> kinds & 100%")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("in").mkdir()
        for name, number in (("a", 1), ("b #1", 2), ("1", 3), ("2", 4), ("4", 5)):
            draw_image(Path(f"in/{name}.png"), number)
        noise = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
        Image.fromarray(noise).save("in/noise.png")
        told = {name: dia(*command) for name, command in commands().items()}
    return folder, told


@pytest.fixture
def folder(made, tmp_path, monkeypatch):
    """A copy of it, in which the results may be changed."""
    shutil.copytree(made[0], tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")


def content(folder: str | Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def data(page: str) -> dict:
    """What a page of a pair tells its scripts."""
    return json.loads(Path(page).read_text().split('id="data">')[1].split("</script>")[0])


def without_page(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: each for name, each in files.items() if Path(name).parts[1] not in OWN}


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_line_names_a_page_whose_links_are_files(made, kind, monkeypatch):
    monkeypatch.chdir(made[0])
    told = made[1][kind]
    assert told.exit_code == (0 if kind == "one" else 1), told.output
    assert told.stdout.splitlines()[-1] == f"The page: {kind}/index.html"
    page = Path(kind, "index.html")
    addresses = [each for each in Addresses(page).found if each and each != "data:,"]
    assert len(addresses) > 5
    for address in addresses:
        assert (page.parent / Addresses.path(address)).is_file(), address
    assert f'<h1 data-name="{"pair" if kind == "swept" else kind}">{kind}</h1>' in page.read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_the_gallery_makes_the_same_bytes_and_the_command_makes_them_once(folder, kind):
    before = content(kind)
    written = {path: path.stat().st_mtime_ns for path in Path(kind).rglob("*") if path.is_file()}
    if kind == "one":  # what failed elsewhere is tried again
        assert dia(*commands()[kind]).exit_code == 0
        assert written == {path: path.stat().st_mtime_ns for path in written}
    shutil.rmtree(Path(kind, "gallery"))
    Path(kind, "index.html").unlink()
    assert dia("gallery", kind).stdout == f"The gallery: {kind}/index.html\n"
    assert content(kind) == before


def test_the_page_of_a_sweep_has_every_value_and_why_one_failed(folder):
    page = Path("swept/index.html").read_text()
    (made,) = data("swept/index.html")["variants"].items()
    assert made[0] == "min_confidence-0" and made[1]["label"] == "min_confidence 0"
    assert "<legend>min_confidence</legend>" in page and "min_confidence is 1" in page
    two = [*commands()["one"][1:3], "-o", "two", *QUICK, "--over", "blend=0,4"]
    assert dia("sweep", *two).exit_code == 0
    shown = data("two/index.html")["variants"]
    assert [each["label"] for each in shown.values()] == ["blend 0", "blend 4"]
    for variant, each in shown.items():
        for side, file in (("a", "a_prime.png"), ("b", "b.png")):
            assert each[side]["result"] == f"{variant}/pair/{file}"


def test_frames_that_are_missing_are_named(folder):
    page = Path("lapse/index.html").read_text()
    assert "1 gap" in page and "Frame 3: in/3.png: there is no such file" in page


def test_no_page_is_made_where_none_is_wanted(folder):
    assert dia(*commands()["one"], "--no-page").exit_code == 0
    assert not Path("one/index.html").exists()  # one of before might be of other results
    told = dia(*commands()["one"][:3], "-o", "new", *QUICK, "--no-page")
    assert told.exit_code == 0 and "page" not in told.output
    assert not any(Path("new", name).exists() for name in OWN)


def test_what_fails_on_the_page_loses_no_result(folder, monkeypatch):
    before = content("one")
    shutil.rmtree("one")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pages, "replace_text", full)
        told = dia(*commands()["one"])
    assert told.exit_code == 0 and "The results: one/a_prime.png" in told.stdout
    assert "The results have no page: [Errno 28] No space left" in told.stderr
    assert "dia gallery one" in told.stderr and "The page" not in told.stdout
    assert without_page(content("one")) == without_page(before)
    assert dia("gallery", "one").exit_code == 0 and content("one") == before


def test_what_looks_at_the_folder_knows_the_page_as_its_own(folder):
    before = content(".")
    assert dia("verify", "one").stdout == "Everything that was made is there and whole.\n"
    assert dia("status", "one").stdout == "one: finished\n"
    for name in ("one", "swept"):
        assert "There is nothing to remove" in dia("clean", name, "--yes").stdout
    assert content(".") == before
    shutil.copy("in/a.png", "one/gallery/a.png")
    refused = dia("run", "one/gallery/a.png", "in/b #1.png", "-o", "one", *QUICK)
    assert refused.exit_code == 2 and "one would overwrite it" in refused.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_of_somebody_s_is_seen_before_the_work_begins(folder, kind):
    """A folder of a site, say; without a page the same command works."""
    shutil.rmtree(kind)
    Path(kind).mkdir()
    Path(kind, "index.html").write_text("<h1>mine</h1>")
    for _ in range(2):
        refused = dia(*commands()[kind])
        assert refused.exit_code == 2 and "would be overwritten" in refused.stderr
        assert [path.name for path in Path(kind).iterdir()] == ["index.html"]
        Path(kind, "index.html").unlink()
        Path(kind, "index.html").symlink_to("../in/a.png")
    Path(kind, "index.html").unlink()
    Path(kind, "gallery").mkdir()
    Path(kind, "gallery/mine.jpg").write_text("mine")
    refused = dia(*commands()[kind])
    assert refused.exit_code == 2 and "somebody's folder" in refused.stderr
    assert Path(kind, "gallery/mine.jpg").read_text() == "mine"


def test_a_page_of_somebody_s_stays_where_no_page_is_wanted(folder):
    Path("one/index.html").write_text("<h1>mine</h1>")
    assert dia(*commands()["one"], "--no-page").exit_code == 0
    assert dia("gallery", "one").exit_code == 2
    assert Path("one/index.html").read_text() == "<h1>mine</h1>"


def test_a_folder_of_several_results_has_a_gallery_of_all(folder):
    Path("references").mkdir()  # as a time-lapse has them: no results
    shutil.copytree("one", "half")
    Path("half/provenance.json").unlink()
    told = dia("gallery", ".")
    assert told.exit_code == 0 and told.stdout.endswith("The gallery: ./index.html\n")
    assert "left out" in told.stderr and "half: it holds no finished results" in told.stderr
    index = Path("index.html").read_text()
    cards = index.split('<li class="card"')[1:]
    shown = [[card.split(f'data-{key}="')[1].split('"')[0] for key in KEYS] for card in cards]
    assert shown == [
        ["lapse", "sequence", "", "made"],
        ["one", "pair", "", "made"],
        ["swept", "pair", "min_confidence-0", "made"],
        ["swept", "pair", "min_confidence-1", "failed"],
    ]
    for page in (Path("index.html"), *Path("gallery/pages").iterdir()):
        for address in Addresses(page).found:
            if address and address != "data:,":
                assert (page.parent / Addresses.path(address)).is_file(), (page, address)
    before = content("gallery")
    assert dia("gallery", ".").exit_code == 0 and content("gallery") == before


def test_a_folder_without_results_is_told_as_before(folder, tmp_path):
    Path("empty").mkdir()
    assert "no run has been begun here" in dia("gallery", "empty").stderr
    assert not Path("empty/index.html").exists()


def test_the_images_are_found_from_elsewhere_too(folder, monkeypatch):
    before = content("one")
    shutil.rmtree("one/gallery")
    here = Path.cwd()
    monkeypatch.chdir("/")
    assert dia("gallery", str(here / "one")).exit_code == 0
    monkeypatch.chdir(here)
    assert content("one") == before


def test_a_small_image_stands_for_one_that_is_gone(folder):
    os.remove("in/a.png")
    assert dia("gallery", "one").exit_code == 0
    stage = data("one/index.html")["variants"][""]
    assert stage["a"]["given"] == stage["a"]["small"] and stage["a"]["result"] == "a_prime.png"


@pytest.mark.parametrize("foreign", [None, "", [], {}, -1, "x" * 9999])
def test_what_anybody_may_have_written_of_a_sequence_is_one_line(folder, foreign):
    about = read_state("lapse/provenance.json")
    for name in about["sequence"]:
        forged = {**about, "sequence": {**about["sequence"], name: foreign}}
        write_state("lapse/provenance.json", forged)
        told = dia("gallery", "lapse")
        assert told.exit_code in (0, 2) and "Traceback" not in told.output, (name, told.exception)
