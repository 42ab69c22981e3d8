"""Fields: the first ones and their way to finer grids."""

from __future__ import annotations

import pytest
import torch

from dia_pipeline.algorithm.nnf import identity, uniform, upsample, upsample_levels


def test_identity_between_equal_sizes():
    field = identity((3, 4), (3, 4))
    assert field.dtype == torch.int32
    assert field[2, 3].tolist() == [2, 3]
    assert all(field[y, x].tolist() == [y, x] for y in range(3) for x in range(4))


@pytest.mark.parametrize("target", [(2, 9), (50, 3), (1, 1)])
def test_identity_stays_inside_another_size_and_spans_it(target):
    field = identity((20, 10), target)
    last = torch.tensor(target) - 1
    assert (field >= 0).all() and (field <= last).all()
    step = torch.tensor(target) / torch.tensor((20, 10))  # target pixels under a source pixel
    assert (field[0, 0] <= step).all() and (field[-1, -1] >= last - step).all()


def test_uniform_covers_the_target_and_follows_the_seed():
    field = uniform((100, 100), (7, 5), seed=1)
    assert field.dtype == torch.int32
    assert len(field.reshape(-1, 2).unique(dim=0)) == 35
    assert torch.equal(field, uniform((100, 100), (7, 5), seed=1))
    assert not torch.equal(field, uniform((100, 100), (7, 5), seed=2))


@pytest.mark.parametrize(
    ("shape", "coarse"), [((8, 6), (4, 3)), ((9, 7), (5, 4)), ((9, 7), (4, 3))]
)
def test_upsampling_an_identity_gives_an_identity(shape, coarse):
    """Whatever the pooling made of odd sizes, and up to the last row."""
    assert torch.equal(
        upsample_levels(identity(coarse, coarse), shape, shape), identity(shape, shape)
    )


def test_upsampling_scales_offsets_and_keeps_the_place_in_the_cell():
    shifted = identity((6, 6), (20, 20)) * 0 + torch.tensor((3, 5), dtype=torch.int32)
    shifted = shifted + identity((6, 6), (6, 6))
    fine = upsample_levels(shifted, (12, 12), (40, 40))
    assert torch.equal(fine, identity((12, 12), (12, 12)) + torch.tensor((6, 10)).int())
    four = upsample_levels(shifted, (24, 24), (80, 80), levels=2)
    assert torch.equal(four, identity((24, 24), (24, 24)) + torch.tensor((12, 20)).int())


def test_upsampling_clamps_to_the_target():
    far = torch.full((2, 2, 2), 9, dtype=torch.int32)
    assert upsample_levels(far, (4, 4), (19, 15)).amax(dim=(0, 1)).tolist() == [18, 14]


def test_upsampling_by_any_ratio_keeps_an_identity():
    """From a working size to a full one, with different ratios for the two images."""
    field = upsample(identity((30, 20), (30, 20)), (171, 114), (171, 114), (5.7, 5.7), (5.7, 5.7))
    assert torch.equal(field, identity((171, 114), (171, 114)))
    shape, target_shape = (90, 60), (45, 40)
    field = upsample(identity((30, 20), (30, 20)), shape, target_shape, (3.0, 3.0), (1.5, 2.0))
    assert (field - identity(shape, target_shape)).abs().max() <= 1


def test_upsampling_is_its_definition():
    """Pixel by pixel, with other ratios along every axis, up to the last row and column."""
    shape, target_shape, scale, target_scale = (11, 14), (21, 33), (2.5, 2.6), (1.75, 3.25)
    coarse = uniform((4, 5), (12, 10), seed=3)
    found = upsample(coarse, shape, target_shape, scale, target_scale)
    for y in range(shape[0]):
        for x in range(shape[1]):
            at = [(y + 0.5) / scale[0], (x + 0.5) / scale[1]]
            cell = [min(int(at[0]), 3), min(int(at[1]), 4)]
            for axis in (0, 1):
                inside = at[axis] - cell[axis]
                place = (coarse[cell[0], cell[1], axis].item() + inside) * target_scale[axis]
                expected = min(int(place), target_shape[axis] - 1)
                assert found[y, x, axis].item() == expected


def test_three_levels_are_eight_times_as_fine():
    shifted = identity((3, 4), (3, 4)) + torch.tensor((1, 2), dtype=torch.int32)
    fine = upsample_levels(shifted, (24, 32), (99, 99), levels=3)
    assert torch.equal(fine, identity((24, 32), (24, 32)) + torch.tensor((8, 16)).int())
