"""`snakemake ablation --cores all`, over a small configuration."""

from __future__ import annotations

import csv
import re
import shutil
import zipfile
from pathlib import Path

import calls
import numpy as np
import pytest
import yaml
from calls import ROOT, Called
from examples import DRAFT, times, write_pairs
from PIL import Image

from dia_pipeline.io.flow import read_flo

RESULTS = Path("results/ablation")
SYNTHETIC = "chelsea-smooth-grading"
VARIANTS = {"hierarchical": {}, "identity": {"matcher": "identity"}}
FAILING = {"image-analogies": {"matcher": "image-analogies"}}
"""Fails on pairs whose A' is not given."""

pytestmark = pytest.mark.slow


def snakemake(*options: str) -> Called:
    """Run the ablation."""
    return calls.snakemake("--snakefile", str(ROOT / "Snakefile"), "ablation", *options)


def would_run() -> set[tuple[str, str]]:
    """Stage and variant of every job that a call would run now."""
    shown = snakemake("--dry-run").stdout
    return set(re.findall(r"output: results/ablation/receipts/(\w+)/([\w-]+)/\d+\.json", shown))


def write_config(variants: dict) -> None:
    """A synthetic pair and a plain one, of which nothing is known, in one batch."""
    config = {
        "pairs": "config/pairs.tsv",
        "synthetic": {"pairs": [SYNTHETIC], "side": 64},
        "results": str(RESULTS),
        "pairs_per_job": 2,
        "checkpoint": "pair",
        "settings": DRAFT,
        "variants": variants,
    }
    Path("config/ablation.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folders of a run of which one variant fails on one pair, and of the same without that
    variant; how the first one ended.
    """
    first, second = (tmp_path_factory.mktemp("ablation") for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(first)
        Path("config").mkdir()
        (pair,) = write_pairs(Path("images"), 1)
        Path("config/pairs.tsv").write_text(f"name\ta\tb_prime\nplain\t{pair.a}\t{pair.b_prime}\n")
        Path("config/empty.tsv").write_text("name\ta\tb_prime\n")
        Path("config/config.yaml").write_text("pairs: config/empty.tsv\n")
        write_config(VARIANTS | FAILING)
        ended = snakemake()
        shutil.copytree(first, second, dirs_exist_ok=True)
        patch.chdir(second)
        write_config(VARIANTS)
        result = snakemake()
    assert result.returncode == 0, result.stdout
    return first, second, ended


@pytest.fixture
def first_run(runs, monkeypatch):
    """How the first run ended, whose folder is the working directory."""
    monkeypatch.chdir(runs[0])
    return runs[2]


@pytest.fixture
def compared(runs, tmp_path, monkeypatch):
    """A copy of the second run, in the working directory."""
    shutil.copytree(runs[1], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def values() -> dict[tuple[str, str, str], float]:
    """By pair, variant and measure."""
    with (RESULTS / "measures.csv").open(newline="") as file:
        return {
            (r["pair"], r["variant"], r["measure"]): float(r["value"]) for r in csv.DictReader(file)
        }


def test_a_matcher_that_fails_is_named_and_stops_no_other(first_run):
    assert first_run.returncode != 0
    assert "image-analogies/plain: failed in pair: " in first_run.stdout
    measured = {(pair, variant) for pair, variant, _ in values()}
    assert measured == {
        (pair, variant) for pair in (SYNTHETIC, "plain") for variant in VARIANTS
    } | {(SYNTHETIC, "image-analogies")}
    assert not (RESULTS / "comparison.json").exists()
    assert not Path("results/plans").exists()


def test_the_numbers_are_those_of_the_truth(first_run):
    """The identity errs by the flow itself."""
    folder = RESULTS / "synthetic" / SYNTHETIC
    flow = read_flo(folder / "flow_ab.flo")
    counted = np.isfinite(flow).all(axis=-1) & (np.asarray(Image.open(folder / "mask_a.png")) > 0)
    lengths = np.hypot(*flow[counted].T)
    found = values()
    assert found[SYNTHETIC, "identity", "end_point_error"] == pytest.approx(
        lengths.mean(), rel=1e-5
    )
    for threshold in (1, 2, 5):
        accuracy = (lengths <= threshold * 0.64).mean()
        measure = f"accuracy_{threshold}"
        assert found[SYNTHETIC, "identity", measure] == pytest.approx(accuracy)
    table = (RESULTS / "table.md").read_text()
    (row,) = re.findall(r"^\| identity \| 2 \|(.*)\|$", table, re.MULTILINE)[:1]
    assert f"{accuracy:.2f}" in row.split("|")[2]
    assert f"{accuracy:.2f}" in (RESULTS / "table.tex").read_text()
    assert found[SYNTHETIC, "hierarchical", "accuracy_5"] > accuracy


def test_there_are_figures_of_all_and_of_every_pair(first_run):
    names = ("accuracy", "time", "levels", f"figures/{SYNTHETIC}", "figures/plain")
    for name in names:
        with Image.open(RESULTS / f"{name}.png") as image:
            assert min(image.size) > 100
        assert (RESULTS / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_a_new_variant_runs_alone(compared):
    assert "Nothing to be done" in snakemake().stdout
    before = times(RESULTS / "hierarchical")

    write_config({**VARIANTS, "random-start": {"initial": "random"}})
    assert would_run() == {(stage, "random-start") for stage in ("pair", "aggregate", "measure")}
    result = snakemake()
    assert result.returncode == 0, result.stdout
    assert times(RESULTS / "hierarchical") == before
    assert (SYNTHETIC, "random-start", "accuracy_5") in values()
    assert (SYNTHETIC, "image-analogies", "accuracy_5") not in values()


def test_the_report_shows_the_comparison(compared):
    result = snakemake("--report", "report.zip")
    assert result.returncode == 0, result.stdout
    with zipfile.ZipFile("report.zip") as report:
        shown = {Path(name).name: report.read(name) for name in report.namelist()}
    for name in ("measures.csv", "accuracy.png", f"figures/{SYNTHETIC}.png", "figures/plain.png"):
        assert shown[Path(name).name] == (RESULTS / name).read_bytes()


def test_another_file_can_be_named(compared):
    Path("config/ablation.yaml").rename("other.yaml")
    assert snakemake("--config", "ablation=other.yaml", "--dry-run").returncode == 0
    Path("other.yaml").write_text("variants: {x: {seeed: 1}}\nsynthetic: {}\n")
    said = snakemake("--config", "ablation=other.yaml").stdout
    assert "other.yaml, variants.x.seeed: there is no such field; did you mean 'seed'?" in said
