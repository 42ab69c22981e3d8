"""The convolutional network: from any level to any deeper one, forward and differentiable.

Level 0 is the preprocessed image, level L = 1..5 the tap relu{L}_1. Blocks are walked piecewise,
because the deconvolution pushes features of level L-2 forward to level L.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from itertools import zip_longest

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from dia_pipeline.errors import JobError, out_of_memory
from dia_pipeline.networks.backbones import Entry
from dia_pipeline.networks.weights import Weights, WeightsError

SMALL = 2**14
"""Pixels of an image; smaller ones are worked by one thread."""

ALLOTMENTS = ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_GPUS", "SLURM_STEP_GPUS")
"""Variables in which a cluster says which GPUs a job may use."""

NONE = ("", "-1", "NoDevFiles")
"""What they hold where it may use none."""


class Network:
    """A frozen network on one device.

    Convolutions run in `precision` and channels-last, which is what the CPU and GPU libraries are
    fastest in; what goes in and comes out is float32 (or float64, for tests of the gradient), in
    any layout.
    """

    def __init__(self, weights: Weights, device: torch.device | str, precision: str = "auto"):
        self._weights = weights
        self.entry = weights.entry
        self.device = torch.device(device)
        self.precision = fast_precision(self.device) if precision == "auto" else precision
        dtype = getattr(torch, self.precision)
        torch.backends.cudnn.deterministic = True  # the same bytes every time, on a GPU too
        torch.backends.cudnn.allow_tf32 = False  # float32 is what it says, as on the CPU
        torch.backends.cuda.matmul.allow_tf32 = False
        parameters = weights.load()
        self._stages: list[nn.Module] = []
        if self.entry.architecture:
            self._stages = _stages(weights, parameters, self.device, dtype)
            return
        self._convolutions = {
            (block, number): (
                parameters[f"conv{block}_{number}.weight"].to(
                    self.device, dtype, memory_format=torch.channels_last
                ),
                parameters[f"conv{block}_{number}.bias"].to(self.device, dtype),
            )
            for block, number in _between(self.entry, 0, 5)
        }

    @cached_property
    def precise(self) -> Network:
        """The same network in float32, by which is decided what no precision is to change."""
        if self.precision == "float32":
            return self
        return Network(self._weights, self.device, "float32")

    @property
    def tiled(self) -> bool:
        """Whether the CPU multiplies bfloat16 in tiles (AMX), which nothing else it does beats."""
        asked = self.device.type == "cpu" and self.precision == "bfloat16"
        return asked and torch.cpu._is_amx_tile_supported()

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
        """Push features of level `start` forward to level `end`; the dtype is kept.

        Args:
            features: (C, H, W), or a batch (N, C, H, W).
        """
        if features.ndim == 3:
            return self.forward(features[None], start, end)[0]
        dtype = getattr(torch, self.precision)
        values = features.to(dtype, memory_format=torch.channels_last)
        with self._threads(features.shape[-2] * features.shape[-1] * 4 ** max(start - 1, 0)):
            return self._pushed(values, start, end).to(features.dtype)

    def _pushed(self, values: torch.Tensor, start: int, end: int) -> torch.Tensor:
        if self._stages:
            return self._through_stages(values, start, end)
        if self.pools_first(start, end):
            values = F.max_pool2d(values, 2, ceil_mode=self.entry.ceil_pooling)
        for weight, bias, pooled in self.layers(start, end):
            values = F.conv2d(values, weight, bias, padding=1)
            if pooled:  # before the ReLU, to which it leaves a quarter of the values
                values = F.max_pool2d(values, 2, ceil_mode=self.entry.ceil_pooling)
            values = F.relu(values, inplace=True)
        return values

    @contextmanager
    def _threads(self, pixels: int) -> Iterator[None]:
        """One thread for small images on the CPU, else all there are.

        For them the library divides the sums among its threads, whose number then shows in float32.
        """
        threads = torch.get_num_threads()
        if self.device.type != "cpu" or pixels >= SMALL or threads == 1:
            yield
            return
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)

    def layers(self, start: int, end: int) -> list[tuple[torch.Tensor, torch.Tensor, bool]]:
        """The convolutions of a chain from level `start` to level `end`, in order.

        Returns:
            Of each the weight (K, C, 3, 3), the bias (K,) and whether max-pooling follows.
        """
        positions = _between(self.entry, start, end)
        followed = zip_longest(positions, positions[1:], fillvalue=(0, 0))
        return [(*self._convolutions[each], number == 1) for each, (_, number) in followed]

    def pools_first(self, start: int, end: int) -> bool:
        """Whether max-pooling comes before them: the block before has one convolution."""
        positions = _between(self.entry, start, end)
        return bool(start and positions and positions[0][1] == 1)

    def _through_stages(self, values: torch.Tensor, start: int, end: int) -> torch.Tensor:
        if start == 0 and self.entry.upsampling > 1:
            scale = float(self.entry.upsampling)
            values = F.interpolate(values, scale_factor=scale, mode="bilinear")
        values = values.clone()  # a stage may work in place
        for stage in self._stages[start:end]:
            values = stage(values)
        return values


def _stages(
    weights: Weights, parameters: dict[str, torch.Tensor], device: torch.device, dtype: torch.dtype
) -> list[nn.Module]:
    """The modules that lead from each level to the next.

    Raises:
        WeightsError: the architecture is not known, or its parameters are others.
    """
    entry = weights.entry
    library, name = entry.architecture.split(":", 1)
    try:
        if library == "timm":
            model = import_module("timm").create_model(name)
        else:
            model = import_module("torchvision").models.get_model(name, weights=None)
        model.load_state_dict(parameters)
        parts = [[model.get_submodule(part) for part in stage] for stage in entry.stages]
    except (ImportError, RuntimeError, ValueError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            weights.path,
            f"these are no parameters of {entry.architecture}: {reason}",
            "correct architecture, stages or file in the entry",
        ) from error
    stages = [nn.Sequential(*part).eval().requires_grad_(False) for part in parts]
    return [stage.to(device, dtype, memory_format=torch.channels_last) for stage in stages]


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
            if not out_of_memory(error):  # which is waited for where it is needed
                raise JobError("", f"device {name!r} is not available here: {error}") from error
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    _warn_of_unseen_gpu()
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _warn_of_unseen_gpu() -> None:
    """Say so where a GPU was allotted that torch cannot use, instead of being slow in silence."""
    for name in ALLOTMENTS:
        if os.environ.get(name, "") not in NONE:
            logging.getLogger("dia").warning(
                "a GPU was allotted (%s=%s), but torch %s does not see it and the CPU works "
                "instead; install a torch for the driver that nvidia-smi shows, or set device: cpu",
                name,
                os.environ[name],
                torch.__version__,
            )
            return
