"""The network forward and back, as the deconvolution evaluates it dozens of times a level.

On the CPU a chain of convolutions is worked by Winograd's algorithm in float32, with all that is
between two convolutions in the same kernels; see `winograd`. An evaluation takes a third of the
time of the library's direct convolutions in float32 and two thirds of that in bfloat16, where the
processor has it, with errors of a few millionths (`python -m benchmarks.convolutions`). So it is
taken in either precision and for every layer. Larger tiles, or bfloat16 in the transforms, would
cost the digits that it keeps. For anything else (a GPU, another architecture, float64) torch
differentiates `Network.forward`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from dia_pipeline.algorithm.network import Network

Back = Callable[[torch.Tensor], torch.Tensor]
"""From the gradient by the results to the gradient by the point, both contiguous."""

Push = Callable[[torch.Tensor], tuple[torch.Tensor, Back]]
"""From a point (H, W, C) to the results (h, w, K) and the way back, to be gone once."""


def differentiable(
    network: Network, start: int, end: int, matrix: torch.Tensor | None = None
) -> Push:
    """The network from level `start` to level `end`, for maps whose channels come last.

    With a matrix (C, C) points are given in coordinates: their channels are to be multiplied by it.
    """
    chain = not network.entry.architecture and not network.pools_first(start, end)
    if network.device.type != "cpu" or network.precision == "float64" or not chain:
        return partial(by_autograd, network, start, end, matrix=matrix)
    from dia_pipeline.algorithm.convolution.chain import Chain, Layer  # loads numba

    ceil = network.entry.ceil_pooling
    layers = network.layers(start, end)
    if matrix is not None:
        weight, *rest = layers[0]
        layers[0] = (torch.einsum("kcyx,zc->kzyx", weight.float(), matrix), *rest)
    return Chain([Layer(*layer, ceil) for layer in layers])


def by_autograd(
    network: Network, start: int, end: int, point: torch.Tensor, matrix: torch.Tensor | None = None
) -> tuple[torch.Tensor, Back]:
    """The reference of a `Push`, for any network, device and dtype."""
    point = point.detach().requires_grad_()
    features = point if matrix is None else point @ matrix
    result = network.forward(features.permute(2, 0, 1), start, end).permute(1, 2, 0).contiguous()
    return result.detach(), lambda gradient: torch.autograd.grad(result, point, gradient)[0]
