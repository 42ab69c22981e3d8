"""The matcher of docs/ablation.md, followed literally: in a project and in a checkout."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml
from calls import ROOT, snakemake
from examples import DRAFT, times, write_pairs

from dia_pipeline.runs.projects import make_project

PAGE = (ROOT / "docs" / "ablation.md").read_text().partition("## Another matcher")[2]
EDITED = ("+ (y, x)", "+ (y + 1, x)")

pytestmark = pytest.mark.slow


def named_file() -> tuple[Path, str]:
    """The file that the page names, and what it says is in it."""
    return Path(*re.findall(r"`(config/matchers/\S+\.py)`", PAGE)[:1]), block("python")


def block(language: str) -> str:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0]


def prepare(kind: str) -> tuple[list[str], Path]:
    """A project or a checkout with a pair; the target that runs it, and its results."""
    (pair,) = write_pairs(Path("images"), 1)
    row = f"one\t{pair.a}\t{pair.b_prime}"
    target, results = [], Path("results")
    if kind == "project":
        make_project(Path.cwd())
    else:
        for name in ("workflow", "config"):
            shutil.copytree(ROOT / name, name)
        shutil.copy(ROOT / "Snakefile", ".")
        target, results = ["ablation"], Path("results/ablation")
    Path("config/pairs.tsv").write_text(f"name\ta\tb_prime\n{row}\n")
    config = {
        "pairs": "config/pairs.tsv",
        "results": str(results),
        "checkpoint": "pair",
        "settings": DRAFT,
        "variants": {
            "identity": {"matcher": "identity"},
            **yaml.safe_load(block("yaml"))["variants"],
        },
    }
    file = "ablation.yaml" if target else "config.yaml"
    Path("config", file).write_text(yaml.safe_dump(config))
    return target, results


@pytest.mark.parametrize("kind", ["project", "checkout"])
def test_the_page_followed_and_the_file_edited(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    target, results = prepare(kind)

    def run(*options: str) -> str:
        return snakemake(*target, *options).stdout

    path, code = named_file()
    assert f"there is no file {path}" in run("--dry-run")
    path.parent.mkdir()
    path.write_text(code)
    said = run()
    made = results / "one-shift" / "one" / "a_prime.png"
    assert made.exists(), said
    assert "Nothing to be done" in run()
    before, others = made.read_bytes(), times(results / "identity")

    path.write_text(code.replace(*EDITED))
    jobs = set(
        re.findall(rf"output: {results}/receipts/(\w+)/([\w-]+)/\d+\.json", run("--dry-run"))
    )
    stages = {"pair", "aggregate"} | ({"measure"} if kind == "checkout" else set())
    assert jobs == {(stage, "one-shift") for stage in stages}
    said = run()
    assert made.read_bytes() != before, said
    assert times(results / "identity") == others
