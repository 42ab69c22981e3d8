"""docs/formats.md against the files of real runs."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import h5py
import pytest
from examples import DRAFT, draw_image, make_plan, work
from films import film
from formats import matches, names, table, unlisted

from dia_pipeline.jobs.single import run_pair, run_references, run_sequence
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.sequence import Sequence, find_frames
from dia_pipeline.settings import resolve

SETTINGS = {**DRAFT, "pose": "auto"}

OWN = "from dia_pipeline.matchers.identity import match"
"""A matcher of the user's own."""

ELSEWHERE = {
    *("plans/KEY.json", "begun.json", "cleaned.json", "logs/STAGE/VARIANT/0001.log"),
    *("summary.json", "failures.tsv", ".lock", "measures.json", "index.html", "gallery/..."),
}
"""What runs of Snakemake alone leave; tests/test_docs.py compares one with the page."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folders of results of each kind, by the heading under which the page lists them."""
    folder = tmp_path_factory.mktemp("runs")
    a, b_prime = (draw_image(folder / f"{n}.png", n, (48, 64)) for n in (1, 2))
    names = ("pair", "own", "several", "poses", "locked", "propagated", "keyed", "workflow")
    pair, own, several, poses, locked, propagated, keyed, workflow = map(folder.joinpath, names)
    points = folder / "points.csv"
    points.write_text("a_x,a_y,b_prime_x,b_prime_y\n5,5,20,12\n")
    textured = resolve({**SETTINGS, "take": "texture"})
    run_pair(a, b_prime, pair, textured, "cpu", guides={"points": str(points)})
    (folder / "mine.py").write_text(OWN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIA_MATCHERS", str(folder))
        run_pair(a, b_prime, own, resolve({"matcher": "mine"}), "cpu")
    run_references(
        Pair("several", a, b_prime, references=(a,)),
        several,
        textured,
        "cpu",
    )
    run_references(
        Pair("poses", a, b_prime), poses, resolve({**SETTINGS, "pose": "several"}), "cpu"
    )
    for number in range(3):
        (folder / "day").mkdir(exist_ok=True)
        draw_image(folder / "day" / f"{number}.png", number, (48, 64))
    still = Sequence("day", a, str(folder / "day"), coherence="locked")
    run_sequence(find_frames(still), locked, resolve(DRAFT), "cpu")
    clip = film(folder / "clip.mp4", frames=3)
    said = folder / "points.csv"
    said.write_text("a_x,a_y,b_prime_x,b_prime_y\n20,20,30,20\n")
    guides = {"points": f"0={said}"}
    moving = Sequence("clip", str(clip), b_prime, coherence="propagated", guides=guides)
    run_sequence(find_frames(moving), propagated, resolve(DRAFT), "cpu")
    scene = folder / "scene"
    scene.mkdir()
    for number in range(3):
        draw_image(scene / f"{number}.png", 1, (48, 64))
    references = f"0={b_prime},2={a}"
    twice = Sequence("scene", str(scene), references, codec="prores", coherence="propagated")
    run_sequence(find_frames(twice), keyed, resolve(DRAFT), "cpu")
    work(make_plan(workflow, (Pair("first", a, b_prime),), settings={"deconvolution": 1, **DRAFT}))
    work(make_plan(workflow, (Pair("second", a, b_prime),), settings=SETTINGS))
    return {
        "A pair": [pair, own, workflow / "hierarchical" / "first"],
        "A pair with several references": [several, poses],
        "A sequence": [locked, propagated, keyed],
        "The workflow": [workflow],
    }


def test_every_file_of_a_run_is_listed(runs):
    for heading, folders in runs.items():
        for folder in folders:
            assert unlisted(folder, heading) == []


def test_every_file_that_is_listed_is_made(runs):
    for heading, folders in runs.items():
        paths = [str(p.relative_to(f)) for f in folders for p in f.rglob("*") if p.is_file()]
        for name in names(heading):
            assert name in ELSEWHERE or any(matches(name, path) for path in paths), name


def arrays(runs, pattern: str) -> list[Path]:
    folders = {folder for folders in runs.values() for folder in folders}
    found = [path for folder in folders for path in folder.rglob(pattern)]
    assert found
    return found


@pytest.mark.parametrize(
    ("heading", "pattern"),
    [
        ("`nnf.h5`", "nnf.h5"),
        ("`levelL.h5`", "level[1-5].h5"),
        ("`pose.h5`", "pose.h5"),
        ("Features", "features/*.h5"),
        ("Fields", "fields/**/*.h5"),
    ],
)
def test_every_dataset_has_the_shape_and_type_that_the_page_gives(runs, heading, pattern):
    rows = {row[0].strip("`"): (row[1].count(",") + 1, row[2]) for row in table(heading)}
    seen = set()
    for path in arrays(runs, pattern):
        with h5py.File(path) as file:
            for name, dataset in datasets(file).items():
                named = re.sub(r"level[1-5]", "levelL", name)
                assert rows[named] == (dataset.ndim, str(dataset.dtype)), (path, name)
                seen.add(named)
    assert seen == rows.keys()


def datasets(file: h5py.File) -> dict[str, h5py.Dataset]:
    found = {}
    file.visititems(
        lambda name, item: found.update({name: item} if isinstance(item, h5py.Dataset) else {})
    )
    return found


def test_every_attribute_is_explained(runs):
    listed = {name.strip("`") for name, _ in table("HDF5")}
    found = set()
    for path in arrays(runs, "*.h5"):
        with h5py.File(path) as file:
            found |= set(file.attrs)
            for name, value in file.attrs.items():
                assert name == "key" or json.loads(value) is not None
    assert found == listed


def test_every_field_of_the_provenance_is_explained(runs):
    listed = set(names("`provenance.json`"))
    found = set()
    for path in arrays(runs, "provenance.json"):
        if path.parent.name != "prepared":
            found |= json.loads(path.read_text()).keys()
    assert found == listed


def test_the_header_says_the_digest_of_the_rest(runs):
    for path in arrays(runs, "nnf.h5"):
        content = path.read_bytes()
        assert hashlib.sha256(content[512:]).hexdigest() in content[:512].decode()
