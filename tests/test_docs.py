"""The documentation: its commands run, its links lead somewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from examples import draw_image
from PIL import Image
from scipy import ndimage

from dia_pipeline import settings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "config" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

RUN_ELSEWHERE = {
    "make demo": ".ci/run",
    "make test": ".ci/run",
    "pip wheel --no-deps --wheel-dir dist .": ".github/workflows/checks.yml",
    "docker build --tag dia .": ".github/workflows/checks.yml",
    "snakemake --profile slurm": "tests/slurm/test_slurm.py",
    "snakemake ablation --cores all": "tests/workflow/test_ablation_workflow.py",
}
"""Commands that other checks run: where."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what a user's checkout holds, with two images, a table and some references."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("workflow", "config"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "Snakefile", folder)
    draw_image(folder / "A.jpg", 1, (48, 64))
    draw_image(folder / "B_prime.jpg", 2, (48, 64))
    with (folder / "config" / "pairs.tsv").open("a") as table:
        table.write("first\tA.jpg\tB_prime.jpg\t\t0.5\n")
    (folder / "photos").mkdir()
    draw_image(folder / "photos" / "harbour.jpg", 3, (48, 64))
    draw_image(folder / "painting.jpg", 4, (48, 64))
    (folder / "references").mkdir()
    for number in range(3):
        draw_image(folder / "references" / f"{number}.png", number, (48, 64))
    for name in ("A", "B_prime"):
        Image.new("RGB", (64, 48), "red").save(folder / f"{name}_labels.png")
    (folder / "points.csv").write_text("a_x,a_y,b_prime_x,b_prime_y\n13,15,6,14\n")
    return folder


def test_the_table_of_settings_is_that_of_their_declarations():
    """To renew it: put what `python -m dia_pipeline.settings` prints in its place."""
    assert settings.table() in (ROOT / "config" / "README.md").read_text()


def test_the_diagrams_of_the_architecture_are_those_of_the_code():
    """To renew them: `python docs/architecture.py`."""
    spec = spec_from_file_location("architecture", ROOT / "docs" / "architecture.py")
    drawing = module_from_spec(spec)
    spec.loader.exec_module(drawing)
    page = drawing.PAGE.read_text()
    for draw in (drawing.rooms, drawing.pair, drawing.sequence):
        assert f"<!-- {draw.__name__} -->\n```mermaid\n{draw()}\n```" in page


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["README.md", "docs/control.md", "docs/install.md"])
def test_the_commands_of_a_page_run(checkout, page):
    """In their order: later ones look at what earlier ones made. A block begins in the checkout."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    found = blocks(ROOT / page, "sh")
    assert found
    for block in found:
        folder = checkout
        for command in block.splitlines():
            if command in RUN_ELSEWHERE:
                assert command in (ROOT / RUN_ELSEWHERE[command]).read_text()
            elif command.startswith("cd "):
                folder = folder / command.removeprefix("cd ")
            else:
                result = subprocess.run(
                    command.split(),
                    cwd=folder,
                    env={**os.environ, "PATH": path},
                    capture_output=True,
                )
                assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    made = {
        "README.md": [
            "out/a_prime.png",
            "day/video.mp4",
            "results/hierarchical/first/overview.png",
            "report.html",
            "project/results/hierarchical/harbour/overview.png",
        ],
        "docs/install.md": ["proj/Snakefile"],
        "docs/control.md": ["labelled/b.png", "several/sources.png", "rows/sweep.png"],
    }
    assert all((checkout / path).exists() for path in made[page])


@pytest.mark.parametrize("page", ["README.md", "docs/control.md"])
def test_the_python_of_a_page_runs(checkout, monkeypatch, page):
    monkeypatch.chdir(checkout)
    (example,) = blocks(ROOT / page, "python")
    names: dict = {}
    exec(example, names)
    assert "result" not in names or names["result"].a_prime.shape == (48, 64, 3)


def test_the_matcher_of_the_documentation_matches():
    """A shifted image, in the size it is compared at and twice as large."""
    code = blocks(ROOT / "docs" / "ablation.md", "python")[0]
    names: dict = {}
    exec(code, names)
    a = ndimage.gaussian_filter(
        np.random.default_rng(0).random((48, 64, 3)), (2, 2, 0), mode="wrap"
    )
    a = np.uint8((a - a.min()) / np.ptp(a) * 255)
    b_prime = np.roll(a, (3, 5), (0, 1))
    nnf_ab, nnf_ba = names["match"](a, b_prime, None, None)
    assert nnf_ab.dtype == np.int32
    assert nnf_ab[10, 10].tolist() == [13, 15]
    assert nnf_ba[20, 20].tolist() == [17, 15]
    assert nnf_ab.reshape(-1, 2).max(axis=0).tolist() == [47, 63]
    larger = names["match"](a, b_prime.repeat(2, 0).repeat(2, 1), None, None)[0]
    assert np.abs(larger[10, 10] - (26, 30)).max() <= 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    for link in links:
        assert link.startswith("https://") or (page.parent / link).exists(), link


def test_every_test_that_reliability_names_is_there():
    page = (ROOT / "docs" / "reliability.md").read_text()
    folder = ""
    for path, name in re.findall(r"`(tests/[\w/]+\.py)?(?:::(\w+))?`", page):
        folder = path or folder
        if name:
            assert f"def {name}(" in (ROOT / folder).read_text(), f"{folder}::{name}"
