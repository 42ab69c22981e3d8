"""The octaves, which say where level 5 begins; the levels themselves are tested by whole pairs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dia_pipeline.algorithm import coarse_to_fine
from dia_pipeline.algorithm.coarse_to_fine import run_level, run_levels
from dia_pipeline.algorithm.features import extract, octave_sizes
from dia_pipeline.algorithm.nnf import upsample_levels
from dia_pipeline.pixels import resize_image
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.samples.styles import pencil
from dia_pipeline.settings import resolve
from dia_pipeline.store.packing import pack_features, unpack_features

DRAFT = resolve({"quality": "draft", "iterations": 2})


@pytest.fixture(scope="module")
def pyramids(network):
    """Of a photograph of 400 x 432 pixels and of a drawing of it, half as large."""
    image = photograph("chelsea")
    sizes = {(400, 432): image, (200, 216): pencil(image)}
    return [extract(resize_image(each, size), network, "float16") for size, each in sizes.items()]


def test_octaves_are_the_deepest_level_of_smaller_copies(network, pyramids):
    image = resize_image(photograph("chelsea"), (400, 432))
    for octave, size in ((6, (200, 216)), (7, (100, 108))):
        small = extract(resize_image(image, size), network, "float16")
        assert torch.equal(pyramids[0][octave], small[5])
    assert sorted(pyramids[1]) == list(range(7))


@pytest.mark.parametrize(
    ("working", "octaves"),
    [((448, 448), [6, 7]), ((224, 224), [6]), ((198, 150), []), ((40, 700), [6]), ((16, 700), [])],
)
def test_copies_in_which_nothing_could_be_told_are_left_out(working, octaves):
    assert list(octave_sizes(working)) == octaves


@pytest.fixture
def searched(monkeypatch):
    """What is searched, in order: the shape of the source, the field it begins with, the radius."""
    seen = []

    def search(maps, start, radius, *how):
        seen.append((tuple(start.shape[:2]), start, radius))
        return start, torch.zeros(start.shape[:2])

    monkeypatch.setattr(coarse_to_fine, "search", search)
    return seen


def test_each_octave_says_where_the_next_one_begins(network, pyramids, searched):
    a, b_prime = map(dict, (pyramids[0], pyramids[0]))
    run_level(5, a, b_prime, None, network, DRAFT)
    shapes = [shape for shape, _, _ in searched]
    assert shapes[::2] == shapes[1::2] == [(7, 7), (13, 14), (25, 27)]
    assert [radius for _, _, radius in searched] == [7, 7, 6, 6, 6, 6]
    fields = [start for _, start, _ in searched]
    for coarse, fine in zip(fields, fields[2:], strict=False):
        shape = tuple(fine.shape[:2])
        assert torch.equal(fine, upsample_levels(coarse, shape, shape))


@pytest.mark.parametrize(
    ("settings", "searches"),
    [({}, 4), ({"octaves": 1}, 4), ({"octaves": 0}, 2), ({"matcher": "layer-independent"}, 2)],
)
def test_octaves_are_matched_where_both_images_have_them_and_the_settings_allow_it(
    network, pyramids, searched, settings, searches
):
    run_level(5, *map(dict, pyramids), None, network, resolve({"quality": "draft", **settings}))
    assert len(searched) == searches


def test_a_frame_begins_with_the_fields_of_the_one_before(network, pyramids, searched, monkeypatch):
    monkeypatch.setattr(coarse_to_fine, "evaluate", lambda maps, nnf: torch.zeros(nnf.shape[:2]))
    earlier = tuple(torch.zeros((*pyramids[k][5].shape[1:], 2), dtype=torch.int32) for k in (0, 1))
    run_level(5, *map(dict, pyramids), None, network, DRAFT, earlier=earlier)
    assert all(start is field for (_, start, _), field in zip(searched, earlier, strict=True))


def test_jobs_of_one_level_match_the_octaves_of_the_files_too(network, pyramids):
    settings = replace(DRAFT, directions="ab")
    whole = run_levels(*map(dict, pyramids), network, settings)
    read = [
        unpack_features(pack_features(each, "float16"), network.device, {0, 3, 4, 5, 6, 7})
        for each in pyramids
    ]
    alone = run_level(5, *read, None, network, settings)
    assert torch.equal(alone.nnf_ab, whole[5].nnf_ab)
    without = run_level(5, *pyramids, None, network, replace(settings, octaves=0))
    assert not torch.equal(without.nnf_ab, whole[5].nnf_ab)
    assert whole[1].energy_ab.isfinite().all()
