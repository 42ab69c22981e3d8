from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.color import rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from dia_pipeline.evaluation import measures
from dia_pipeline.pixels import LUMA, resize_image
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.samples.styles import night

CHELSEA = photograph("chelsea")[60:160, 100:220]
SEARCHED = 1e-4
"""How exact the energies of a search are: its maps are of 16 bits."""


def grid(height, width, y=0, x=0):
    """The field of a shift."""
    return np.moveaxis(np.indices((height, width)), 0, -1) + np.array((y, x))


def flow(height, width, u, v):
    return np.broadcast_to(np.float32([u, v]), (height, width, 2)).copy()


def test_errors_are_distances_to_the_truth_and_unknown_where_it_is():
    truth = flow(4, 6, 3, -4)
    truth[1, 2] = np.nan
    errors = measures.end_point_errors(grid(4, 6), truth)
    assert np.isnan(errors[1, 2])
    assert (np.delete(errors.ravel(), 8) == 5).all()
    assert measures.end_point_error(grid(4, 6), truth) == 5


def test_the_axes_of_field_and_flow_are_not_mixed_up():
    assert measures.end_point_error(grid(4, 6, 2, 7), flow(4, 6, 7, 2)) == 0


def test_errors_count_in_the_mask_only():
    truth = flow(4, 6, 0, 0)
    truth[:, :3] = (8, 0)
    truth[0] = np.nan
    mask = np.zeros((4, 6), bool)
    mask[:, 2] = True
    assert measures.end_point_error(grid(4, 6), truth, mask) == 8
    assert measures.end_point_error(grid(4, 6), truth) == 4
    assert math.isnan(measures.end_point_error(grid(4, 6), truth, np.zeros((4, 6), bool)))


def test_accuracy_counts_what_is_within_the_threshold_of_the_targets_longest_side():
    truth = np.zeros((1, 4, 2), np.float32)
    truth[0, :, 0] = (0, 2.9, 3, 3.1)
    assert measures.flow_accuracy(grid(1, 4), truth, 1, (300, 200)) == 0.75
    assert measures.flow_accuracy(grid(1, 4), truth, 1, (100, 290)) == 0.5
    assert measures.flow_accuracy(grid(1, 4), truth, 2, (200, 50)) == 1
    mask = np.array([[False, False, True, True]])
    assert measures.flow_accuracy(grid(1, 4), truth, 1, (300, 200), mask) == 0.5


def test_pck_counts_points_carried_near_their_own():
    nnf = grid(50, 60, 10, -5)
    points = np.array([[20, 30], [20, 30], [20.4, 30.2]])
    targets = np.array([[30, 25], [30, 35.5], [30.4, 25.2]])
    assert measures.pck(nnf, points, targets, 0.1, 100) == pytest.approx(2 / 3)
    assert measures.pck(nnf, points, targets, 0.1, 105) == 1
    assert measures.pck(nnf, points, targets, 1e-9, 1) == pytest.approx(2 / 3)  # to a sub-pixel


def test_pck_takes_points_at_the_border():
    assert measures.pck(grid(50, 60), np.array([[49.6, 60]]), np.array([[49.6, 60]]), 0.1, 1) == 1


def test_there_and_back_of_a_shift_and_of_a_mirror():
    there = grid(8, 100)
    back = np.clip(grid(8, 100, 0, 2), 0, (7, 99))
    np.testing.assert_allclose(measures.round_trips(there, back)[:, :98], 2)
    assert measures.forward_backward(there, back, tolerance=1) == 0.02  # the last two are clamped
    assert measures.forward_backward(there, back, tolerance=2) == 1
    mirror = grid(8, 100)[:, ::-1]
    assert measures.forward_backward(mirror, mirror) == 1
    assert measures.forward_backward(mirror, there) < 0.05


def test_coverage_counts_the_pixels_of_the_patches_pointed_to():
    nnf = np.full((5, 5, 2), 4)
    assert measures.coverage(nnf, (10, 10)) == 0.09
    assert measures.coverage(nnf, (10, 10), patch=1) == 0.01
    assert measures.coverage(np.zeros((5, 5, 2), int), (10, 10)) == 0.04  # a corner
    assert measures.coverage(grid(10, 10), (10, 10), patch=1) == 1
    assert measures.coverage(grid(10, 10), (20, 10), patch=1) == 0.5


def test_smoothness_counts_neighbours_with_one_offset():
    assert measures.smoothness(grid(6, 8, 3, 5)) == 1
    cut = grid(6, 8)
    cut[:, 4:] += 1  # 6 of 6 * 7 + 5 * 8 neighbours
    assert measures.smoothness(cut) == pytest.approx(1 - 6 / 82)
    assert measures.smoothness(np.zeros((6, 8, 2), int)) == 0


def test_energy_of_the_right_and_of_a_wrong_match():
    torch.manual_seed(0)
    features = torch.eye(42).reshape(42, 6, 7) * torch.rand(6, 7)  # all pixels orthogonal
    shifted = features.roll(1, dims=2)
    assert measures.energy(features, 5 * features, grid(6, 7), 3) == pytest.approx(-1, abs=SEARCHED)
    assert measures.energy(features, shifted, grid(6, 7), 3) == pytest.approx(0, abs=SEARCHED)
    right = grid(6, 7, 0, 1)
    right[:, -1] = (0, 3)  # six matches lead elsewhere
    assert (
        -1 < measures.energy(features, shifted, right, 1) == pytest.approx(-36 / 42, abs=SEARCHED)
    )


def test_energy_leaves_out_what_lies_outside():
    features = torch.ones(1, 2, 2)
    assert measures.energy(features, features, np.ones((2, 2, 2), int), 3) == pytest.approx(
        -1, abs=SEARCHED
    )


def test_ssim_is_that_of_skimage():
    other = night(CHELSEA)
    expected = structural_similarity(
        CHELSEA @ LUMA,
        other @ LUMA,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
    )
    assert measures.ssim(CHELSEA, other) == pytest.approx(expected, abs=1e-9)
    assert measures.ssim(CHELSEA, CHELSEA) == 1


def test_structure_sees_through_another_light_and_not_through_another_thing():
    dim = (CHELSEA * 0.5 + 100).astype(np.uint8)
    negative = 255 - CHELSEA
    noise = np.random.default_rng(0).integers(0, 256, CHELSEA.shape).astype(np.uint8)
    assert measures.structure(CHELSEA, dim) > 0.97 > 0.9 > measures.ssim(CHELSEA, dim)
    assert measures.structure(CHELSEA, negative) < -0.5
    assert abs(measures.structure(CHELSEA, noise)) < 0.1


def test_colour_distance_is_that_of_the_lab_statistics():
    light, dark = (np.full((5, 6, 3), value, np.uint8) for value in (200, 50))
    expected = rgb2lab(light[:1, :1])[0, 0] - rgb2lab(dark[:1, :1])[0, 0]
    assert measures.colour_distance(light, dark) == pytest.approx(np.linalg.norm(expected), abs=0.2)
    striped = light.copy()
    striped[:, ::2] = dark[:, ::2]
    half = abs(expected[0]) / 2  # both mean and deviation are off by as much
    assert measures.colour_distance(striped, light) == pytest.approx(math.sqrt(2) * half, abs=0.2)


def test_colours_in_another_place_are_no_distance():
    shuffled = np.random.default_rng(0).permutation(CHELSEA.reshape(-1, 3)).reshape(CHELSEA.shape)
    assert measures.colour_distance(CHELSEA, shuffled) == pytest.approx(0, abs=1e-3)
    assert measures.colour_distance(CHELSEA, night(CHELSEA)) > 10


def test_feature_distance_is_that_of_the_gram_matrices():
    features = torch.zeros(2, 3, 4)
    features[0] = 1
    assert measures.feature_distance(features, features.repeat(1, 2, 1)) == 0
    assert measures.feature_distance(2 * features, features) == pytest.approx(3)
    other = features.flip(0)  # Gram matrices diag(1, 0) and diag(0, 1)
    assert measures.feature_distance(features, other) == pytest.approx(math.sqrt(2))


def test_difference_and_similarity_take_images_of_any_size():
    large = CHELSEA.repeat(2, axis=0).repeat(2, axis=1)
    assert measures.difference(CHELSEA, CHELSEA) == 0
    assert measures.difference(large, CHELSEA) < 0.01
    assert measures.similarity(large, CHELSEA) > 0.97
    black, white = np.zeros_like(CHELSEA), np.full_like(large, 255)
    assert measures.difference(black, white) == 1


def test_a_signal_to_noise_ratio_is_that_of_a_known_error():
    other = CHELSEA // 2 + 60
    expected = peak_signal_noise_ratio(other, CHELSEA, data_range=255)
    assert measures.psnr(CHELSEA, other) == pytest.approx(expected)
    assert measures.psnr(other, other + np.uint8(10)) == pytest.approx(20 * math.log10(25.5))
    assert measures.psnr(CHELSEA, CHELSEA) == measures.MOST_DECIBELS
    almost = CHELSEA.copy()
    almost[0, 0, 0] ^= 1
    assert measures.psnr(CHELSEA, almost) == measures.MOST_DECIBELS


def test_self_similarity_is_that_of_the_cosines_between_places():
    """Whatever the features are, as long as the same places are alike."""
    same, apart = torch.ones(2, 1, 2), torch.eye(2)[:, None]
    assert measures.self_similarity_distance(same, apart) == pytest.approx(0.5)
    one, two = torch.rand(5, 3, 4), torch.rand(5, 3, 4)
    flat, others = (each.flatten(1).T.double().numpy() for each in (one, two))
    expected = np.mean(
        [
            abs(cosine(flat[p], flat[q]) - cosine(others[p], others[q]))
            for p in range(12)
            for q in range(12)
        ]
    )
    assert measures.self_similarity_distance(one, two) == pytest.approx(expected)
    assert measures.self_similarity_distance(one, 3 * one.flip(0)) == pytest.approx(0, abs=1e-7)
    nothing = torch.zeros(5, 3, 4)  # like nothing, itself neither
    assert measures.self_similarity_distance(nothing, nothing) == 0


def cosine(one, two):
    return one @ two / math.sqrt((one @ one) * (two @ two))


def test_similarity_is_that_of_the_colour_channels():
    small, other = CHELSEA[:90, :90], photograph("coffee")[:200, :200]
    scaled = [resize_image(each, (128, 128)) for each in (small, other)]
    expected = structural_similarity(
        *scaled,
        channel_axis=2,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert measures.similarity(small, other) == pytest.approx(expected, abs=1e-6)


def ramps(step: int) -> tuple[np.ndarray, np.ndarray]:
    """A ramp of 2 grey levels a pixel, and its left half beside itself moved by `step` pixels."""
    reference = np.broadcast_to((np.arange(60) * 2 + 20)[:, None], (20, 60, 3)).astype(np.uint8)
    nnf = grid(20, 60)
    nnf[:, 30:, 1] -= step
    return reference, nnf


def test_a_seam_is_what_a_step_exceeds_the_references_own():
    """A jump of 20 pixels on a ramp of 2: the step over three pixels is 34 instead of 6 up."""
    reference, nnf = ramps(20)
    made = reference[nnf[..., 0], nnf[..., 1]]
    flat = np.full_like(reference, 128)
    # From pixel 28 to 31: 2 * (31 - 20) - 2 * 28 = -34; the reference's own steps are 6. The same
    # row of pairs holds 57 - 1 neighbours across, and pairs one above the other show none.
    counted = 20 * 57 + 17 * 60
    assert measures.seams(flat, reference, made, nnf) == pytest.approx(20 * 28 / counted)


def test_a_seam_across_the_rows_counts_as_one_across_the_columns():
    reference, nnf = ramps(20)
    made = reference[nnf[..., 0], nnf[..., 1]]
    flat = np.full_like(reference, 128)
    turned = (image.transpose(1, 0, 2) for image in (flat, reference, made, nnf[..., ::-1]))
    assert measures.seams(*turned) == measures.seams(flat, reference, made, nnf) > 0


@pytest.mark.parametrize(("step", "visible"), [(-2, 0), (-3, 6)])
def test_a_field_jumps_where_offsets_differ_by_more_than_two_pixels(step, visible):
    """Jumping 3 pixels ahead on a ramp of 2, the step over three pixels is 12 instead of 6."""
    reference, nnf = ramps(step)
    nnf = nnf[:, :50]
    made = reference[nnf[..., 0], nnf[..., 1]]
    counted = 20 * 47 + 17 * 50
    found = measures.seams(np.full_like(made, 128), reference, made, nnf)
    assert found == pytest.approx(20 * visible / counted)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("edge", "visible"), [(41, 0), (36, 40)])
def test_an_edge_of_the_reference_on_either_side_is_no_seam(turned, edge, visible):
    """The match of pixel 30 is 41: beside the reference's edge of 40 grey levels, or past it."""
    reference = np.full((20, 60, 3), 50, np.uint8)
    reference[:, edge:] = 90
    nnf = grid(20, 48)
    nnf[:, 30:, 1] += 11
    if turned:
        reference, nnf = reference[:, ::-1], nnf[:, ::-1] * (1, -1) + (0, 59)
    made = reference[nnf[..., 0], nnf[..., 1]]
    counted = 20 * 45 + 17 * 48
    found = measures.seams(np.full_like(made, 128), reference, made, nnf)
    assert found == pytest.approx(20 * visible / counted)


def test_no_seam_shows_without_a_jump_or_where_the_source_has_an_edge():
    reference, nnf = ramps(20)
    made = reference[nnf[..., 0], nnf[..., 1]]
    edge = np.full_like(reference, 128)
    edge[:, 30:] = 250
    assert measures.seams(edge, reference, made, nnf) == 0
    flat = np.full_like(reference, 128)
    assert measures.seams(flat, reference, reference, grid(20, 60)) == 0


def test_sharpness_falls_with_blur_and_is_one_for_the_reference_itself():
    field = grid(*CHELSEA.shape[:2])
    blurred = [ndimage.gaussian_filter(CHELSEA, (s, s, 0)) for s in (0, 0.7, 1.5, 3)]
    values = [measures.sharpness(CHELSEA, each, field) for each in blurred]
    assert values[0] == 1
    assert values == sorted(values, reverse=True) and values[-1] < 0.2


def test_sharpness_is_that_of_the_matched_pixels():
    """One half of the reference is blank: A' made of the other half alone is as sharp as that."""
    reference = CHELSEA.copy()
    reference[:, 60:] = 100
    field = grid(100, 60)
    assert measures.sharpness(reference, CHELSEA[:, :60], field) == pytest.approx(1, abs=0.02)
