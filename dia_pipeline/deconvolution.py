"""Deconvolution (section 4.3): features one level finer whose forward pass gives a warped map."""

from __future__ import annotations

import torch

from .lbfgs import Minimum, dot, minimise
from .network import Network

HISTORY = 4
TOLERANCE = 1e-4


def deconvolve(
    warped: torch.Tensor, start: torch.Tensor, level: int, network: Network, iterations: int
) -> torch.Tensor:
    """The features R of level - 1 that the network takes to `warped` (equation 8).

    The variable lives two levels finer than `warped` (the image itself for level 2) and is pushed
    forward one level at the end, which keeps R a feature that the network can really produce.

    Args:
        warped: (C, H, W) float32 features of `level`.
        start: (c, h, w) float32 first guess at level - 2.
        iterations: most L-BFGS iterations; with 0 the first guess itself is pushed forward.

    Returns:
        (C', H', W') float32 features of level - 1.
    """
    if iterations:
        start = reconstruct(warped, start, level, network, iterations).point
    with torch.no_grad():
        return network.forward(start, level - 2, level - 1)


def reconstruct(
    warped: torch.Tensor, start: torch.Tensor, level: int, network: Network, iterations: int
) -> Minimum:
    """Minimise || CNN(R) - warped ||^2 over the features R of level - 2."""

    def objective(point: torch.Tensor) -> tuple[float, torch.Tensor]:
        point = point.detach().requires_grad_()
        error = network.forward(point, level - 2, level) - warped
        (gradient,) = torch.autograd.grad(error, point, 2 * error.detach())
        error = error.detach()
        return dot(error, error), gradient

    return minimise(objective, start, iterations, HISTORY, TOLERANCE)
