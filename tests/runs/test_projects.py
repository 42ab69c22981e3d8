"""`dia init`: what is in a project, and the table of one style over a folder."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from examples import draw_image
from hypothesis import given
from hypothesis import strategies as st

from dia_pipeline.runs import projects
from dia_pipeline.runs.config import SCHEMAS, load_config
from dia_pipeline.runs.projects import (
    FILES,
    TEMPLATE,
    ProjectError,
    make_project,
    rows_of_one_style,
    unique_names,
)
from dia_pipeline.text import same_name

ODD = [
    "'quoted'",
    '"double"',
    "#1",
    "100% <b>",
    "a b",
    " first",
    "-dash",
    "müde",
    "e\u0301",
    "x" * 200,
]
"""Stems of files that are no names of pairs as they are."""


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A folder of images with odd names, in the working directory, and a style beside it."""
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for number, stem in enumerate(ODD):
        draw_image(Path("photos", f"{stem}.png"), number)
    draw_image(Path("style.png"), 9)
    return Path("photos")


def pairs_of(project: Path, monkeypatch) -> dict[str, tuple[Path, Path]]:
    """The images of the pairs of a project, as the workflow reads it."""
    monkeypatch.chdir(project)
    config = load_config(yaml.safe_load(Path("config/config.yaml").read_text()))
    return {
        pair.name: (Path(pair.a).resolve(), Path(pair.b_prime).resolve()) for pair in config.pairs
    }


@pytest.mark.parametrize("project", ["project", "."])
def test_every_image_of_a_folder_is_a_pair_whatever_its_name(
    photos, tmp_path, monkeypatch, project
):
    (photos / "notes.txt").touch()
    make_project(Path(project), rows_of_one_style(photos, Path("style.png"), Path(project)))
    found = pairs_of(tmp_path / project, monkeypatch)
    images = {(tmp_path / photos / f"{stem}.png").resolve() for stem in ODD}
    assert {a for a, _ in found.values()} == images
    assert {b_prime for _, b_prime in found.values()} == {(tmp_path / "style.png").resolve()}
    table = Path("config/pairs.tsv").read_text()
    assert (str(tmp_path) in table) == (project == "project")


def test_the_style_is_not_paired_with_itself(photos):
    rows = rows_of_one_style(photos, photos / "a b.png", Path("project"))
    assert len(rows) == len(ODD) - 1
    assert {row["b_prime"] for row in rows} == {str(photos.absolute() / "a b.png")}


def test_images_that_cannot_be_read_are_named_at_once_and_nothing_is_made(photos):
    (photos / "empty.png").touch()
    (photos / "text.jpg").write_text("no image")
    (photos / "bra{ce.png").touch()
    with pytest.raises(ProjectError) as caught:
        rows_of_one_style(photos, Path("none.png"), Path("project"))
    *_, style, brace, empty, text = str(caught.value).splitlines()
    assert "none.png: there is no such file" in style and "wildcard" in brace
    assert all("no image of a known format" in line for line in (empty, text))
    with pytest.raises(ProjectError, match="no images in it"):
        rows_of_one_style(Path("config"), Path("style.png"), Path("project"))


@given(st.lists(st.text(min_size=1) | st.sampled_from(["a", "A", "a-2", "a.2"])))
def test_names_are_possible_and_all_different(stems):
    names = unique_names(stems)
    assert len(names) == len({same_name(name) for name in names}) == len(stems)
    schema = json.loads((SCHEMAS / "pairs.schema.json").read_text())["properties"]["name"]
    assert all(re.search(schema["pattern"], name) for name in names)
    assert all(len(name) <= schema["maxLength"] and len(name.encode()) <= 200 for name in names)


def test_a_project_overwrites_nothing(tmp_path):
    mine = tmp_path / "slurm" / "profile.yaml"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(ProjectError, match=r"slurm/profile\.yaml"):
        make_project(tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [mine]
    assert mine.read_text() == "mine"


def test_a_project_has_the_settings_of_the_checkout_but_not_the_rows_of_its_tables(
    tmp_path, monkeypatch
):
    for name in FILES:
        path = tmp_path / "template" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        own = "mine\ta.png\tb.png\n" if name.endswith(".tsv") else "# mine\n"
        path.write_text((TEMPLATE / name).read_text() + own)
    monkeypatch.setattr(projects, "TEMPLATE", tmp_path / "template")
    make_project(tmp_path / "project")
    for name in FILES:
        text = (tmp_path / "project" / name).read_text()
        assert ("mine" in text) != name.endswith(".tsv")
    monkeypatch.chdir(tmp_path / "project")
    config = load_config(yaml.safe_load(Path("config/config.yaml").read_text()))
    assert config.pairs == config.sequences == ()


def test_links_of_a_project_lead_somewhere(tmp_path):
    make_project(tmp_path)
    page = tmp_path / "config" / "README.md"
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        assert link.startswith("https://") or (page.parent / link).exists(), link
