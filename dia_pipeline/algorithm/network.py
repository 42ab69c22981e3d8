"""The convolutional network: from any level to any deeper one, forward and differentiable.

Level 0 is the preprocessed image, level L = 1..5 the tap relu{L}_1. Blocks are walked piecewise,
because the deconvolution pushes features of level L-2 forward to level L.
"""

from __future__ import annotations

from itertools import zip_longest

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from dia_pipeline.errors import JobError
from dia_pipeline.io.backbones import Entry
from dia_pipeline.io.weights import Weights


class Network:
    """A frozen network on one device.

    Convolutions run in `precision` and channels-last, which is what the CPU and GPU libraries are
    fastest in; what goes in and comes out is float32 (or float64, for tests of the gradient), in
    any layout.
    """

    def __init__(self, weights: Weights, device: torch.device | str, precision: str = "auto"):
        self.entry = weights.entry
        self.device = torch.device(device)
        self.precision = fast_precision(self.device) if precision == "auto" else precision
        dtype = getattr(torch, self.precision)
        torch.backends.cudnn.deterministic = True  # the same bytes every time, on a GPU too
        parameters = weights.load()
        self._convolutions = {
            (block, number): (
                parameters[f"conv{block}_{number}.weight"].to(
                    self.device, dtype, memory_format=torch.channels_last
                ),
                parameters[f"conv{block}_{number}.bias"].to(self.device, dtype),
            )
            for block, number in _between(self.entry, 0, 5)
        }

    def preprocess(self, image: np.ndarray) -> torch.Tensor:
        """Level 0 of an image: (H, W, 3) uint8 RGB to (3, H, W) float32, as the network wants."""
        entry = self.entry
        values = torch.tensor(image, device=self.device).permute(2, 0, 1).float()
        mean, deviation = (
            torch.tensor(numbers, device=self.device)[:, None, None]
            for numbers in (entry.mean, entry.deviation)
        )
        ordered = values if entry.order == "RGB" else values.flip(0)
        return (ordered * entry.scale - mean) / deviation

    def forward(self, features: torch.Tensor, start: int, end: int) -> torch.Tensor:
        """Push features (C, H, W) of level `start` forward to level `end`; the dtype is kept."""
        dtype = getattr(torch, self.precision)
        values = features[None].to(dtype, memory_format=torch.channels_last)
        positions = _between(self.entry, start, end)
        if start and positions and positions[0][1] == 1:  # the block before has one convolution
            values = F.max_pool2d(values, 2, ceil_mode=self.entry.ceil_pooling)
        for position, following in zip_longest(positions, positions[1:], fillvalue=(0, 0)):
            values = F.conv2d(values, *self._convolutions[position], padding=1)
            if following[1] == 1:  # before the ReLU, to which it leaves a quarter of the values
                values = F.max_pool2d(values, 2, ceil_mode=self.entry.ceil_pooling)
            values = F.relu(values, inplace=True)
        return values[0].to(features.dtype)


def _between(entry: Entry, start: int, end: int) -> list[tuple[int, int]]:
    """The (block, number) of the convolutions from level `start` to level `end`, in order."""
    return [position for position in entry.positions if (start, 1) < position <= (end, 1)]


def fast_precision(device: torch.device) -> str:
    """bfloat16 where the device multiplies it in hardware, else float32."""
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    native = device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()
    return "bfloat16" if native else "float32"


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name; `auto` takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        JobError: the device does not exist on this machine.
    """
    if name != "auto":
        try:
            torch.empty(0, device=name)
        except (RuntimeError, AssertionError) as error:
            raise JobError("", f"device {name!r} is not available here: {error}") from error
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
