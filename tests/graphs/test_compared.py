"""Which images of a sequence are compared, and what is said of those that show something else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dia_pipeline.alignment.pose import Pose
from dia_pipeline.gallery.outcomes import Outcome
from dia_pipeline.graphs.sequence import SequenceGraph
from dia_pipeline.graphs.shared import Job, Networks, find_backbone
from dia_pipeline.io.images import write_image
from dia_pipeline.io.notes import say_once
from dia_pipeline.jobs.single import run_sequence
from dia_pipeline.pixels import shrunk
from dia_pipeline.runs.sequence import Sequence, find_frames
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.samples.styles import pencil
from dia_pipeline.settings import HOPELESS, SOUND, resolve
from dia_pipeline.store.provenance import read_results

SETTINGS = resolve({"pose": "given", "backbone": "vgg16", "quality": "draft", "ratio": 0.5})
COUNT = 6


@pytest.fixture
def images(tmp_path, monkeypatch):
    """The working directory: a film of a cat, the cat in pencil, and a rocket."""
    monkeypatch.chdir(tmp_path)
    cat = shrunk(photograph("chelsea"), 128)
    for number in range(COUNT):
        write_image(f"film/{number}.png", cat)
    write_image("pencil.png", pencil(cat))
    write_image("rocket.png", shrunk(photograph("rocket"), 128))


def sequence(a="film", b_prime="0=pencil.png,3=rocket.png", **fields):
    return find_frames(Sequence("cat", a, b_prime, **fields))


def compared(of, scenes=(0,), gaps=()):
    """The frames that are compared, and the images with which."""
    job = Job(Networks("cpu"), lambda key: Path(f"{key}.h5"))
    graph = SequenceGraph(of, SETTINGS, find_backbone("vgg16")[0], Path("out"), job)
    reasons = {str(gap): "no such file" for gap in gaps}
    graph.report = {"scenes": list(scenes), "gaps": reasons, "size": (80, 128)}
    assert len({artefact.path for artefact in graph.poses.values()}) == len(graph.poses)
    return {frame: graph.image_of(frame) for frame in graph.poses}


P, R = "pencil.png", "rocket.png"


@pytest.mark.parametrize(
    ("fields", "prepared", "expected"),
    [
        ({}, {}, {0: P, 3: R}),
        ({"chunk": 1}, {}, {0: P, 3: R}),
        ({}, {"scenes": (0, 2, 5)}, {0: P, 2: P, 3: R, 5: R}),
        ({}, {"scenes": (1,), "gaps": (0, 3, 4)}, {1: P, 5: R}),
        ({}, {"gaps": (3, 4, 5)}, {0: P}),  # the second reference serves no frame
        ({"b_prime": "0=pencil.png,60=rocket.png"}, {}, {0: P}),  # nor does this one
        ({"a": P, "b_prime": "film"}, {"scenes": (0, 4)}, {0: P, 4: P}),
        ({"a": P, "b_prime": "film", "coherence": "locked"}, {"scenes": (0, 4)}, {0: P, 4: P}),
        (
            {"a": P, "b_prime": "film", "coherence": "locked", "keyframes": (1, 5)},
            {},
            {1: P, 5: P},
        ),
    ],
)
def test_scenes_references_and_keyframes_are_compared_once(images, fields, prepared, expected):
    assert compared(sequence(**fields), **prepared) == expected


def test_a_reference_that_shows_something_else_is_told_before_any_frame_is_matched(images, caplog):
    say_once.cache_clear()
    steps = []
    run_sequence(
        sequence(),
        Path("out"),
        SETTINGS,
        "cpu",
        lambda name, estimate: steps.append((name, len(caplog.messages))),
    )
    (told,) = (message for message in caplog.messages if "little in common" in message)
    assert told.startswith("frame 4 and rocket.png may have little in common: hopeless (confidence")
    assert all(count for name, count in steps if name.startswith("match"))
    provenance = read_results(Path("out"))
    first, second = provenance["matches"]
    assert (first["frame"], first["image"]) == (1, "pencil.png")
    assert (second["frame"], second["image"]) == (4, "rocket.png")
    poses = [Pose.read(each["pose"]) for each in (first, second)]
    assert poses[0].confidence >= SOUND and poses[1].confidence < HOPELESS
    assert provenance["pose"] == json.loads(json.dumps(second["pose"]))
    assert sorted(path.stem for path in Path("out/fields/poses").iterdir()) == ["0001", "0004"]
    outcome = Outcome("", sequence(), Path("out"), provenance)
    assert outcome.verdict == "hopeless"
    assert outcome.doubtful == [f"Frame 4 and rocket.png: {poses[1].match}"]
