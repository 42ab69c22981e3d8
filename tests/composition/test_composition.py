"""Seamless composition against the definition solved densely, and against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dia_pipeline.algorithm.aggregation import nearest_pixels, voted
from dia_pipeline.algorithm.voting import vote
from dia_pipeline.composition import composition
from dia_pipeline.composition.composition import compose
from dia_pipeline.samples.photographs import photograph

HEIGHT, WIDTH = 40, 60


def grid(height: int = HEIGHT, width: int = WIDTH) -> torch.Tensor:
    return torch.from_numpy(np.moveaxis(np.indices((height, width)), 0, -1).astype(np.float32))


def composed(own: np.ndarray, reference: np.ndarray, positions: torch.Tensor) -> np.ndarray:
    values = torch.tensor(reference).permute(2, 0, 1).float()
    average = vote(values, nearest_pixels(positions), 3)
    return compose(own, reference, positions, average, own.shape[:2])


def flat(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def ramp() -> np.ndarray:
    """Brighter by 2 grey levels a pixel from left to right."""
    return np.broadcast_to(np.arange(WIDTH)[:, None] * 2 + 40, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def halves() -> torch.Tensor:
    """The identity on the left; on the right what lies 20 pixels to the left."""
    positions = grid()
    positions[:, WIDTH // 2 :, 1] -= 20
    return positions


def test_it_minimises_its_energy():
    """The dense normal equations, built neighbour by neighbour from the definition."""
    random = np.random.default_rng(0)
    reference = random.integers(100, 140, (6, 7, 3)).astype(np.uint8)
    positions = torch.from_numpy(random.integers(0, (6, 7), (6, 7, 2)).astype(np.float32))
    positions[:3] = grid(6, 7)[:3]  # coherent above, at random below
    values = torch.tensor(reference).permute(2, 0, 1).float()
    average = vote(values, nearest_pixels(positions), 3)

    def at(y: float, x: float) -> np.ndarray:
        return reference[np.clip(int(y), 0, 5), np.clip(int(x), 0, 6)].astype(float)

    system = np.eye(42) * composition.SCREEN
    right = composition.SCREEN * average.permute(1, 2, 0).reshape(42, 3).double().numpy()
    field = positions.numpy()
    for y in range(6):
        for x in range(7):
            for dy, dx in ((1, 0), (0, 1)):
                if y + dy > 5 or x + dx > 6:
                    continue
                p, q = field[y, x], field[y + dy, x + dx]
                if np.abs(q - p - (dy, dx)).max() <= composition.JUMP:
                    step = at(*q) - at(*p)
                else:
                    unit = np.array([dy, dx])
                    step = (at(*(p + unit)) - at(*p) + at(*q) - at(*(q - unit))) / 2
                i, j = y * 7 + x, (y + dy) * 7 + x + dx
                system[i, i] += 1
                system[j, j] += 1
                system[i, j] -= 1
                system[j, i] -= 1
                right[j] += step
                right[i] -= step
    expected = np.linalg.solve(system, right).reshape(6, 7, 3)
    assert np.abs(composed(flat(6, 7), reference, positions) - expected).max() <= 0.51


def test_the_identity_gives_the_reference_itself():
    image = photograph("chelsea")[:HEIGHT, :WIDTH].copy()
    np.testing.assert_array_equal(composed(image, image, grid()), image)


def test_a_step_where_the_own_image_is_flat_is_spread():
    """Two parts of a ramp: voted 38 grey levels apart, composed no pixel's step above 9."""
    plain = voted(ramp(), nearest_pixels(halves())).astype(int)
    seamless = composed(flat(), ramp(), halves()).astype(int)
    assert np.abs(np.diff(plain, axis=1)).max() >= 12  # over three pixels, by voting
    assert np.abs(np.diff(seamless, axis=1)).max() <= 9
    far = np.r_[0:10, WIDTH - 10 : WIDTH]
    assert np.abs(seamless - plain)[5:-5, far].max() <= 4


def test_a_step_at_an_edge_of_the_own_image_stays():
    own = flat()
    own[:, WIDTH // 2 :] = 250
    plain = voted(ramp(), nearest_pixels(halves())).astype(int)
    seamless = composed(own, ramp(), halves()).astype(int)
    middle = slice(WIDTH // 2 - 4, WIDTH // 2 + 4)
    assert np.abs(seamless - plain)[:, middle].max() <= 2


@pytest.mark.parametrize("offset", [0.25, 0.5])
def test_it_samples_between_pixels(offset):
    positions = grid()
    positions[..., 1] = (positions[..., 1] + offset).clamp(max=WIDTH - 1)
    moved = composed(flat(), ramp(), positions).astype(int)
    expected = ramp()[:, :-2] + 2 * offset
    assert np.abs(moved[2:-2, 2:-4] - expected[2:-2, 2:-2]).max() <= 1


def test_bands_change_nothing(monkeypatch):
    image = photograph("chelsea")[:HEIGHT, :WIDTH].copy()
    whole = composed(flat(), image, halves())
    monkeypatch.setattr(composition, "BAND", 3 * WIDTH)
    np.testing.assert_array_equal(composed(flat(), image, halves()), whole)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 3)])
def test_the_smallest_images(shape):
    image = np.random.default_rng(2).integers(0, 255, (*shape, 3)).astype(np.uint8)
    np.testing.assert_array_equal(composed(image, image, grid(*shape)), image)
