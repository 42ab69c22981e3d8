"""Carry a field to the pixels of an image: smoothly inside coherent parts, sharply at jumps.

A cell of a level covers many pixels of a large image. The four cells around a pixel vote for
where it leads, by nearness and by how like the pixel's own colour theirs is, so that jumps follow
the image's edges (joint bilateral upsampling: Kopf et al. 2007). Of votes that differ the
strongest side wins; those that agree are averaged, so that a bent part has no stairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import torch

from dia_pipeline.pixels import resize_image

REACH = 2
"""Cells around a cell with which it is averaged as far as they agree."""

AGREEMENT = 1.5
"""Cells by which two matches that continue each other may miss each other."""

LIKENESS = 14.0
"""Standard deviation of the weight of a cell by the distance of its colour, in grey levels."""

BAND = 2**18
"""Pixels processed at a time, so that large images need little more memory."""


def enlarge(
    nnf: torch.Tensor,
    own: np.ndarray,
    scale: tuple[float, float],
    target_scale: tuple[float, float],
    target_shape: tuple[int, ...],
) -> torch.Tensor:
    """The field of an image's pixels, from that of a level's cells.

    Args:
        nnf: (h, w, 2) int32 field on the CPU.
        own: (H, W, 3) uint8, the image whose pixels are carried; its edges are followed.
        scale, target_scale: pixels that a cell covers, (y, x), in `own` and in the target.
        target_shape: (height, width) of the target image.

    Returns:
        (H, W, 2) float32, (y, x) in the target, between its pixels too.
    """
    centres = _smooth((nnf + 0.5).movedim(-1, 0))
    small = torch.from_numpy(resize_image(own, tuple(nnf.shape[:2]))).float()
    result = torch.empty(*own.shape[:2], 2)
    rows = max(1, BAND // own.shape[1])
    x = (torch.arange(own.shape[1]) + 0.5) / scale[1]
    for top in range(0, len(own), rows):
        colours = torch.tensor(own[top : top + rows]).float()  # which may be read-only
        y = (torch.arange(top, top + len(colours)) + 0.5) / scale[0]
        band = _enlarge_band(centres, small, colours, y, x)
        result[top : top + rows] = band.movedim(0, -1)
    positions = result * torch.tensor(target_scale) - 0.5
    return torch.minimum(positions.clamp(min=0), torch.tensor(target_shape) - 1.0)


def _enlarge_band(
    centres: torch.Tensor,
    small: torch.Tensor,
    colours: torch.Tensor,
    y: torch.Tensor,
    x: torch.Tensor,
) -> torch.Tensor:
    """The matches (2, n, W), in cells, of pixels at the positions y (n), x (W), in cells too.

    Args:
        centres: (2, h, w), where the cells lead.
    """
    matches, weights = [], []
    for cell_y, cell_x in _around(y, x, centres.shape[1:]):
        away_y, away_x = y - cell_y - 0.5, x - cell_x - 0.5
        away = torch.stack(torch.meshgrid(away_y, away_x, indexing="ij"))
        matches.append(centres[:, cell_y][..., cell_x] + away)
        difference = (colours - small[cell_y][:, cell_x]).square().sum(-1)
        near = (1 - away_y.abs())[:, None] * (1 - away_x.abs())
        # Where no colour is like the pixel's, the nearest cell counts most.
        weights.append(near * torch.exp(-difference / (2 * LIKENESS**2)).clamp(min=1e-12))
    support = [weight.clone() for weight in weights]
    for one, other in combinations(range(len(matches)), 2):
        agree = _agree(matches[one], matches[other])
        support[one] += weights[other] * agree
        support[other] += weights[one] * agree
    best = torch.stack(support).argmax(0)
    matches, weights = torch.stack(matches), torch.stack(weights)
    chosen = matches.gather(0, best.expand(1, *matches.shape[1:]))[0]
    for match, weight in zip(matches, weights, strict=True):
        weight *= _agree(match, chosen)
    return (matches * weights[:, None]).sum(0) / weights.sum(0)


def _agree(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Whether matches (2, ...) of the same pixel mean the same."""
    return (one - other).abs().amax(0) <= AGREEMENT


def _around(
    y: torch.Tensor, x: torch.Tensor, shape: tuple[int, ...]
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The rows and columns of the four cells whose centres are around every position."""
    first = [(positions - 0.5).floor().long() for positions in (y, x)]
    for dy in (0, 1):
        for dx in (0, 1):
            yield tuple(
                (cells + step).clamp(0, side - 1)
                for cells, step, side in zip(first, (dy, dx), shape, strict=True)
            )


def _smooth(field: torch.Tensor) -> torch.Tensor:
    """Every match (2, h, w) averaged with those around it that continue it."""
    height, width = field.shape[1:]
    total, count = torch.zeros_like(field), torch.zeros_like(field[0])
    for dy in range(-REACH, REACH + 1):
        for dx in range(-REACH, REACH + 1):
            rows = slice(max(0, -dy), height - max(0, dy))
            columns = slice(max(0, -dx), width - max(0, dx))
            there = field[:, max(0, dy) : height + min(0, dy), max(0, dx) : width + min(0, dx)]
            continued = there - torch.tensor([dy, dx])[:, None, None]
            agree = _agree(continued, field[:, rows, columns])
            total[:, rows, columns] += continued * agree
            count[rows, columns] += agree
    return total / count
