"""The workflow itself, through Snakemake as a user runs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from string import ascii_lowercase

import calls
import pytest
import warm
import yaml
from calls import ROOT, Called
from examples import DRAFT, PUBLISHED, artefacts, draw_image, times, write_pairs

from dia_pipeline.jobs.single import run_pair
from dia_pipeline.runs.pair import Pair
from dia_pipeline.settings import resolve

STAGES = ("features", "level5", "level4", "level3", "level2", "level1", "aggregate")
RESULTS = Path("results")


GIVEN = ("--snakefile", str(ROOT / "Snakefile"), "--configfile", "config.yaml")
"""The workflow over the configuration in the working directory."""


def snakemake(*options: str) -> Called:
    return calls.snakemake(*GIVEN, *options)


def would_run() -> set[tuple[str, str]]:
    """Stage and batch of every job that a call would run now."""
    dry_run = snakemake("--dry-run")
    assert dry_run.returncode == 0, dry_run.stdout
    return set(re.findall(r"output: results/receipts/(\w+)/\w+/(\d+)\.json", dry_run.stdout))


def write_config(pairs: tuple[Pair, ...], settings: dict | None = None, **fields) -> None:
    """Write config.yaml, and the table of pairs with a column for every option that is used."""
    names = sorted({name for pair in pairs for name in pair.options})
    rows = [["name", "a", "b_prime", *names]]
    for pair in pairs:
        rows.append([pair.name, pair.a, pair.b_prime, *(pair.options.get(n, "") for n in names)])
    Path("pairs.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    config = {"pairs": "pairs.tsv", "settings": {**DRAFT, **(settings or {})}, **fields}
    Path("config.yaml").write_text(yaml.safe_dump(config))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder in which the workflow has run over two pairs, one a job; and the pairs."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        pairs = write_pairs(Path("images"), 2)
        write_config(pairs)
        result = snakemake()
    assert result.returncode == 0, result.stdout
    return folder, pairs


@pytest.fixture
def pairs(finished, tmp_path, monkeypatch):
    """The two pairs, in a copy of the finished folder that may be changed."""
    folder, pairs = finished
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return pairs


pytestmark = pytest.mark.slow


def test_a_second_call_has_nothing_to_do(pairs):
    result = snakemake()
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout


def test_the_workflow_and_a_single_run_give_the_same_bytes(pairs):
    run_pair(pairs[0].a, pairs[0].b_prime, Path("alone"), resolve(DRAFT))
    folder = RESULTS / "hierarchical" / "pair1"
    for name, content in artefacts(Path("alone")).items():
        assert (folder / name).read_bytes() == content, name


def test_the_workflow_searches_as_the_paper_publishes(pairs):
    made = json.loads((RESULTS / "hierarchical" / "pair1" / "provenance.json").read_text())
    assert made["settings"] == made["settings"] | PUBLISHED
    write_config(pairs, PUBLISHED)
    assert would_run() == set()
    write_config(pairs, {"task": "correspondence"})
    assert {stage for stage, _ in would_run()} == set(STAGES[1:])


@pytest.mark.parametrize(
    ("settings", "stages"),
    [
        ({"deconvolution": 0}, ()),  # what draft means
        ({"take": "colours"}, ("aggregate",)),
        ({"alphas": [0.9, 0.8, 0.7, 0.1]}, STAGES[4:]),
        ({"initial": "random"}, STAGES[1:]),
        ({"ratio": 0.9}, STAGES),
    ],
)
def test_a_changed_setting_reruns_the_stages_it_affects(pairs, settings, stages):
    write_config(pairs, settings)
    assert would_run() == {(stage, batch) for stage in stages for batch in ("0001", "0002")}


def test_a_changed_row_reruns_its_own_pair(pairs):
    changed = Pair(**{**asdict(pairs[1]), "options": {"blend_map": "sigmoid"}})
    write_config((pairs[0], changed))
    assert would_run() == {(stage, "0002") for stage in STAGES[1:]}


def test_a_new_row_runs_its_own_pair(pairs):
    new = Pair("new", draw_image(Path("images/new.png"), 7), pairs[0].b_prime)
    write_config((*pairs, new))
    assert would_run() == {(stage, "0003") for stage in STAGES}


def test_a_new_variant_shares_the_features(pairs):
    write_config(pairs, variants={"hierarchical": {}, "late": {"blend_map": "sigmoid"}})
    new = {(stage, batch) for stage in STAGES[1:] for batch in ("0001", "0002")}
    assert would_run() == new


def test_a_changed_image_reruns_its_own_pair(pairs):
    draw_image(Path(pairs[0].a), 5)
    assert would_run() == {(stage, "0001") for stage in STAGES}


def test_an_image_that_was_only_touched_reruns_nothing(pairs):
    os.utime(pairs[0].a)
    assert would_run() == set()


def test_a_picture_that_a_run_takes_away_is_not_missed(pairs):
    """The overview, in whose place several poses have `sources.png`."""
    write_config(pairs, {"pose": "several"}, checkpoint="pair")
    result = snakemake()
    assert result.returncode == 0, result.stdout
    names = {path.name for path in (RESULTS / "hierarchical" / "pair1").glob("*.png")}
    assert "sources.png" in names and "overview.png" not in names


def test_a_wrong_configuration_is_explained_without_a_traceback(pairs):
    write_config((Pair("x", "none.png", pairs[0].b_prime),), pair_per_job=2)
    result = snakemake()
    assert result.returncode != 0
    assert "config.yaml, pair_per_job: there is no such field; did you mean" in result.stdout
    assert "pairs.tsv, row 2 (pair 'x'), a: 'none.png': there is no such file" in result.stdout
    assert "Traceback" not in result.stdout


def test_a_failed_pair_is_named_and_tried_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pairs = write_pairs(Path("images"), 3)
    whole = Path(pairs[1].a).read_bytes()
    Path(pairs[1].a).write_bytes(whole[:200])
    write_config(pairs, pairs_per_job=3, checkpoint="pair")
    result = snakemake()
    assert result.returncode != 0
    assert "hierarchical/pair2: failed in pair: images/a2.png: " in result.stdout
    assert not (RESULTS / "summary.json").exists()
    before = times(RESULTS / "hierarchical")
    assert {name.split("/")[0] for name in before} == {"pair1", "pair3"}

    Path(pairs[1].a).write_bytes(whole)
    result = snakemake()
    assert result.returncode == 0, result.stdout
    after = times(RESULTS / "hierarchical")
    assert {name.split("/")[0] for name in after.keys() - before.keys()} == {"pair2"}
    assert {name: after[name] for name in before} == before


def test_a_killed_run_is_taken_up_again_with_the_same_bytes(finished, tmp_path, monkeypatch):
    folder, pairs = finished
    monkeypatch.chdir(tmp_path)
    shutil.copytree(folder / "images", "images")
    write_config(pairs[:1])
    command = [sys.executable, "-m", "snakemake", *GIVEN, "--cores", "2"]
    said = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, env=warm.environment(), start_new_session=True, **said)
    begun = RESULTS / "hierarchical" / "pair1" / "level4.h5"
    deadline = time.monotonic() + 600
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert begun.exists()
    before = times(RESULTS / "features")

    result = snakemake()
    assert result.returncode == 0, result.stdout
    assert times(RESULTS / "features") == before
    made, expected = (
        artefacts(RESULTS / "hierarchical"),
        artefacts(folder / RESULTS / "hierarchical"),
    )
    assert made == {name: value for name, value in expected.items() if name.startswith("pair1")}


def test_a_folder_of_results_that_a_shell_would_obey(finished, tmp_path, monkeypatch):
    folder, pairs = finished
    monkeypatch.chdir(tmp_path)
    shutil.copytree(folder / "images", "images")
    results = "it's;touch made;x $(touch made) `touch made` & > made"
    write_config(pairs[:1], results=results, checkpoint="pair")
    result = snakemake()
    assert result.returncode == 0, result.stdout
    assert not Path("made").exists()
    assert (Path(results) / "hierarchical/pair1/a_prime.png").exists()


def test_a_pair_that_fails_is_listed_with_its_remedy(finished, tmp_path, monkeypatch):
    folder, pairs = finished
    monkeypatch.chdir(tmp_path)
    shutil.copytree(folder / "images", "images")
    Path(pairs[1].a).write_bytes(b"no image")
    write_config(pairs, checkpoint="pair", pairs_per_job=2)
    result = snakemake()
    assert result.returncode != 0
    assert "1 failed, listed with remedies in results/failures.tsv" in result.stdout
    _, row = Path("results/failures.tsv").read_text().splitlines()
    variant, pair, stage, reason, remedy, log = row.split("\t")
    assert (variant, pair, stage) == ("hierarchical", "pair2", "pair")
    assert "no image" in reason and remedy == "save it as PNG or JPEG"
    assert "FAILED" in Path(log).read_text()
    found = json.loads(warm.call("dia", "status", "--json").stdout)["hierarchical"]
    assert (found["done"], found["failed"], found["remaining"]) == (1, 1, 0)


def test_a_batch_of_both_kinds_of_matchers_goes_through_the_stages_of_both(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = write_pairs(Path("images"), 2)
    second = replace(second, options={"matcher": "patchmatch-rgb"})
    write_config((first, second), pairs_per_job=2)
    both = {(stage, "0001") for stage in (*STAGES, "pair")}
    assert would_run() == both
    assert snakemake().returncode == 0
    assert "Nothing to be done" in snakemake().stdout
    run_pair(second.a, second.b_prime, Path("alone"), resolve({**DRAFT, **second.options}))
    made = RESULTS / "hierarchical" / "pair2"
    assert artefacts(made) == artefacts(Path("alone"))
    (made / "nnf.h5").unlink()
    assert warm.call("dia", "verify").returncode == 1
    assert would_run() == {(stage, "0001") for stage in ("pair", "aggregate")}
    draw_image(Path(second.a), 5)
    assert would_run() == both


def test_a_folder_of_results_that_is_none_is_told_in_words(pairs):
    write_config(pairs, results="images/b_prime.png")
    result = snakemake("--dry-run")
    assert result.returncode != 0
    assert "results cannot be written here" in result.stdout and "Traceback" not in result.stdout


def test_settings_of_the_command_line_are_values_and_their_faults_are_its_own(
    tmp_path, monkeypatch
):
    """In Snakemake's text, in which a terminal finds nothing to obey."""
    monkeypatch.chdir(tmp_path)
    write_config(write_pairs(Path("images"), 1), features="none")
    told = snakemake("-n", "--config", 'settings={"max_side":48}', "pairs_per_job=64.0").stdout
    assert "one thing is wrong" in told and "/config.yaml, features: 'none' is not one of" in told
    wrong = ["settings={max_side: 4}", "device=\x1b[31m", "features=keep"]
    told = snakemake("-n", "--config", *wrong).stdout
    assert "--config, settings.max_side: 4 is less" in told and "config.yaml, " not in told
    assert "--config, device: '" in told and "\x1b[31m" not in told
    bomb = [f"{name}: &{name} [*{before}, *{before}]" for before, name in pairwise(ascii_lowercase)]
    Path("config.yaml").write_text("\n".join(["a: &a [x]", *bomb, "device: *z"]))
    told = snakemake("-n").stdout
    assert "config.yaml: it holds more than 10000 values" in told and len(told) < 2000
