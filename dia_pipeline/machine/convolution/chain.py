"""A chain of frozen convolutions on the CPU: forward, and the gradient back through it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numba
import numpy as np
import torch

from dia_pipeline.machine.convolution.vectors import LANES, PANEL
from dia_pipeline.machine.convolution.winograd import TILE, convolve, transform

Size = tuple[int, int]
"""Height and width of a map."""


class Layer:
    """A convolution of 3 x 3 with bias, then max-pooling by two or none, then the ReLU.

    Maps are arrays (H, W, C) float32 up to whole tiles, vectors and panels; what lies beyond their
    size is never read.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, pool: bool, ceil: bool):
        """Weights (K, C, 3, 3) and bias (K,); `ceil`: the last odd row and column are pooled."""
        self._given = weight, bias, pool, ceil
        self._pool, self._ceil = pool, ceil
        self.outputs, self.inputs = weight.shape[:2]
        self._bias = _padded(bias.float(), LANES).numpy()
        self._kernel = weight.float().permute(2, 3, 1, 0)

    @cached_property
    def _weights(self) -> np.ndarray:
        return _transformed(self._kernel)

    @cached_property
    def _turned(self) -> np.ndarray:
        """Those of the way back."""
        return _transformed(self._kernel.flip(0, 1).transpose(2, 3))

    def in_coordinates(self, matrix: torch.Tensor) -> Layer:
        """The same for maps whose channels are yet to be multiplied by a matrix (C, C)."""
        weight, *others = self._given
        return Layer(torch.einsum("kcyx,zc->kzyx", weight.float(), matrix), *others)

    def results(self, size: Size) -> Size:
        """Height and width of the results of a map of this size."""
        height, width = size
        return ((height + self._ceil) // 2, (width + self._ceil) // 2) if self._pool else size

    def forward(self, values: np.ndarray, size: Size) -> tuple[np.ndarray, np.ndarray]:
        """The results of a map of this size, and their codes."""
        results = _tiles(size, len(self._bias), TILE // 2 if self._pool else TILE)
        codes = np.empty(results.shape, np.uint8)
        self._convolve(values, codes, False, size, self._weights, results)
        return results, codes

    def backward(self, gradient: np.ndarray, codes: np.ndarray, size: Size) -> np.ndarray:
        """The gradient by the map of this size, given that by its results."""
        result = _tiles(size, -(-self.inputs // LANES) * LANES, TILE)
        self._convolve(gradient, codes, True, size, self._turned, result)
        return result

    def _convolve(
        self,
        source: np.ndarray,
        codes: np.ndarray,
        back: bool,
        size: Size,
        weights: np.ndarray,
        target: np.ndarray,
    ) -> None:
        seen, workers = self.results(size), numba.get_num_threads()
        convolve(source, codes, back, self._pool, size, seen, weights, self._bias, target, workers)


class Chain:
    """Layers one after another."""

    def __init__(self, layers: list[Layer]):
        self._layers = layers

    def in_coordinates(self, matrix: torch.Tensor) -> Chain:
        """See `Push`; all layers but the first are shared."""
        first, *others = self._layers
        return Chain([first.in_coordinates(matrix), *others])

    def __call__(self, point: torch.Tensor) -> tuple[torch.Tensor, Callable]:
        """The results (h, w, K) of a map (H, W, C) float32, and the way back.

        That takes a gradient by the results to the gradient by the map.
        """
        values, size = point.contiguous().numpy(), tuple(point.shape[:2])
        passed = []
        for layer in self._layers:
            values, codes = layer.forward(values, size)
            passed.append((layer, codes, size))
            size = layer.results(size)
        outputs = self._layers[-1].outputs

        def back(gradient: torch.Tensor) -> torch.Tensor:
            values = _padded(gradient, LANES).contiguous().numpy()
            for layer, codes, size in reversed(passed):
                values = layer.backward(values, codes, size)
            height, width, channels = point.shape
            return torch.from_numpy(values[:height, :width, :channels]).contiguous()

        return torch.from_numpy(values[: size[0], : size[1], :outputs]), back


def _tiles(size: Size, channels: int, side: int) -> np.ndarray:
    """Room for the tiles of a map of this size, of so many values a side."""
    down, across = (-(-length // TILE) * side for length in size)
    return np.empty((down, across, channels), np.float32)


def _padded(values: torch.Tensor, unit: int) -> torch.Tensor:
    """With zeros on the last axis, up to a multiple of the unit."""
    missing = -values.shape[-1] % unit
    return torch.nn.functional.pad(values, (0, missing)) if missing else values


def _transformed(weights: torch.Tensor) -> np.ndarray:
    return transform(_padded(weights, PANEL).contiguous().numpy())
