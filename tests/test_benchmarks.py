"""The benchmarks that others read figures from."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from examples import draw_image
from typer.testing import CliRunner

from benchmarks import matchers, search
from benchmarks.pair import Clock
from dia_pipeline.cli import app
from dia_pipeline.settings import resolve

ROOT = Path(__file__).parents[1]


def run_images(folder: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "benchmarks.images", folder / "pairs.tsv"]
    options = ["--output", folder / "out", "--record", folder / "images.json"]
    options += ["--variant", "transfer", "--quality", "draft"]
    return subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True)


def means_and_pairs(folder: Path) -> tuple[dict, dict[str, float]]:
    """The means of the run, and the structure of every pair that was measured."""
    (means,) = json.loads((folder / "images.json").read_text())["rows"]
    with (folder / "out" / "measures.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["measure"] == "structure"]
    return means, {row["pair"]: float(row["value"]) for row in rows}


@pytest.mark.slow
def test_a_pair_that_fails_is_left_out_of_the_means_of_the_images(tmp_path):
    """Also where the run before had measured it."""
    rows = ["name\ta\tb_prime"]
    for number in (1, 2):
        paths = [draw_image(tmp_path / f"{r}{number}.png", number + r) for r in (0, 5)]
        rows.append("\t".join((f"p{number}", *paths)))
    (tmp_path / "pairs.tsv").write_text("\n".join(rows) + "\n")
    first = run_images(tmp_path)
    assert first.returncode == 0, first.stderr
    means, structure = means_and_pairs(tmp_path)
    assert means["pairs"] == 2 and set(structure) == {"p1", "p2"}
    assert means["structure"] == pytest.approx(sum(structure.values()) / 2)

    damaged = tmp_path / "02.png"
    damaged.write_bytes(damaged.read_bytes()[:100])
    second = run_images(tmp_path)
    assert second.returncode == 1
    assert "transfer/p2 FAILED" in second.stderr
    means, left = means_and_pairs(tmp_path)
    assert left == {"p1": structure["p1"]}
    assert means["pairs"] == 1 and means["structure"] == pytest.approx(structure["p1"])


@pytest.mark.parametrize(("device", "waits"), [("cuda", 2), ("cpu", 0)])
def test_the_clock_waits_for_a_gpu_at_the_end_of_every_stage(monkeypatch, device, waits):
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: waited.append(True))
    clock = Clock()
    clock.wait_for(SimpleNamespace(device=torch.device(device)))
    for stage in ("match", "end"):
        clock.begin(stage)
    assert len(waited) == waits and clock.seconds.keys() == {"start", "match"}


def test_true_flows_score_in_full_as_methods_of_the_benchmark(tmp_path):
    """What it lays out as TSS is read and scored as that: every pair both ways."""
    matchers.write_tss(tmp_path / "TSS", ("chelsea-mirrored-grading", "coffee-shift-night"), 48)
    views = [("mirrored", "chelsea-mirrored-grading", "1"), ("shift", "coffee-shift-night", "0")]
    for view, pair, flipped in views:
        folder = tmp_path / "TSS" / view / pair
        assert (folder / "flip_gt.txt").read_text() == f"{flipped}\n"
        for method in matchers.METHODS:
            for this, other in ("12", "21"):
                flow = tmp_path / method / f"{view}-{pair}_{this}{other}.flo"
                flow.parent.mkdir(exist_ok=True)
                shutil.copy(folder / f"flow{this}.flo", flow)
    folders = [str(tmp_path / method) for method in matchers.METHODS]
    scored = str(tmp_path / "scored")
    result = CliRunner().invoke(app, ["score", str(tmp_path / "TSS"), *folders, "-o", scored])
    assert result.exit_code == 0, result.output
    *methods, control = matchers.figures(Path(scored))
    for row in methods:
        assert row["pairs"] == 4 and row["per_point_accuracy"] == [1, 1, 1]
        assert row["pck_1_accuracy"] == [1, 1, 1]
    assert control["method"] == "identity" and control["pck_5_accuracy"][0] < 0.9


def test_the_searches_are_timed(network):
    """Every share is one of the field, and a pair that is moved is found."""
    settings = resolve({"quality": "draft", "iterations": 2, "pose": "given", "ratio": 0.5})
    pair = search.known_pairs()["shift"][0]
    *shares, coarse, fine, seconds = search.measure(*pair, network, settings)
    assert shares == sorted(shares) and 0.2 < shares[-1] <= 1
    assert -2 <= coarse < 0 and -2 <= fine < 0 and seconds > 0
