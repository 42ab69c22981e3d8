"""Frames that are proposed to be painted, by the command, of films whose truth is known."""

from __future__ import annotations

import shlex

import numpy as np
import pytest
from films import film
from typer.testing import CliRunner

from dia_pipeline import cli
from dia_pipeline.figures.sequence import slate
from dia_pipeline.io.cells import read_cells
from dia_pipeline.io.images import read_image, write_image
from dia_pipeline.pixels import resize_image, turned_grey
from dia_pipeline.runs.sequence import Sequence
from dia_pipeline.samples.photographs import photograph

SIZE = (64, 96)
EACH = 4
"""Frames of a scene."""


def call(*words: str, status: int = 0) -> str:
    result = CliRunner().invoke(cli.app, ["keyframes", *words])
    assert result.exit_code == status, result.output
    return result.output


def scene(name: str, grey: bool = False) -> list[np.ndarray]:
    """The camera passes a photograph."""
    image = resize_image(photograph(name), (100, 150))
    views = [image[20 : 20 + SIZE[0], 20 + 4 * n : 20 + 4 * n + SIZE[1]] for n in range(EACH)]
    return [turned_grey(view) if grey else np.ascontiguousarray(view) for view in views]


def write(frames: list[np.ndarray]) -> None:
    for number, frame in enumerate(frames):
        write_image(f"clip/{number}.png", frame)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def rows() -> list[list[str]]:
    header, *others = read_cells("to_paint/keyframes.tsv").values()
    assert header == ["frame", "file", "scene", "adds"]
    return others


def command(said: str) -> list[str]:
    """The words of the command that is to be called next."""
    return shlex.split(said.splitlines()[-1])


def keys(said: str) -> dict[int, str]:
    """The references of that command, by the frame from which on each holds."""
    return Sequence("", "clip.mp4", command(said)[3]).references


def test_every_scene_has_a_frame_of_its_own_and_what_shows_the_same_is_painted_once():
    names = ("china", "coffee", "china", "rocket")
    frames = [frame for name in names for frame in scene(name, grey=True)]
    write(frames)
    said = call("clip", "-o", "to_paint")
    chosen = {int(frame): (file, int(place)) for frame, file, place, _ in rows()}
    assert sorted(place for _, place in chosen.values()) in ([1, 2, 4], [2, 3, 4])
    for frame, (file, _) in chosen.items():
        assert file == f"{frame + 1:04d}.png"
        np.testing.assert_array_equal(read_image(f"to_paint/{file}"), frames[frame])
    references = keys(said)
    starts = [references[EACH * number] for number in range(4)]
    assert starts[0] == starts[2] and len(set(starts)) == 3
    for number, reference in enumerate(starts):
        shown = int(reference.removeprefix("to_paint/").removesuffix(".png")) - 1
        assert names[shown // EACH] == names[number]
    assert command(said)[:3] == ["dia", "timelapse", "clip"]
    assert command(said)[-2:] == ["--preset", "colour-film"]
    assert read_image("to_paint/contact_sheet.png").any()


def test_scenes_without_a_frame_are_named():
    write([*scene("china"), *scene("coffee")[:2], *scene("rocket")])
    said = call("clip", "-o", "to_paint", "--count", "2")
    assert "scenes: 2; with --count 3 every scene has one" in said
    assert sorted(place for *_, place, _ in rows()) == ["1", "3"]
    assert "colour-film" not in said
    assert sorted(keys(said)) == sorted({0, EACH + 2, *(int(row[0]) for row in rows())})


def test_what_comes_to_light_is_shown_by_a_frame_of_it():
    """A cover slides away to the right, and is gone in the last two of six frames."""
    behind = resize_image(photograph("china"), SIZE)
    cover = resize_image(photograph("coffee"), (SIZE[0] - 20, 32))
    frames = [behind.copy() for _ in range(6)]
    for frame, left in zip(frames, (64, 64, 72, 84), strict=False):
        frame[10:-10, left:] = cover[:, : SIZE[1] - left]
    write(frames)
    call("clip", "-o", "to_paint", "--count", "2")
    assert [int(row[2]) for row in rows()] == [1, 1]
    first, second = (int(row[0]) for row in rows())
    assert first == 0 and second >= 3


def test_a_part_of_a_film_with_a_frame_that_cannot_be_read_is_said_the_same_way():
    write(scene("china") + scene("coffee"))
    write_image("clip/4.png", slate((30, 40), "smaller"))
    said = call("clip", "-o", "to_paint", "--start", "2", "--stop", "7", "--stride", "2")
    assert "another size than the first: 1" in said
    words = command(said)
    assert words[words.index("--start") :][:6] == ["--start", "2", "--stop", "7", "--stride", "2"]


def test_frames_of_a_video_are_those_that_it_shows(tmp_path):
    film(tmp_path / "clip.mp4", frames=5)
    said = call("clip.mp4", "-o", "to_paint", "--count", "1")
    [(frame, file, place, _)] = rows()
    assert (place, keys(said)) == ("1", {0: f"to_paint/{file}"} | {int(frame): f"to_paint/{file}"})
    assert read_image(f"to_paint/{file}").shape == (48, 64, 3)


def test_nothing_is_written_over_what_may_be_painted():
    write(scene("china")[:1])
    call("clip", "-o", "to_paint")
    write_image("to_paint/0001.png", np.zeros((*SIZE, 3), np.uint8))
    assert "there is something in it" in call("clip", "-o", "to_paint", status=2)
    assert not read_image("to_paint/0001.png").any()
    assert "a comma" in call("clip", "-o", "to,paint", status=2)
    assert "no frame of it can be read" in _of_nothing()


def _of_nothing() -> str:
    with open("clip/0.png", "wb") as file:
        file.write(b"no image")
    return call("clip", "-o", "other", status=2)
