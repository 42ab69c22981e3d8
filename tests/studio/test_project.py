"""What is drawn becomes files of the project that its table names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from projects import ROW, TABLE, png

from dia_pipeline.errors import DiaError
from dia_pipeline.io.points import read_points
from dia_pipeline.runs.config import ConfigError
from dia_pipeline.studio.project import NO_VERSION, ConflictError, Project

PAIRS = Path("config/pairs.tsv")


def guides(project: Project, name: str = "first") -> dict[str, str]:
    return project.pair(name).guides


def test_points_are_those_that_a_run_reads(project):
    version = project.save("first", "points", [ROW, [1, 2, 3, 4, 9]], NO_VERSION)
    assert guides(project) == {"points": "guides/first/points.csv"}
    assert guides(project, "second") == {}
    read = read_points("guides/first/points.csv", (48, 64), (40, 56))
    expected = [
        [15.5 / 48, 13 / 64, 14 / 40, 6 / 56, 0.12],
        [2 / 48, 1 / 64, 4 / 40, 3 / 56, 9 / 64],
    ]
    assert np.allclose(read, expected)
    assert project.points(project.pair("first")) == [ROW, [1, 2, 3, 4, 9]]
    assert project.version(project.pair("first"), "points") == version != NO_VERSION


def test_what_is_removed_is_no_longer_named(project):
    version = project.save("first", "keep", png(), NO_VERSION)
    assert guides(project) == {"keep": "guides/first/keep.png"}
    assert project.save("first", "keep", b"", version) == NO_VERSION
    assert guides(project) == {} and not Path("guides/first/keep.png").exists()
    lines, before = PAIRS.read_bytes().split(b"\r\n"), TABLE.encode().split(b"\r\n")
    assert lines[0] == before[0] and lines[3:] == before[3:]


def test_labels_are_named_once_there_are_both(project):
    first = project.save("first", "labels_a", png(), NO_VERSION)
    assert guides(project) == {}
    project.save("first", "labels_b_prime", png(40, 56), NO_VERSION)
    assert guides(project).keys() == {"labels_a", "labels_b_prime"}
    project.save("first", "labels_a", b"", first)
    assert guides(project) == {} and Path("guides/first/labels_b_prime.png").exists()


def test_a_file_of_the_user_stays_as_it_is(project):
    mine = Path("mine.csv")
    mine.write_text("a_x,a_y,b_prime_x,b_prime_y\n1,2,3,4\n")
    PAIRS.write_text("name\ta\tb_prime\tpoints\nfirst\timages/a.png\timages/b.png\tmine.csv\n")
    before, pair = mine.read_bytes(), project.pair("first")
    assert project.points(pair) == [[1, 2, 3, 4, None]]
    project.save("first", "points", [ROW], project.version(pair, "points"))
    assert mine.read_bytes() == before
    assert guides(project) == {"points": "guides/first/points.csv"}
    PAIRS.write_text("name\ta\tb_prime\tpoints\nfirst\timages/a.png\timages/b.png\tmine.csv\n")
    project.settle("first")  # what the table names is the user's word
    assert guides(project) == {"points": "mine.csv"}


def test_what_was_drawn_when_the_server_was_killed_is_named_later(project):
    """The file is written before the table."""
    project.save("first", "points", [ROW], NO_VERSION)
    PAIRS.write_bytes(TABLE.encode())
    again = Project()
    assert again.points(again.pair("first")) == [ROW]
    again.settle("first")
    assert guides(again) == {"points": "guides/first/points.csv"}


def test_what_another_has_drawn_is_not_overwritten(project):
    project.save("first", "points", [ROW], NO_VERSION)
    with pytest.raises(ConflictError, match="changed elsewhere"):
        project.save("first", "points", [], NO_VERSION)
    assert project.points(project.pair("first")) == [ROW]


@pytest.mark.parametrize(
    ("guide", "content", "said"),
    [
        ("points", [[13, 15, 6, 41, None]], "lies outside"),
        ("points", [[float("nan"), 15, 6, 4, None]], "no points"),
        ("keep", b"\x89PNG\r\n\x1a\n and no more", "no PNG"),
        ("keep", png()[:-30], "."),
        ("keep", png(64, 48), "48x64"),
        ("keep", png(4800, 6400), "4096"),
        ("labels_a", b"GIF89a", "no PNG"),
        ("outline", b"x", "no such guide"),
        ("descriptors_a", b"x", "no such guide"),
    ],
)
def test_what_is_no_guide_of_the_pair_is_refused_and_nothing_changes(project, guide, content, said):
    with pytest.raises(DiaError, match=said):
        project.save("first", guide, content, NO_VERSION)
    assert PAIRS.read_bytes() == TABLE.encode() and not Path("guides").exists()


def test_labels_and_points_are_those_of_one_reference(project):
    PAIRS.write_text(
        "name\ta\tb_prime\treferences\nfirst\timages/a.png\timages/b.png\timages/a.png\n"
    )
    with pytest.raises(DiaError, match="one B'"):
        project.save("first", "points", [ROW], NO_VERSION)
    project.save("first", "strength", png(), NO_VERSION)
    assert guides(project) == {"strength": "guides/first/strength.png"}


def test_fields_of_a_configfile_are_laid_over_those_of_the_project(project):
    Path("mine.yaml").write_text("results: elsewhere\nsettings:\n  quality: paper\n")
    config = Project("mine.yaml").plan.config
    assert config.results == "elsewhere" and config.settings["quality"] == "paper"
    assert config.settings["preset"] == "photo-to-style"


def test_a_table_that_is_edited_meanwhile_is_read_again(project):
    assert len(project.plan.config.pairs) == 2
    PAIRS.write_text("name\ta\tb_prime\nthird\timages/a.png\timages/b.png\n")
    assert [pair.name for pair in project.plan.config.pairs] == ["third"]
    PAIRS.write_text("name\ta\tb_prime\nthird\timages/none.png\timages/b.png\n")
    with pytest.raises(ConfigError, match="no such file"):
        project.plan  # noqa: B018  reading it is what fails
