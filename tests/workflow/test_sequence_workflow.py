"""Sequences through Snakemake, as a user runs them."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from examples import DRAFT, draw_image, times, write_pairs
from test_workflow import RESULTS, snakemake

from dia_pipeline.io.images import read_image, write_image
from dia_pipeline.jobs.single import run_sequence
from dia_pipeline.jobs.verification import find_faults, withdraw_receipts
from dia_pipeline.runs.begun import latest_plan
from dia_pipeline.runs.sequence import Sequence, find_frames
from dia_pipeline.settings import resolve

pytestmark = pytest.mark.slow

COLUMNS = ("name", "a", "b_prime", "coherence", "chunk", "overlap")


def write_config(rows: list[tuple], **fields) -> None:
    lines = ["\t".join(map(str, row)) for row in (COLUMNS, *rows)]
    Path("sequences.tsv").write_text("\n".join(lines) + "\n")
    config = {"sequences": "sequences.tsv", "settings": DRAFT, **fields}
    Path("config.yaml").write_text(yaml.safe_dump(config))


@pytest.fixture
def day(tmp_path, monkeypatch):
    """A working directory with a.png and the four references of a day."""
    monkeypatch.chdir(tmp_path)
    Path("day").mkdir()
    draw_image(Path("a.png"), 1)
    for number in range(1, 5):
        image = read_image(draw_image(Path(f"day/{number}.png"), 2))
        write_image(f"day/{number}.png", (image * (1 - number / 10)).astype(np.uint8))
    return tmp_path


def test_pairs_and_sequences_run_together_and_a_gap_is_named_and_filled(day):
    pairs = write_pairs(Path("images"), 1)
    Path("pairs.tsv").write_text(f"name\ta\tb_prime\nx\t{pairs[0].a}\t{pairs[0].b_prime}\n")
    write_config(
        [
            ("warm", "a.png", "day/%d.png", "warm-start", 2, 1),
            ("still", "a.png", "day/%d.png", "locked", 2, 1),
        ],
        pairs="pairs.tsv",
        checkpoint="pair",
    )
    whole = Path("day/3.png").read_bytes()
    Path("day/3.png").unlink()
    result = snakemake()
    assert result.returncode != 0
    assert "warm, frame 3: failed in prepare: day/3.png: there is no such file" in result.stdout
    assert "The gallery: results/index.html" in result.stdout
    assert Path("results/gallery/pages/warm.html").exists()
    assert not (RESULTS / "summary.json").exists()
    before = times(RESULTS / "hierarchical")
    assert "x/a_prime.png" in before and "still/video.mp4" in before
    made = {n for n in before if n.startswith("warm/frames/")}
    assert made == {f"warm/frames/000{n}.png" for n in (1, 2, 4)}

    Path("day/3.png").write_bytes(whole)
    result = snakemake()
    assert result.returncode == 0, result.stdout
    after = times(RESULTS / "hierarchical")
    assert "warm/frames/0003.png" in after
    assert {n: after[n] for n in before if n[:2] == "x/"} == {
        n: t for n, t in before.items() if n[:2] == "x/"
    }
    assert after["warm/frames/0001.png"] == before["warm/frames/0001.png"]
    assert "Nothing to be done" in snakemake().stdout

    assert snakemake("--report", "report.zip").returncode == 0
    with zipfile.ZipFile("report.zip") as report:
        shown = [Path(name).name for name in report.namelist() if name.endswith(".png")]
    expected = ["contact_sheet.png", "flicker.png"] * 2 + ["overview.png"]
    assert sorted(shown) == sorted(expected)

    for name, coherence in (("warm", "warm-start"), ("still", "locked")):
        alone = Sequence(name, "a.png", "day/%d.png", coherence=coherence, chunk=2, overlap=1)
        run_sequence(find_frames(alone), Path("alone") / name, resolve(DRAFT), "auto")
        for file in ("video.mp4", "contact_sheet.png", "provenance.json"):
            expected = (Path("alone") / name / file).read_bytes()
            assert (RESULTS / "hierarchical" / name / file).read_bytes() == expected, file


def test_a_damaged_frame_is_found_and_made_again(day):
    write_config([("still", "a.png", "day", "locked", 2, 1)])
    assert snakemake().returncode == 0
    folder = RESULTS / "hierarchical" / "still"
    whole = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    plan = latest_plan(RESULTS)
    assert not list(find_faults(plan))

    damaged = bytearray(whole["0002.png"])
    damaged[len(damaged) // 2] ^= 1
    (folder / "frames" / "0002.png").write_bytes(damaged)
    (folder / "video.mp4").unlink()
    faults = list(find_faults(plan))
    named = {Path(fault.reason.split(":")[0]).name for fault in faults}
    assert named == {"video.mp4", "0002.png"}
    withdraw_receipts(plan, faults)
    assert snakemake().returncode == 0
    assert {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == whole


def test_damaged_fields_are_found_and_made_again(day):
    """Though the frames that were made of them are whole."""
    write_config([("warm", "a.png", "day", "warm-start", 4, 1)])
    assert snakemake().returncode == 0
    fields = RESULTS / "hierarchical" / "warm" / "fields" / "0001" / "0002.h5"
    whole = fields.read_bytes()
    fields.write_bytes(whole[:-1])
    plan = latest_plan(RESULTS)
    faults = list(find_faults(plan))
    assert {fault.reason for fault in faults} == {f"{fields.resolve()}: the file is damaged"}
    withdraw_receipts(plan, faults)
    assert snakemake().returncode == 0
    assert fields.read_bytes() == whole
    assert not list(find_faults(plan))


def test_a_sequence_that_cannot_be_processed_is_explained_before_anything_runs(day):
    shutil.rmtree("day")
    write_config([("warm", "a.png", "day", "warm", 2, 1), ("lock", "a.png", "day", "locked", 2, 1)])
    result = snakemake()
    assert result.returncode != 0
    assert "row 2 (sequence 'warm'), coherence: 'warm' is not one of" in result.stdout
    assert "row 3 (sequence 'lock'), day: there are no frames" in result.stdout
    assert "Traceback" not in result.stdout
