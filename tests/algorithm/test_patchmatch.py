"""PatchMatch against brute force, and its backends against each other."""

from __future__ import annotations

import itertools

import numba
import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d

from dia_pipeline.algorithm.nnf import identity, uniform
from dia_pipeline.algorithm.patchmatch import JUMPS, radii, search, stack
from dia_pipeline.algorithm.patchmatch import cpu as cpu
from dia_pipeline.algorithm.patchmatch import reference as reference
from dia_pipeline.algorithm.patchmatch.maps import Maps
from dia_pipeline.algorithm.patchmatch.prepared import MOST, SHORT, prepare
from dia_pipeline.algorithm.patchmatch.products import UNIT, sum_of_products


def smooth_maps(shape, target_shape, channels=8, seed=0, noise=0.4):
    """A source and a target map that show about the same thing, moved by (3, 4)."""
    generator = torch.Generator().manual_seed(seed)
    height, width = (max(pair) + 8 for pair in zip(shape, target_shape, strict=True))
    scene, other = (
        avg_pool2d(torch.randn(1, 2 * channels, height, width, generator=generator), 5, 1, 2)[0]
        for _ in range(2)
    )
    moved = torch.roll(scene, (3, 4), (1, 2)) + noise * other
    source, target = (
        stack(*image[:, :h, :w].split(channels))
        for image, (h, w) in ((scene, shape), (moved, target_shape))
    )
    return source, target


def brute_energy(source, target, p, q, patch):
    """The energy by its definition, offset by offset."""
    radius = patch // 2
    dots = []
    for dy, dx in itertools.product(range(-radius, radius + 1), repeat=2):
        (py, px), (qy, qx) = (p[0] + dy, p[1] + dx), (q[0] + dy, q[1] + dx)
        inside_a = 0 <= py < source.shape[0] and 0 <= px < source.shape[1]
        inside_b = 0 <= qy < target.shape[0] and 0 <= qx < target.shape[1]
        if inside_a and inside_b:
            dots.append(float(source[py, px] @ target[qy, qx]))
    return -np.mean(dots)


def exhaustive(source, target, patch):
    """The lowest energy of every source patch over all target patches, in float64."""
    height, width, _ = source.shape
    dots = np.einsum("yxk,vuk->yxvu", source.double(), target.double())
    radius = patch // 2
    total, count = np.zeros_like(dots), np.zeros_like(dots)
    for dy, dx in itertools.product(range(-radius, radius + 1), repeat=2):
        at, moved = [], []
        for side, offset in zip(dots.shape, (dy, dx, dy, dx), strict=True):
            at.append(slice(max(-offset, 0), side - max(offset, 0)))
            moved.append(slice(max(offset, 0), side + min(offset, 0)))
        total[tuple(at)] += dots[tuple(moved)]
        count[tuple(at)] += 1
    return -(total / count).reshape(height, width, -1).max(axis=-1)


BACKENDS = pytest.mark.parametrize("backend", [cpu, reference])

ROUNDING = 1e-4
"""What the 16 bits of the CPU's maps may change in an energy, here where channels are few."""


@BACKENDS
@pytest.mark.parametrize("patch", [3, 5])
def test_the_energy_is_its_definition(backend, patch):
    source, target = smooth_maps((9, 11), (10, 7))
    field = uniform((9, 11), (10, 7), seed=1)
    energy = backend.energy(Maps(source, target, patch), field)
    for y, x in itertools.product(range(9), range(11)):
        expected = brute_energy(source, target, (y, x), field[y, x].tolist(), patch)
        assert energy[y, x].item() == pytest.approx(expected, abs=ROUNDING)


@pytest.mark.parametrize("first", ["identity", "random"])
@pytest.mark.parametrize(
    ("patch", "shape", "target_shape"), [(3, (28, 31), (26, 29)), (5, (24, 20), (30, 22))]
)
def test_an_unrestricted_search_comes_within_one_percent_of_the_optimum(
    patch, shape, target_shape, first
):
    source, target = smooth_maps(shape, target_shape)
    start = (
        identity(shape, target_shape)
        if first == "identity"
        else uniform(shape, target_shape, seed=0)
    )
    _, energy = search(Maps(source, target, patch), start, max(target_shape), 10, seed=0)
    best = exhaustive(source, target, patch)
    assert energy.mean().item() >= best.mean() - ROUNDING
    assert energy.mean().item() == pytest.approx(best.mean(), rel=0.01)


@pytest.mark.parametrize(
    ("patch", "radius", "smoothness"), [(3, 40, 0.0), (3, 6, 0.0), (5, 4, 0.0), (3, 6, 0.02)]
)
def test_both_forms_give_the_same_field(patch, radius, smoothness):
    source, target = smooth_maps((33, 40), (37, 29))
    start = uniform((33, 40), (37, 29), seed=3)
    arguments = (Maps(source, target, patch), start, radii(radius), JUMPS, 6, 12345, smoothness)
    field, energy = cpu.search(*arguments)
    other_field, other_energy = reference.search(*arguments)
    assert (field == other_field).all(dim=-1).float().mean() > 0.995  # rounding breaks ties
    torch.testing.assert_close(energy.mean(), other_energy.mean(), rtol=0, atol=ROUNDING)


def test_the_number_of_threads_does_not_matter():
    source, target = smooth_maps((40, 40), (40, 40))
    start = uniform((40, 40), (40, 40), seed=3)
    results = []
    for threads in (1, 2):
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        results.append(search(Maps(source, target, 5), start, 6, 5, seed=9))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])


def test_an_image_matched_with_itself_gives_the_identity():
    source, _ = smooth_maps((20, 24), (20, 24))
    field, energy = search(Maps(source, source, 3), identity((20, 24), (20, 24)), 24, 10, seed=0)
    assert torch.equal(field, identity((20, 24), (20, 24)))
    assert energy.numpy() == pytest.approx(-2, abs=ROUNDING)


@BACKENDS
def test_the_search_never_makes_a_match_worse_and_stays_inside(backend):
    source, target = smooth_maps((12, 30), (31, 9))
    start = uniform((12, 30), (31, 9), seed=5)
    before = backend.energy(Maps(source, target, 3), start)
    field, after = backend.search(Maps(source, target, 3), start, radii(31), JUMPS, 3, 0)
    assert (after <= before + 1e-6).all()
    assert (field >= 0).all() and (field < torch.tensor((31, 9))).all()


def test_roughness_is_what_offsets_differ_from_their_neighbours():
    field, before = (uniform((6, 7), (9, 30), seed=seed).long() for seed in (1, 2))
    found = reference.roughness(field, before)
    for y, x in itertools.product(range(6), range(7)):
        expected = 0
        for ny, nx in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if 0 <= ny < 6 and 0 <= nx < 7:
                offset = field[y, x] - torch.tensor((y, x))
                other = before[ny, nx] - torch.tensor((ny, nx))
                expected += min(int((offset - other).abs().sum()), 8)
        assert found[y, x] == expected


@BACKENDS
def test_smoothness_makes_the_field_smooth_at_some_cost_in_energy(backend):
    source, target = smooth_maps((24, 26), (25, 23), noise=1.5)
    start = identity((24, 26), (25, 23))
    rough, cost = [], []
    for smoothness in (0.0, 0.01, 0.05):
        field, energy = backend.search(
            Maps(source, target, 3), start, radii(8), JUMPS, 6, 0, smoothness
        )
        rough.append(reference.roughness(field.long(), field.long()).float().mean().item())
        cost.append(energy.mean().item())
        stated = backend.energy(Maps(source, target, 3), field)
        torch.testing.assert_close(energy, stated)  # the energy itself, without the smoothness
    assert rough[0] > rough[1] > rough[2]
    assert cost[0] < cost[1] < cost[2]


def test_a_seed_changes_the_search():
    source, target = smooth_maps((30, 30), (30, 30), noise=2)
    start = uniform((30, 30), (30, 30), seed=0)
    one, other = (search(Maps(source, target, 3), start, 30, 1, seed=seed)[0] for seed in (0, 1))
    assert not torch.equal(one, other)


def test_zero_features_stay_zero():
    features = torch.tensor([[[0.0, 3.0]], [[0.0, 4.0]]])
    assert stack(features).flatten().tolist() == pytest.approx([0, 0, 0.6, 0.8])


def test_search_windows_halve_down_to_one():
    assert radii(28) == (28, 14, 7, 3, 1)
    assert radii(1) == (1,)


AWKWARD = {
    "one row": ((1, 40), (1, 33), 3, 8),
    "one column": ((37, 1), (9, 5), 3, 8),
    "one pixel": ((1, 1), (1, 1), 3, 8),
    "target smaller than the patch": ((9, 12), (2, 3), 5, 8),
    "both smaller than the jump": ((3, 2), (2, 4), 3, 8),
    "odd depth": ((7, 9), (8, 6), 3, 5),
    "radius zero": ((7, 9), (8, 6), 1, 8),
}


@BACKENDS
@pytest.mark.parametrize("shapes", AWKWARD)
@pytest.mark.parametrize("iterations", [0, 1, 3])
@pytest.mark.parametrize("smoothness", [0.0, 0.01])
def test_awkward_shapes_are_searched(backend, shapes, iterations, smoothness):
    """Such as level 5 of an image of 64 pixels; the energies are those of the definition."""
    shape, target_shape, patch, channels = AWKWARD[shapes]
    source, target = smooth_maps(shape, target_shape, channels)
    first = identity(shape, target_shape)
    jumps, radii = (8, 4, 2, 1), (16, 4, 1)
    field, energies = backend.search(
        Maps(source, target, patch), first, radii, jumps, iterations, 0, smoothness
    )
    assert field.shape == (*shape, 2)
    assert (field >= 0).all() and (field < torch.tensor(target_shape)).all()
    for y in range(shape[0]):
        for x in range(shape[1]):
            expected = brute_energy(source, target, (y, x), field[y, x].tolist(), patch)
            assert energies[y, x].item() == pytest.approx(expected, abs=2e-3)
    if not smoothness:
        assert (energies <= backend.energy(Maps(source, target, patch), first) + 1e-4).all()


@pytest.mark.parametrize("channels", [1, 8, 40])
@pytest.mark.parametrize("patch", [1, 3, 5])
def test_short_maps_never_say_less_than_the_whole_ones(channels, patch):
    """At the edges too, and not much more where the maps have few channels."""
    source, target = smooth_maps((9, 11), (10, 8), channels)
    searched = prepare(source, target, patch)
    whole, short, sides, margin = (
        searched.arrays[:2],
        searched.arrays[2:],
        searched.sides,
        searched.margin,
    )
    pixels = itertools.product(range(9), range(11), range(10), range(8))
    excess = np.array(
        [
            cpu._at_most(*short, margin, sides, *match) - cpu._similarity(*whole, sides, *match)
            for match in pixels
        ]
    )
    assert excess.min() > 0
    if 2 * channels < SHORT:
        assert excess.max() < 2.1 * margin
    assert margin < 0.003 * searched.scale**2


def test_short_maps_hold_vectors_that_lie_along_no_axis():
    """Each along its own: most have nothing but a rest, as long as 16 bits allow."""
    map_ = torch.eye(100).reshape(10, 10, 100)
    searched = prepare(map_, map_, 1)
    rest = searched.arrays[2].reshape(100, SHORT)[:, -1]
    assert (rest > 0.99 * MOST).sum() > 50 and rest.min() >= 0


@pytest.mark.parametrize("smoothness", [0.0, 0.01])
def test_short_maps_leave_the_field_as_it_is(smoothness):
    maps = Maps(*smooth_maps((33, 47), (40, 38), channels=40), 5)
    arguments = uniform((33, 47), (40, 38), 1), radii(8), JUMPS, 4, 3, smoothness
    found = cpu.search(maps, *arguments)
    maps.prepared = maps.prepared._replace(margin=np.float32(np.inf))  # all is compared whole
    whole = cpu.search(maps, *arguments)
    assert all(torch.equal(*pair) for pair in zip(found, whole, strict=True))


def test_maps_that_were_prepared_give_the_same_field_when_they_are_turned():
    source, target = smooth_maps((20, 31), (25, 18))
    maps, start = Maps(source, target, 5), uniform((25, 18), (20, 31), 1)
    search(maps, uniform((20, 31), (25, 18), 1), 8, 2, seed=0)
    found = search(maps.turned(), start, 8, 2, seed=0)
    expected = search(Maps(target, source, 5), start, 8, 2, seed=0)
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("units", [1, 3, 4, 9])
def test_products_of_blocks_are_summed(rows, units):
    generator = np.random.default_rng(rows * units)
    left, right = generator.integers(-9000, 9000, (2, 7, 10 * UNIT), np.int16)
    block = slice(1, 1 + rows), slice(UNIT, (1 + units) * UNIT)
    expected = (left[block].astype(np.int64) * right[block]).sum()
    start, row = left.shape[1] + UNIT, left.shape[1]
    found = summed(left.ravel(), start, row, right.ravel(), start, row, rows, units)
    assert found == expected


@numba.njit
def summed(left, start, row, right, at, other_row, rows, units):
    return sum_of_products(left, start, row, right, at, other_row, rows, units)
