"""Parameter files: the numbers of a network by our names, whatever layout the file has."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import torch

from dia_pipeline.networks.backbones import Entry

_PLACE = re.compile(r"features\.(\d+)\.weight")
_EPSILON = 1e-5  # of torch's batch normalisation


def read_parameters(path: Path, entry: Entry) -> dict[str, torch.Tensor]:
    """The convolutions up to conv5_1, or all parameters of another architecture.

    Raises:
        Exception: of many kinds, if the file does not hold this network or is damaged.
    """
    parameters = read_state(path)
    if not entry.architecture:
        parameters = _in_order(parameters, entry)
        _check_convolutions(parameters, entry)
    _check_numbers(parameters)
    return parameters


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """The parameters of a file, by name and in their order there.

    Raises:
        Exception: of many kinds, if the file is damaged.
    """
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    mappable = zipfile.is_zipfile(path)  # older files have another format of torch's
    return torch.load(path, map_location="cpu", weights_only=True, mmap=mappable)


def _check_numbers(parameters: dict[str, torch.Tensor]) -> None:
    for name, values in parameters.items():
        if not torch.isfinite(values).all():
            raise ValueError(f"{name} holds numbers that are none or infinite")


def _check_convolutions(parameters: dict[str, torch.Tensor], entry: Entry) -> None:
    """Check that convolutions have the shapes that the network wants, and let something through."""
    for name, shape in entry.shapes.items():
        if tuple(parameters[name].shape) != shape:
            raise ValueError(f"{name} has the shape {tuple(parameters[name].shape)}")
        if name.endswith(".weight") and not parameters[name].any():
            raise ValueError(f"{name} is zero everywhere")


def _in_order(state: dict[str, torch.Tensor], entry: Entry) -> dict[str, torch.Tensor]:
    """The parameters up to conv5_1 by our names.

    Those of torchvision's kind are named by their place in the network: its convolutions are
    taken in order, and batch normalisations after them become part of them.
    """
    names = [f"conv{block}_{number}" for block, number in entry.positions]
    if f"{names[0]}.weight" in state:
        return state
    places = sorted({int(match[1]) for name in state if (match := _PLACE.fullmatch(name))})
    known = [place for place in places if state[f"features.{place}.weight"].ndim == 4]
    parameters = {}
    for name, place in zip(names, known, strict=False):
        weight, bias = state[f"features.{place}.weight"], state.get(f"features.{place}.bias")
        bias = torch.zeros(len(weight)) if bias is None else bias
        if f"features.{place + 1}.running_var" in state:
            weight, bias = _normalised(weight, bias, state, f"features.{place + 1}")
        parameters[f"{name}.weight"], parameters[f"{name}.bias"] = weight, bias
    return parameters


def _normalised(
    weight: torch.Tensor, bias: torch.Tensor, state: dict[str, torch.Tensor], name: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """A convolution followed by a batch normalisation, as one convolution."""
    parts = ("weight", "bias", "running_mean", "running_var")
    own = {f"{name}.{part}": state[f"{name}.{part}"] for part in parts}
    _check_numbers(own)
    factor, offset, mean, variance = own.values()
    scale = factor / torch.sqrt(variance + _EPSILON)
    return weight * scale[:, None, None, None], bias * scale + (offset - scale * mean)
