"""Regions of A that are restyled less, or stay as they are.

Where the strength s is low, A' is A + s (A' - A); and already the latent features hold to those of
A, see `fusion.held`.

What is kept stays as it is, and A' around it is fitted to it. The correction C that is added to A'
is A - A' on what is kept, and elsewhere minimises

    sum over neighbours p, q of w(p, q) |C(q) - C(p)|^2  +  sum over p of |C(p)|^2 / REACH^2,

the membrane of seamless cloning (Perez et al., Poisson Image Editing, 2003), whose links w are weak
across the edges of A: there a change of colour is no seam.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from dia_pipeline.alignment.guidance import Guidance
from dia_pipeline.alignment.reach import edge_costs
from dia_pipeline.composition.smoothing import factorise, laplacian
from dia_pipeline.pixels import as_levels, resize_plane, resize_share, shrunk

SIDE = 640
"""Longest side in pixels at which the correction is found; it has no finer details."""

REACH = 0.05
"""How far a correction reaches, as a share of the longest side."""


def restrain(own: np.ndarray, made: np.ndarray, guidance: Guidance | None) -> np.ndarray:
    """A' with the regions that are restyled less, or stay as they are.

    Args:
        own: (H, W, 3) uint8, or float32 in grey levels, A.
        made: (H, W, 3) of the same range, A'.
        guidance: what is said of A, if anything is.

    Returns:
        (H, W, 3) of the type of `made`.
    """
    if guidance is None or not guidance.of_regions:
        return made
    result = made
    if guidance.keep is not None:
        fitted = made + _correction(own, made, guidance.keep)
        result = _mixed(fitted, own, guidance.keep)
    if guidance.strength is not None:
        result = _mixed(own, result, guidance.strength)
    return as_levels(result, made.dtype)


def _mixed(image: np.ndarray, other: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Two images (H, W, 3), of which a map (h, w) says how much of the other: float32."""
    return image + resize_share(share, image.shape) * np.subtract(other, image, dtype=np.float32)


def _correction(own: np.ndarray, made: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """What is added to A' (H, W, 3) around what is kept: the same shape, float32."""
    a = shrunk(as_levels(own, np.uint8), SIDE)
    shape = a.shape[:2]
    kept = (resize_plane(keep, shape) >= 0.5).ravel()
    if not kept.any() or kept.all():
        return np.zeros_like(made, np.float32)
    missing = np.stack(
        [
            resize_plane(channel, shape)
            for channel in np.moveaxis(np.subtract(own, made, dtype=np.float32), -1, 0)
        ],
        axis=-1,
    ).reshape(-1, 3)
    conducts = 1 / edge_costs(a)
    links = np.minimum(conducts[1:], conducts[:-1]), np.minimum(conducts[:, 1:], conducts[:, :-1])
    system = (laplacian(*links) + sparse.eye_array(kept.size) / (REACH * max(shape)) ** 2).tocsr()
    free, pulls = system[~kept], np.zeros((kept.size, 3))
    pulls[kept] = missing[kept]
    pulls[~kept] = factorise(free[:, ~kept]).solve(-(free[:, kept] @ missing[kept].astype(float)))
    planes = np.moveaxis(pulls.reshape(*shape, 3).astype(np.float32), -1, 0)
    return np.stack([resize_plane(plane, own.shape[:2]) for plane in planes], axis=-1)
