"""`dia score --of videos`: films whose flicker is known."""

from __future__ import annotations

import csv
from math import log, log10
from pathlib import Path

import numpy as np
import pytest
from films import film
from scipy import ndimage
from typer.testing import CliRunner

from dia_pipeline.cli import app
from dia_pipeline.io.images import write_image

SHAPE = (40, 56)


def score(*words):
    command = ["score", "sequences.tsv", *words, "-o", "out", "--of", "videos"]
    return CliRunner().invoke(app, command)


def means():
    with Path("out/scores.csv").open(newline="") as file:
        rows = csv.DictReader(file)
        return {(row["method"], row["measure"]): float(row["value"]) for row in rows}


def write_frames(folder, frames):
    for number, frame in enumerate(frames):
        Path(folder).mkdir(parents=True, exist_ok=True)
        write_image(Path(folder, f"{number}.png"), frame)


@pytest.fixture
def moving(tmp_path, monkeypatch):
    """Six frames of a texture that moves by two pixels a frame, and B'."""
    monkeypatch.chdir(tmp_path)
    rough = np.random.default_rng(6).random((*SHAPE, 3)) * 255
    smooth = ndimage.gaussian_filter(rough, (2, 2, 0), mode="wrap")
    texture = np.uint8((smooth - smooth.min()) / np.ptp(smooth) * 200 + 20)
    frames = [np.roll(texture, 2 * number, axis=1) for number in range(6)]
    write_frames("content", frames)
    write_image("b_prime.png", 255 - texture.transpose(1, 0, 2))
    Path("sequences.tsv").write_text("name\ta\tb_prime\nclip\tcontent\tb_prime.png\n")
    return frames


def test_videos_flicker_as_much_as_they_are_made_to(moving):
    """One moves with its content; one, flat, is 20 grey levels lighter in every second frame."""
    write_frames("steady/clip", [255 - frame for frame in moving])
    lights = [np.full((*SHAPE, 3), 100 + 20 * (number % 2), np.uint8) for number in range(6)]
    write_frames("flashing/clip/frames", lights)
    result = score("steady", "flashing")
    assert result.exit_code == 0, result.output
    found = means()
    assert found["flashing", "flicker"] == pytest.approx(20, abs=1e-9)
    assert found["flashing", "change"] == pytest.approx(20, abs=1e-9)
    shift = np.mean(
        [np.abs(a.astype(float) - b).mean() for a, b in zip(moving[1:], moving, strict=False)]
    )
    assert found["steady", "change"] == pytest.approx(shift, abs=1e-9)
    assert found["identity", "change"] == pytest.approx(shift, abs=1e-9)
    assert found["steady", "flicker"] < shift / 4 and found["identity", "flicker"] < shift / 4
    assert found["copy", "change"] == 0 < found["copy", "flicker"]
    assert found["flashing", "warp_error"] == pytest.approx((20 / 255) ** 2)
    assert found["steady", "warp_error"] < (shift / 4 / 255) ** 2 < found["copy", "warp_error"]
    assert found["steady", "warp_error"] == pytest.approx(found["identity", "warp_error"], rel=1e-3)
    assert found["flashing", "cdc"] == pytest.approx(log(2) / 3)  # alike two and four frames apart
    assert found["copy", "cdc"] == 0 and found["identity", "cdc"] == pytest.approx(0)
    assert found["identity", "self_similarity"] == 0 < found["steady", "self_similarity"]
    assert found["steady", "self_similarity"] < found["copy", "self_similarity"]
    assert not any(measure == "psnr" for _, measure in found)
    assert found["identity", "structure"] == 1 > found["steady", "structure"]
    assert found["copy", "colour_distance"] < found["identity", "colour_distance"]
    for method in ("steady", "flashing", "identity", "copy"):
        assert f"| {method} | 1 |" in Path("out/table.md").read_text()


def test_the_truth_of_a_video_is_taken_as_its_content_is(moving):
    """Of every second frame; one method is 10 grey levels off, each control by what it shows."""
    write_frames("true", [255 - frame for frame in moving])
    write_frames("off/clip", [245 - frame for frame in moving[::2]])
    row = "clip\tcontent\tb_prime.png\ttrue\t2"
    Path("sequences.tsv").write_text(f"name\ta\tb_prime\ta_prime\tstride\n{row}\n")
    result = score("off")
    assert result.exit_code == 0, result.output
    found = means()
    assert found["off", "psnr"] == pytest.approx(20 * log10(25.5))
    squares = [np.mean((255 - 2 * frame.astype(float)) ** 2) for frame in moving[::2]]
    expected = np.mean([10 * log10(255**2 / each) for each in squares])
    assert found["identity", "psnr"] == pytest.approx(expected)
    assert found["copy", "psnr"] < found["off", "psnr"]
    assert ("off", "cdc") not in found  # three frames
    assert "| PSNR to true A', dB |" in Path("out/table.md").read_text()
    Path("true/5.png").unlink()
    Path("true/4.png").unlink()
    result = score("off")
    assert result.exit_code == 2
    assert "of clip the true A' has 2 frames, but A has 3" in result.stderr


def test_films_are_read_as_folders_of_frames_are(tmp_path, monkeypatch):
    """Of a film the frames that the sequence takes."""
    monkeypatch.chdir(tmp_path)
    film(Path("content.mp4"), frames=8)
    Path("method").mkdir()
    film(Path("method/clip.mp4"), frames=4)
    write_image("b_prime.png", np.zeros((*SHAPE, 3), np.uint8))
    Path("sequences.tsv").write_text("name\ta\tb_prime\tstop\nclip\tcontent.mp4\tb_prime.png\t4\n")
    result = score("method")
    assert result.exit_code == 0, result.output
    found = means()
    assert found["method", "ssim"] > 0.95 and found["method", "structure"] > 0.9
    assert found["method", "change"] == pytest.approx(found["identity", "change"], abs=0.5)


def test_videos_that_are_not_alike_are_told(moving):
    write_frames("short/clip", moving[:3])
    result = score("short")
    assert result.exit_code == 2
    assert "clip, frame 4: they are not alike (short: missing, A: 56x40)" in result.stderr
    write_frames("small/clip", [frame[:-2] for frame in moving])
    assert "small: 56x38, A: 56x40" in score("small").stderr
    Path("none/clip").mkdir(parents=True)
    assert "none/clip: there are no frames in it" in score("none").stderr
    Path("sequences.tsv").write_text("name\ta\tb_prime\nclip\tb_prime.png\tcontent\n")
    assert "in clip the content stands still" in score("short").stderr
