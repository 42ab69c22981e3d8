"""PatchMatch on deep features (section 4.2): the energy, its maps, and the search.

The energy of matching patch p of A to patch q of B' is minus the mean, over the patch offsets
inside both images, of  F_A(p).F_B(q) + F_A'(p).F_B'(q)  on channel-normalised features. Stacking
the two features of a pixel makes this the one dot product of a *source* and a *target* map.

Each iteration propagates from the four neighbours at jumps 8, 4, 2, 1 and then searches at random
around the current best, in windows that halve from the start radius to 1. Every pass reads the
field of the pass before, and the random numbers are a hash of seed, step and position: the result
depends neither on the number of threads nor on the order in which pixels are visited.
"""

from __future__ import annotations

from importlib.util import find_spec
from types import ModuleType

import torch

from dia_pipeline.algorithm.patchmatch.maps import Maps

JUMPS = (8, 4, 2, 1)


def stack(*features: torch.Tensor) -> torch.Tensor:
    """The matching map of one image: its features, normalised and stacked.

    Args:
        features: maps (C, H, W) float32 of the same shape, own and latent.

    Returns:
        (H, W, C * len(features)) float32; each part has unit length at every pixel, or is zero
        where the feature is.
    """
    channels, height, width = features[0].shape
    stacked = features[0].new_empty(height, width, channels * len(features))
    for part, feature in zip(stacked.split(channels, dim=-1), features, strict=True):
        feature = feature.permute(1, 2, 0).contiguous()
        length = torch.linalg.vector_norm(feature, dim=-1, keepdim=True)
        torch.div(feature, length.clamp(min=torch.finfo(length.dtype).tiny), out=part)
    return stacked


def search(
    maps: Maps,
    nnf: torch.Tensor,
    radius: int,
    iterations: int,
    seed: int,
    smoothness: float = 0.0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Improve a field by PatchMatch.

    Args:
        nnf: (H, W, 2) int32 start field.
        radius: start radius of the random search in pixels.
        iterations: passes of propagation and random search.
        seed: of the random search.
        smoothness: so much lower must the energy of a new match be for every pixel by which its
            offset differs more from its four neighbours' offsets in the pass before.

    Returns:
        The field (H, W, 2) int32 and its energy (H, W) float32, on the device of the maps.
    """
    backend = _backend(maps.source.device)
    return backend.search(maps, nnf, radii(radius), JUMPS, iterations, seed, smoothness)


def energy(maps: Maps, nnf: torch.Tensor) -> torch.Tensor:
    """The energy (H, W) float32 of the matches of a field (H, W, 2) int32."""
    return _backend(maps.source.device).energy(maps, nnf)


def _backend(device: torch.device) -> ModuleType:
    """The fastest backend that there is for a device."""
    if device.type == "cpu":
        from dia_pipeline.algorithm.patchmatch import cpu

        return cpu
    if device.type == "cuda" and find_spec("triton"):
        from dia_pipeline.algorithm.patchmatch import cuda

        return cuda
    from dia_pipeline.algorithm.patchmatch import reference

    return reference


def radii(radius: int) -> tuple[int, ...]:
    """The windows of the random search: halved from the start radius down to 1."""
    steps = []
    while radius >= 1:
        steps.append(radius)
        radius //= 2
    return tuple(steps)
