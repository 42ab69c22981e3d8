"""Fusion of an image's own features F with the reconstructed ones R (equations 9 to 11).

    F' = W F + (1 - W) R,    W = alpha m(|F|^2)

|F|^2 is the sum of squares over channels, scaled to [0, 1] over the map; m is the step x >= 0.05
of the authors' code or the paper's sigmoid, 1 / (1 + exp(-300 (x - 0.05))).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

THRESHOLD = 0.05
STEEPNESS = 300.0


def fuse(
    own: torch.Tensor, reconstructed: torch.Tensor, alpha: float | torch.Tensor, blend_map: str
) -> torch.Tensor:
    """own * W + reconstructed * (1 - W), for maps (C, H, W) of the same level.

    W is high where the image's own features respond: there its structure is kept, while flat
    positions take the other image's style. Alpha may be a map (H, W).
    """
    weight = alpha * response(own, blend_map)
    return torch.lerp(reconstructed, own, weight)


def held(alpha: float, strength: np.ndarray | None, own: torch.Tensor) -> float | torch.Tensor:
    """The weight alpha of own features (C, H, W) where A is restyled less.

    Args:
        strength: (h, w) float32 from 0 to 1, how strongly it is restyled, or None.

    Returns:
        1 - strength * (1 - alpha), (H, W) float32 on the device of the features; or alpha.
    """
    if strength is None:
        return alpha
    pooled = F.adaptive_avg_pool2d(torch.from_numpy(strength)[None], own.shape[1:])[0]
    return 1 - pooled.to(own.device) * (1 - alpha)


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
