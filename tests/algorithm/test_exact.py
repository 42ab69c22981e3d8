"""Exact search against brute force, and against the random search it can stand for."""

from __future__ import annotations

import pytest
import torch
from test_patchmatch import ROUNDING, exhaustive, smooth_maps

from dia_pipeline.algorithm.nnf import identity, uniform
from dia_pipeline.algorithm.patchmatch import exact, search
from dia_pipeline.algorithm.patchmatch import reference as reference
from dia_pipeline.algorithm.patchmatch.maps import Maps

SHAPE, TARGET_SHAPE = (13, 19), (17, 12)


@pytest.fixture(params=[2**27, 2**16, 1], ids=["one block", "blocks", "single pixels"])
def block_bytes(request, monkeypatch):
    monkeypatch.setattr(exact, "BLOCK_BYTES", request.param)


@pytest.mark.parametrize("patch", [3, 5])
def test_every_match_is_the_best_there_is(patch, block_bytes):
    source, target = smooth_maps(SHAPE, TARGET_SHAPE)
    field, energy = exact.search(Maps(source, target, patch), uniform(SHAPE, TARGET_SHAPE, seed=0))
    best = torch.from_numpy(exhaustive(source, target, patch)).float()
    torch.testing.assert_close(energy, best, rtol=0, atol=1e-5)
    of_field = reference.energy(Maps(source, target, patch), field)
    torch.testing.assert_close(of_field, best, rtol=0, atol=1e-5)


def test_random_search_finds_nothing_better():
    source, target = smooth_maps((20, 20), (20, 20))
    start = identity((20, 20), (20, 20))
    maps = Maps(source, target, 3)
    _, energy = exact.search(maps, start)
    _, found = search(maps, start, 20, 10, seed=0)
    assert (energy <= found + ROUNDING).all()
    assert (found - energy).mean() < 0.01


def test_of_equally_good_matches_the_one_at_hand_is_kept_else_the_first_taken():
    source = torch.zeros(5, 6, 4)
    start = uniform((5, 6), (7, 8), seed=1)
    field, _ = exact.search(Maps(source, torch.zeros(7, 8, 4), 3), start)
    assert torch.equal(field, start)
    target = torch.zeros(7, 8, 4)
    target[3:, :, 0] = 1
    source[..., 0] = 1
    field, energy = exact.search(Maps(source, target, 3), torch.zeros_like(start))
    assert (energy == -1).all()
    assert (field[0] == torch.tensor([3, 0])).all()  # the patches of row 0 have no row above it
    assert (field[1:] == torch.tensor([4, 0])).all()


def test_the_number_of_threads_does_not_change_a_byte():
    source, target = smooth_maps((30, 33), (35, 28), channels=64)
    start = identity((30, 33), (35, 28))
    before = torch.get_num_threads()
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        results.append(exact.search(Maps(source, target, 3), start))
    torch.set_num_threads(before)
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])
