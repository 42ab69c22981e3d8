from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from dia_pipeline.io.flow import read_flo
from dia_pipeline.io.images import read_image
from dia_pipeline.samples.photographs import PHOTOGRAPHS
from dia_pipeline.samples.scenes import foreground, make_benchmark, maps
from dia_pipeline.samples.synthetic import (
    PAIRS,
    POSES,
    STYLES,
    SUBJECTS,
    VIEWS,
    SyntheticError,
    split_name,
    synthetic_pairs,
)

SIDE = 96


def made(folder, *names, **options):
    rows = make_benchmark({"pairs": names, "side": SIDE, **options}, folder)
    return rows if len(rows) > 1 else rows[0]


def test_the_benchmark_has_every_photograph_view_and_style_of_its_names():
    assert len(set(PAIRS)) == len(PAIRS)
    subjects, views, styles = map(set, zip(*map(split_name, PAIRS), strict=True))
    assert (
        len(subjects) == 6
        and views | POSES.keys() | {"reflection"} == set(VIEWS)
        and styles == set(STYLES)
    )
    assert set(SUBJECTS) == set(PHOTOGRAPHS)


def test_rows_are_known_before_anything_is_made(tmp_path):
    (row,) = synthetic_pairs({"pairs": ["china-mirrored-night"]}, tmp_path / "synthetic")
    assert not list(tmp_path.iterdir())
    assert row["name"] == "china-mirrored-night" and row["mirrored"] is True
    assert Path(row["flow_ab"]) == tmp_path / "synthetic/china-mirrored-night/flow_ab.flo"
    assert not synthetic_pairs({"pairs": ["china-smooth-night"]}, tmp_path)[0]["mirrored"]


def test_naming_the_pairs_costs_the_snakefile_nothing():
    code = (
        "import sys; from dia_pipeline.samples.synthetic import synthetic_pairs;"
        "synthetic_pairs({}, 'x');"
        "sys.exit(bool({'numpy', 'torch', 'scipy', 'PIL'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("name", ["chelsea-smooth", "dog-smooth-night", "chelsea-night-smooth"])
def test_a_name_that_stands_for_nothing_is_refused_with_what_there_is(name):
    with pytest.raises(SyntheticError, match=rf"{name}.*chelsea.*instance.*pencil"):
        synthetic_pairs({"pairs": [name]}, "x")


def test_an_unknown_option_is_refused():
    with pytest.raises(SyntheticError, match=r"'size'.*side"):
        synthetic_pairs({"size": 200}, "x")


def test_the_same_options_make_the_same_bytes_and_another_seed_others(tmp_path):
    name = "coffee-instance-grading"
    first, again, other = (
        made(tmp_path / folder, name, seed=seed)
        for folder, seed in (("first", 0), ("again", 0), ("other", 1))
    )
    for column in first.keys() - {"name", "mirrored", "kinds"}:
        assert Path(first[column]).read_bytes() == Path(again[column]).read_bytes()
    for column in ("b_prime", "flow_ab", "flow_ba", "a_prime"):
        assert Path(first[column]).read_bytes() != Path(other[column]).read_bytes()


@pytest.mark.parametrize("view", VIEWS)
def test_the_flows_lead_to_the_same_things(tmp_path, view):
    """What B' shows where the flow leads is what the true A' shows; without it, it is not."""
    row = made(tmp_path, f"chelsea-{view}-grading")
    a_prime, b_prime = (read_image(row[column]).astype(float) for column in ("a_prime", "b_prime"))
    for source, target, column in ((a_prime, b_prime, "flow_ab"), (b_prime, a_prime, "flow_ba")):
        flow = read_flo(row[column])
        assert flow.shape == (*source.shape[:2], 2)
        valid = np.isfinite(flow).all(axis=-1)
        assert valid.mean() > (0.2 if view in ("far", *POSES) else 0.6)
        grid = np.moveaxis(np.indices(valid.shape), 0, -1)
        where = np.moveaxis(grid + flow[..., ::-1], -1, 0)[:, valid]
        assert (where >= -1e-3).all() and (where.max(axis=1) < np.array(valid.shape) - 0.99).all()
        fetched = [
            ndimage.map_coordinates(channel, where, order=3) for channel in target.T.swapaxes(1, 2)
        ]
        right = np.abs(np.stack(fetched, axis=-1) - source[valid]).mean()
        wrong = np.abs(target - source)[valid].mean()
        assert right < 0.25 * wrong


def test_only_the_mirrored_view_is_mirrored(tmp_path):
    mirrored, smooth = made(tmp_path, "hopper-mirrored-night", "hopper-smooth-night")
    for row, sign in ((mirrored, -1), (smooth, 1)):
        across = np.diff(read_flo(row["flow_ab"])[..., 0], axis=1) + 1
        assert (sign * across[np.isfinite(across)] > 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_far_is_far_and_of_another_size(tmp_path, seed):
    row = made(tmp_path, "hopper-far-grading", seed=seed)
    flow = (
        read_flo(row["flow_ba"]) / SIDE
    )  # in B' the middle sees the shift alone, but for the bend
    middle = np.array(flow.shape[:2]) // 2
    assert 0.08 < np.linalg.norm(flow[tuple(middle)]) < 0.24
    grown = 1 + np.nanmean(np.diff(flow[..., 0], axis=1)) * SIDE
    assert 0.08 < abs(grown - 1) < 0.32


def test_the_foregrounds_are_the_same_things(tmp_path):
    row = made(tmp_path, "astronaut-smooth-grading")
    mask_a, mask_b_prime = (
        read_image(row[f"mask_{name}"])[..., 0] > 0 for name in ("a", "b_prime")
    )
    flow = read_flo(row["flow_ab"])
    inside = mask_a & np.isfinite(flow).all(axis=-1)
    y, x = np.nonzero(inside)
    target = np.rint([y + flow[inside][:, 1], x + flow[inside][:, 0]]).astype(int)
    assert 0.3 < mask_a.mean() < 0.7
    assert mask_b_prime[tuple(target)].mean() > 0.95


def test_the_foreground_is_where_something_is():
    image = np.full((60, 90, 3), 128, np.uint8)
    image[20:40, 30:60] = np.random.default_rng(0).integers(0, 256, (20, 30, 3))
    mask = foreground(image)
    assert mask[20:40, 30:60].all()
    assert not mask[0].any() and not mask[:, 0].any()


def test_a_shift_has_the_flow_of_a_shift():
    map_ab, map_ba = maps(np.full((20, 30, 2), (2.5, -4)))
    np.testing.assert_allclose(map_ba[5, 10], (7.5, 6))
    np.testing.assert_allclose(map_ab[5, 10], (2.5, 14))
    assert np.isnan(map_ab[2, 10]).all() and np.isfinite(map_ab[3, 10]).all()  # y - 2.5 >= 0
    assert np.isnan(map_ba[5, 3]).all() and np.isfinite(map_ba[5, 4]).all()  # x - 4 >= 0
    assert np.isnan(map_ba[17, 10]).all() and np.isfinite(map_ba[16, 10]).all()


def test_a_scale_is_inverted_exactly():
    grid = np.moveaxis(np.indices((40, 60)), 0, -1)
    map_ab, map_ba = maps((grid - (19.5, 29.5)) * 0.2)
    np.testing.assert_allclose(map_ba[25, 40], np.array((19.5, 29.5)) + np.array((5.5, 10.5)) * 1.2)
    np.testing.assert_allclose(map_ab[25, 40], np.array((19.5, 29.5)) + np.array((5.5, 10.5)) / 1.2)


def test_a_fold_has_no_truth():
    displacement = np.zeros((20, 60, 2))
    displacement[:, :30, 1] = 25  # the left half of B' shows what its right half shows too
    _, map_ba = maps(displacement)
    assert np.isfinite(map_ba).all(axis=-1)[:, 5:].mean() < 0.8
