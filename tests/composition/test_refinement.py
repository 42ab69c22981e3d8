"""What of the reference is taken: colours and texture, against what is known of plain images."""

from __future__ import annotations

import numpy as np
import pytest

from dia_pipeline.composition.refinement import take


def test_a_transfer_that_changed_nothing_is_left_alone():
    own = np.random.default_rng(0).integers(0, 256, (9, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(take(own, own, "colours"), own)


def test_refinement_brings_detail_back_and_keeps_the_new_colour():
    generator = np.random.default_rng(0)
    own = generator.integers(90, 110, (40, 40, 3), dtype=np.uint8)
    flat = np.full_like(own, 160)
    refined = take(own, flat, "colours")
    assert abs(refined.mean() - 160) < 2
    detail = np.corrcoef(refined.ravel(), own.ravel())[0, 1]
    assert detail > 0.9


@pytest.mark.parametrize(
    ("wanted", "expected"), [("everything", 160), ("colours", 160), ("texture", 90)]
)
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_of_flat_images_the_part_is_exact(wanted, expected, kind):
    """Of a flat A of 90 and a flat A' of 160, in any colour."""
    own, transferred = (np.full((9, 14, 3), value, kind) for value in (90, 160))
    own[..., 1] += 20
    found = take(own, transferred, wanted)
    assert found.dtype == kind
    of = np.array([160, 160, 160] if expected == 160 else [90, 110, 90])
    np.testing.assert_allclose(
        found, np.broadcast_to(of, found.shape), atol=0 if kind == np.uint8 else 1e-4
    )


def test_colours_and_texture_together_are_both_images():
    """What the one takes the other leaves:  colours + texture = A + A'."""
    random = np.random.default_rng(1)
    own, transferred = (random.integers(80, 170, (20, 25, 3)).astype(np.float32) for _ in range(2))
    both = take(own, transferred, "colours") + take(own, transferred, "texture")
    np.testing.assert_allclose(both, own + transferred, atol=1e-3)


def test_texture_keeps_the_colours_of_a_and_the_strokes_of_the_transfer():
    own = np.full((48, 48, 3), (200, 120, 60), np.uint8)
    strokes = np.random.default_rng(2).integers(-25, 26, (48, 48, 1))
    transferred = (np.array((60, 90, 200)) + strokes).clip(0, 255).astype(np.uint8)
    found = take(own, transferred, "texture").astype(float)
    np.testing.assert_allclose(found.mean(axis=(0, 1)), (200, 120, 60), atol=1)
    assert np.corrcoef(found[..., 1].ravel(), transferred[..., 1].ravel())[0, 1] > 0.98
