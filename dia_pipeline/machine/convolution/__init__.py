"""The network forward and back, as the deconvolution evaluates it dozens of times a level.

On the CPU a chain of convolutions is worked by Winograd's algorithm in float32, with all that is
between two convolutions in the same kernels; see `winograd`. An evaluation takes a third to a half
of the time of the library's direct convolutions in float32 and two thirds of that in bfloat16 by
vectors, with errors of a few millionths (`python -m benchmarks.convolutions`). So it is taken in
either precision. Where the processor multiplies bfloat16 in tiles (AMX), the library needs a third
to a half of Winograd's time and is taken, but for the image itself, at which both are as fast. For
anything else (a GPU, another architecture, float64) torch differentiates `Network.forward`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import torch

from dia_pipeline.networks.network import Network

Back = Callable[[torch.Tensor], torch.Tensor]
"""From the gradient by the results to the gradient by the point, both contiguous."""


class Push(Protocol):
    """The network between two levels, for maps whose channels come last."""

    def __call__(self, point: torch.Tensor) -> tuple[torch.Tensor, Back]:
        """The results (h, w, K) of a point (H, W, C), and the way back, to be gone once."""

    def in_coordinates(self, matrix: torch.Tensor) -> Push:
        """The same for points whose channels are yet to be multiplied by a matrix (C, C)."""


def differentiable(network: Network, start: int, end: int) -> Push:
    """The network from level `start` to level `end`, there and back."""
    chain = not network.entry.architecture and not network.pools_first(start, end)
    elsewhere = network.device.type != "cpu" or network.precision == "float64"
    if elsewhere or not chain or (start and network.tiled):
        return Autograd(network, start, end)
    from dia_pipeline.machine.convolution.chain import Chain, Layer  # loads numba

    ceil = network.entry.ceil_pooling
    return Chain([Layer(*layer, ceil) for layer in network.layers(start, end)])


def push_all(network: Network, end: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """The network from images to level `end`, forward, for batches of images of one shape.

    Returns:
        What takes a batch (N, C, H, W) of level 0 to (N, K, h, w) of the level.
    """
    push = differentiable(network, 0, end)
    if isinstance(push, Autograd):
        return lambda batch: network.forward(batch, 0, end)

    def one_by_one(batch: torch.Tensor) -> torch.Tensor:
        results = [push(image.permute(1, 2, 0))[0] for image in batch]
        return torch.stack(results).permute(0, 3, 1, 2)

    return one_by_one


@dataclass(frozen=True)
class Autograd:
    """The reference of a `Push`, for any network, device and dtype."""

    network: Network
    start: int
    end: int
    matrix: torch.Tensor | None = None

    def __call__(self, point: torch.Tensor) -> tuple[torch.Tensor, Back]:
        """See `Push`."""
        point = point.detach().requires_grad_()
        features = point if self.matrix is None else point @ self.matrix
        result = self.network.forward(features.permute(2, 0, 1), self.start, self.end)
        result = result.permute(1, 2, 0).contiguous()
        return result.detach(), lambda gradient: torch.autograd.grad(result, point, gradient)[0]

    def in_coordinates(self, matrix: torch.Tensor) -> Autograd:
        """See `Push`."""
        return replace(self, matrix=matrix)
