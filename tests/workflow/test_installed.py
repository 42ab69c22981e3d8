"""The package as a new user has it: a wheel in an environment of its own, far from any checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from examples import DRAFT, draw_image

ROOT = Path(__file__).parents[2]
ELSEWHERE = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
WHEEL = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir")

pytestmark = pytest.mark.slow


def call(*command: str | Path, folder: Path) -> str:
    """Run a command in a folder, without what leads Python to the checkout; all it says."""
    result = subprocess.run(
        command,
        cwd=folder,
        env=ELSEWHERE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """One of a copy of the checkout, and one of that copy's source distribution."""
    folder = tmp_path_factory.mktemp("wheels")
    source = folder / "source"
    source.mkdir()
    for name in ("dia_pipeline", "workflow", "config", "slurm", "generic", "profiles"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    call(*PIP, *WHEEL, folder / "checkout", source, folder=folder)
    build = f"from setuptools.build_meta import build_sdist; build_sdist({str(folder)!r})"
    call(sys.executable, "-c", build, folder=source)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    unpacked = archive.with_name(archive.name.removesuffix(".tar.gz"))
    call(*PIP, *WHEEL, folder / "sdist", unpacked, folder=folder)
    return [next((folder / name).glob("*.whl")) for name in ("checkout", "sdist")]


@pytest.fixture(scope="module")
def installed(wheels, tmp_path_factory):
    """The commands of an environment that has the wheel, and all else from that of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    call(sys.executable, "-m", "venv", "--without-pip", folder, folder=folder)
    call(*PIP, "--python", folder, "install", "--no-deps", wheels[1], folder=folder)
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    code = "import dia_pipeline; print(dia_pipeline.__file__)"
    assert call(folder / "bin" / "python", "-c", code, folder=folder).startswith(str(packages))
    return folder / "bin"


def test_a_wheel_has_the_workflow_and_the_template_of_a_project(wheels):
    checkout, sdist = (
        {name: wheel.read(name) for name in wheel.namelist() if ".dist-info" not in name}
        for wheel in map(zipfile.ZipFile, wheels)
    )
    assert checkout == sdist
    for folder in ("workflow", "project/config", "project/slurm", "project/generic"):
        for path in (ROOT / folder.removeprefix("project/")).rglob("*"):
            name = f"dia_pipeline/{folder}/{path.relative_to(ROOT / folder.split('/')[-1])}"
            assert path.is_dir() or checkout[name] == path.read_bytes()
    assert "dia_pipeline/project/Snakefile" in checkout
    assert "dia_pipeline/project/profiles/default/config.yaml" in checkout


def test_a_project_runs_to_its_end_and_is_reported(installed, tmp_path):
    (tmp_path / "photos").mkdir()
    for number in (1, 2):
        draw_image(tmp_path / "photos" / f"photo {number}.png", number)
    draw_image(tmp_path / "style.png", 9, (20, 28))
    options = ("--from", "photos", "--style", "style.png")
    call(installed / "dia", "init", "my project", *options, folder=tmp_path)
    project = tmp_path / "my project"
    path = project / "config" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**config, "settings": DRAFT, "checkpoint": "pair"}))

    def snakemake(*arguments: str) -> str:
        return call(installed / "python", "-m", "snakemake", *arguments, folder=project)

    snakemake("--cores", "2")
    results = project / "results" / "hierarchical"
    assert {path.parent.name for path in results.glob("*/a_prime.png")} == {"photo-1", "photo-2"}
    assert "Nothing to be done" in snakemake("--cores", "2")
    assert "Nothing to be done" in snakemake("--profile", "slurm")
    assert "ablation_compare" in snakemake("ablation", "--cores", "2", "--dry-run")

    before = {path: path.stat().st_mtime_ns for path in results.rglob("*")}
    snakemake("--report", "report.html")
    snakemake("--report", "report.zip")
    assert before == {path: path.stat().st_mtime_ns for path in results.rglob("*")}
    page = (project / "report.html").read_text()
    assert "the matches, and what in each image has no counterpart" in page
    with zipfile.ZipFile(project / "report.zip") as packed:
        shown = [packed.read(name) for name in packed.namelist() if name.endswith("overview.png")]
    assert sorted(shown) == sorted(path.read_bytes() for path in results.glob("*/overview.png"))
