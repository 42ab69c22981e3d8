"""Fields of cells carried to pixels: closed forms for shifts, zooms and jumps."""

from __future__ import annotations

import numpy as np
import torch

from dia_pipeline.algorithm.nnf import upsample
from dia_pipeline.composition import enlargement
from dia_pipeline.composition.enlargement import enlarge
from dia_pipeline.pixels import resize_image

CELLS = (12, 16)
CELL = 8
SHAPE = (CELLS[0] * CELL, CELLS[1] * CELL)
PLAIN = np.full((*SHAPE, 3), 90, np.uint8)


def cells() -> np.ndarray:
    return np.moveaxis(np.indices(CELLS), 0, -1)


def pixels() -> np.ndarray:
    return np.moveaxis(np.indices(SHAPE), 0, -1)


def carried(field: np.ndarray, own: np.ndarray = PLAIN, target=(4000, 4000)) -> np.ndarray:
    nnf = torch.from_numpy(field.astype(np.int32))
    return enlarge(nnf, own, (CELL, CELL), (CELL, CELL), target).numpy()


def test_a_shift_is_exact():
    np.testing.assert_allclose(
        carried(np.add(cells(), (5, 9))), np.add(pixels(), (5 * CELL, 9 * CELL)), atol=1e-3
    )


def test_places_stay_inside_the_target():
    positions = carried(np.add(cells(), (5, 9)), target=(100, 130))
    assert positions.min() >= 0
    assert (positions.max(axis=(0, 1)) <= (99, 129)).all()


def test_a_zoom_has_no_stairs():
    """Cells round a zoom by 1.3; nearest neighbours leave steps of a cell, 8 pixels."""
    field = np.rint(cells() * 1.3)
    smooth = carried(field)
    nearest = upsample(
        torch.from_numpy(field.astype(np.int32)), SHAPE, (4000, 4000), (CELL,) * 2, (CELL,) * 2
    ).numpy()
    inside = (slice(3 * CELL, -3 * CELL),) * 2
    steps = np.diff(smooth[..., 1], axis=1)[inside]
    assert np.abs(np.diff(nearest[..., 1], axis=1)[inside] - 1.3).max() > 5
    assert np.abs(steps - 1.3).max() < 0.6
    truth = (pixels() + 0.5 - CELL / 2) * 1.3 + CELL / 2 - 0.5
    assert np.abs(smooth - truth)[inside].max() < 0.5 * CELL


def test_jumps_follow_the_edges_of_the_image():
    """The image changes at pixel 69, between the borders of cells at 64 and 72."""
    own = PLAIN.copy()
    own[:, 69:] = 200
    field = cells()
    field[:, 9:, 1] += 30  # cell 8, of pixels 64 to 71, is mostly left of the edge
    positions = carried(field, own)
    shift = positions[..., 1] - pixels()[..., 1]
    np.testing.assert_allclose(shift[:, :69], 0, atol=1e-3)
    np.testing.assert_allclose(shift[:, 69:], 30 * CELL, atol=1e-3)


def test_at_the_scale_of_the_cells_a_coherent_field_stays():
    nnf = torch.from_numpy(np.add(cells(), (2, 3)).astype(np.int32))
    own = np.random.default_rng(0).integers(0, 255, (*CELLS, 3)).astype(np.uint8)
    positions = enlarge(nnf, own, (1, 1), (1, 1), (50, 50))
    np.testing.assert_allclose(positions, np.add(cells(), (2, 3)), atol=1e-4)


def test_bands_change_nothing(monkeypatch):
    own = np.random.default_rng(1).integers(0, 255, (*SHAPE, 3)).astype(np.uint8)
    field = np.random.default_rng(2).integers(0, 50, (*CELLS, 2))
    whole = carried(field, own)
    monkeypatch.setattr(enlargement, "BAND", SHAPE[1] * 3)
    np.testing.assert_array_equal(carried(field, own), whole)


def smoothed(field: np.ndarray) -> np.ndarray:
    """Every match averaged with those up to REACH cells away that continue it, cell by cell."""
    result = np.empty(field.shape)
    for y, x in np.ndindex(field.shape[:2]):
        agreeing = []
        for dy in range(-enlargement.REACH, enlargement.REACH + 1):
            for dx in range(-enlargement.REACH, enlargement.REACH + 1):
                if 0 <= y + dy < field.shape[0] and 0 <= x + dx < field.shape[1]:
                    continued = field[y + dy, x + dx] - (dy, dx)
                    if np.abs(continued - field[y, x]).max() <= enlargement.AGREEMENT:
                        agreeing.append(continued)
        result[y, x] = np.mean(agreeing, axis=0)
    return result


def defined(field, own, scale, target_scale, target) -> np.ndarray:
    """The enlarged field by its definition, pixel by pixel in float64."""
    centres = smoothed(field + 0.5)
    small = resize_image(own, field.shape[:2]).astype(float)
    result = np.empty((*own.shape[:2], 2))
    for y, x in np.ndindex(own.shape[:2]):
        at = np.array([(y + 0.5) / scale[0], (x + 0.5) / scale[1]])
        first = np.floor(at - 0.5).astype(int)
        matches, weights = [], []
        for step in ((0, 0), (0, 1), (1, 0), (1, 1)):
            cell = np.clip(first + step, 0, np.array(field.shape[:2]) - 1)
            away = at - cell - 0.5
            matches.append(centres[tuple(cell)] + away)
            difference = np.square(own[y, x] - small[tuple(cell)]).sum()
            likeness = max(np.exp(-difference / (2 * enlargement.LIKENESS**2)), 1e-12)
            weights.append(np.prod(1 - np.abs(away)) * likeness)
        agree = np.array(
            [
                [np.abs(one - other).max() <= enlargement.AGREEMENT for other in matches]
                for one in matches
            ]
        )
        weights = np.array(weights)
        kept = weights * agree[(agree * weights).sum(1).argmax()]
        result[y, x] = (kept[:, None] * matches).sum(0) / kept.sum()
    positions = result * target_scale - 0.5
    return np.clip(positions, 0, np.array(target) - 1)


def test_the_field_is_its_definition():
    """Of an image with other scales along its axes and a field with bends and jumps."""
    random = np.random.default_rng(4)
    field = np.moveaxis(np.indices((7, 9)), 0, -1) + random.integers(0, 3, (7, 9, 2)) // 2
    field[:, 5:] += (9, 20)
    own = random.integers(0, 40, (35, 63, 3)).astype(np.uint8)
    own[:, 33:] += 150
    scale, target_scale, target = (5, 7), (3.0, 4.0), (30, 110)
    nnf = torch.from_numpy(field.astype(np.int32))
    found = enlarge(nnf, own, scale, target_scale, target).numpy()
    expected = defined(field, own, scale, target_scale, target)
    assert (np.abs(found - expected) < 2e-3).mean() > 0.995  # a tie may go either way
    assert found.max(axis=(0, 1)).tolist() == [29, 109]
