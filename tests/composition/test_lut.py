"""Tables of colours: fitted against plain least squares, applied against a loop over corners."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from dia_pipeline.composition import lut
from dia_pipeline.composition.lut import apply_table, fit_table, neutral
from dia_pipeline.samples.photographs import photograph


@pytest.fixture
def small(monkeypatch):
    """Tables of four nodes a side, for which dense algebra is quick."""
    monkeypatch.setattr(lut, "SIDE", 4)


def corners(pixel: np.ndarray, side: int) -> dict[tuple[int, ...], float]:
    """The weights of the nodes around a colour from 0 to 1."""
    place = pixel * (side - 1)
    low = np.minimum(np.floor(place).astype(int), side - 2)
    share = place - low
    return {
        tuple(low + corner): np.prod(np.where(corner, share, 1 - share))
        for corner in product((0, 1), repeat=3)
    }


def test_a_table_is_the_least_of_what_it_is_asked_to_be(small):
    draws = np.random.default_rng(1)
    image, look = draws.uniform(0, 255, (2, 9, 7, 3))
    pixels, wanted = (each.reshape(-1, 3) / 255 for each in (image, look))
    weights = np.zeros((len(pixels), 4, 4, 4))
    for row, pixel in enumerate(pixels):
        for node, weight in corners(pixel, 4).items():
            weights[(row, *node)] = weight
    nodes = np.eye(64).reshape(64, 4, 4, 4)
    steps = [np.diff(nodes, axis=axis).reshape(64, -1).T for axis in (1, 2, 3)]
    strength = np.sqrt(lut.SMOOTH * len(pixels) / 64)
    everything = np.vstack([weights.reshape(-1, 64), strength * np.vstack(steps)])
    right = np.vstack([wanted - pixels, np.zeros((len(everything) - len(pixels), 3))])
    moved = np.linalg.lstsq(everything, right, rcond=None)[0].reshape(4, 4, 4, 3)
    expected = (neutral(4) + moved).clip(0, 1)
    np.testing.assert_allclose(fit_table(image, look), expected, atol=1e-4)


def test_a_table_is_applied_as_a_loop_does():
    draws = np.random.default_rng(2)
    table = draws.uniform(size=(5, 5, 5, 3))
    image = draws.uniform(0, 255, (3, 4, 3))
    image[0, 0], image[0, 1] = 0, 255
    for y, x in np.ndindex(3, 4):
        weights = corners(image[y, x] / 255, 5)
        expected = sum(weight * table[node] for node, weight in weights.items())
        found = apply_table(image, table)[y, x] / 255
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_colours_of_a_look_are_found_and_hold_for_another_image():
    def look(image: np.ndarray) -> np.ndarray:
        """Darker tones, a warmer colour."""
        return 255 * (image / 255) ** 1.5 * [1, 0.95, 0.8]

    image, other = (photograph(name).astype(float) for name in ("chelsea", "astronaut"))
    table = fit_table(image, look(image))
    assert np.abs(apply_table(image, table) - look(image)).mean() < 0.5
    before = np.abs(other - look(other)).mean()
    assert np.abs(apply_table(other, table) - look(other)).mean() < before / 3


def test_equal_images_give_the_table_that_changes_nothing():
    image = photograph("chelsea")
    np.testing.assert_allclose(fit_table(image, image), neutral(), atol=1e-9)
    np.testing.assert_allclose(apply_table(image, neutral()), image, atol=1e-3)


def test_one_colour_alone_is_enough_and_nothing_leaves_the_range():
    image = np.full((4, 4, 3), 200, np.uint8)
    table = fit_table(image, 0 * image)
    assert table.min() >= 0 and table.max() <= 1
    assert apply_table(image, table).max() < 10
