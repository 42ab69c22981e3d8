"""The small films: what they say of themselves, and that they are hard in different ways."""

from __future__ import annotations

import numpy as np
import pytest

from dia_pipeline.evaluation.measures import psnr
from dia_pipeline.pixels import turned_grey
from dia_pipeline.samples.films import FILMS, FRAMES, SIZE
from dia_pipeline.temporal.motion import is_cut


@pytest.mark.parametrize("name", FILMS)
def test_scenes_of_a_film_begin_where_it_says(name):
    """Also in black and white; and it makes the same bytes again."""
    film = FILMS[name].make()
    assert len(film) == FRAMES and {frame.shape for frame in film} == {(*SIZE, 3)}
    grey = [turned_grey(frame) for frame in film]
    cuts = [n for n in range(1, FRAMES) if is_cut(grey[n - 1], grey[n])]
    assert (0, *cuts) == FILMS[name].scenes
    assert all(psnr(*both) < 26 for both in zip(film, grey, strict=True))  # full of colour
    np.testing.assert_array_equal(FILMS[name].make()[-1], film[-1])
