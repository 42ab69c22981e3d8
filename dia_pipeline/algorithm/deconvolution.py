"""Deconvolution (section 4.3): features one level finer whose forward pass gives a warped map.

    R = argmin over X of  sum of (CNN(X) - warped)^2

where CNN goes from level L - 2 (the image, for L = 2) to level L. The variable lies two levels
below, and its minimum is pushed forward to level L - 1, so that R is a feature that the network
can really produce.

The objective is far steeper in some directions of the channels than in others. L-BFGS searches in
coordinates in which it is equally steep in all of them (`preconditioner`), which saves it a
quarter to a half of its iterations. An image's three channels are searched as they are: there it
took more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from dia_pipeline.algorithm.preconditioner import coordinates
from dia_pipeline.machine.convolution import Push, differentiable
from dia_pipeline.machine.lbfgs import Minimum, minimise, sums
from dia_pipeline.networks.network import Network

HISTORY = 1
"""More steps remembered gain nothing in these coordinates, neither in 15 iterations nor in 65."""

TOLERANCE = 1e-4


class Deconvolution:
    """The deconvolution of a level, of whatever maps.

    The variable lives two levels finer than what is warped: it is the image itself for level 2.
    """

    def __init__(self, network: Network, level: int):
        self._network, self._level = network, level
        self._push = differentiable(network, level - 2, level)

    def features(
        self,
        warped: torch.Tensor,
        start: torch.Tensor,
        iterations: int,
        evaluated: Callable[[], None] = lambda: None,
    ) -> torch.Tensor:
        """The features R of level - 1 that the network takes to `warped` (equation 8).

        The minimum is pushed forward one level, which keeps R a feature that the network can
        really produce.

        Args:
            warped: (C, H, W) float32 features of the level.
            start: (c, h, w) float32 first guess at level - 2.
            iterations: most L-BFGS iterations; with 0 the first guess itself is pushed forward.
            evaluated: called after every evaluation of the objective.

        Returns:
            (C', H', W') float32 features of level - 1.
        """
        if iterations:
            start = self.minimum(warped, start, iterations, evaluated).point
        with torch.no_grad():
            return self._network.forward(start, self._level - 2, self._level - 1)

    def minimum(
        self,
        warped: torch.Tensor,
        start: torch.Tensor,
        iterations: int,
        evaluated: Callable[[], None] = lambda: None,
    ) -> Minimum:
        """Minimise || CNN(R) - warped ||^2 over the features R of level - 2.

        Points are kept (H, W, C), which is how the network's convolutions want them.
        """
        target, first, dot = _channels_last(warped), _channels_last(start), sums(warped.device).dot
        matrix, inverse = _coordinates(first, self._level, self._push)
        push = self._push.in_coordinates(matrix)

        def objective(point: torch.Tensor) -> tuple[Any, torch.Tensor]:
            result, back = push(point)
            error = result - target
            gradient = back(2 * error)
            evaluated()
            return dot(error, error), gradient

        found = minimise(objective, first @ inverse, iterations, HISTORY, TOLERANCE)
        return Minimum(_channels_first(found.point @ matrix), found.values)


def _coordinates(first: torch.Tensor, level: int, push: Push) -> tuple[torch.Tensor, torch.Tensor]:
    """The matrices (C, C) from coordinates to features (h, w, C), and back; see `coordinates`."""
    if level == 2:
        own = torch.eye(first.shape[2]).to(first)
        return own, own
    result, back = push(first)
    noise = torch.randn(result.shape, generator=torch.Generator().manual_seed(0))
    return coordinates(back(noise.to(result)))


def _channels_last(features: torch.Tensor) -> torch.Tensor:
    """(C, H, W) to (H, W, C)."""
    return features.permute(1, 2, 0).contiguous()


def _channels_first(features: torch.Tensor) -> torch.Tensor:
    """(H, W, C) to (C, H, W), without a copy."""
    return features.permute(2, 0, 1)
