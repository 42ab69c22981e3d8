"""Features and levels as arrays for a file, and back: nothing is lost either way.

What is kept in float16 was rounded to it when it was made, so both ways are exact.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import fields

import numpy as np
import torch

from dia_pipeline.algorithm.coarse_to_fine import Level
from dia_pipeline.algorithm.features import Pyramid

Arrays = dict[str, np.ndarray]


def pack_features(pyramid: Pyramid, feature_dtype: str) -> Arrays:
    """The pyramid as `level0` (float32), `level1` and so on (`feature_dtype`)."""
    return {
        f"level{level}": features.cpu().numpy().astype(feature_dtype if level else "float32")
        for level, features in pyramid.items()
    }


def unpack_features(
    arrays: Arrays, device: torch.device, levels: Container[int] = range(8)
) -> Pyramid:
    """The inverse of `pack_features`, in float32; of those levels among these that there are."""
    known = {int(name.removeprefix("level")): array for name, array in arrays.items()}
    return {
        level: torch.from_numpy(array).to(device).float()
        for level, array in known.items()
        if level in levels
    }


def pack_level(level: Level, feature_dtype: str) -> Arrays:
    """A level under the names of its fields, without those that are None."""
    return {
        name: array.astype(feature_dtype) if name.startswith("latent") else array
        for name, array in _arrays(level).items()
    }


def unpack_level(arrays: Arrays, device: torch.device | str = "cpu") -> Level:
    """The inverse of `pack_level`, latents in float32."""
    tensors = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
    return Level(
        **{
            name: tensor.float() if name.startswith("latent") else tensor
            for name, tensor in tensors.items()
        }
    )


def pack_levels(levels: dict[int, Level]) -> Arrays:
    """Fields and energies of all levels, as `level5/nnf_ab` and so on, without the latents."""
    return {
        f"level{number}/{name}": array
        for number, level in levels.items()
        for name, array in _arrays(level).items()
        if not name.startswith("latent")
    }


def unpack_levels(arrays: Arrays) -> dict[int, Level]:
    """The inverse of `pack_levels`, on the CPU, coarse to fine."""
    levels: dict[int, Arrays] = {}
    for path, array in arrays.items():
        level, name = path.split("/")
        levels.setdefault(int(level.removeprefix("level")), {})[name] = array
    return {number: unpack_level(levels[number]) for number in sorted(levels, reverse=True)}


def _arrays(level: Level) -> Arrays:
    tensors = {field.name: getattr(level, field.name) for field in fields(level)}
    return {name: tensor.cpu().numpy() for name, tensor in tensors.items() if tensor is not None}
