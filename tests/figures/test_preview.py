"""The preview of a film: of a long one few frames are taken, and no other is read."""

from __future__ import annotations

import numpy as np
from PIL import Image

from dia_pipeline.figures.sequence import PREVIEW_FRAMES, write_preview


def test_of_a_long_film_only_the_frames_that_are_taken_are_read(tmp_path):
    count = 2 * PREVIEW_FRAMES + 1
    asked = []

    def shown(number: int) -> np.ndarray:
        asked.append(number)
        return np.full((8, 8, 3), 255 * (number % 2), np.uint8)

    write_preview(tmp_path / "preview.webp", shown, count, 24)
    assert asked == list(range(0, count, 3))
    with Image.open(tmp_path / "preview.webp") as preview:
        assert preview.n_frames == len(asked)
