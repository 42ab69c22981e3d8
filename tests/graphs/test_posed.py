"""The pose of a sequence: one for a reference or a scene, and frames that are made as pairs are."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dia_pipeline.affine import shifting, turning
from dia_pipeline.alignment.pose import MIRRORED, Pose, decision
from dia_pipeline.analogy import analogy
from dia_pipeline.gallery.outcomes import Outcome
from dia_pipeline.io.images import read_image, write_image
from dia_pipeline.io.notes import say_once
from dia_pipeline.jobs.single import run_sequence
from dia_pipeline.networks.network import Network
from dia_pipeline.networks.weights import find_weights
from dia_pipeline.pixels import shrunk
from dia_pipeline.runs.config import check_sequence
from dia_pipeline.runs.sequence import Sequence, find_frames
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.samples.styles import pencil
from dia_pipeline.settings import resolve
from dia_pipeline.settings.declarations import SettingsError
from dia_pipeline.store.provenance import read_results

SETTINGS = resolve({"backbone": "vgg16", "quality": "draft", "iterations": 2, "octaves": 0})
COUNT = 3


@pytest.fixture
def images(tmp_path, monkeypatch):
    """The working directory: a film and its likeness, of a cat that looks to one side."""
    monkeypatch.chdir(tmp_path)
    cat = shrunk(photograph("chelsea"), 128)
    for number in range(COUNT):
        lit = np.clip(cat.astype(float) * (0.8 + 0.1 * number), 0, 255).astype(np.uint8)
        write_image(f"film/{number}.png", lit)
        write_image(f"relit/{number}.png", pencil(lit)[:, ::-1].copy())
    write_image("cat.png", cat)
    write_image("pencil.png", pencil(cat))
    write_image("mirrored.png", pencil(cat)[:, ::-1].copy())


def run(out: str, a: str, b_prime: str, settings=SETTINGS, **fields) -> list[list]:
    """The pixels of the frames that a sequence makes."""
    run_sequence(find_frames(Sequence("cat", a, b_prime, **fields)), Path(out), settings, "cpu")
    return [read_image(path).tolist() for path in sorted(Path(out, "frames").iterdir())]


def poses(out: str) -> dict[int, Pose]:
    """The poses that the provenance tells, by frame."""
    return {each["frame"]: Pose.read(each["pose"]) for each in read_results(Path(out))["matches"]}


@pytest.fixture
def searches(monkeypatch):
    """Counts how often a pose is looked for."""
    made = []
    original = decision.find_pose

    def find_pose(*arguments):
        made.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(decision, "find_pose", find_pose)
    return made


def test_a_mirrored_reference_serves_as_the_one_that_is_not(images, searches, caplog):
    caplog.set_level(logging.INFO)
    say_once.cache_clear()
    given = replace(SETTINGS, pose="given")
    upright = run("upright", "film", "pencil.png", given)
    assert run("posed", "film", "mirrored.png") == upright
    assert poses("posed")[1].matrix == MIRRORED and len(searches) == 1
    (told,) = (each for each in caplog.messages if "drawn in its pose" in each)
    assert told.startswith("frame 1 and mirrored.png: B' drawn in its pose: mirrored")
    assert (
        run("told", "film", "mirrored.png", replace(SETTINGS, pose="mirrored"), stop=1)
        == upright[:1]
    )
    assert run("given", "film", "mirrored.png", given, stop=1) != upright[:1]


@pytest.mark.slow
def test_every_reference_has_a_pose_of_its_own(images, searches):
    both = "0=pencil.png,1=mirrored.png"
    given = replace(SETTINGS, pose="given")
    upright = run("upright", "film", "pencil.png", given, coherence="independent")
    made = run("out", "film", both, coherence="independent", overlap=0)
    found = poses("out")
    assert found[2].matrix == MIRRORED != found[1].matrix and len(searches) == 2
    (told,) = Outcome("", None, Path("out"), read_results(Path("out"))).posed
    assert told.startswith("Frame 2 and mirrored.png: B' drawn in its pose: mirrored")
    assert made == upright


@pytest.mark.parametrize(
    ("coherence", "keyframes"),
    [
        ("locked", ()),
        pytest.param("locked", (0, 2), marks=pytest.mark.slow),
        pytest.param("independent", (), marks=pytest.mark.slow),
    ],
)
def test_a_scene_of_references_has_one_pose(images, searches, coherence, keyframes):
    settings = replace(SETTINGS, pose="given")
    fields = {"coherence": coherence, "keyframes": keyframes}
    for number in range(COUNT):
        write_image(f"upright/{number}.png", read_image(f"relit/{number}.png")[:, ::-1].copy())
    upright = run("out", "cat.png", "upright", settings, **fields)
    assert run("posed", "cat.png", "relit", **fields) == upright
    assert len(searches) == 1
    assert {pose.matrix for pose in poses("posed").values()} == {MIRRORED}


def test_the_first_frame_is_that_of_a_pair_in_any_pose(images, monkeypatch):
    angle = math.radians(20)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    matrix = np.eye(3)
    matrix[:2, :2] = 0.8 * turn
    matrix = shifting((0.5, 0.5)) @ matrix @ turning(0, True) @ shifting((-0.5, -0.5))
    pose = Pose(tuple(map(tuple, matrix.tolist())))
    monkeypatch.setattr(decision, "find_pose", lambda *_: pose)
    network = Network(find_weights("vgg16"), "cpu", "float32")
    pair = [read_image(name) for name in ("film/0.png", "pencil.png")]
    settings = replace(SETTINGS, precision="float32")
    expected = analogy(*pair, network, settings).a_prime
    run("out", "film", "pencil.png", settings, coherence="propagated", stop=2)
    difference = np.abs(read_image("out/frames/0001.png").astype(int) - expected)
    assert difference.max() <= 1  # the one is rounded once more


def test_several_poses_are_refused():
    with pytest.raises(SettingsError, match="'several' is not possible for a sequence"):
        check_sequence(replace(SETTINGS, pose="several"))
    with pytest.raises(SettingsError, match="a sequence knows 'hierarchical' alone"):
        check_sequence(replace(SETTINGS, matcher="layer-independent"))
