"""Poses of real photographs in other styles, found again; the true ones are known."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
import torch

from dia_pipeline.affine import centres, moved, resizing
from dia_pipeline.algorithm.pose import AS_GIVEN, MIRRORED, Found, Pose, find_pose, search
from dia_pipeline.io.flow import read_flo
from dia_pipeline.io.images import read_image
from dia_pipeline.pixels import mirror, resize_image, shrunk
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.samples.scenes import make_pair
from dia_pipeline.samples.styles import night, pencil
from dia_pipeline.samples.synthetic import split_name, synthetic_pairs


@pytest.fixture(scope="module")
def cat():
    return shrunk(photograph("chelsea"), 200)


@pytest.mark.parametrize(
    ("name", "percent"),
    [
        ("motorcycle-turned45-night", 4),
        ("motorcycle-half-painted", 4),
        ("chelsea-mixed1-grading", 5),
        ("china-mixed2-pencil", 4),
        ("astronaut-larger-mosaic", 6),
        ("astronaut-mixed4-swirls", 4),
    ],
)
def test_a_pose_is_found(tmp_path, network, name, percent):
    """The median error, in percent of the longest side (measured: half of these bounds)."""
    (row,) = synthetic_pairs({"pairs": [name]}, tmp_path)
    make_pair(row, split_name(name), 200, 0)
    a, b_prime, flow = read_image(row["a"]), read_image(row["b_prime"]), read_flo(row["flow_ab"])
    pose = find_pose(a, b_prime, network)
    assert pose.found.certain and pose.matrix != AS_GIVEN
    in_pixels = resizing(b_prime.shape[:2]) @ pose.matrix @ np.linalg.inv(resizing(a.shape[:2]))
    here = centres(a.shape[:2])
    error = np.linalg.norm(moved(in_pixels, here) - here - flow[..., ::-1], axis=-1)
    assert np.nanmedian(error) <= percent / 100 * max(b_prime.shape)


def test_a_pair_that_stands_as_it_should_stays(cat, network):
    pose = find_pose(cat, night(cat), network)
    assert pose.matrix == AS_GIVEN
    assert pose.found.certain and abs(pose.found.turn) < 3 and not pose.found.mirrored
    assert pose.found.scale == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("factor", [0.6, 3])
def test_a_finer_or_coarser_image_of_the_same_is_not_of_another_scale(cat, network, factor):
    other = resize_image(night(cat), tuple(round(factor * side) for side in cat.shape[:2]))
    pose = find_pose(cat, other, network)
    assert pose.matrix == AS_GIVEN and pose.found.scale == pytest.approx(1, abs=0.05)


def test_a_pair_without_a_common_pose_stays(cat, network):
    pose = find_pose(cat, photograph("rocket"), network)
    assert pose.matrix == AS_GIVEN and not pose.found.certain


def test_mirrored_and_turned_by_right_angles_is_undone_exactly(cat, network):
    assert find_pose(cat, mirror(pencil(cat)), network).matrix == MIRRORED
    turned = np.ascontiguousarray(np.rot90(night(cat)))
    pose = find_pose(cat, turned, network)
    assert round(abs(pose.found.turn) / 90) == 1
    assert sorted(map(abs, sum(pose.matrix, ()))) == [0, 0, 0, 0, 0, 1, 1, 1, 1]


def test_the_number_of_threads_changes_nothing(cat, network):
    before, found = torch.get_num_threads(), []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(next(search(cat, mirror(night(cat)), network)))
    torch.set_num_threads(before)
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]


@pytest.mark.parametrize("shape", [(16, 16), (5, 300), (24, 400), (40, 30)])
def test_small_and_narrow_images_are_searched_in_peace(network, shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    flat = np.full((30, 40, 3), 128, np.uint8)
    for pair in ((image, flat), (flat, image), (flat, flat)):
        assert find_pose(*pair, network).matrix == AS_GIVEN


def test_what_counts_as_certain():
    as_given = Found(3, 1.1, False, 0.13, 0.9)
    assert as_given.certain and as_given.right_angles == 0
    assert Found(0, 1, True, 0.13, 1.06).certain and not Found(0, 1, True, 0.3, 1.04).certain
    assert not Found(20, 0.8, False, 0.3, 1).certain and not Found(90, 1, False, 0.11, 3).certain
    assert Found(-178, 1, False, 0.3, 2).right_angles == -180
    assert Found(80, 1, False, 0.3, 2).right_angles is None
    assert Found(0, 1.3, False, 0.3, 2).right_angles is None


def test_a_pose_can_be_kept_and_told():
    found = Found(30.2, 0.7, True, 0.4, 1.6)
    assert Pose.read(asdict(Pose(MIRRORED, found))) == Pose(MIRRORED, found)
    kept = Pose(MIRRORED, found, 0.9)
    assert Pose.read(asdict(kept)) == kept and kept.match == "sound (confidence 0.90)"
    assert str(Pose()) == "" == Pose().match and str(Pose(MIRRORED)) == "B' mirrored"
    assert str(Pose(MIRRORED, found)) == (
        "B' drawn in its pose: mirrored, turned by 30 degrees, scale 0.70 (score 0.40, gain 1.60)"
    )
    unsure, near = Found(30, 1, False, 0.05, 1.1), Found(3, 1, False, 0.25, 1)
    assert str(Pose(AS_GIVEN, unsure)) == (
        "B' as given: no pose is certain (score 0.05, gain 1.10)"
    )
    assert str(Pose(AS_GIVEN, near)) == "B' as given: it stands as A does (score 0.25)"
    assert Pose(confidence=0.1).hopeless and not kept.hopeless and not Pose().hopeless


@pytest.mark.parametrize("turned", [lambda part: np.rot90(part, 2), mirror])
def test_a_part_that_stands_otherwise_has_a_pose_of_its_own(cat, network, turned):
    half = cat.shape[1] // 2
    b_prime = night(np.concatenate([cat[:, :half], turned(cat[:, half : 2 * half])], axis=1))
    first, second = (find_pose(cat, b_prime, network, rank=rank) for rank in (0, 1))
    kinds = {
        (round(abs(pose.found.turn) / 90) % 4, pose.found.mirrored) for pose in (first, second)
    }
    other = (2, False) if turned is not mirror else (0, True)
    assert kinds == {(0, False), other}


def test_where_no_other_pose_is_certain_the_best_one_comes_again(cat, network):
    for b_prime in (night(cat), mirror(night(cat)), photograph("rocket")):
        first, second = (find_pose(cat, b_prime, network, rank=rank) for rank in (0, 1))
        assert second.matrix == first.matrix
