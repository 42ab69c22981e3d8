"""The convolutional network: from any level to any deeper one, forward and differentiable.

Level 0 is the preprocessed image, level L = 1..5 the tap relu{L}_1. Blocks are walked piecewise,
because the deconvolution pushes features of level L-2 forward to level L.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from .weights import Weights

CONVOLUTIONS = {"vgg16": (2, 2, 3, 3, 1), "vgg19": (2, 2, 4, 4, 1)}
"""Convolutions in each block; of the fifth only the first is needed."""


@dataclass(frozen=True)
class Preprocessing:
    """How a network wants its pictures: scale of the values, mean, deviation, channel order."""

    scale: float
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    channels: tuple[int, int, int]


PREPROCESSING = {
    "vgg19": Preprocessing(1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), (0, 1, 2)),
    "vgg16": Preprocessing(1.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0), (2, 1, 0)),
}
"""Torchvision's convention for vgg19, Caffe's for vgg16."""

CEIL_POOLING = {"vgg19": False, "vgg16": True}


class Network:
    """A frozen VGG on one device.

    Convolutions run in `precision` (float32 or bfloat16) and channels-last, which is what the
    CPU and GPU libraries are fastest in; every input and output is float32.
    """

    def __init__(self, weights: Weights, device: torch.device | str, precision: str = "auto"):
        self.backbone = weights.backbone
        self.device = torch.device(device)
        self.precision = fast_precision(self.device) if precision == "auto" else precision
        dtype = getattr(torch, self.precision)
        parameters = weights.load()
        self._convolutions = {
            name: tuple(
                parameters[f"{name}.{part}"].to(self.device, dtype, memory_format=layout)
                for part, layout in (
                    ("weight", torch.channels_last),
                    ("bias", torch.contiguous_format),
                )
            )
            for name in self._names(0, 5)
        }

    def preprocess(self, image: np.ndarray) -> torch.Tensor:
        """Level 0 of a picture: (H, W, 3) uint8 RGB to (3, H, W) float32 as the network wants it."""
        way = PREPROCESSING[self.backbone]
        values = torch.from_numpy(image).to(self.device).permute(2, 0, 1).float()
        mean, deviation = (
            torch.tensor(numbers, device=self.device)[:, None, None]
            for numbers in (way.mean, way.deviation)
        )
        return (values[list(way.channels)] * way.scale - mean) / deviation

    def forward(self, features: torch.Tensor, start: int, end: int) -> torch.Tensor:
        """Push features (C, H, W) of level `start` forward to level `end`, float32 to float32."""
        dtype = getattr(torch, self.precision)
        values = features[None].to(dtype, memory_format=torch.channels_last)
        for name in self._names(start, end):
            weight, bias = self._convolutions[name]
            values = F.conv2d(values, weight, bias, padding=1)
            values = F.relu(values, inplace=True)
            if self._ends_block(name) and name != self._names(start, end)[-1]:
                values = F.max_pool2d(values, 2, ceil_mode=CEIL_POOLING[self.backbone])
        return values[0].float()

    def _names(self, start: int, end: int) -> list[str]:
        """The convolutions that lead from level `start` to level `end`, in order."""
        counts = CONVOLUTIONS[self.backbone]
        order = [(b, n) for b in range(1, 6) for n in range(1, counts[b - 1] + 1)]
        return [f"conv{b}_{n}" for b, n in order if (start, 1) < (b, n) <= (end, 1)]

    def _ends_block(self, name: str) -> bool:
        block, number = map(int, name.removeprefix("conv").split("_"))
        return number == CONVOLUTIONS[self.backbone][block - 1]


def fast_precision(device: torch.device) -> str:
    """bfloat16 where the device multiplies it in hardware, else float32."""
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    native = device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()
    return "bfloat16" if native else "float32"


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name; `auto` takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        ValueError: the device does not exist on this machine.
    """
    if name != "auto":
        try:
            torch.empty(0, device=name)
        except (RuntimeError, AssertionError) as error:
            raise ValueError(f"device {name!r} is not to be had here: {error}") from error
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
