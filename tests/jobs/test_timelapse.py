"""Whole sequences: what hangs together, what is taken up again, and what is said to be missing."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from films import add_sound, add_sounds, film
from PIL import Image

from dia_pipeline.cli import app
from dia_pipeline.graphs.video import moments_of
from dia_pipeline.guides import GuidanceError
from dia_pipeline.io import video as io_video
from dia_pipeline.io.files import FolderError
from dia_pipeline.io.images import read_image, write_image
from dia_pipeline.io.notes import say_once
from dia_pipeline.io.video import Timing, decode_frames, read_pace, write_video
from dia_pipeline.jobs.single import run_sequence
from dia_pipeline.pixels import resize_image
from dia_pipeline.runs.sequence import Sequence, find_frames
from dia_pipeline.runs.sources import SequenceError
from dia_pipeline.samples.demo import day_to_night
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.settings import resolve
from dia_pipeline.store.folders import OWN

SETTINGS = resolve(
    {"quality": "draft", "backbone": "vgg16", "precision": "float32", "pose": "given"}
)
SIZE = (51, 77)  # odd, for the video
COUNT = 6


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder with a temple by day, a.png, and six references, from day to night, of a view."""
    folder = tmp_path_factory.mktemp("images")
    a, frames = day_to_night(COUNT)
    write_image(folder / "a.png", resize_image(a, SIZE))
    for number, frame in enumerate(frames, 1):
        write_image(folder / f"day/{number:02d}.png", resize_image(frame, (48, 72)))
    return folder


def sequence(folder, b_prime="day", a="a.png", **fields):
    return find_frames(Sequence("day", f"{folder}/{a}", f"{folder}/{b_prime}", **fields))


def provenance(folder):
    return json.loads((folder / "provenance.json").read_text())


@pytest.fixture(scope="module")
def made(images, tmp_path_factory):
    """The folders of the same sequence, by its coherence."""
    folder = tmp_path_factory.mktemp("made")
    for coherence in ("independent", "warm-start", "locked"):
        moving = sequence(images, coherence=coherence)
        assert run_sequence(moving, folder / coherence, SETTINGS, "cpu") == {}
    return folder


def test_locked_does_not_flicker_and_warm_start_does_less(made):
    flicker = {folder.name: provenance(folder)["mean"]["flicker"] for folder in made.iterdir()}
    assert flicker["independent"] > 0.5
    assert flicker["warm-start"] <= 0.5 * flicker["independent"]
    assert flicker["locked"] == 0


def test_every_way_follows_the_light_of_the_references(made, images):
    references = [read_image(path).mean() for path in sorted((images / "day").iterdir())]
    for folder in made.iterdir():
        light = [read_image(path).mean() for path in sorted((folder / "frames").iterdir())]
        assert len(light) == COUNT
        np.testing.assert_allclose(light, references, atol=25)


def test_the_results_can_be_played_and_seen(made):
    folder = made / "locked"
    with av.open(folder / "video.mp4") as container:
        assert sum(1 for _ in container.decode(video=0)) == COUNT
    with Image.open(folder / "preview.webp") as preview:
        assert preview.n_frames == COUNT
    assert (folder / "flicker.png").stat().st_size > 0
    sheet = read_image(folder / "contact_sheet.png")
    assert sheet.shape[1] > 6 * 200


def test_every_name_that_a_sequence_writes_is_its_own(made):
    for folder in made.iterdir():
        assert {path.name for path in folder.iterdir()} <= OWN


def files(folder):
    """Every file by its path, with its bytes and when it was written."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("coherence", ["warm-start", "locked"])
def test_an_ended_run_is_taken_up_at_the_frame_with_the_same_bytes(
    made, images, tmp_path, coherence
):
    whole = files(made / coherence)
    folder = tmp_path / "half"

    class KilledError(Exception):
        pass

    last = "match: 4 of 6" if coherence == "warm-start" else "frames: 4 of 6"

    def kill(name, estimate):
        if name == last:
            raise KilledError

    moving = sequence(images, coherence=coherence)
    with pytest.raises(KilledError):
        run_sequence(moving, folder, SETTINGS, "cpu", kill)
    before = files(folder)
    assert sum("000" in Path(name).stem for name in before) >= 3
    told = []
    run_sequence(moving, folder, SETTINGS, "cpu", lambda name, estimate: told.append(name))
    assert told[0] == last
    after = files(folder)
    assert {name: content for name, (content, _) in after.items()} == {
        name: content for name, (content, _) in whole.items()
    }
    assert {name: after[name] for name in before} == before
    run_sequence(moving, folder, SETTINGS, "cpu")
    assert files(folder) == after


def test_a_damaged_frame_alone_is_made_again(made, images, tmp_path):
    folder = shutil.copytree(made / "locked", tmp_path / "copy")
    before = files(folder)
    (folder / "frames/0003.png").write_bytes(b"damaged")
    run_sequence(sequence(images, coherence="locked"), folder, SETTINGS, "cpu")
    after = files(folder)
    assert {name: content for name, (content, _) in after.items()} == {
        name: content for name, (content, _) in before.items()
    }
    assert after["frames/0002.png"] == before["frames/0002.png"]


def test_a_gap_is_named_and_shown_and_the_rest_goes_on(images, tmp_path, capsys):
    """Missing, broken and differently sized; then repaired."""
    from typer.testing import CliRunner

    shutil.copytree(images, tmp_path, dirs_exist_ok=True)
    day, whole = tmp_path / "day", tmp_path / "whole"
    shutil.copytree(day, whole)
    (day / "02.png").unlink()
    (day / "04.png").write_bytes((whole / "04.png").read_bytes()[:300])
    write_image(day / "05.png", np.zeros((20, 30, 3), np.uint8))
    options = ["--quality", "draft", "--backbone", "vgg16", "--coherence", "warm-start"]
    command = [
        "timelapse",
        f"{tmp_path}/a.png",
        f"{day}/%02d.png",
        "-o",
        f"{tmp_path}/out",
        *options,
    ]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    for text in (
        "frame 2 is missing:",
        "02.png: there is no such file",
        "04.png: the image cannot be decoded",
        "05.png: the frame has 30x20 pixels, the first one 72x48",
    ):
        assert text in result.output.replace("\n", " ")
    out = tmp_path / "out"
    assert set(provenance(out)["gaps"]) == {"2", "4", "5"}
    assert {path.name for path in (out / "frames").iterdir()} == {
        "0001.png",
        "0003.png",
        "0006.png",
    }
    with av.open(out / "video.mp4") as container:
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(shown) == COUNT
    for number in (1, 3, 4):  # a slate: dark grey, but for the letters
        assert np.abs(np.median(shown[number], axis=(0, 1)) - 40).max() < 6
    assert provenance(out)["measures"]["flicker"].count(None) == COUNT

    shutil.copytree(whole, day, dirs_exist_ok=True)
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert provenance(out)["gaps"] == {}
    assert len(list((out / "frames").iterdir())) == COUNT


def test_a_cut_begins_anew(images, tmp_path):
    """A warm start from another scene would keep matches that mean nothing."""
    cat = resize_image(photograph("chelsea"), (48, 72))
    lines = [*sorted((images / "day").iterdir())[:2], tmp_path / "cat.png"]
    write_image(tmp_path / "cat.png", cat)
    (tmp_path / "list.txt").write_text("\n".join(map(str, lines)))
    moving = find_frames(Sequence("cut", f"{images}/a.png", str(tmp_path / "list.txt")))
    run_sequence(moving, tmp_path / "warm", SETTINGS, "cpu")
    found = provenance(tmp_path / "warm")
    assert found["scenes"] == [1, 3]
    assert found["measures"]["flicker"][2] is None
    (tmp_path / "list.txt").write_text(str(lines[2]))
    alone = find_frames(Sequence("cut", f"{images}/a.png", str(tmp_path / "list.txt")))
    run_sequence(alone, tmp_path / "alone", SETTINGS, "cpu")
    np.testing.assert_array_equal(
        read_image(tmp_path / "warm/frames/0003.png"),
        read_image(tmp_path / "alone/frames/0001.png"),
    )


def test_chunks_are_blended_where_they_overlap(images, made, tmp_path):
    moving = sequence(images, chunk=3, overlap=1)
    assert moving.weights(2) == {"0001": 1.0}
    assert moving.weights(3) == {"0001": 0.5, "0002": 0.5}
    run_sequence(moving, tmp_path / "out", SETTINGS, "cpu")
    frames = {
        name: [read_image(folder / f"frames/{n:04d}.png").astype(int) for n in range(1, 7)]
        for name, folder in (
            ("chunks", tmp_path / "out"),
            ("warm", made / "warm-start"),
            ("fresh", made / "independent"),
        )
    }
    for n in range(3):
        np.testing.assert_array_equal(frames["chunks"][n], frames["warm"][n])
    mean = (frames["warm"][3] + frames["fresh"][3]) / 2
    np.testing.assert_allclose(frames["chunks"][3], mean, atol=1)


def test_locked_on_keyframes_passes_from_one_to_the_next(images, tmp_path):
    run_sequence(
        sequence(images, coherence="locked", keyframes=(0, 4)), tmp_path / "out", SETTINGS, "cpu"
    )
    assert {path.name for path in (tmp_path / "out/fields/locked").iterdir()} == {
        "0001.h5",
        "0005.h5",
    }
    change = provenance(tmp_path / "out")["measures"]["flicker"]
    assert all(change[1:5]) and change[5] == 0


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """A folder with a video of a cat that passes by, and two references."""
    folder = tmp_path_factory.mktemp("video")
    cat = resize_image(photograph("chelsea"), (70, 105))
    frames = [np.ascontiguousarray(cat[:60, 2 * n : 2 * n + 80]) for n in range(5)]
    write_video(folder / "cat.mp4", frames, Timing(24))
    write_image(folder / "blue.png", cat[..., ::-1])
    write_image(folder / "grey.png", cat.mean(axis=-1, keepdims=True).repeat(3, -1).astype("u1"))
    return folder


def test_a_video_is_restyled_along_its_motion(video, tmp_path):
    flicker = {}
    for coherence in ("independent", "propagated"):
        moving = sequence(video, "blue.png", "cat.mp4", coherence=coherence)
        run_sequence(moving, tmp_path / coherence, SETTINGS, "cpu")
        found = provenance(tmp_path / coherence)
        assert found["scenes"] == [1]
        flicker[coherence] = found["mean"]["flicker"]
    assert flicker["propagated"] < 0.8 * flicker["independent"]
    last = read_image(tmp_path / "propagated/frames/0005.png").mean(axis=(0, 1))
    assert last[2] > last[0] + 10  # blue


def test_a_video_that_is_taken_up_again_has_the_same_bytes(video, tmp_path):
    """Each frame goes on from those beside it and from its keyframes, read anew or not."""
    references = f"0={video}/blue.png,2={video}/grey.png"
    moving = Sequence("v", f"{video}/cat.mp4", references, coherence="propagated", stop=3)
    moving = find_frames(moving)
    run_sequence(moving, tmp_path / "whole", SETTINGS, "cpu")

    class KilledError(Exception):
        pass

    def kill(name, estimate):
        if name == "match: 4 of 4":
            raise KilledError

    with pytest.raises(KilledError):
        run_sequence(moving, tmp_path / "half", SETTINGS, "cpu", kill)
    (tmp_path / "half/fields/0002/0003.h5").unlink()
    run_sequence(moving, tmp_path / "half", SETTINGS, "cpu")
    whole, half = files(tmp_path / "whole"), files(tmp_path / "half")
    assert {name: content for name, (content, _) in half.items()} == {
        name: content for name, (content, _) in whole.items()
    }


def test_a_video_keeps_its_rate_and_its_sound(video, tmp_path):
    add_sound(film(tmp_path / "mute.mp4", rate=10), tmp_path / "film.mkv", "aac")
    shutil.copy(video / "blue.png", tmp_path)
    moving = sequence(tmp_path, "blue.png", "film.mkv", coherence="independent", stop=6, stride=2)
    run_sequence(moving, tmp_path / "out", SETTINGS, "cpu")
    pace = read_pace(tmp_path / "out/video.mp4")
    assert pace.rate == pytest.approx(5)
    assert pace.sound
    faster = sequence(tmp_path, "blue.png", "film.mkv", coherence="independent", stop=6, stride=2)
    faster = replace(faster, frame_rate=24)
    run_sequence(faster, tmp_path / "out", SETTINGS, "cpu", replace=True)
    pace = read_pace(tmp_path / "out/video.mp4")
    assert pace.rate == pytest.approx(24)
    assert not pace.sound


def test_what_is_changed_of_a_film_is_said_before_the_work_and_noted(video, tmp_path, caplog):
    mute = film(tmp_path / "mute.mp4", options={"x264-params": "bff=1"}, frames=4)
    add_sounds(mute, tmp_path / "film.mov", ("pcm_s16le", 192000, "stereo"))
    shutil.copy(video / "blue.png", tmp_path)
    caplog.set_level("INFO", "dia")
    moving = sequence(tmp_path, "blue.png", "film.mov", coherence="independent", stop=2)
    of_sound = "its sound, stream 1 (pcm_s16le, 192000 Hz, stereo), is encoded anew, as AAC"
    assert caplog.messages == [f"{tmp_path}/film.mov: {of_sound}"]
    run_sequence(moving, tmp_path / "out", SETTINGS, "cpu")
    of_fields = "it is interlaced: each frame becomes the whole picture of its first field"
    assert provenance(tmp_path / "out")["notes"] == [of_fields, of_sound]
    assert f"{tmp_path}/film.mov: {of_fields}" in caplog.messages
    with av.open(tmp_path / "out/video.mp4") as container:
        assert container.streams.audio[0].codec_context.sample_rate == 48000
    silent = replace(moving, frame_rate=24)
    run_sequence(silent, tmp_path / "out", SETTINGS, "cpu", replace=True)
    assert provenance(tmp_path / "out")["notes"] == [of_fields]


def test_a_film_whose_sound_cannot_be_carried_is_restyled_without_it(video, tmp_path, caplog):
    path = add_sounds(
        film(tmp_path / "mute.mp4"), tmp_path / "film.mov", ("pcm_mulaw", 8000, "mono")
    )
    path.write_bytes(path.read_bytes().replace(b"ulaw", b"apac"))
    shutil.copy(video / "blue.png", tmp_path)
    moving = sequence(tmp_path, "blue.png", "film.mov", coherence="independent", stop=1)
    assert "film.mov: its sound cannot be carried over" in caplog.text
    assert run_sequence(moving, tmp_path / "out", SETTINGS, "cpu") == {}
    assert not read_pace(tmp_path / "out/video.mp4").sound
    (note,) = provenance(tmp_path / "out")["notes"]
    assert "the video has none" in note


def test_keyframes_of_a_video_have_references_of_their_own(video, tmp_path):
    references = f"0={video}/blue.png, 3={video}/grey.png"
    moving = Sequence("v", f"{video}/cat.mp4", references, coherence="propagated")
    moving = find_frames(moving)
    run_sequence(moving, tmp_path / "out", SETTINGS, "cpu")
    colour = [
        np.ptp(read_image(tmp_path / f"out/frames/{n:04d}.png").mean(axis=(0, 1)))
        for n in range(1, 6)
    ]
    assert colour[0] > 20 and max(colour[3:]) < 5
    assert colour[0] > colour[1] + 3 > colour[2] + 6 > colour[3] + 9  # of both, by their distance


def test_a_video_that_ends_early_has_gaps_and_is_decoded_once(video, tmp_path, monkeypatch):
    decode, decoded = io_video.decode_frames, []

    def counted(path, **more):
        decoded.append(path)
        return decode(path, **more)

    monkeypatch.setattr(io_video, "decode_frames", counted)
    content = (video / "cat.mp4").read_bytes()
    (tmp_path / "cat.mp4").write_bytes(content[:-40])
    shutil.copy(video / "blue.png", tmp_path)
    moving = sequence(tmp_path, "blue.png", "cat.mp4", coherence="independent")
    gaps = run_sequence(moving, tmp_path / "out", SETTINGS, "cpu")
    assert 4 in gaps and 0 not in gaps
    assert "cat.mp4#4: the frame cannot be decoded" in gaps[4]
    assert len(decoded) == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"a": "cat.mp4", "b_prime": "blue.png", "coherence": "locked"}, "stands still"),
        ({"a": "blue.png", "b_prime": "grey.png"}, "one of the two must be a sequence"),
        ({"a": "blue.png", "b_prime": "cat.mp4", "coherence": "propagated"}, "'locked' or"),
        ({"a": "none.png", "b_prime": "cat.mp4"}, "there is no such file"),
        ({"a": "cat.mp4", "b_prime": "none.png"}, "there is no such file"),
        ({"a": "blue.png", "b_prime": "cat.mp4", "keyframes": (1,)}, "only 'locked' has them"),
        ({"a": "blue.png", "b_prime": "cat.mp4", "start": 99}, "there are no frames"),
    ],
)
def test_what_does_not_go_together_is_explained(video, fields, reason):
    with pytest.raises(SequenceError, match=reason):
        sequence(video, **fields)


@pytest.mark.parametrize("written", ["0=a.png,b.png", "5=a.png", "0=a.png,9=b.png,4=c.png"])
def test_keyframes_are_in_order_from_the_first_frame(video, written):
    with pytest.raises(SequenceError, match="b_prime"):
        find_frames(Sequence("v", f"{video}/cat.mp4", written, coherence="propagated"))


STEP = 3
"""Pixels by which the content of the film below moves to the left in every frame."""


@pytest.fixture
def moving(tmp_path, monkeypatch):
    """A content of four frames that moves, a reference, and what can be said of the first frame."""
    monkeypatch.chdir(tmp_path)
    cat = resize_image(photograph("chelsea"), (80, 120))
    for number in range(4):
        write_image(f"film/{number}.png", cat[8:72, 8 + STEP * number : 98 + STEP * number])
    write_image("style.png", resize_image(photograph("coffee"), (64, 90)))
    halves = np.zeros((64, 90, 3), np.uint8)
    halves[:, 45:] = 255
    keep = np.zeros((64, 90, 3), np.uint8)
    keep[16:48, 40:70] = 255
    for name, image in (("labels.png", halves), ("keep.png", keep)):
        write_image(name, image)
    Path("points.csv").write_text("a_x,a_y,b_prime_x,b_prime_y\n60,30,20,12\n")
    return Sequence(
        "film",
        "film",
        "style.png",
        coherence="propagated",
        chunk=2,
        overlap=1,
        guides={
            "labels_a": "labels.png",
            "labels_b_prime": "labels.png",
            "points": "points.csv",
            "keep": "keep.png",
        },
    )


def test_what_is_said_of_a_frame_moves_with_the_content(moving):
    assert run_sequence(find_frames(moving), Path("out"), SETTINGS, "cpu") == {}
    for number in range(4):
        shift = STEP * number
        x, y = np.loadtxt(f"out/prepared/points-{number + 1:04d}.csv", str, delimiter=",")[1][:2]
        assert abs(float(x) - (60 - shift)) < 0.5 and abs(float(y) - 30) < 0.5
        kept = np.s_[20:44, 44 - shift : 66 - shift]
        made, given = (
            read_image(path) for path in (f"out/frames/{number + 1:04d}.png", f"film/{number}.png")
        )
        np.testing.assert_array_equal(made[kept], given[kept])
    about = provenance(Path("out"))
    assert set(about["guides"]) == set(moving.guides)


def test_a_guide_that_changes_makes_anew_what_it_decides_and_that_alone(moving):
    run_sequence(find_frames(moving), Path("out"), SETTINGS, "cpu")
    before = files(Path("out"))
    write_image("keep.png", np.zeros((64, 90, 3), np.uint8))
    with pytest.raises(FolderError, match=r"keep: keep\.png was changed"):
        run_sequence(find_frames(moving), Path("out"), SETTINGS, "cpu")
    run_sequence(find_frames(moving), Path("out"), SETTINGS, "cpu", replace=True)
    after = files(Path("out"))
    for name in before:
        if name.startswith("fields"):
            assert after[name] == before[name]
        if name.startswith("frames"):
            assert after[name][0] != before[name][0]


def test_guides_of_keyframes_hold_from_there_to_the_next_or_to_a_cut(moving):
    """Another scene begins at frame 3; of it the points are those of its own keyframe."""
    rocket = resize_image(photograph("rocket"), (64, 90))
    for number in (2, 3):
        write_image(f"film/{number}.png", rocket)
    Path("later.csv").write_text("a_x,a_y,b_prime_x,b_prime_y\n45,20,50,30\n")
    guides = {"points": "0=points.csv,3=later.csv", "keep": "keep.png"}
    run_sequence(find_frames(replace(moving, guides=guides)), Path("out"), SETTINGS, "cpu")
    names = {path.name for path in Path("out/prepared").iterdir()}
    assert names == {"provenance.json"} | {
        *("points-0001.csv", "points-0002.csv", "points-0004.csv"),
        *("keep-0001.png", "keep-0002.png"),
    }
    assert provenance(Path("out"))["guides"]["points 3"]["path"] == "later.csv"


@pytest.mark.parametrize(
    ("guides", "b_prime", "message"),
    [
        ({"labels_a": "labels.png"}, "style.png", "one is missing"),
        ({"points": "none.csv"}, "style.png", r"points: 'none\.csv': there is no such file"),
        ({"points": "x=points.csv"}, "style.png", "points: .* does not name a file for each"),
        ({"points": "points.csv"}, "0=style.png,2=style.png", "those of one B'"),
        (
            {"labels_a": "labels.png", "labels_b_prime": "tall.png"},
            "style.png",
            r"labels_b_prime: tall\.png: it is 64x90, but B' is 90x64; paint it over",
        ),
    ],
)
def test_what_cannot_be_said_of_a_sequence_is_told_before_it_begins(
    moving, guides, b_prime, message
):
    write_image("tall.png", np.zeros((90, 64, 3), np.uint8))
    with pytest.raises((SequenceError, GuidanceError), match=message):
        find_frames(replace(moving, b_prime=b_prime, guides=guides))


def test_a_map_over_frames_of_another_shape_is_refused(moving):
    write_image("keep.png", np.zeros((90, 64, 3), np.uint8))
    with pytest.raises(GuidanceError, match=r"keep: keep\.png: it is 64x90, but A is 90x64"):
        run_sequence(find_frames(moving), Path("out"), SETTINGS, "cpu")


def test_what_is_said_of_a_still_image_holds_for_every_frame(images, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keep = np.zeros((*SIZE, 3), np.uint8)
    keep[10:30, 20:50] = 255
    write_image("keep.png", keep)
    Path("points.csv").write_text("a_x,a_y,b_prime_x,b_prime_y\n60,30,20,12\n")
    guides = {"keep": "keep.png", "points": "points.csv"}
    moving = sequence(images, coherence="locked", guides=guides)
    run_sequence(moving, tmp_path / "out", SETTINGS, "cpu")
    a = read_image(images / "a.png")
    for path in (tmp_path / "out/frames").iterdir():
        np.testing.assert_array_equal(read_image(path)[12:28, 22:48], a[12:28, 22:48])
    assert not list((tmp_path / "out/prepared").glob("*.csv"))
    plain = run_sequence(sequence(images, coherence="locked"), tmp_path / "plain", SETTINGS, "cpu")
    assert plain == {}
    fields = [
        (tmp_path / name / "fields/locked/0001-median.h5").read_bytes() for name in ("out", "plain")
    ]
    assert fields[0] != fields[1]


def test_a_film_of_few_references_lasts_as_long_as_is_asked(made, tmp_path):
    """It begins with the first frame, ends with the last, and shows both at half way."""
    shutil.copytree(made / "locked", tmp_path / "lasting")
    asked = provenance(made / "locked")
    frames = [read_image(path) for path in sorted((made / "locked" / "frames").iterdir())]
    given = asked["sequence"]
    lasting = find_frames(
        Sequence(
            "day", given["a"], given["b_prime"], coherence="locked", duration=2.75, frame_rate=4
        )
    )
    run_sequence(lasting, tmp_path / "lasting", SETTINGS, "cpu", replace=True)
    film = [each.astype(float) for each in decode_frames(tmp_path / "lasting" / "video.mp4")]
    assert len(film) == 11 and len(frames) == COUNT  # each, and one between each two
    halves = [(one.astype(float) + other) / 2 for one, other in pairwise(frames)]
    expected = [each for both in zip(frames, [*halves, None], strict=True) for each in both][:-1]
    for number, shown in enumerate(film):
        inside = shown[: SIZE[0], : SIZE[1]]
        apart = [np.abs(inside - each).mean() for each in expected]
        assert np.argmin(apart) == number and apart[number] < 5  # H.264
    pace = read_pace(tmp_path / "lasting" / "video.mp4")
    assert pace.rate == 4 and len(pace.times) == 11


def test_a_film_that_lasts_goes_slowly_at_its_frames(images):
    moving = sequence(images, duration=2.0)
    moments = moments_of(moving, 100.0)
    places = np.array([moment.frame + moment.share for moment in moments])
    assert len(places) == 200 and places[0] == 0 and places[-1] == COUNT - 1
    steps = np.diff(places)
    assert (steps >= 0).all()
    near = np.abs(places[:-1] - np.round(places[:-1])) < 0.02
    assert steps[near].max() < 0.5 * steps[~near].max()


@pytest.mark.parametrize("duration", [0, -1, float("nan"), 1e9])
def test_a_duration_that_is_none_is_refused(images, duration):
    with pytest.raises(SequenceError, match=r"duration: .* is not possible"):
        sequence(images, duration=duration)


def test_a_short_film_is_said_to_be_short(images, caplog):
    caplog.set_level("INFO", "dia")
    say_once.cache_clear()
    sequence(images)
    assert "6 frames make a film of 0.2 s" in caplog.text
    caplog.clear()
    sequence(images, duration=1)
    sequence(images, frame_rate=2)
    assert "make a film" not in caplog.text
