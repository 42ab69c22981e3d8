"""What the steps of a sequence are expected to take."""

from __future__ import annotations

from dataclasses import replace

import pytest
from films import film

from dia_pipeline.graphs.sequence import SequenceGraph
from dia_pipeline.graphs.shared import Job, Networks, find_backbone
from dia_pipeline.io.images import write_image
from dia_pipeline.jobs.progress import sequence_efforts
from dia_pipeline.runs.sequence import Sequence, find_frames
from dia_pipeline.samples.demo import day_to_night
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.settings import resolve

SETTINGS = resolve({"pose": "given", "backbone": "vgg16"})
FEW = replace(SETTINGS, deconvolution=(1, 1, 1, 1), iterations=1)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder with a temple, a.png, references of it, others with a cut, and a film."""
    folder = tmp_path_factory.mktemp("images")
    a, frames = day_to_night(8)
    write_image(folder / "a.png", a[::8, ::8])
    for number, frame in enumerate(frames[:3], 1):
        write_image(folder / f"day/{number}.png", frame[::9, ::9])
    write_image(folder / "cut/1.png", a)
    write_image(folder / "cut/2.png", photograph("chelsea")[: a.shape[0], : a.shape[1]])
    film(folder / "film.mp4", frames=3)
    return folder


@pytest.fixture
def graph_of(images, tmp_path, monkeypatch):
    """Makes the graph of a sequence, whose results are to lie in an empty folder."""
    monkeypatch.chdir(images)

    def graph_of(settings=SETTINGS, progress=lambda level, step, share: None, **fields):
        job = Job(Networks("cpu"), lambda key: tmp_path / f"{key}.h5", progress=progress)
        backbone = find_backbone("vgg16")[0]
        return SequenceGraph(find_frames(Sequence("", **fields)), settings, backbone, tmp_path, job)

    return graph_of


RELIT = {"a": "a.png", "b_prime": "day"}
RESTYLED = {"a": "film.mp4", "b_prime": "0=a.png,2=day/1.png"}


@pytest.mark.parametrize(
    "fields",
    [
        {**RELIT, "coherence": "independent"},
        {**RELIT, "coherence": "warm-start", "chunk": 2, "overlap": 1},
        {**RELIT, "coherence": "locked"},
        {**RELIT, "coherence": "locked", "keyframes": (0, 2)},
        {**RESTYLED, "coherence": "propagated"},
    ],
)
def test_the_steps_are_those_that_a_sequence_tells_of(fields, graph_of):
    told = []
    graph = graph_of(FEW, lambda *step: told.append(step), **fields)
    graph.prepared.ensure()
    for artefact in graph.numbered.values():
        artefact.ensure()
    begun = [(level, step) for level, step, share in told if share == 0]
    assert begun == [(level, name.split(", ")[1]) for level, name in sequence_efforts(graph)]
    assert all(0 <= share <= 1 for *_, share in told)


@pytest.mark.parametrize("fields", [RELIT, RESTYLED])
def test_what_is_expected_before_the_frames_are_read_is_right_for_one_scene(fields, graph_of):
    graph, expected = graph_of(**fields), graph_of(**fields)
    expected.report = expected.one_scene
    before = sequence_efforts(expected)
    graph.prepared.ensure()
    assert before and before == sequence_efforts(graph)


def test_a_frame_that_starts_from_the_one_before_takes_less_time(graph_of):
    def frames(**fields):
        graph = graph_of(a="a.png", **fields)
        graph.prepared.ensure()
        efforts = sequence_efforts(graph)
        return [
            sum(effort for (_, step), effort in efforts.items() if step.startswith(f"match: {n} "))
            for n in (1, 2)
        ]

    first, second = frames(b_prime="day")
    assert 0.25 * first < second < 0.4 * first  # a quarter of the iterations, and what begins them
    first, second = frames(b_prime="cut")
    assert second == first


def test_nothing_is_expected_where_a_size_is_not_known(graph_of):
    graph = graph_of(**RELIT)
    graph.report = {**graph.one_scene, "size": (0, 0)}
    assert sequence_efforts(graph) == {}
