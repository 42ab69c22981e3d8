"""Fusion of an image's own features F with the reconstructed ones R (equations 9 to 11).

    F' = W F + (1 - W) R,    W = alpha m(|F|^2)

|F|^2 is the sum of squares over channels, scaled to [0, 1] over the map; m is the step x >= 0.05
of the authors' code or the paper's sigmoid, 1 / (1 + exp(-300 (x - 0.05))).
"""

from __future__ import annotations

import torch

THRESHOLD = 0.05
STEEPNESS = 300.0


def fuse(
    own: torch.Tensor, reconstructed: torch.Tensor, alpha: float, blend_map: str
) -> torch.Tensor:
    """own * W + reconstructed * (1 - W), for maps (C, H, W) of the same level.

    W is high where the image's own features respond: there its structure is kept, while flat
    positions take the other image's style.
    """
    weight = alpha * response(own, blend_map)
    return torch.lerp(reconstructed, own, weight)


def response(features: torch.Tensor, blend_map: str) -> torch.Tensor:
    """The map m(M) in [0, 1], (H, W), of normalised feature strength.

    M is the squared channel norm, scaled to [0, 1] over the map; m is the step at 0.05 of the
    authors' code or the sigmoid of the paper.
    """
    strength = torch.linalg.vector_norm(features.permute(1, 2, 0).contiguous(), dim=-1).square()
    low, high = strength.min(), strength.max()
    strength = (strength - low) / (high - low).clamp(min=torch.finfo(strength.dtype).tiny)
    if blend_map == "step":
        return (strength >= THRESHOLD).to(strength.dtype)
    return torch.sigmoid(STEEPNESS * (strength - THRESHOLD))
