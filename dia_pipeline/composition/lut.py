"""A look as a table: which colour becomes which, fitted to two images of the same places."""

from __future__ import annotations

import numpy as np
from scipy import ndimage, sparse

SIDE = 33
"""Nodes along red, green and blue; what programs expect of a `.cube`."""

SAMPLES = 400_000
"""Pixels at most to which a table is fitted."""

SMOOTH = 0.3
"""What a table's smoothness weighs: the difference of two nodes, against the pixels that a node has
on the mean. With less a table fits the image better, and other images of the kind worse."""

TOLERANCE = 1e-5
"""How exactly the table is solved for, relative to what is asked."""

Table = np.ndarray
"""(SIDE, SIDE, SIDE, 3) float64: what red, green and blue, from 0 to 1, become, from 0 to 1."""


def neutral(side: int = SIDE) -> Table:
    """The table that changes nothing."""
    return np.stack(np.meshgrid(*[np.linspace(0, 1, side)] * 3, indexing="ij"), axis=-1)


def fit_table(image: np.ndarray, look: np.ndarray) -> Table:
    """The table that takes the colours of an image to those of another.

    Least squares over all pixels, and over the differences of neighbouring nodes in how far they
    move a colour, so that colours that the image does not have go as those nearest to them.

    Args:
        image, look: (H, W, 3) in grey levels from 0 to 255, of the same places.
    """
    pixels, wanted = (_sampled(each) for each in (image, look))
    weights = _interpolation(pixels)
    steps = _differences()
    smooth = SMOOTH * len(pixels) / SIDE**3 * (steps.T @ steps)
    matrix = (weights.T @ weights + smooth).tocsr()
    moved = _solve(matrix, weights.T @ (wanted - pixels))
    return (neutral(SIDE) + moved.reshape(SIDE, SIDE, SIDE, 3)).clip(0, 1)


def apply_table(image: np.ndarray, table: Table) -> np.ndarray:
    """An image in the look of a table, linear between its nodes.

    Args:
        image: (H, W, 3) in grey levels from 0 to 255.

    Returns:
        (H, W, 3) float32 in grey levels.
    """
    places = np.moveaxis(np.asarray(image, np.float32), -1, 0) * ((len(table) - 1) / 255)
    channels = [
        ndimage.map_coordinates(channel, places, np.float32, order=1, mode="nearest")
        for channel in np.moveaxis(table.astype(np.float32), -1, 0)
    ]
    return np.stack(channels, axis=-1) * 255


def _sampled(image: np.ndarray) -> np.ndarray:
    """Pixels (N, 3) from 0 to 1, evenly from all over an image."""
    step = -(-image.shape[0] * image.shape[1] // SAMPLES)
    return image.reshape(-1, 3)[::step].astype(np.float64) / 255


def _interpolation(pixels: np.ndarray) -> sparse.csr_array:
    """How much each node has of each pixel: (N, nodes)."""
    places = pixels * (SIDE - 1)
    low = np.minimum(places.astype(int), SIDE - 2)
    share = places - low
    corners = np.stack(np.meshgrid(*[[0, 1]] * 3, indexing="ij"), axis=-1).reshape(8, 3)
    nodes = (low[:, None] + corners) @ [SIDE**2, SIDE, 1]
    weights = np.where(corners, share[:, None], 1 - share[:, None]).prod(axis=-1)
    rows = np.repeat(np.arange(len(pixels)), len(corners))
    shape = len(pixels), SIDE**3
    return sparse.csr_array((weights.ravel(), (rows, nodes.ravel())), shape)


def _differences() -> sparse.csr_array:
    """The difference of every node from the next, along each colour: (differences, nodes)."""
    same = sparse.eye_array(SIDE).tocsr()
    step = same[1:] - same[:-1]
    along = (step, same, same), (same, step, same), (same, same, step)
    kinds = [sparse.kron(sparse.kron(*each[:2]), each[2]) for each in along]
    return sparse.vstack(kinds).tocsr()


def _solve(matrix: sparse.csr_array, right: np.ndarray) -> np.ndarray:
    """The solution (nodes, 3) of a symmetric system by conjugate gradients.

    SciPy's own sums by BLAS, in an order that the number of threads decides.
    """
    scale = 1 / matrix.diagonal()[:, None]
    found, left = np.zeros_like(right), right
    way = scaled = scale * left
    size = enough = (left * scaled).sum(axis=0)
    while (size > TOLERANCE**2 * enough).any():
        ahead = matrix @ way
        step = size / np.maximum((way * ahead).sum(axis=0), np.finfo(float).tiny)
        found, left = found + step * way, left - step * ahead
        scaled = scale * left
        before, size = size, (left * scaled).sum(axis=0)
        way = scaled + way * (size / np.maximum(before, np.finfo(float).tiny))
    return found
