"""Nothing in the results is written or removed before a run begins; what is damaged is found."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import warm
import yaml
from calls import RESULTS, ROOT, run_whole, snakemake, tree, would_write
from examples import DRAFT, artefacts, write_pairs

DRY = (
    ("--dry-run",),
    ("ablation", "--dry-run"),
    ("--list-rules",),
    ("--summary",),
    ("--dag",),
    ("--unlock",),
    ("--lint",),
    ("--delete-all-output", "--dry-run"),
    ("--report", "report.html"),
)
"""What is asked of Snakemake without a wish that anything be made."""

DAMAGED = {
    "receipt": "receipts/pair/hierarchical/0001.json",
    "weights": "weights/vgg16.json",
    "summary": "summary.json",
    "begun": "begun.json",
    "plan": "plans/*.json",
}

pytestmark = pytest.mark.slow


def configure(**changes: object) -> None:
    """Two pairs in two jobs, and the same as an ablation, whose results lie among the others."""
    config = {"pairs": "config/pairs.tsv", "checkpoint": "pair", "settings": DRAFT, **changes}
    Path("config/config.yaml").write_text(yaml.safe_dump(config))
    ablation = {**config, "results": "results/ablation"}
    Path("config/ablation.yaml").write_text(yaml.safe_dump(ablation))


def change_seed() -> None:
    configure(settings={**DRAFT, "seed": 1})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A checkout with two pairs of which nothing is made."""
    check_out(tmp_path, monkeypatch)
    return tmp_path


def check_out(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("Snakefile", "workflow", "profiles"):
        Path(name).symlink_to(ROOT / name)
    Path("config").mkdir()
    rows = [(pair.name, pair.a, pair.b_prime) for pair in write_pairs(Path("images"), 2)]
    lines = ("\t".join(row) + "\n" for row in [("name", "a", "b_prime"), *rows])
    Path("config/pairs.tsv").write_text("".join(lines))
    configure()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder in which all is made."""
    place = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        check_out(place, patch)
        run_whole()
    return place


@pytest.fixture
def finished(run, tmp_path, monkeypatch):
    """A copy of it, with the times of all files."""
    shutil.copytree(run, tmp_path, dirs_exist_ok=True, symlinks=True)
    monkeypatch.chdir(tmp_path)


def harm(name: str) -> Path:
    (path,) = RESULTS.glob(DAMAGED[name])
    path.write_bytes(path.read_bytes()[:40])
    return path


def test_no_folder_is_made_before_a_run_begins(folder):
    for options in (*DRY, ("--touch",)):
        snakemake(*options)
        assert not RESULTS.exists(), options


def test_nothing_is_written_or_removed_before_a_run_begins(finished):
    """Also where the configuration has changed and files of state are damaged."""
    harm("receipt")
    harm("summary")
    change_seed()
    before = tree()
    for options in DRY:
        snakemake(*options)
        assert tree() == before, options
    snakemake("--touch")
    contents = {path: content for path, (_, content) in before.items()}
    assert {path: content for path, (_, content) in tree().items()} == contents


def test_a_dry_run_does_not_change_what_is_shown(finished):
    change_seed()
    assert len(would_write()) == 5  # of each stage two, and the summary
    status = json.loads(warm.call("dia", "status", "--json").stdout)
    assert (status["hierarchical"]["done"], status["hierarchical"]["remaining"]) == (2, 0)
    assert warm.call("dia", "verify").returncode == 0
    pages = tree()
    assert warm.call("dia", "gallery").returncode == 0
    assert tree().keys() == pages.keys()


def test_what_is_damaged_is_planned_and_made_again(finished):
    """Each file with what hangs on it, then all at once."""
    receipts = [f"receipts/{stage}/hierarchical/0001.json" for stage in ("pair", "aggregate")]
    others = [name.replace("0001", "0002") for name in receipts]
    expected = {
        "receipt": {*receipts, "summary.json"},
        "weights": {"weights/vgg16.json", *receipts, *others, "summary.json"},
        **{name: {"summary.json"} for name in ("summary", "begun", "plan")},
    }
    made = artefacts(RESULTS / "hierarchical")
    for name, jobs in expected.items():
        (path,) = RESULTS.glob(DAMAGED[name])
        whole = path.read_bytes()
        path.write_bytes(whole[:40])
        assert would_write() == jobs, name
        assert would_write("ablation").isdisjoint(jobs), name
        path.write_bytes(whole)
    harmed = [harm(name) for name in expected]
    said = run_whole()
    for path in harmed:
        assert f"{path}: the file is damaged and is made again" in said
    assert warm.call("dia", "verify").returncode == 0
    assert artefacts(RESULTS / "hierarchical") == made
    assert "Nothing to be done" in run_whole()


def test_jobs_keep_the_plan_of_their_run(folder):
    """Though the configuration is edited, to another one and to one that is wrong."""
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=warm.environment(),
    )
    while not (RESULTS / "begun.json").exists() and process.poll() is None:
        time.sleep(0.02)
    change_seed()
    while not (RESULTS / "receipts/pair").exists() and process.poll() is None:
        time.sleep(0.02)
    configure(pairs_per_job="many")
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    made = [json.loads(path.read_text()) for path in RESULTS.rglob("*/provenance.json")]
    assert [each["settings"]["seed"] for each in made] == [0, 0]
    assert len(list((RESULTS / "plans").iterdir())) == 1


def test_a_job_that_finds_everything_made_replaces_no_time(finished):
    times = {path: path.read_bytes() for path in (RESULTS / "times").rglob("*.json")}
    assert times
    made = artefacts(RESULTS / "hierarchical")
    run_whole("--delete-all-output")
    run_whole("--forcerun", "pair")
    assert {path: path.read_bytes() for path in (RESULTS / "times").rglob("*.json")} == times
    assert artefacts(RESULTS / "hierarchical") == made
    assert not (RESULTS / "benchmarks").exists()


@pytest.mark.parametrize("checkpoint", ["level", "pair"])
def test_a_stage_that_a_variant_does_not_have_starts_no_job(folder, checkpoint):
    """A level that is finer than the finest, or anything of features for matchers of images."""
    variants = {"deep": {}, "coarse": {"finest": 3}, "sift": {"matcher": "sift", "pose": "given"}}
    configure(checkpoint=checkpoint, variants=variants)
    jobs = {}
    for path in would_write():
        if path.startswith("receipts/"):
            _, stage, variant, _ = path.split("/")
            jobs[variant, stage] = jobs.get((variant, stage), 0) + 1
    levels = {"deep": (5, 4, 3, 2, 1), "coarse": (5, 4, 3)}
    stages = {
        ("coarse", "features"),  # the first: its job makes them for both
        *((variant, f"level{n}") for variant, numbers in levels.items() for n in numbers),
        ("sift", "pair"),
    }
    if checkpoint == "pair":
        stages = {(variant, "pair") for variant in variants}
    stages |= {(variant, "aggregate") for variant in variants}
    assert jobs == dict.fromkeys(stages, 2)


@pytest.mark.parametrize("snakefile", ["Snakefile", "dia_pipeline/project/Snakefile"])
def test_a_part_of_a_run_can_be_made(folder, snakefile):
    parts = [
        would_write("--snakefile", str(ROOT / snakefile), "--batch", f"all={number}/3")
        for number in (1, 2)
    ]
    ends = [{name for name in part if "aggregate" in name} for part in parts]
    assert [len(end) for end in ends] == [1, 1] and not ends[0] & ends[1]
    assert not {"summary.json"} & (parts[0] | parts[1])


def test_results_that_two_configurations_share_are_refused_in_words(folder):
    config = yaml.safe_load(Path("config/ablation.yaml").read_text())
    os.symlink("results", "link")
    for results in ("results", "images/../results", "link", "results/hierarchical"):
        Path("config/ablation.yaml").write_text(yaml.safe_dump({**config, "results": results}))
        status, said = snakemake("--dry-run")
        assert status == 1
        assert "these results would be mixed with those in results" in said
        assert "Traceback" not in said


def test_a_default_table_that_is_not_there_is_no_fault_elsewhere(folder, tmp_path):
    """`--directory` with the checkout's configuration, which names both tables."""
    (tmp_path / "elsewhere").mkdir()
    shutil.copytree("images", "elsewhere/images")
    shutil.copy("config/pairs.tsv", "elsewhere/own.tsv")
    given = ("--configfile", str(ROOT / "config/config.yaml"), "--directory", "elsewhere")
    run_whole(*given, "--config", "pairs=own.tsv", "--dry-run")
    _, said = snakemake(*given, "--config", "pairs=own.tsv", "sequences=other.tsv", "--dry-run")
    assert "other.tsv: the table of sequences cannot be read: there is no such file" in said
