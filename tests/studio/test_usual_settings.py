"""Settings of a pair are changed in the studio: what the page shows of them, and what is saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from examples import DRAFT
from projects import TABLE

from dia_pipeline.errors import DiaError
from dia_pipeline.runs.config import load_config
from dia_pipeline.settings import SHORTHANDS, SettingsError, in_effect, options, resolve
from dia_pipeline.studio.draft import FAULT, Draft, draft_options, make_drafts
from dia_pipeline.studio.panel import fields, with_value
from dia_pipeline.studio.project import NO_VERSION, ConflictError, Project
from dia_pipeline.studio.server import MAX_TEXT, MAX_TRIED

PAIRS = Path("config/pairs.tsv")
BLEND = "/settings/first/blend"
ABSENT = {"If-Match": NO_VERSION}
HEADER = "name\ta\tb_prime"
IMAGES = "images/a.png\timages/b.png"


def configure(text: str) -> Project:
    """The project with another configuration."""
    Path("config/config.yaml").write_text(f"pairs: config/pairs.tsv\n{text}")
    return Project()


def shown(project: Project, name: str = "first") -> dict[str, dict]:
    return {each["name"]: each for each in fields(project.plan, project.pair(name))}


def value(project: Project, name: str, variant: str = "hierarchical") -> str:
    return shown(project)[name]["variants"][variant]["now"]


# What a page shows.


def test_all_that_is_usual_is_shown_as_it_is_declared(project):
    found = shown(project)
    assert list(found) == [name for name, setting in options().items() if setting.usual]
    for name, each in found.items():
        setting = options()[name]
        assert each["choices"] == list(map(str, setting.choices))
        assert each["free"] == (not setting.choices or bool(setting.named))
        assert setting.meaning.startswith(each["brief"]) and len(each["brief"]) < 80
        assert setting.choices or setting.allowed in each["more"]
        assert value(project, name) == setting.shown


@pytest.mark.parametrize(
    ("configured", "row", "expected"),
    [
        ("", {"preset": "style-to-photo"}, {"blend": "2", "ratio": "0.5", "take": "everything"}),
        ("settings: {preset: photo-to-photo, blend: 1}", {}, {"blend": "1", "take": "colours"}),
        ("settings: {blend: 1}", {"preset": "photo-to-photo"}, {"blend": "3", "take": "colours"}),
        ("settings: {alphas: 1}", {}, {"blend": ""}),
        ("settings: {alphas: [0.9, 0.8, 0.7, 0.2]}", {}, {"blend": "3"}),
        ("settings: {alphas: 1}", {"blend": "0"}, {"blend": "0"}),
        ("settings: {matcher: sift}", {}, {"pose": "given"}),
    ],
)
def test_what_holds_is_what_a_run_would_take(project, configured, row, expected):
    lines = f"{HEADER}\t" + "\t".join(row), f"first\t{IMAGES}\t" + "\t".join(row.values())
    PAIRS.write_text("\n".join(lines))
    project = configure(configured)
    assert {name: value(project, name) for name in expected} == expected


def test_a_choice_that_holds_decides_as_it_stands():
    """Of whatever is given, the settings are those of the values that are said to hold."""
    for given in ({}, {"preset": "style-to-photo"}, {"quality": "paper", "task": "correspondence"}):
        named = {name: in_effect(name, given) for name in SHORTHANDS}
        assert resolve(named) == resolve(given)


def test_a_variant_that_says_it_leaves_nothing_to_try(project):
    project = configure("variants: {plain: {}, sharp: {blend: 4}}")
    found = shown(project)["blend"]["variants"]
    assert found["plain"]["tried"] == ["0", "1", "2", "3", "4"] and found["plain"]["now"] == "3"
    assert found["sharp"]["tried"] == [] and found["sharp"]["now"] == "4"
    project = configure("settings: {matcher: sift}")
    found = shown(project)
    assert found["pose"]["variants"]["hierarchical"]["tried"] == ["given", "mirrored"]
    assert found["task"]["variants"]["hierarchical"]["tried"] == []  # it has none


def test_numbers_are_tried_by_half(project):
    found = shown(project)
    assert found["ratio"]["variants"]["hierarchical"]["tried"] == ["0.5", "1.0"]
    assert found["max_side"]["variants"]["hierarchical"]["tried"] == ["350", "700"]


# What is saved.


def test_a_value_is_the_cell_of_its_column_and_nothing_else(project):
    version = project.save_setting("first", "blend", " 1 ", NO_VERSION)
    lines = TABLE.split("\r\n")
    expected = [lines[0], lines[1] + "\tblend", lines[2] + "\t1", *lines[3:]]
    assert PAIRS.read_bytes().decode().split("\r\n") == expected
    assert project.pair("first").options == {"blend": 1}
    assert shown(project)["blend"]["own"] == "1" and value(project, "blend") == "1"
    assert project.version(project.pair("first"), "blend") == version
    assert project.save_setting("first", "blend", "", version) == NO_VERSION
    assert project.pair("first").options == {} and value(project, "blend") == "3"
    project.save_setting("second", "preset", "", project.version(project.pair("second"), "preset"))
    assert "photo-to-photo" not in PAIRS.read_text()


@pytest.mark.parametrize(
    ("name", "text", "cell"),
    [
        ("ratio", "1", "1"),
        ("ratio", ".50", "0.5"),
        ("max_side", "64.0", "64"),
        ("blend", "1.0", "1"),
    ],
)
def test_a_number_is_written_as_it_is_meant(project, name, text, cell):
    project.save_setting("first", name, text, NO_VERSION)
    assert shown(project)[name]["own"] == cell


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("blend", "5", "one of 0, 1, 2, 3, 4"),
        ("blend", "true", "not possible"),
        ("ratio", "0", "above 0 and at most 4"),
        ("ratio", "nan", "not possible"),
        ("ratio", "1e400", "not possible"),
        ("max_side", "70.5", "whole"),
        ("take", "colours\tx", "not possible"),
        ("take", "colours\nthird\ta\tb", "not possible"),
        ("backbone", "../../weights", "not possible"),
        ("backbone", "<b>", "not possible"),
        ("backbone", '"vgg16', "not possible"),
        ("backbone", "=1+1", "not possible"),
        ("pose", "\x00", "not possible"),
        ("alphas", "1", "no such setting"),
        ("name", "other", "no such setting"),
        ("", "", "no such setting"),
    ],
)
def test_what_no_run_would_take_is_refused_and_nothing_changes(project, name, text, said):
    with pytest.raises(DiaError, match=said):
        project.save_setting("first", name, text, NO_VERSION)
    assert PAIRS.read_bytes() == TABLE.encode()


def test_values_that_are_wrong_together_are_refused(project):
    project = configure("settings: {matcher: patchmatch-rgb}")
    with pytest.raises(SettingsError, match="patchmatch-rgb"):
        project.save_setting("first", "pose", "several", NO_VERSION)
    assert PAIRS.read_bytes() == TABLE.encode()


def test_a_change_in_another_place_is_not_overwritten(project):
    project.save_setting("first", "blend", "1", NO_VERSION)
    with pytest.raises(ConflictError, match="changed elsewhere"):
        project.save_setting("first", "blend", "2", NO_VERSION)
    version = project.version(project.pair("first"), "blend")
    PAIRS.write_text(PAIRS.read_text().replace("\t1\n", "\t4\n"))
    with pytest.raises(ConflictError):
        project.save_setting("first", "blend", "2", version)
    assert project.pair("first").options == {"blend": 4}


def test_a_table_with_the_value_is_one_that_snakemake_reads(project):
    project.save_setting("first", "take", "texture", NO_VERSION)
    config = load_config({"pairs": str(PAIRS)})
    assert [pair.options.get("take") for pair in config.pairs] == ["texture", None]


# What the server answers.


def test_windows_see_what_is_set(browser_of_user):
    answer = browser_of_user.put(BLEND, content="1", headers=ABSENT)
    assert answer.status_code == 200
    state = browser_of_user.get("/state/first").json()
    (blend,) = (each for each in state["settings"] if each["name"] == "blend")
    assert blend["own"] == "1" and state["versions"]["blend"] == answer.json()["version"]
    assert state["versions"]["ratio"] == NO_VERSION
    again = browser_of_user.put(BLEND, content="2", headers=ABSENT)
    assert again.status_code == 409 and "changed elsewhere" in again.json()["error"]


@pytest.mark.parametrize(
    ("path", "content", "status", "said"),
    [
        (BLEND, b"9", 422, "must be one of 0, 1, 2, 3, 4"),
        (BLEND, b"\xff", 422, "no text"),
        (BLEND, bytes(MAX_TEXT + 1), 413, "too large"),
        ("/settings/first/alphas", b"1", 404, "no such setting"),
        ("/settings/first/<b>", b"1", 404, "no such setting"),
        ("/settings/none/blend", b"1", 404, "no such pair"),
    ],
)
def test_what_cannot_be_set_is_said(browser_of_user, path, content, status, said):
    answer = browser_of_user.put(path, content=content, headers=ABSENT)
    assert answer.status_code == status and said in answer.json()["error"]
    assert PAIRS.read_bytes() == TABLE.encode()


def test_other_sites_set_and_try_nothing(browser_of_user):
    for method, path in (("PUT", BLEND), ("POST", "/try/first/hierarchical/blend")):
        headers = {**ABSENT, "Origin": "http://evil.example"}
        assert browser_of_user.request(method, path, headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("path", "values", "status", "said"),
    [
        ("first/hierarchical/blend", "0,9", 422, "must be one of"),
        ("first/hierarchical/blend", "", 422, "names no values"),
        ("first/hierarchical/alphas", "1", 404, "no such setting"),
        ("first/none/blend", "1", 404, "no such variant"),
        ("none/hierarchical/blend", "1", 404, "no such pair"),
        ("first/hierarchical/max_side", ",".join(map(str, range(16, 99))), 422, "too many"),
    ],
)
def test_what_cannot_be_tried_is_said_before_work_starts(
    browser_of_user, studio, path, values, status, said
):
    answer = browser_of_user.post(f"/try/{path}", content=values)
    assert answer.status_code == status and said in answer.json()["error"]
    assert studio.jobs.latest is None and len(values.split(",")) != MAX_TRIED
    assert browser_of_user.get("/state/first").json()["tried"] == {"hierarchical": None}


# What is drafted.


def test_a_draft_has_its_own_quality_and_size_unless_they_are_tried(project):
    project = configure("settings: {quality: paper, blend: 1}\nvariants: {plain: {}}")
    plan, pair = project.plan, project.pair("first")

    def settings(tried: str = "", text: object = None) -> dict:
        changed = with_value(pair, tried, text) if tried else pair
        made = resolve(draft_options(plan, "plain", changed, tried))
        names = ("alphas", "deconvolution", "ratio", "max_side")
        return {name: getattr(made, name) for name in names}

    plain = settings()
    qualities, blends = SHORTHANDS["quality"].values, SHORTHANDS["blend"].values
    assert plain == {**blends[1], **qualities["draft"], "ratio": 0.5, "max_side": 700}
    assert settings("blend", 4) == {**plain, **blends[4]}
    assert settings("quality", "paper") == {**plain, **qualities["paper"]}
    assert settings("ratio", 2.0) == {**plain, "ratio": 2.0}
    assert settings("max_side", 350) == {**plain, "ratio": 1.0, "max_side": 350}


def test_a_value_that_fails_does_not_keep_the_others_back(project, tmp_path):
    folders = [tmp_path / name for name in ("lost", "made")]
    drafts = []
    for folder, backbone in zip(folders, ("no-such-network", "vgg16"), strict=True):
        folder.mkdir()
        options = {**DRAFT, "backbone": backbone}
        drafts.append(Draft(options, str(folder), f"backbone {backbone}"))
    told = []
    faults = make_drafts(
        project.pair("first"), drafts, "cpu", lambda *about, number: told.append((number, *about))
    )
    assert list(faults) == ["backbone no-such-network"]
    assert (folders[0] / FAULT).read_text() == faults["backbone no-such-network"]
    assert (folders[1] / "a_prime.png").exists() and not (folders[1] / FAULT).exists()
    numbers, steps, shares, _ = zip(*told, strict=True)
    assert numbers[-1] == 1 and steps[-1].startswith("backbone vgg16, ")
    assert list(shares) == sorted(shares)


def test_what_was_tried_is_taken_for_the_draft(browser_of_user, studio, project):
    plan, pair = project.plan, project.pair("first")
    changed = {text: with_value(pair, "blend", int(text)) for text in ("0", "4")}
    given = json.loads(studio.scratch.given_to_try(plan, "hierarchical", pair, "blend", changed))
    assert [draft["options"]["blend"] for draft in given["drafts"]] == [0, 4]
    (Path(given["drafts"][1]["folder"]) / "a_prime.png").write_bytes(b"made")
    (Path(given["drafts"][0]["folder"]) / FAULT).write_text("no room")
    state = browser_of_user.get("/state/first").json()
    tried = state["tried"]["hierarchical"]
    assert tried["setting"] == "blend"
    assert [(each["value"], each["fault"]) for each in tried["drafts"]] == [
        ("0", "no room"),
        ("4", ""),
    ]
    assert browser_of_user.get(tried["drafts"][1]["address"]).content == b"made"
    for number, status in ((0, 404), (1, 200), (2, 404)):
        answer = browser_of_user.post(f"/take/first/hierarchical/{number}")
        assert answer.status_code == status
    state = browser_of_user.get("/state/first").json()
    assert browser_of_user.get(state["drafts"]["hierarchical"]["a_prime"]).content == b"made"
    studio.scratch.forget(pair)
    state = browser_of_user.get("/state/first").json()
    assert state["drafts"]["hierarchical"]["a_prime"] is None and state["tried"] == {
        "hierarchical": None
    }
