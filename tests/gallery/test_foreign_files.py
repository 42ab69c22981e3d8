"""The gallery of results that were damaged, or written by anybody: the others are always shown."""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
from contextlib import chdir
from html.parser import HTMLParser
from pathlib import Path

import h5py
import numpy as np
import pytest
from examples import draw_image, make_plan, work
from markupsafe import escape
from PIL import Image

from dia_pipeline.gallery.cache import Cache, GalleryError
from dia_pipeline.gallery.gallery import make_gallery
from dia_pipeline.io.files import digest_file
from dia_pipeline.io.flow import write_flo
from dia_pipeline.jobs.batches import run_batch
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.store.artefacts import digest
from dia_pipeline.store.receipts import Receipt
from dia_pipeline.store.state import read_state

RESULTS = Path("results")
GALLERY = RESULTS / "gallery"
FOLDER = RESULTS / "hierarchical" / "first"
PROVENANCE = FOLDER / "provenance.json"
CASES = 150
NAUGHTY = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a whole run of two pairs, and its plan."""
    folder = tmp_path_factory.mktemp("finished")
    with chdir(folder):
        images = [draw_image(Path(f"{n}.png"), n, (24 + 4 * n, 40)) for n in range(1, 5)]
        pairs = Pair("first", *images[:2]), Pair("second", *images[2:])
        plan = make_plan(RESULTS, pairs, checkpoint="pair")
        work(plan)
    return folder, plan


@pytest.fixture
def plan(finished, tmp_path, monkeypatch):
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return finished[1]


class Tags(HTMLParser):
    """The tags of a page, and the attributes that are scripts or addresses of such."""

    def __init__(self, page: Path):
        super().__init__()
        self.tags: list[str] = []
        self.scripts: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            followed = name in ("href", "src", "poster", "action")
            if name.startswith("on") or (followed and (value or "").startswith("javascript:")):
                self.scripts.append(f"{tag} {name}={value}")


def shown(plan: Plan, anew: bool = True) -> dict[str, str]:
    """What a gallery says of every pair: its status, and why it is not there.

    Args:
        anew: whether there is none yet, from which anything could be taken.
    """
    if anew:
        shutil.rmtree(GALLERY, ignore_errors=True)
    cards = make_gallery(plan).read_text().split('data-name="')[1:]
    for page in (GALLERY / "pages").iterdir():
        assert not Tags(page).scripts
    return {
        card.split('"')[0]: card.split('data-status="')[1].split('"')[0]
        + "".join(card.split('class="trouble">')[1:]).split("</p>")[0]
        for card in cards
    }


def check_the_other_is_shown(plan: Plan, file: str = "", anew: bool = True) -> None:
    """There is a gallery; of the pair in whose files something is wrong it names the file."""
    found = shown(plan, anew)
    assert found["second"] == "made"
    assert found["first"].startswith("made") or file in found["first"], found["first"]


def files_of_a_pair() -> list[Path]:
    return [*sorted(FOLDER.iterdir()), *sorted((RESULTS / "times").rglob("*.json"))]


def damaged(content: bytes, generator: random.Random) -> bytes:
    at = generator.randrange(len(content))
    kind = generator.choice(("flip", "cut", "zeros", "other"))
    if kind == "cut":
        return content[:at]
    if kind == "zeros":
        return content[:at] + bytes(min(512, len(content) - at)) + content[at + 512 :]
    if kind == "other":
        return generator.randbytes(generator.choice((0, 1, 100)))
    return content[:at] + bytes([content[at] ^ (1 << generator.randrange(8))]) + content[at + 1 :]


def fuzz(plan: Plan, cases: int, anew: bool) -> None:
    generator, files = random.Random(1), files_of_a_pair()
    for _ in range(cases):
        path = generator.choice(files)
        content = path.read_bytes()
        path.write_bytes(damaged(content, generator))
        check_the_other_is_shown(plan, path.name, anew)
        path.write_bytes(content)


@pytest.mark.slow
def test_whatever_happens_to_a_file_the_other_pair_is_shown(plan):
    fuzz(plan, CASES, anew=True)


@pytest.mark.slow
def test_a_gallery_goes_on_while_files_are_damaged_again_and_again(plan):
    fuzz(plan, 2 * CASES, anew=False)


@pytest.mark.parametrize("name", ["nnf.h5", "a_prime.png", "flow_ab.flo"])
def test_one_flipped_bit_is_seen_and_named(plan, name):
    path = FOLDER / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    found = shown(plan)
    assert found["first"].startswith("not there") and name in found["first"]
    assert found["second"] == "made"


def outsider(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


def endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("kind", [outsider, endless, pipe, folder])
def test_what_is_no_file_is_neither_followed_nor_waited_for(plan, tmp_path, kind):
    for number, path in enumerate(files_of_a_pair()):
        kept = tmp_path / f"kept{number}"
        shutil.copytree(RESULTS, kept)
        kind(path)
        check_the_other_is_shown(plan, path.name)
        shutil.rmtree(RESULTS)
        kept.rename(RESULTS)


# What anybody can write, with digests that are right.


def forge_state(path: Path, value: dict) -> None:
    """Like `write_state`, of anything."""
    path.write_text(json.dumps({**value, "digest": digest(value)}))


def forge(name: str, write) -> None:
    """Replace a result, and its digest in the provenance."""
    write(FOLDER / name)
    provenance = read_state(PROVENANCE)
    provenance["outputs"][name] = digest_file(FOLDER / name)
    forge_state(PROVENANCE, provenance)


def linked_fields(path: Path) -> None:
    with h5py.File("other.h5", "w") as other:
        other["data"] = np.ones(3)
    with h5py.File(path, "w") as file:
        file["level5/energy_ab"] = h5py.ExternalLink(str(Path("other.h5").resolve()), "data")


def huge_fields(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("level5/energy_ab", (10**6, 10**6), "f4")


def bomb(path: Path) -> None:
    """A PNG of a few bytes that says it has 4,000 megapixels."""
    Image.new("1", (1, 1)).save(path)
    content = bytearray(path.read_bytes())
    content[16:24] = (60_000).to_bytes(4, "big") + (70_000).to_bytes(4, "big")
    path.write_bytes(content)


def small(path: Path) -> None:
    Image.new("RGB", (1280, 3)).save(path)


def huge_flow(path: Path) -> None:
    path.write_bytes(b"PIEH" + (2**31 - 1).to_bytes(4, "little") * 2)


def negative_flow(path: Path) -> None:
    path.write_bytes(b"PIEH" + (-1).to_bytes(4, "little", signed=True) * 2 + bytes(8))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("nnf.h5", linked_fields),
        ("nnf.h5", huge_fields),
        ("overview.png", bomb),
        ("overview.png", small),
        ("a_prime.png", bomb),
        ("flow_ab.flo", huge_flow),
        ("flow_ba.flo", negative_flow),
    ],
)
def test_what_is_no_result_is_not_there(plan, name, write):
    forge(name, write)
    found = shown(plan)
    assert found["first"].startswith("not there") and name in found["first"]
    assert found["second"] == "made"


@pytest.mark.filterwarnings("error")
def test_a_flow_that_is_known_nowhere_is_shown(plan):
    for number in (np.nan, np.inf, 1e30):
        forge("flow_ab.flo", lambda path, n=number: write_flo(path, np.full((28, 40, 2), n)))
        assert shown(plan)["first"] == "made"


FOREIGN = (None, True, -1, 0, 1e308, 10**400, "", NAUGHTY, "\ud800", "../../../x", [], [[]], {})


def places(value, path=()):
    """The paths to all values in a JSON value."""
    yield path
    if isinstance(value, (dict, list)):
        for name, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(each, (*path, name))


def replaced(value, path, foreign):
    if not path:
        return foreign
    changed = copy.copy(value)
    changed[path[0]] = replaced(value[path[0]], path[1:], foreign)
    return changed


@pytest.mark.slow
def test_values_of_other_kinds_in_provenance_do_not_end_the_gallery(plan):
    """Any value but the whole, drawn of all places and kinds."""
    whole = read_state(PROVENANCE)
    whole |= {"settings": {"blend": 1, "seed": 0}, "versions": {"torch": "1"}}  # for all of them
    every = [(path, foreign) for path in places(whole) if path for foreign in FOREIGN]
    for path, foreign in random.Random(2).sample(every, 2 * CASES):
        forge_state(PROVENANCE, replaced(whole, path, foreign))
        check_the_other_is_shown(plan, PROVENANCE.name)


def test_more_in_provenance_than_this_version_writes_is_shown_as_text(plan):
    whole = read_state(PROVENANCE)
    whole["inputs"]["a"]["path"] = f"javascript:{NAUGHTY}"
    whole["inputs"]["a"]["notes"] = [NAUGHTY]
    whole["settings"]["blend"] = NAUGHTY
    whole["versions"][NAUGHTY] = NAUGHTY
    whole["device"] = NAUGHTY
    forge_state(PROVENANCE, whole)
    before = len(Tags(make_gallery(plan)).tags)
    assert shown(plan)["first"] == "made"
    page = GALLERY / "pages" / "first.html"
    assert str(escape(NAUGHTY)) in page.read_text()
    assert Tags(page).tags.count("script") == 5 and len(Tags(RESULTS / "index.html").tags) == before


@pytest.mark.parametrize(
    "name", ['"><script>alert(1)<', "' onerror=alert(1) x='", "javascript:alert(1)", "{{ 7 * 7 }}"]
)
def test_names_and_paths_are_text_in_every_page(finished, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = [draw_image(Path(f"{name}{n}.png"), n) for n in (1, 2)]
    pairs = Pair(name, *images), Pair("second", *images)
    plan = make_plan(RESULTS, pairs, checkpoint="pair", variants={name: {}, "constructor": {}})
    for stage in plan.stages(name, "0001"):
        run_batch(plan, stage, name, "0001")
    make_gallery(plan)
    for page in (RESULTS / "index.html", *(GALLERY / "pages").iterdir()):
        tags = Tags(page)
        assert not tags.scripts and tags.tags.count("script") == (1 if page.stem == "index" else 5)
    assert str(escape(name)) in (RESULTS / "index.html").read_text()


def test_a_failure_is_shown_as_text(plan):
    path = plan.receipt("aggregate", "hierarchical", "0001")
    receipt = read_state(path)
    failure = {"stage": NAUGHTY, "reason": NAUGHTY, "remedy": NAUGHTY, "log": NAUGHTY}
    forge_state(path, {**receipt, "failed": {"first": failure}})
    assert str(escape(NAUGHTY)) in shown(plan)["first"]
    assert Tags(GALLERY / "pages" / "first.html").tags.count("script") == 5


@pytest.mark.parametrize("foreign", FOREIGN[:-1])
def test_receipts_of_other_kinds_do_not_end_the_gallery(plan, foreign):
    path = plan.receipt("aggregate", "hierarchical", "0001")
    for forged in ({"failed": foreign}, {"failed": {"first": foreign}}, {"made": foreign}):
        forge_state(path, {**vars(Receipt("aggregate", "hierarchical", "0001")), **forged})
        assert shown(plan)["second"] == "made"
    times = plan.times("hierarchical", plan.config.pairs[0])
    for forged in ({"seconds": foreign}, {"seconds": {"key": foreign}}, {}):
        forge_state(times, forged)
        assert shown(plan) == {"first": "made", "second": "made"}


# Where the gallery writes.


def test_a_link_in_place_of_the_gallery_is_refused_and_nothing_is_removed(plan, tmp_path):
    victim = tmp_path / "victim"
    for place in (GALLERY, GALLERY / "thumbnails", GALLERY / "pages"):
        shutil.rmtree(GALLERY, ignore_errors=True)
        shutil.rmtree(victim, ignore_errors=True)
        victim.mkdir()
        (victim / "work.txt").write_text("mine")
        place.parent.mkdir(exist_ok=True)
        place.symlink_to(victim)
        with pytest.raises(GalleryError, match="link"):
            make_gallery(plan)
        assert [path.name for path in victim.iterdir()] == ["work.txt"]
        place.unlink()


def test_the_first_page_is_no_way_out_either(plan, tmp_path):
    (tmp_path / "victim.html").write_text("mine")
    (RESULTS / "index.html").symlink_to(tmp_path / "victim.html")
    with pytest.raises(GalleryError, match="would be overwritten"):
        make_gallery(plan)
    assert (tmp_path / "victim.html").read_text() == "mine"
    assert not GALLERY.exists()


def test_a_folder_among_the_thumbnails_stays(plan):
    make_gallery(plan)
    (GALLERY / "thumbnails" / "mine").mkdir(parents=True)
    make_gallery(plan)
    assert (GALLERY / "thumbnails" / "mine").is_dir()


@pytest.mark.parametrize("name", ["../victim.html", "a/b.html", "..", ".", "/tmp/x", ""])
def test_names_that_lead_out_of_a_folder_are_refused(tmp_path, name):
    with pytest.raises(GalleryError, match="leads elsewhere"):
        Cache(tmp_path).claim(name)
