"""What the CPU searches of two matching maps: integers, and short maps of a few values a pixel.

Maps are searched as 16-bit integers, which are half the memory to read and multiply twice as fast;
what they lose is less than what features lose that are kept in float16. Sums of integers are
exact: the field depends neither on threads nor on how a machine adds.

Few candidates are better than a match. Most are told by short maps, an eighth as long or less: of a
pixel's vector s its coordinates c on the axes along which the maps are largest, and the length r of
the rest. As  s.t <= c.c' + r r',  a dot product of short vectors is the most that the whole ones
can have, and only where that exceeds the match's are the whole patches compared. The field is the
same as without them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch

from dia_pipeline.algorithm.patchmatch.maps import Maps
from dia_pipeline.algorithm.patchmatch.products import UNIT
from dia_pipeline.machine.compiled import divided

MOST = 2**15 - 1
"""The largest value of a map."""

SHORT = UNIT
"""Values of a pixel in the short maps."""

SAMPLE = 256
"""About so many pixels of each map tell along which axes both are largest."""

BAND = 2**14
"""Pixels of a map that are shortened at a time."""


class Prepared(NamedTuple):
    """Maps as integers in whole units, and short, one pixel after another.

    Attributes:
        arrays: the source, the target, the short source and the short target.
        sides: height, width and units of a pixel of the source, height and width of the target,
            and the patch's radius.
        scale: of the integers.
        margin: by so much a product of whole vectors may exceed that of the short ones, as all are
            rounded.
    """

    arrays: tuple[np.ndarray, ...]
    sides: tuple[int, ...]
    scale: float
    margin: np.float32

    def turned(self) -> Prepared:
        """See `Maps`."""
        source, target, short_source, short_target = self.arrays
        *size, units, target_height, target_width, radius = self.sides
        sides = target_height, target_width, units, *size, radius
        return self._replace(arrays=(target, source, short_target, short_source), sides=sides)


def prepared(maps: Maps) -> Prepared:
    """What is searched of maps, made once."""
    if maps.prepared is None:
        maps.prepared = prepare(maps.source, maps.target, maps.patch)
    return maps.prepared


def prepare(source: torch.Tensor, target: torch.Tensor, patch: int) -> Prepared:
    """What is searched of a source (H, W, K) and a target (h, w, K) float32."""
    vectors = [_vectors(map_) for map_ in (source, target)]
    lengths = [torch.linalg.vector_norm(each, dim=1) for each in vectors]
    longest = max(length.max().item() for length in lengths)
    scale = _scale(longest, patch)
    whole = [_quantised(each, scale) for each in vectors]
    axes = _axes(torch.cat([each[:: len(each) // SAMPLE + 1] for each in vectors]))
    shares = source.shape[-1], SHORT * patch
    margin = 1.1 * sum(math.sqrt(share) * longest * scale + share / 4 for share in shares)
    smaller = scale / math.sqrt(patch)  # the product of two whole patches fits in 32 bits
    short = [_short(*each, axes, smaller) for each in zip(vectors, lengths, strict=True)]
    sides = *source.shape[:2], whole[0].shape[1] // UNIT, *target.shape[:2], patch // 2
    arrays = tuple(each.ravel() for each in (*whole, *short))
    return Prepared(arrays, sides, scale, np.float32(margin))


def _vectors(map_):
    """The pixels of a map one after another."""
    return map_.reshape(-1, map_.shape[-1])


def _scale(longest, patch):
    """What the values of a map are multiplied by before they are rounded.

    The dot product of two patches' rows fits in 32 bits; rounding adds less than a hundredth to it.

    Args:
        longest: length of the longest vector.
    """
    return min(math.sqrt(2**31 / (1.01 * patch)), MOST) / (longest or 1)


def _quantised(vectors, scale):
    """Vectors (P, K) as integers, with zeros up to whole units."""
    pixels, depth = vectors.shape
    result = torch.empty(pixels, -(-depth // UNIT) * UNIT, dtype=torch.int16).numpy()
    _quantise(pixels, vectors.numpy(), np.float32(scale), result)
    return result


@divided
def _quantise(begin, end, vectors, scale, result):
    depth = vectors.shape[1]
    for pixel in range(begin, end):
        for k in range(depth):
            result[pixel, k] = np.int16(np.rint(vectors[pixel, k] * scale))
        result[pixel, depth:] = 0


def _axes(vectors):
    """Orthonormal columns (K, SHORT - 1 at most) along which vectors (N, K) are largest, nearly."""
    axes = vectors[:: len(vectors) // SHORT + 1][: SHORT - 1].T
    for _ in range(2):
        axes, _ = torch.linalg.qr(vectors.T @ (vectors @ axes))
    return axes


def _short(vectors, lengths, axes, scale):
    """The short map of vectors (P, K): coordinates, and the length of the rest rounded up."""
    result = torch.zeros(len(vectors), SHORT, dtype=torch.int16)
    bands = (each.split(BAND) for each in (vectors, lengths, result))
    for some, length, short in zip(*bands, strict=True):
        coordinates = some @ axes
        rest = length.square() - torch.linalg.vector_norm(coordinates, dim=1).square()
        short[:, : axes.shape[1]] = coordinates.mul_(scale).round_()
        short[:, -1] = (rest.clamp(min=0).sqrt() * scale).ceil().clamp(max=MOST)
    return result.numpy()
