"""What is said of one pair is carried to others, along fields that are known and that are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from projects import ROW, png
from typer.testing import CliRunner

from dia_pipeline import cli
from dia_pipeline.io.images import read_image, write_image
from dia_pipeline.pixels import shrunk
from dia_pipeline.runs.projects import make_project
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.studio.carrying import Way
from dia_pipeline.studio.project import NO_VERSION, Project

SHIFT = 16
"""Pixels by which the second view lies to the right of the first."""


def carry(command: str, **keywords) -> str:
    result = CliRunner().invoke(cli.app, command.removeprefix("dia ").split(), **keywords)
    assert result.exit_code == 0, result.output
    return result.output


def flipped(height: int, width: int) -> Way:
    """The way to the mirror image of twice the width."""
    y, x = np.indices((height, width), np.int32)
    there = np.stack([y, 2 * (width - 1 - x)], axis=-1)
    y, x = np.indices((height, 2 * width), np.int32)
    return Way(there, np.stack([y, width - 1 - x // 2], axis=-1))


def test_points_and_images_go_along_the_fields():
    way = flipped(6, 8)
    assert way.point(2.5, 3.25) == (10.5, 3.25, True)
    assert way.point(8, 6) == (1, 6, True)  # the very corner
    assert way.scale == 2
    image = np.random.default_rng(0).integers(0, 255, (6, 8, 3)).astype(np.uint8)
    assert (way.image(image) == image[:, ::-1].repeat(2, axis=1)).all()
    assert (way.image(image.repeat(3, axis=0).repeat(3, axis=1)) == way.image(image)).all()


def test_a_match_that_does_not_lead_back_or_is_alone_is_not_sure():
    way = flipped(6, 8)
    lost = Way(way.there, np.zeros_like(way.back))
    assert not lost.point(2.5, 3.25)[2]
    alone = Way(way.there, way.back, ((0, 100),))
    assert not alone.point(2.5, 3.25)[2] and alone.point(5.5, 3.25)[2]


def test_the_same_images_take_all_as_it_is(project):
    for guide, content in {
        "points": [ROW, [1, 2, 3, 4, 9]],
        "labels_a": png(),
        "labels_b_prime": png(40, 56),
        "keep": png(24, 32, 7),
    }.items():
        project.save("first", guide, content, NO_VERSION)
    assert "second: points" in carry("dia guides carry first")
    first, second = (Project().pair(name) for name in ("first", "second"))
    assert set(second.guides) == {"points", "labels_a", "labels_b_prime", "keep"}
    assert project.points(second) == project.points(first)
    for guide in ("labels_a", "labels_b_prime"):
        assert (read_image(second.guides[guide]) == read_image(first.guides[guide])).all()
    assert (read_image(second.guides["keep"]) == 7).all()


def test_what_is_said_of_the_other_is_not_replaced_unless_told(project):
    project.save("first", "points", [ROW], NO_VERSION)
    project.save("second", "points", [[1, 2, 3, 4, 9]], NO_VERSION)
    assert "it has points of its own" in carry("dia guides carry first second")
    second = project.pair("second")
    assert project.points(second) == [[1, 2, 3, 4, 9]]
    carry("dia guides carry first second --replace")
    assert project.points(second) == [ROW]


def test_a_name_that_is_none_is_told(project):
    result = CliRunner().invoke(cli.app, ["guides", "carry", "nobody"])
    assert result.exit_code == 2 and "nobody: there is no such pair" in result.output


@pytest.fixture
def views(tmp_path, monkeypatch):
    """A project of two views of a cat and one of a rocket, all with the same B'."""
    folder = tmp_path / "project"
    make_project(folder)
    monkeypatch.chdir(folder)
    cat = shrunk(photograph("chelsea"), 160)
    write_image("portrait.png", cat[:, :-SHIFT].copy())
    write_image("cat.png", cat[:, SHIFT:].copy())
    write_image("rocket.png", shrunk(photograph("rocket"), 160))
    write_image("b.png", cat)
    rows = [f"{name}\t{name}.png\tb.png" for name in ("portrait", "cat", "rocket")]
    Path("config/pairs.tsv").write_text("\n".join(["name\ta\tb_prime", *rows, ""]))
    Path("config/sequences.tsv").unlink()
    configuration = Path("config/config.yaml")
    content = configuration.read_text()
    configuration.write_text(content.replace("settings:\n", "settings:\n  backbone: vgg16\n"))
    return Project()


def test_points_and_labels_follow_what_the_images_show(views):
    points = [[60.5, 40.5, 60.5, 40.5, 20.0], [110.5, 55.5, 110.5, 55.5, None]]
    views.save("portrait", "points", points, NO_VERSION)
    height, width = read_image("portrait.png").shape[:2]
    right = np.zeros((height, width, 3), np.uint8)
    right[:, 80:] = 255
    write_image("right.png", right)
    views.save("portrait", "strength", Path("right.png").read_bytes(), NO_VERSION)
    carry("dia guides carry portrait cat --no-doubtful")
    second = Project().pair("cat")
    found = np.array(views.points(second), float)
    expected = np.array(points, float) - [SHIFT, 0, 0, 0, 0]
    assert found.shape == expected.shape  # both are sure
    assert np.abs(found[:, :2] - expected[:, :2]).max() <= 3
    assert np.array_equal(found[:, 2:], expected[:, 2:], equal_nan=True)
    strength = read_image(second.guides["strength"])
    expected_map = np.zeros_like(strength)
    expected_map[:, 80 - SHIFT :] = 255
    assert (strength != expected_map).any(axis=-1).mean() < 0.06


def test_points_that_are_not_sure_are_asked_for(views):
    views.save("portrait", "points", [[60.5, 40.5, 60.5, 40.5, None]], NO_VERSION)
    said = carry("dia guides carry portrait rocket", input="n\n")
    assert "rocket: Point 1, in A at" in said and "is not sure. Take it?" in said
    assert "points" not in Project().pair("rocket").guides
    carry("dia guides carry portrait rocket", input="y\n")
    assert "points" in Project().pair("rocket").guides
