"""Sequences for those who cut films: codecs, 16 bits and opacity from images to results."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from dia_pipeline.cli import app
from dia_pipeline.io import codecs
from dia_pipeline.io.codecs import CODECS
from dia_pipeline.io.frames import Kind, kind_of_frame, read_frame
from dia_pipeline.io.images import read_picture, write_image
from dia_pipeline.io.notes import say_once
from dia_pipeline.io.video import Timing, write_video
from dia_pipeline.pixels import resize_image
from dia_pipeline.runs.sequence import Sequence, find_frames
from dia_pipeline.runs.sources import SequenceError
from dia_pipeline.samples.demo import day_to_night
from dia_pipeline.store.folders import is_result
from dia_pipeline.store.frames import Video

SIZE = (41, 57)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A with 16 bits and opacity, and two references of 8 bits."""
    folder = tmp_path_factory.mktemp("images")
    a, frames = day_to_night(2)
    deep = resize_image(a.astype(np.float32), SIZE)
    alpha = np.broadcast_to(np.linspace(0, 65535, SIZE[1]).astype(np.uint16), SIZE)
    write_image(folder / "a.png", deep, alpha)
    for number, frame in enumerate(frames, 1):
        write_image(folder / f"day/{number}.png", resize_image(frame, (40, 56)))
    return folder


def timelapse(folder: Path, *options: str):
    command = ("timelapse", f"{folder}/a.png", f"{folder}/day", "-o", "out", "--quality", "draft")
    more = ("--backbone", "vgg16", "--coherence", "locked", "--pose", "given", *options)
    result = CliRunner().invoke(app, [*command, *more])
    assert result.exit_code == 0, result.output
    return result.output


def outputs() -> set[str]:
    return {*json.loads(Path("out/provenance.json").read_text())["outputs"]}


def test_16_bits_and_opacity_reach_frames_and_film(images, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "out/video.mov" in timelapse(images, "--codec", "prores-4444")
    given = read_picture(images / "a.png")
    paths = sorted(Path("out/frames").iterdir())
    frames = [read_frame(path) for path in paths]
    assert [kind_of_frame(path) for path in paths] == [Kind(deep=True, clear=True)] * 2
    for frame in frames:
        assert len(np.unique(frame[..., :3])) > 1000
        np.testing.assert_array_equal(np.rint(frame[..., 3] * 257), given.alpha)
    with av.open("out/video.mov") as container:
        shown = [frame.to_ndarray(format="rgba64le") for frame in container.decode(video=0)]
    for frame, found in zip(frames, shown, strict=True):
        apart = found / 257 - frame
        assert np.sqrt(np.square(apart).mean()) < 1.5
    assert {"video.mov", "preview.webp"} <= outputs() and is_result("video.mov")
    page = Path("out/index.html").read_text()
    assert "<video" not in page and 'href="video.mov"' in page and 'src="preview.webp"' in page

    made = {path: path.stat().st_mtime_ns for path in paths}
    timelapse(images, "--replace")  # as browsers play it, of the same frames
    assert made == {path: path.stat().st_mtime_ns for path in paths}
    assert not Path("out/video.mov").exists() and "video.mp4" in outputs()
    assert 'src="video.mp4"' in Path("out/index.html").read_text()

    timelapse(images, "--replace", "--depth", "8", "--codec", "hevc")
    for frame, path in zip(frames, paths, strict=True):
        assert kind_of_frame(path) == Kind(deep=False, clear=True)
        assert np.abs(read_frame(path).astype(float) - frame).mean() < 1
    with av.open("out/video.mp4") as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"


def ramp() -> np.ndarray:
    return np.broadcast_to(np.linspace(0, 255, 512, dtype=np.float32)[:, None], (40, 512, 3))


def test_frames_of_a_film_of_10_bits_have_them_and_are_matched_in_8(images, tmp_path, caplog):
    path = tmp_path / "film.mov"
    write_video(path, [ramp()] * 2, Timing(24), codec=CODECS["prores"])
    video = Video(str(path), [f"{path}#0", f"{path}#1"], tmp_path / "source")
    picture = video.frames[1].picture()
    assert len(np.unique(picture.deep[20])) > 500
    assert np.abs(picture.deep - ramp()).max() < 1
    np.testing.assert_array_equal(video.frames[1].ensure(), np.rint(picture.deep).astype(np.uint8))
    say_once.cache_clear()
    for name, told in (("h264", 1), ("av1", 0)):
        caplog.clear()
        find_frames(Sequence("film", str(path), f"{images}/day/1.png", codec=name))
        assert caplog.text.count("of its 10 bits h264 keeps 8; codecs that keep 10: hevc") == told


def test_a_codec_that_cannot_be_made_is_refused_before_the_work(images, monkeypatch):
    asked = Sequence("day", f"{images}/a.png", f"{images}/day", codec="hevc")
    find_frames(asked)
    broken = {**CODECS, "hevc": codecs.Codec("no_such_encoder", "yuv420p")}
    monkeypatch.setattr("dia_pipeline.runs.sequence.CODECS", broken)
    with pytest.raises(
        SequenceError, match=r"codec: .* cannot make hevc: it lacks no_such_encoder"
    ):
        find_frames(asked)
    with pytest.raises(SequenceError, match="it can make h264, av1, prores, prores-4444"):
        find_frames(asked)
    with pytest.raises(SequenceError, match="codec: 'vhs' is not one of h264"):
        find_frames(Sequence("day", f"{images}/a.png", f"{images}/day", codec="vhs"))
