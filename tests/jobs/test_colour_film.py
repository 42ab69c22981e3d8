"""Films in black and white that are coloured of keyframes, against their true colours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dia_pipeline.io.images import read_image, write_image
from dia_pipeline.jobs.single import run_sequence
from dia_pipeline.pixels import resize_image, turned_grey
from dia_pipeline.runs.sequence import Sequence, find_frames
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.settings import resolve

SETTINGS = resolve({"preset": "colour-film", "backbone": "vgg16", "precision": "float32"})
CUT = 2


@pytest.fixture(scope="module")
def truth():
    """A cat, then after a cut a temple, both passed by the camera."""
    cat = resize_image(photograph("chelsea"), (60, 90))
    temple = resize_image(photograph("china"), (60, 90))
    return [
        np.ascontiguousarray(image[4:52, 3 * n : 3 * n + 72])
        for image in (cat, temple)
        for n in range(CUT)
    ]


@pytest.fixture(scope="module")
def film(truth, tmp_path_factory):
    """In black and white, with a coloured frame of each scene."""
    folder = tmp_path_factory.mktemp("film")
    for number, frame in enumerate(truth):
        write_image(folder / f"grey/{number}.png", turned_grey(frame))
    keys = [f"{n}={write_key(folder / f'{n}.png', truth[n])}" for n in (0, CUT)]
    moving = Sequence("", str(folder / "grey"), ",".join(keys), coherence="propagated", overlap=0)
    return find_frames(moving)


def write_key(path, frame):
    write_image(path, frame)
    return path


def frames(folder):
    return [read_image(path) for path in sorted((folder / "frames").iterdir())]


@pytest.fixture(scope="module")
def made(film, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    run_sequence(film, folder, SETTINGS, "cpu")
    return frames(folder)


def error(one, other):
    return np.mean((one.astype(float) - other) ** 2)


def test_a_film_comes_close_to_its_true_colours_and_keeps_its_lightness(truth, made):
    """By 10 decibels closer than the film in black and white, in every frame."""
    for frame, coloured in zip(truth, made, strict=True):
        np.testing.assert_array_equal(turned_grey(coloured), turned_grey(frame))
        assert error(frame, coloured) < 0.1 * error(frame, turned_grey(frame))


def test_after_a_cut_nothing_is_blended_with_the_keyframe_before(film, made, tmp_path):
    """Chunks that share frames make what chunks that share none make."""
    shared = replace(film, overlap=2)
    assert len(shared.weights(CUT)) == 1
    run_sequence(shared, tmp_path, SETTINGS, "cpu")
    for one, other in zip(made, frames(tmp_path), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(list((tmp_path / "fields/0001").iterdir())) == CUT
