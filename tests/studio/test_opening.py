"""`dia studio` opens projects and results; of two images, or one result, it makes a project."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from examples import DRAFT, draw_image
from PIL import Image
from typer.testing import CliRunner

import dia_pipeline
from dia_pipeline import cli
from dia_pipeline.runs.begun import begin
from dia_pipeline.studio import serving
from dia_pipeline.studio.project import Project


@pytest.fixture
def served(monkeypatch):
    """The folders in which the server was begun; it ends at once."""
    folders: list[Path] = []
    monkeypatch.setattr(serving, "serve", lambda *given: folders.append(Path.cwd()))
    return folders


def studio(*words: str):
    return CliRunner().invoke(cli.app, ["studio", "--no-browser", *words])


def test_a_project_is_opened_by_its_folder_or_its_results(project, served):
    begin(project.plan)
    for words in ([], ["."], ["results"], [str(Path("results").resolve())]):
        result = studio(*words)
        assert result.exit_code == 0, result.output
        assert f"The studio of {Path.cwd()}" in result.output
        assert "http://127.0.0.1:" in result.output
    assert served == 4 * [Path.cwd()] and Path("results/index.html").exists()


def test_two_images_make_a_project_once(served, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw_image(tmp_path / "A.jpg", 1)
    draw_image(tmp_path / "B_prime.jpg", 2)
    command = "dia studio A.jpg B_prime.jpg"
    for _ in range(2):
        result = studio(*command.split()[2:])
        assert result.exit_code == 0, result.output
    assert studio("B_prime.jpg", "A.jpg").exit_code == 0
    assert served == 3 * [tmp_path / "studio"]
    monkeypatch.chdir("studio")
    pairs = {pair.name: pair.a for pair in Project().plan.config.pairs}
    assert pairs == {"A": str(tmp_path / "A.jpg"), "B_prime": str(tmp_path / "B_prime.jpg")}


def test_the_result_of_one_command_is_made_again_by_the_project(served, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    a, b_prime = (draw_image(tmp_path / f"{name}.png", n) for n, name in enumerate("ab", 1))
    Path("points.csv").write_text("a_x,a_y,b_prime_x,b_prime_y\n3,4,5,6\n")
    Image.fromarray(np.full((24, 32), 99, np.uint8)).save("weak.png")
    given = {**DRAFT, "blend": 1, "points": "points.csv", "strength": "weak.png"}
    words = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
    made = CliRunner().invoke(cli.app, ["run", a, b_prime, "-o", "made", *words])
    assert made.exit_code == 0, made.output
    result = studio("made")
    assert result.exit_code == 0, result.output
    monkeypatch.chdir(served[0])
    plan = Project().plan
    (pair,) = plan.config.pairs
    assert (pair.name, pair.a, pair.b_prime) == ("made", a, b_prime)
    assert pair.guides["points"] == str(tmp_path / "points.csv")
    assert plan.settings("hierarchical", pair) == dia_pipeline.settings.resolve(
        {name: value for name, value in given.items() if name not in pair.guides}
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none"], "there is no such folder"),
        (["."], "there is no config/config.yaml"),
        ([".", "--configfile", "x.yaml"], "there is no x.yaml"),
        (["a", "b", "c"], "a folder, or two images"),
    ],
)
def test_what_cannot_be_opened_is_said(served, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    result = studio(*words)
    assert result.exit_code == 2 and said in result.output and not served


def test_a_port_that_is_taken_is_said(project):
    with serving.listen(0) as own:
        port = own.getsockname()[1]
        assert own.getsockname()[0] == "127.0.0.1"
        with pytest.raises(dia_pipeline.errors.DiaError, match=f"port {port}"):
            serving.listen(port)


def test_what_it_needs_is_said(project, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = studio()
    assert result.exit_code == 2 and "pip install 'dia-pipeline[studio]'" in result.output
