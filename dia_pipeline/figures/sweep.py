"""What a setting does to a pair, in one image: a row of A' and one of B, by its values."""

from __future__ import annotations

import numpy as np

from dia_pipeline.figures.panels import row_of, stacked

IN_A_ROW = 5
"""Images beside each other at most."""


def draw_sweep(
    title: str,
    a: np.ndarray,
    b_prime: np.ndarray,
    made: dict[str, tuple[np.ndarray, np.ndarray | None]],
) -> np.ndarray:
    """Draw the images of a sweep.

    Args:
        title: the first line.
        a, b_prime: (H, W, 3) uint8 RGB.
        made: by label A' and B; no B where one direction alone was matched.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    labels = list(made)
    rows = [row_of([("A", a), ("B'", b_prime)])]
    for name, number in (("A'", 0), ("B", 1)):
        for start in range(0, len(labels), IN_A_ROW):
            shown = [(label, made[label][number]) for label in labels[start : start + IN_A_ROW]]
            rows.append(row_of([(f"{name}, {label}", i) for label, i in shown if i is not None]))
    return stacked(title, [row for row in rows if row])
