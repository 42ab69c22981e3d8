"""Sequences of thousands of frames, each of which is made of the one before."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pytest

from dia_pipeline.alignment.pose import Pose
from dia_pipeline.graphs import given
from dia_pipeline.graphs.carrying import carried_name
from dia_pipeline.graphs.chains import Link
from dia_pipeline.graphs.sequence import SequenceGraph
from dia_pipeline.graphs.shared import Job, Networks
from dia_pipeline.io.images import write_image
from dia_pipeline.jobs.batches import made_by
from dia_pipeline.jobs.progress import sequence_efforts
from dia_pipeline.runs.sequence import Chunk, Sequence
from dia_pipeline.settings import Step, resolve
from dia_pipeline.store.arrays import Content
from dia_pipeline.store.artefacts import Artefact, ArtefactError, digest
from dia_pipeline.store.provenance import Backbone

SETTINGS = resolve({"quality": "draft", "backbone": "vgg16", "pose": "given"})
MANY = 5000
DEEP = sys.getrecursionlimit() // 3


@dataclass(eq=False)
class InMemory(Artefact):
    """An artefact that is kept in memory, and counts how often it is made."""

    kept: list[int] = field(default_factory=list)

    def read(self) -> int:
        if not self.kept:
            raise ArtefactError(self.path, ArtefactError.MISSING)
        return self.kept[-1]

    def check(self) -> str:
        return str(self.read())

    def write(self, value: int) -> int:
        self.kept.append(value)
        return value


def chain(count: int) -> list[Link]:
    """So many numbers, each the one before and one more."""
    links: list[Link] = []
    for number in range(count):
        before = links[-1] if links else None
        inputs = {"before": before} if before else {}
        made = InMemory(Path("nowhere"), "match", "number", {}, inputs, lambda before=0: before + 1)
        links.append(Link(made, before))
        assert number + 1 == len(links)
    return links


def test_the_last_of_a_long_chain_can_be_asked_first():
    links, others = chain(MANY), chain(MANY)
    assert links[-1].key == [link.of.key for link in others][-1]
    assert links[-1].ensure() == MANY
    assert all(len(link.of.kept) == 1 for link in links)


def test_of_a_chain_only_what_lacks_is_made_again():
    links = chain(MANY)
    links[-1].ensure()
    for number in (10, MANY // 2, MANY // 2 + 1):
        links[number].of.kept.clear()
    assert links[MANY // 2 + 2].ensure() == MANY // 2 + 3  # it is there
    assert links[MANY // 2 + 1].ensure() == MANY // 2 + 2
    assert [number for number, link in enumerate(links) if not link.of.kept] == [10]
    assert all(len(link.of.kept) < 2 for link in links)


@pytest.fixture
def graph_of(tmp_path):
    """Makes the graph of a sequence of so many frames, all of which are one file."""
    for name in ("a", "b"):
        write_image(tmp_path / f"{name}.png", np.full((16, 16, 3), 90, np.uint8))

    def graph_of(count: int, scenes: list[int], keys: tuple[int, ...] = (), **fields):
        frames = (f"{tmp_path}/b.png",) * count
        references = [f"{key}={tmp_path}/{'ab'[n % 2]}.png" for n, key in enumerate(keys)]
        b_prime = ",".join(references) or "day"
        sequence = Sequence("s", f"{tmp_path}/a.png", b_prime, frames=frames, **fields)
        sequence.__dict__["kinds"] = ("folder", "image") if keys else ("image", "folder")
        job = Job(Networks("cpu"), lambda key: tmp_path / "features" / f"{key}.h5")
        backbone = Backbone("vgg16", "0" * 64, "", "")
        graph = SequenceGraph(sequence, SETTINGS, backbone, tmp_path / "out", job)
        graph.report = {"scenes": scenes, "gaps": {}, "size": [16, 16]}
        return graph

    return graph_of


@pytest.mark.parametrize("coherence", ["warm-start", "propagated"])
def test_a_scene_of_thousands_of_frames_in_one_chunk_is_planned(graph_of, coherence):
    fields = {"coherence": coherence, "chunk": 2 * MANY}
    graph = graph_of(MANY, [0], **fields)
    assert len(sequence_efforts(graph)) > 3 * MANY
    last = graph.artefacts["video"].key  # before any other
    other = graph_of(MANY, [0], **fields)
    keys = [artefact.key for artefact in other.artefacts.values()]
    assert keys[-1] == last
    assert len(set(keys[2 : 2 + MANY])) == MANY  # each field depends on all before it


def test_what_is_carried_along_goes_on_from_the_first_frame_of_its_scene_too(graph_of):
    graph = graph_of(9, [0, 5], coherence="propagated", chunk=4, overlap=2)
    made = {
        each.path.parent.name + "/" + each.path.stem: each
        for each in made_by("match", graph.artefacts)
    }
    anchors = {
        name: each.inputs["anchor"].of.path.stem
        for name, each in made.items()
        if "anchor" in each.inputs
    }
    assert anchors == {
        **{f"0001/{n:04d}": "0001" for n in (2, 3, 4, 5)},
        **{"0002/0007": "0006", "0002/0008": "0006", "0002/0009": "0006"},
    }


def test_between_two_keyframes_of_a_scene_fields_are_carried_back_too(graph_of):
    fields = {"keys": (0, 3, 8), "coherence": "propagated", "chunk": 3}
    graph = graph_of(10, [0, 7], **fields)
    made = {each.path.stem: each for each in graph.artefacts.values() if "-back" in each.path.stem}
    before = {name: each.inputs["before"].of.path.stem for name, each in made.items()}
    assert before == {"0003-back": "0004", "0002-back": "0003-back", "0008-back": "0009"}
    assert {each.chunk for each in made.values()} == {"0001", "0003"}
    assert [[part.weight for part in graph.parts_of(n)] for n in (0, 1, 2, 3)] == [
        [1],
        pytest.approx([2 / 3, 1 / 3]),
        pytest.approx([1 / 3, 2 / 3]),
        [1],
    ]
    cut = graph_of(10, [0, 3], **fields)
    assert [name for name in cut.artefacts if "back" in name] == ["fields back 0003 8"]
    alone = graph_of(10, [0], keys=(0,), coherence="propagated", chunk=3)
    assert not any("back" in name for name in alone.artefacts)


@pytest.mark.slow
def test_fields_that_were_deleted_are_made_again_for_the_last_frame(graph_of, monkeypatch):
    made = []

    def match(self, fixed, a, b_prime, before=None, a_before=None):
        made.append(before is not None)
        value = np.zeros((16, 16, 2), np.float32)
        return Content({"nnf_ab": value}, {"versions": {}, "pose": asdict(Pose())})

    monkeypatch.setattr(SequenceGraph, "_match", match)
    graph = graph_of(DEEP, [0], chunk=DEEP)
    *_, last = made_by("frames", graph.artefacts)
    assert last.ensure().is_file()
    assert made == [False] + [True] * (DEEP - 1)


@pytest.mark.parametrize("size", [1, 7])
def test_weights_of_thousands_of_chunks(graph_of, size):
    sequence = graph_of(MANY, [0], chunk=size, overlap=3).sequence
    chunks = list(sequence.chunks.items())
    for frame in range(MANY):
        own = frame // size
        weights = sequence.weights(frame)
        before = chunks[own - 1][1] if own else Chunk(0, 0, 0, None)
        blended = [chunks[own - 1][0]] if before.start <= frame < before.end else []
        assert list(weights) == [*blended, chunks[own][0]]
        assert sum(weights.values()) == pytest.approx(1)


def test_what_is_said_of_some_of_thousands_of_frames_is_followed_once(
    graph_of, tmp_path, monkeypatch
):
    """A guide depends on its file and the frames since; planning it takes each frame once."""
    begins = (0, MANY // 2)
    for begin in begins:
        (tmp_path / f"{begin}.csv").write_text(f"a_x,a_y,b_prime_x,b_prime_y\n1,{begin % 9},2,2\n")
    said = ",".join(f"{begin}={tmp_path}/{begin}.csv" for begin in begins)
    graph = graph_of(MANY, [0], (0,), coherence="propagated", guides={"points": said})
    graph.report |= {
        "outputs": {carried_name("points", frame): "" for frame in range(MANY)},
        "gaps": {"1": "it is missing"},
    }
    taken = []
    monkeypatch.setattr(given, "digest", lambda parts: taken.append(len(parts)) or digest(parts))
    keys = [graph.guiding(frame, Step.LEVELS)["points"].key for frame in range(MANY)]
    assert sum(taken) <= 2 * MANY
    assert keys[1] == keys[0]  # a gap
    assert len(set(keys)) == MANY - 1


def test_thousands_of_scenes_and_keyframes(graph_of):
    scenes = [*range(0, MANY, 4)]
    graph = graph_of(MANY, scenes, coherence="warm-start", chunk=MANY)
    matched = made_by("match", graph.artefacts)
    begun = [each.path.stem for each in matched if "before" not in each.inputs]
    assert begun == [f"{number + 1:04d}" for number in scenes]
    keyframes = tuple(range(0, MANY, 2))
    graph = graph_of(MANY, scenes, coherence="locked", keyframes=keyframes)
    for frame in range(MANY):
        weights = graph._lock_weights(frame)
        if frame % 4 == 1:
            assert weights == {f"{frame:04d}": 0.5, f"{frame + 2:04d}": 0.5}
        else:
            assert weights == {f"{frame - frame % 2 + 1:04d}": 1.0}
