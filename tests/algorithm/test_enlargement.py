"""Fields of cells carried to pixels: closed forms for shifts, zooms and jumps."""

from __future__ import annotations

import numpy as np
import torch

from dia_pipeline.algorithm import enlargement
from dia_pipeline.algorithm.enlargement import enlarge
from dia_pipeline.algorithm.nnf import upsample

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
