"""Colours and masks that are taken elsewhere, by the commands."""

from __future__ import annotations

import shutil
from contextlib import chdir

import numpy as np
import pytest
from films import add_sound, film
from PIL import Image
from typer.testing import CliRunner

from dia_pipeline import cli
from dia_pipeline.composition.lut import apply_table
from dia_pipeline.io.cube import read_cube
from dia_pipeline.io.flow import nnf_from_flow, read_flo
from dia_pipeline.io.images import read_image, read_picture, write_image
from dia_pipeline.io.video import decode_frames, read_pace


def call(command: str) -> str:
    result = CliRunner().invoke(cli.app, command.removeprefix("dia ").split())
    assert result.exit_code == 0, result.output
    return result.output


def fault(command: str) -> str:
    result = CliRunner().invoke(cli.app, command.removeprefix("dia ").split())
    assert result.exit_code == 2, result.output
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with A and B', of two sizes, and the results of the two."""
    folder = tmp_path_factory.mktemp("made")
    draws = np.random.default_rng(0)
    for name, size in {"a": (40, 56), "b": (48, 32)}.items():
        small = draws.integers(0, 256, (5, 7, 3)).astype(np.uint8)
        image = Image.fromarray(small).resize(size[::-1], Image.Resampling.BICUBIC)
        write_image(folder / f"{name}.png", np.array(image))
    with chdir(folder):
        call("dia run a.png b.png -o result --quality draft --backbone vgg16 --pose given")
    return folder


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    """The same to be changed, as the working directory."""
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def test_the_colours_of_a_result_are_given_to_pictures_and_films(here):
    said = call("dia lut result -o look.cube")
    a, a_prime = read_image("a.png"), read_image("result/a_prime.png")
    call("dia apply look.cube a.png -o graded.png")
    graded = read_image("graded.png")
    assert np.abs(graded - a_prime.astype(float)).mean() < np.abs(a - a_prime.astype(float)).mean()
    exact = apply_table(a, read_cube("look.cube"))
    assert np.abs(graded - exact).max() <= 0.5001
    error = np.sqrt(((exact - a_prime) ** 2).mean())
    assert f"{error:.1f} grey levels" in said
    add_sound(film(here / "mute.mp4", frames=6), here / "clip.mp4", "aac")
    call("dia apply look.cube clip.mp4 -o clip_graded.mp4")
    frames = zip(decode_frames("clip.mp4"), decode_frames("clip_graded.mp4"), strict=True)
    for frame, found in frames:
        expected = apply_table(frame, read_cube("look.cube"))
        assert np.abs(found - expected).mean() < 4  # H.264
    before, after = read_pace("clip.mp4"), read_pace("clip_graded.mp4")
    assert after.sound and after.rate == before.rate
    assert len(after.times) == len(before.times)


def test_a_picture_keeps_its_depth_and_its_opacity(here):
    call("dia lut result -o look.cube")
    levels = np.linspace(0, 255, 8 * 8 * 3, dtype=np.float32).reshape(8, 8, 3)
    alpha = np.arange(64, dtype=np.uint8).reshape(8, 8)
    write_image("deep.png", levels, alpha)
    call("dia apply look.cube deep.png -o graded.png")
    picture, graded = read_picture("deep.png"), read_picture("graded.png")
    assert graded.deep is not None
    expected = apply_table(picture.grey_levels, read_cube("look.cube"))
    visible = picture.alpha > 0
    assert np.abs(graded.alpha - picture.alpha).max() == 0
    assert visible.any() and np.isfinite(expected).all()


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "I;16"])
def test_label_maps_are_carried_value_by_value(here, mode):
    labels = np.random.default_rng(1).integers(0, 200, (48, 32)).astype(np.uint8)
    image = Image.fromarray(labels)
    if mode == "P":
        image.putpalette([value for n in range(256) for value in (n, 255 - n, 7)])
    elif mode == "I;16":
        image = Image.fromarray(labels.astype(np.uint16) * 300)
    else:
        image = image.convert(mode)
    image.save("labels.png")
    call("dia warp result labels.png -o there.png")
    field = nnf_from_flow(read_flo("result/flow_ab.flo"))
    with Image.open("there.png") as there, Image.open("labels.png") as given:
        assert there.mode == given.mode and there.getpalette() == given.getpalette()
        values = np.asarray(given)[field[..., 0], field[..., 1]]
        np.testing.assert_array_equal(np.asarray(there), values)


def test_what_lies_over_a_is_carried_to_b_prime(here):
    call("dia warp result a.png -o there.png --to b_prime")
    field = nnf_from_flow(read_flo("result/flow_ba.flo"))
    expected = read_image("a.png")[field[..., 0], field[..., 1]]
    np.testing.assert_array_equal(read_image("there.png"), expected)


def test_points_go_where_their_pixels_are_matched(here):
    (here / "points.csv").write_text("x,y\n10.5,20.25\n31.5,0.5\n")
    call("dia warp result points.csv -o there.csv")
    there, back = (nnf_from_flow(read_flo(f"result/flow_{way}.flo")) for way in ("ba", "ab"))
    header, *rows = (here / "there.csv").read_text().splitlines()
    assert header == "x,y,sure"
    for row, (x, y) in zip(rows, [(10.5, 20.25), (31.5, 0.5)], strict=True):
        found_x, found_y, sure = row.split(",")
        match = there[int(y), int(x)]
        assert (float(found_y), float(found_x)) == (match[0] + y % 1, match[1] + x % 1)
        missed = np.linalg.norm(back[tuple(match)] - (int(y), int(x)))
        assert (sure == "yes") == (missed <= 0.02 * 48)


def test_what_does_not_fit_is_told(here):
    assert "there is no such file" in fault("dia lut . -o look.cube")
    call("dia lut result -o look.cube")
    assert "32 x 48" in fault("dia warp result a.png -o there.png")
    (here / "points.csv").write_text("x,y\n40,1\n")
    assert "x must be from 0 to 32" in fault("dia warp result points.csv -o there.csv")
    assert "name a .png" in fault("dia apply look.cube a.png -o graded.jpg")
    film(here / "clip.mp4", frames=1)
    assert "of a film" in fault("dia apply look.cube clip.mp4 -o graded.png")
    write_image("a.png", np.zeros((40, 56, 3), np.uint8))
    assert "the image was changed" in fault("dia lut result -o look.cube")
    (here / "a.png").unlink()
    assert "it is not there" in fault("dia lut result -o look.cube")
