"""What of the reference is taken: everything, its colours, its chroma or its texture alone.

    colours:  A + WLS(A' - A)      the colours of A', the details of A (section 5 of the paper)
    chroma:   see `chroma`
    texture:  A' - WLS(A' - A)     the details of A', the colours of A

WLS is the filter of `smoothing`, guided by A.
"""

from __future__ import annotations

import numpy as np

from dia_pipeline.composition.chroma import colour
from dia_pipeline.composition.smoothing import MAX_DIRECT, smooth
from dia_pipeline.pixels import LUMA, as_levels


def take(own: np.ndarray, transferred: np.ndarray, wanted: str) -> np.ndarray:
    """The part of a transfer that is wanted.

    Args:
        own: (H, W, 3) uint8 or float32, A (or B'), which also guides the filter.
        transferred: (H, W, 3) uint8, or float32 in grey levels, A' (or B) with everything.
        wanted: `everything`, `colours`, `chroma` or `texture`.

    Returns:
        (H, W, 3) of the type of `transferred`.
    """
    if wanted == "everything":
        return transferred
    if wanted == "chroma":
        return colour(own, transferred)
    dtype = np.float64 if own[..., 0].size <= MAX_DIRECT else np.float32
    guide = own @ LUMA.astype(dtype) / 255
    change = np.subtract(transferred, own, dtype=dtype)
    colours = smooth(change, guide)
    if wanted == "colours":
        result = np.add(own, colours, out=colours)
    else:
        result = np.subtract(transferred, colours, out=colours)
    return as_levels(result, transferred.dtype)
