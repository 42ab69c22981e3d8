"""Average voting against its definition, vote by vote."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from dia_pipeline.algorithm import voting
from dia_pipeline.algorithm.nnf import identity, uniform
from dia_pipeline.algorithm.voting import vote


def brute_vote(source, nnf, patch):
    """Let every patch paint its target patch, and average what was painted."""
    channels, target_height, target_width = source.shape
    height, width = nnf.shape[:2]
    total, count = np.zeros((height, width, channels)), np.zeros((height, width, 1))
    radius = patch // 2
    offsets = list(itertools.product(range(-radius, radius + 1), repeat=2))
    for y, x in itertools.product(range(height), range(width)):
        for dy, dx in offsets:
            ty, tx = nnf[y, x, 0] + dy, nnf[y, x, 1] + dx
            inside = 0 <= y + dy < height and 0 <= x + dx < width
            if inside and 0 <= ty < target_height and 0 <= tx < target_width:
                total[y + dy, x + dx] += source[:, ty, tx].numpy()
                count[y + dy, x + dx] += 1
    return (total / count).transpose(2, 0, 1)


@pytest.mark.parametrize("band", [1, 100, 2**20])
@pytest.mark.parametrize("patch", [1, 3, 5])
@pytest.mark.parametrize(
    ("shape", "target"), [((7, 9), (8, 6)), ((2, 3), (5, 5)), ((6, 6), (1, 2))]
)
def test_voting_is_its_definition(patch, shape, target, band, monkeypatch):
    monkeypatch.setattr(voting, "BAND", band)
    source = torch.rand(4, *target)
    nnf = uniform(shape, target, seed=patch)
    voted = vote(source, nnf, patch)
    np.testing.assert_allclose(voted, brute_vote(source, nnf, patch), atol=1e-6)
    plain = voting.vote_in_bands(source.permute(1, 2, 0).contiguous(), nnf, patch // 2)
    assert torch.equal(plain.permute(2, 0, 1), voted)


def test_the_identity_field_changes_nothing():
    source = torch.rand(3, 20, 17)
    torch.testing.assert_close(vote(source, identity((20, 17), (20, 17)), 3), source)


def test_the_identity_field_changes_no_byte_of_a_image():
    source = torch.randint(0, 256, (3, 20, 17)).float()
    assert torch.equal(vote(source, identity((20, 17), (20, 17)), 3), source)
