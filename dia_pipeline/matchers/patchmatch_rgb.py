"""PatchMatch on the images themselves: the most similar patch of colours, wherever it is.

Barnes et al., PatchMatch: A Randomized Correspondence Algorithm for Structural Image Editing,
SIGGRAPH 2009. What is minimised is the mean squared difference of RGB over 7 x 7 patches, over the
offsets inside both images. It starts at random and searches the whole image; the passes are
those of `dia_pipeline.algorithm.patchmatch`.
"""

from __future__ import annotations

import numpy as np
import torch

from dia_pipeline.algorithm.nnf import uniform
from dia_pipeline.algorithm.patchmatch import search
from dia_pipeline.algorithm.patchmatch.maps import Maps
from dia_pipeline.settings import Settings

PATCH = 7


def match(
    a: np.ndarray, b_prime: np.ndarray, a_prime: np.ndarray | None, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """See the package `matchers`."""
    return _field(a, b_prime, settings, 0), _field(b_prime, a, settings, 1)


def _field(
    source: np.ndarray, target: np.ndarray, settings: Settings, direction: int
) -> np.ndarray:
    seed = 2 * settings.seed + direction
    first = uniform(source.shape[:2], target.shape[:2], seed)
    maps = Maps(*_matching_maps(source, target), PATCH)
    nnf, _ = search(maps, first, max(target.shape[:2]), settings.iterations, seed)
    return nnf.numpy()


def _matching_maps(source: np.ndarray, target: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Maps (H, W, 5) float32 whose dot products are -|s - t|^2 = 2s.t - |s|^2 - |t|^2.

    The search maximises dot products. Colours are from -0.5 to 0.5.
    """
    s, t = (torch.from_numpy(image / np.float32(255) - 0.5).float() for image in (source, target))
    s_squared, t_squared = (colours.square().sum(dim=-1, keepdim=True) for colours in (s, t))
    one_s, one_t = torch.ones_like(s_squared), torch.ones_like(t_squared)
    return torch.cat([2 * s, -s_squared, -one_s], -1), torch.cat([t, one_t, t_squared], -1)
