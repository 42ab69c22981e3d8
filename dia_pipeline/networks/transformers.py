"""Vision transformers of timm: what they make of an image, as a map of descriptors.

Where a network's map tells the place as well as the content, that part is taken out on request. It
shows in what the network makes of an image in one colour: Yang et al., "Denoising Vision
Transformers", ECCV 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dia_pipeline.networks.parameters import read_state
from dia_pipeline.networks.weights import WeightsError
from dia_pipeline.pixels import resize_image
from dia_pipeline.text import quoted, shortened

PREFIX = "timm:"
"""What a network's name begins with."""

HEADS = ("head.", "head_dist.", "fc_norm.", "norm.", "mask_token")
"""Parameters that a file may have in excess: those that classify, or serve to train."""

PLACED = 0.9
"""The share of an empty map's variance that the directions explain which tell the place."""

NOISE = 1e-4
"""A direction with less than this share of an empty map tells nothing: it is rounding."""


class Transformer:
    """A plain vision transformer of timm on one device, in float32.

    Attributes:
        depth: its layers.
        width: the channels of each.
        patch: height and width in pixels of what a position of its map shows.
        side: the longer side in pixels of the images it was trained on.
    """

    def __init__(self, network: str, path: Path, device: torch.device | str = "cpu"):
        """Build it, and fill it with the parameters of a file (.safetensors, or torch's).

        Raises:
            WeightsError: timm is not installed, has no such network, or one of another kind; or
                the file is not there, or holds another network.
        """
        self._model = _built(network)
        _fill(self._model, network, path)
        self._model.eval().requires_grad_(False).to(device)
        self._device = device
        about = self._model.pretrained_cfg
        self._mean, self._deviation = (
            torch.tensor(about[name], device=device)[:, None, None] for name in ("mean", "std")
        )
        self.depth = len(self._model.blocks)
        self.width = self._model.embed_dim
        self.patch: tuple[int, int] = tuple(self._model.patch_embed.patch_size)
        self.side = max(about["input_size"][1:])

    def describe(
        self, image: np.ndarray, layers: Sequence[int], side: int, placeless: bool = False
    ) -> np.ndarray:
        """The map of an image, which is resized to whole positions; its places are interpolated.

        Args:
            image: (H, W, 3) uint8 RGB.
            layers: counted from 0; their maps, each through the last norm, are put together.
            side: the longer side in pixels to which the image is resized.
            placeless: whether the directions that tell the place are projected out of each layer.

        Returns:
            (C, h, w) float32, with C the layers times `width`.
        """
        values = self._input(image, side)
        maps = self._maps(values, layers)
        if placeless:
            empty = self._maps(torch.zeros_like(values), layers)
            maps = [without_places(*each) for each in zip(maps, empty, strict=True)]
        return torch.cat(maps).cpu().numpy()

    def _input(self, image: np.ndarray, side: int) -> torch.Tensor:
        scale = side / max(image.shape[:2])
        size = [
            max(1, round(own * scale / step)) * step
            for own, step in zip(image.shape[:2], self.patch, strict=True)
        ]
        values = torch.tensor(resize_image(image, tuple(size)), device=self._device)
        return (values.permute(2, 0, 1).float() / 255 - self._mean) / self._deviation

    def _maps(self, values: torch.Tensor, layers: Sequence[int]) -> list[torch.Tensor]:
        """The map (C, h, w) of each layer, in the order that is asked for."""
        order = sorted(set(layers))
        with torch.inference_mode():
            made = self._model.forward_intermediates(
                values[None], indices=order, norm=True, stop_early=True, intermediates_only=True
            )
        by_layer = dict(zip(order, made, strict=True))
        return [by_layer[layer][0] for layer in layers]


def without_places(features: torch.Tensor, empty: torch.Tensor) -> torch.Tensor:
    """Features without the directions in which those of an empty image vary.

    These are the fewest principal directions that explain PLACED of the variance over its
    positions.

    Args:
        features, empty: (C, h, w) of an image, and of one of the same size in one colour.

    Returns:
        (C, h, w), orthogonal to the directions at every position.
    """
    varied = (empty - empty.mean(dim=(1, 2), keepdim=True)).flatten(1)
    directions, strengths, _ = torch.linalg.svd(varied, full_matrices=False)
    told = strengths > NOISE * torch.linalg.norm(empty)
    explained = torch.cumsum(strengths**2, 0) / (strengths**2).sum().clamp(min=1e-30)
    before = torch.cat([explained.new_zeros(1), explained[:-1]])
    taken = directions[:, told & (before < PLACED)]
    flat = features.flatten(1)
    return (flat - taken @ (taken.T @ flat)).reshape(features.shape)


def _built(network: str) -> Any:
    """The network of timm's, with any numbers."""
    try:
        timm = import_module("timm")
    except (ImportError, RuntimeError) as error:  # of torchvision, if its build does not fit torch
        problem = f"transformers need timm, which cannot be loaded ({shortened(str(error))})"
        remedy = "pip install 'dia-pipeline[descriptors]', and torchvision as torch is built"
        raise WeightsError("", problem, remedy) from error
    name = network.removeprefix(PREFIX)
    if name == network or not timm.is_model(name):
        remedy = f"give {PREFIX}NAME, of those that timm.list_models() tells"
        raise WeightsError(network, f"timm has no network {quoted(name)}", remedy)
    try:
        model = timm.create_model(name, num_classes=0, dynamic_img_size=True)
        if callable(model.forward_intermediates) and model.num_prefix_tokens >= 0:
            return model
    except (TypeError, AttributeError):  # others take no images of any size, or have no tokens
        pass
    problem = "it is no plain vision transformer, whose tokens are patches of the image"
    raise WeightsError(network, problem, "give one such as timm:vit_small_patch14_dinov2")


def _fill(model: Any, network: str, path: Path) -> None:
    """Give a network the parameters of a file."""
    if not path.is_file():
        remedy = "download the network's weights, and name the file"
        raise WeightsError(path, "there is no such file", remedy)
    try:
        state = read_state(path)
        filtered = getattr(import_module(type(model).__module__), "checkpoint_filter_fn", None)
        state = filtered(state, model) if filtered else state
        missing, others = model.load_state_dict(state, strict=False)
        others = [name for name in others if not name.startswith(HEADS)]
        if missing or others:
            kind, names = ("it lacks", missing) if missing else ("it has", others)
            raise ValueError(f"{kind} {names[0]}")
    except Exception as error:  # torch, safetensors and timm raise many kinds
        reason = shortened(" ".join(str(error).split()))
        problem = f"these are no parameters of {network} ({reason})"
        raise WeightsError(path, problem, "give the file of this network") from error
