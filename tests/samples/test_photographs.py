from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image

from dia_pipeline.samples import photographs, styles
from dia_pipeline.samples.demo import demo_pairs
from dia_pipeline.samples.photographs import PHOTOGRAPHS, photograph, sampled, warped

STYLES = ("painted", "swirls", "mosaic", "woodcut", "pencil", "night", "sunset")


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_are_colour_images(name):
    image = photograph(name)
    assert image.dtype == np.uint8
    assert image.ndim == 3 and image.shape[2] == 3 and min(image.shape[:2]) >= 300
    assert image.std(axis=(0, 1)).min() > 10


def test_photograph_errors_say_what_to_do(monkeypatch):
    with pytest.raises(KeyError, match="chelsea"):
        photograph("dog")
    monkeypatch.setattr(photographs, "find_spec", lambda package: None)
    with pytest.raises(FileNotFoundError, match=r"dia-pipeline\[demo\]"):
        photograph("chelsea")


@pytest.mark.parametrize("style", STYLES)
def test_styles_keep_the_size_change_the_image_and_repeat(style):
    image = photograph("china")[100:200, 50:200]
    before = image.copy()
    result = getattr(styles, style)(image)
    assert result.shape == image.shape and result.dtype == np.uint8
    assert np.abs(result.astype(int) - image).mean() > 5
    np.testing.assert_array_equal(result, getattr(styles, style)(image))
    np.testing.assert_array_equal(image, before)


def test_night_darkens_the_sky_and_keeps_the_temple_warm():
    result = styles.night(photograph("china")).astype(int)
    sky, roof = result[50:150, 400:600], result[100:115, 160:240]
    assert sky.mean() < 60 and sky[..., 2].mean() > sky[..., 0].mean()
    assert roof[..., 0].mean() > roof[..., 2].mean() + 30


def test_the_same_seed_paints_the_same_and_another_something_else():
    image = photograph("coffee")[100:160, 200:280]
    for style in (styles.swirls, styles.mosaic, styles.woodcut):
        np.testing.assert_array_equal(style(image, 1), style(image, 1))
        assert (style(image, 1) != style(image, 2)).any()


def test_swirls_follow_no_contour():
    """Across a single edge the relief of `painted` changes less along it than that of `swirls`."""
    image = np.full((120, 120, 3), 90, np.uint8)
    image[:, 60:] = 160
    near = slice(30, 90)
    along = {
        style: np.abs(np.diff(getattr(styles, style)(image)[near, near].mean(-1), axis=0)).mean()
        for style in ("painted", "swirls")
    }
    assert along["swirls"] > 2 * along["painted"]


def test_a_tile_has_one_colour_and_tiles_differ():
    result = styles.mosaic(np.full((112, 112, 3), 150, np.uint8))
    colours, counts = np.unique(result.reshape(-1, 3), axis=0, return_counts=True)
    whole = counts > 1  # the rest shades into the grout
    assert counts[whole].sum() > 0.3 * counts.sum()
    assert colours[whole].std(axis=0).min() > 5


def test_a_woodcut_loses_how_light_things_are_and_keeps_their_shape():
    ramp = np.broadcast_to(np.linspace(30, 220, 240)[None, :, None], (240, 240, 3)).copy()
    ramp[110:130] += 25
    result = styles.woodcut(ramp.astype(np.uint8)).mean(axis=-1)
    dark, light, bar = result[20:90, 40:80], result[20:90, 160:200], result[114:126, 40:200]
    assert abs(light.mean() - dark.mean()) < 0.3 * (180 - 70)
    assert bar.mean() > result[140:170, 40:200].mean() + 40


def analytic(y, x):
    """A smooth image that is known between its pixels too."""
    waves = [np.sin(y / 11 + x / 17), np.cos(x / 13), np.sin(x / 19 - y / 15)]
    return 127.5 + 100 * np.stack(waves, axis=-1)


def test_the_warp_returns_the_field_it_used():
    y, x = np.indices((90, 120), dtype=float)
    image = np.rint(analytic(y, x)).astype(np.uint8)
    bent, displacement = warped(image, 8, seed=3)
    expected = analytic(y + displacement[..., 0], x + displacement[..., 1])
    assert np.abs(bent - expected).max() <= 2
    assert np.abs(expected - analytic(y, x)).max() > 30  # without the field it would be far off


def test_the_warp_stays_inside_the_image_and_under_its_amount_and_never_folds():
    amount = 9
    _, displacement = warped(np.zeros((70, 110, 3), np.uint8), amount, seed=1)
    grid = np.moveaxis(np.indices((70, 110)), 0, -1)
    target = grid + displacement
    assert (target >= 0).all() and (target <= (69, 109)).all()
    assert 0.4 * amount < np.abs(displacement).max() <= amount + 1e-4
    assert (np.diff(target[..., 0], axis=0) > 0).all()
    assert (np.diff(target[..., 1], axis=1) > 0).all()


def test_sampled_at_the_pixels_is_the_image():
    image = photograph("coffee")[:40, :50]
    grid = np.moveaxis(np.indices((40, 50)), 0, -1)
    np.testing.assert_array_equal(sampled(image, grid), image)


def test_the_demo_table_names_images_that_open(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = demo_pairs(tmp_path / "demo")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len({row["name"] for row in rows}) == len(rows) >= 3
    for row in rows:
        sizes = []
        for role in ("a", "b_prime"):
            with Image.open(row[role]) as image:
                image.load()
                sizes.append(image.size)
        assert all(max(size) <= 448 for size in sizes)
    assert {row["ratio"] for row in rows if row["name"] == "portrait"} == {"0.5"}
