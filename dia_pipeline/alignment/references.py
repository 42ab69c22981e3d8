"""Several references for one A: each is matched by itself, then every position takes the best.

One B' in several poses is the same.

    source(p) = argmin over references k of the mean energy of p's match in k, over all levels,
                averaged around p

A' is put together from all of them at once, so that no seam shows where one gives way to another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from scipy import ndimage

from dia_pipeline.algorithm.aggregation import at_scale_of, put_together
from dia_pipeline.algorithm.coarse_to_fine import Level
from dia_pipeline.alignment.alignment import Alignment
from dia_pipeline.machine.memory import check_full_size

AROUND = 0.04
"""Standard deviation of what counts around a position, as a share of the longest side."""

BORDER = 8
"""Pixels that the edges of a reference are continued by, where it lies beside another one."""


@dataclass(frozen=True, eq=False)
class Reference:
    """One of several B', and how it was matched.

    Attributes:
        shown: (h, w, 3), its pixels, of the type that A' is to have.
    """

    alignment: Alignment
    shown: np.ndarray
    levels: dict[int, Level]


def combine(
    shown: np.ndarray, references: list[Reference]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A' from several references, and which of them served where, and by which pixels.

    Args:
        shown: A, (H, W, 3), of the type that A' is to have.

    Returns:
        A' (H, W, 3) of the type of `shown`; the number of the reference, (H, W) int from 0; and
        the pixel of that reference as it was given, (H, W, 2) int32.

    Raises:
        PairTooLargeError: the memory does not suffice to put them together.
    """
    size, settings = references[0].alignment.size, references[0].alignment.settings
    sources = choose([reference.levels for reference in references], size.full)
    parts, fields = [], []
    nnf = np.zeros((*size.full, 2), np.int32)
    for number, reference in enumerate(references):
        alignment, finest = reference.alignment, min(reference.levels)
        positions = alignment.positions(finest, reference.levels[finest])
        nnf[sources == number] = alignment.nnf(positions)[sources == number]
        drawn = alignment.canvas.draw(reference.shown)
        part, positions = at_scale_of(size, alignment.canvas.size, drawn, positions)
        parts.append(part)
        fields.append(positions)
    montage, offsets = _side_by_side(parts)
    check_full_size(size.full, montage.shape[:2], settings)
    positions = fields[0] + offsets[0]
    for number in range(1, len(references)):
        here = torch.from_numpy(sources == number)[..., None]
        positions = torch.where(here, fields[number] + offsets[number], positions)
    return put_together(shown, montage, positions.float(), size, settings), sources, nnf


def choose(levels: list[dict[int, Level]], shape: tuple[int, ...]) -> np.ndarray:
    """The number of the reference that matches best at every pixel of A: (H, W) int from 0.

    Args:
        levels: of each reference, with their energies.
        shape: height and width of A in pixels.
    """
    costs = []
    for of_reference in levels:
        mean = torch.zeros(1, 1, *of_reference[min(of_reference)].nnf_ab.shape[:2])
        for level in of_reference.values():
            energy = level.energy_ab.cpu()[None, None]
            mean += F.interpolate(energy, mean.shape[2:], mode="nearest") / len(of_reference)
        smooth = ndimage.gaussian_filter(
            mean[0, 0].double().numpy(), AROUND * max(mean.shape), mode="nearest"
        )
        full = F.interpolate(
            torch.from_numpy(smooth)[None, None], shape, mode="bilinear", align_corners=False
        )
        costs.append(full[0, 0].numpy())
    return np.argmin(costs, axis=0)


def _side_by_side(parts: list[np.ndarray]) -> tuple[np.ndarray, list[torch.Tensor]]:
    """References beside each other with their edges continued, and where each begins (y, x)."""
    height = max(part.shape[0] for part in parts) + 2 * BORDER
    padded, offsets, left = [], [], 0
    for part in parts:
        below = height - BORDER - part.shape[0]
        padded.append(np.pad(part, ((BORDER, below), (BORDER, BORDER), (0, 0)), mode="edge"))
        offsets.append(torch.tensor([BORDER, left + BORDER]))
        left += padded[-1].shape[1]
    return np.concatenate(padded, axis=1), offsets
