from __future__ import annotations

import numpy as np
import pytest

from dia_pipeline.alignment.canvas import Canvas
from dia_pipeline.alignment.pose import MIRRORED
from dia_pipeline.evaluation.evaluation import SelfSimilarity, measure_pair, measure_picture
from dia_pipeline.evaluation.truth import Keypoints, Truth
from dia_pipeline.pixels import mirror, resize_image
from dia_pipeline.samples.photographs import photograph, sampled
from dia_pipeline.samples.scenes import maps
from dia_pipeline.samples.styles import night
from dia_pipeline.settings import resolve

A = photograph("chelsea")[60:180, 100:260]
SHAPE = A.shape[:2]
GRID = np.moveaxis(np.indices(SHAPE), 0, -1)
TURNED = Canvas.of(MIRRORED, SHAPE, SHAPE, resolve({}))


def shifted(y, x):
    """B' that shows A shifted, the fields both ways, and their truth."""
    map_ab, map_ba = maps(np.full((*SHAPE, 2), (y, x), float))
    flows = [(map_ - GRID)[..., ::-1] for map_ in (map_ab, map_ba)]
    fields = [np.clip(GRID + sign * np.array((y, x)), 0, np.array(SHAPE) - 1) for sign in (-1, 1)]
    return sampled(A, GRID + np.array((y, x))), *fields, Truth(*flows)


def test_a_perfect_match_measures_perfect():
    b_prime, nnf_ab, nnf_ba, truth = shifted(4, -8)
    found = measure_pair(A, b_prime, A, nnf_ab, nnf_ba, truth=truth, levels={5: nnf_ab}, seconds=3)
    for name in ("accuracy_1", "accuracy_2", "accuracy_5", "accuracy_1_ba", "accuracy_5_level_5"):
        assert found[name] == 1
    assert found["end_point_error"] == found["end_point_error_ba"] == 0
    assert found["ssim"] == found["structure"] == 1
    assert 0.9 < found["forward_backward"] <= 1 and found["coverage"] > 0.85
    assert found["seconds"] == 3


def test_what_is_not_known_is_not_measured():
    found = measure_pair(A, A, A, GRID)
    of_image = {"ssim", "structure", "seams", "sharpness", "colour_distance"}
    assert set(found) == {"coverage", "smoothness", *of_image}


def test_each_level_and_direction_has_its_own_field_mask_and_size():
    b_prime, nnf_ab, _, truth = shifted(0, 16)
    mask = np.zeros(SHAPE, bool)
    mask[:, 40:] = True
    wrong = np.where(mask[..., None], GRID, nnf_ab)
    truth = Truth(truth.flow_ab, truth.flow_ba, mask, ~mask)
    found = measure_pair(A, b_prime, A, nnf_ab, wrong, truth=truth, levels={4: wrong, 3: nnf_ab})
    assert found["accuracy_5"] == found["accuracy_5_level_3"] == 1
    assert found["accuracy_5_level_4"] == 0 and found["end_point_error_level_4"] == 16
    assert found["accuracy_5_ba"] == 0


def test_keypoints_by_image_and_by_box():
    points = np.array([[20.0, 30.0], [60.0, 70.0]])
    off = Keypoints(points, points + np.array([(0, 0), (0, 12)]), box=100)
    found = measure_pair(A, A, A, GRID, truth=Truth(keypoints=off))
    assert (found["pck_image_5"], found["pck_image_10"]) == (0.5, 1)  # 8 and 16 of 160 pixels
    assert (found["pck_box_5"], found["pck_box_10"]) == (0.5, 0.5)  # 5 and 10 of 100


def test_a_prime_is_compared_with_what_it_should_be():
    truth = Truth(a_prime=255 - A)
    found = measure_pair(A, A, 255 - A, GRID, truth=truth)
    assert found["ssim_truth"] == 1 and found["psnr"] == 60
    assert measure_pair(A, A, A, GRID, truth=truth)["ssim_truth"] < 0.5


def test_published_images_of_any_size_are_compared_with_both_outputs():
    small = resize_image(A, (60, 80))
    truth = Truth(a_prime=255 - small, b=small)
    found = measure_pair(A, A, 255 - A, GRID, GRID, b=A, truth=truth)
    assert found["difference"] < 0.01 and found["similarity"] > 0.85
    assert found["difference_b"] < 0.01 and found["similarity_b"] > 0.85
    assert found["structure_b"] == 1 and "ssim_truth" not in found
    swapped = measure_pair(A, A, A, GRID, GRID, b=255 - A, truth=truth)
    assert swapped["difference"] > 0.1 and swapped["difference_b"] > 0.1


def test_the_network_measures_matches_and_style(network):
    b_prime, nnf_ab, nnf_ba, _ = shifted(4, -8)
    right = measure_pair(A, b_prime, b_prime, nnf_ab, network=network)
    wrong = measure_pair(A, b_prime, 255 - A, nnf_ba, network=network)
    assert -1 < right["energy"] < wrong["energy"] - 0.1 < 0
    assert right["feature_distance"] == 0 < wrong["feature_distance"]


def test_another_light_is_more_like_an_image_than_what_has_moved_in_it(network):
    seen = SelfSimilarity(network, A)
    assert seen.distance(A) == 0 < seen.distance(night(A)) < seen.distance(np.roll(A, 16, axis=1))
    of_negative = measure_picture(A, A, 255 - A, seen=seen)["self_similarity"]
    assert of_negative == seen.distance(255 - A)


def test_a_mirrored_match_is_measured_as_it_was_matched(network):
    to_mirror = GRID[:, ::-1]
    found = measure_pair(A, mirror(A), A, to_mirror, network=network, canvas=TURNED)
    assert found["smoothness"] == 1 and found["energy"] == pytest.approx(-1, abs=1e-3)
    plain = measure_pair(A, mirror(A), A, to_mirror, network=network)
    assert plain["smoothness"] < 0.6 and plain["energy"] > -0.95


def test_a_mirrored_pair_measures_what_it_does_the_other_way_round():
    """Fields of blocks, which jump; B', B and the field of either are turned over as a whole."""
    b_prime = photograph("coffee")[:120, :160]
    blocks = np.random.default_rng(0).integers(-20, 20, (2, 12, 16, 2)).repeat(10, 1).repeat(10, 2)
    nnf_ab, nnf_ba = np.clip(GRID + blocks, 0, np.array(SHAPE) - 1)
    a_prime, b = b_prime[tuple(nnf_ab.transpose(2, 0, 1))], A[tuple(nnf_ba.transpose(2, 0, 1))]
    plain = measure_pair(A, b_prime, a_prime, nnf_ab, nnf_ba, b=b)
    to_mirror = nnf_ab * (1, -1) + (0, SHAPE[1] - 1)
    turned = measure_pair(
        A, mirror(b_prime), a_prime, to_mirror, mirror(nnf_ba), b=mirror(b), canvas=TURNED
    )
    assert turned == pytest.approx(plain) and plain["seams"] > 0 < plain["seams_b"]


def test_images_of_different_sizes():
    target = photograph("coffee")[:100, :300]
    nnf = np.stack([GRID[..., 0] * 100 // SHAPE[0], GRID[..., 1] * 300 // SHAPE[1]], axis=-1)
    truth = Truth((nnf - GRID)[..., ::-1] + np.float32((4, 0)))
    found = measure_pair(A, target, A, nnf, truth=truth)
    assert (found["accuracy_1"], found["accuracy_2"]) == (0, 1)  # 4 of 300 pixels
    assert found["coverage"] > 0.99
