"""What every artefact is made of: the settings and inputs that decide it, and their digest.

A recipe is a JSON-like mapping. Its digest, the key, chains through those of its inputs down to
the pictures and the weights: an artefact whose key is the expected one need not be made again.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from .settings import LEVELS, Settings

FORMAT = 1
"""Raised whenever the same recipe comes to mean other bytes: older artefacts are then remade."""

Recipe = dict[str, Any]

STAGES = ("features", *(f"level{level}" for level in LEVELS), "aggregate")
"""The stages of a pair, in order."""


def digest(value: Any) -> str:
    """The SHA-256 of a JSON-like value in hexadecimal."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def stage_settings(stage: str, settings: Settings) -> dict[str, Any]:
    """The settings that decide what one stage makes, given what the stages before it made."""
    if stage == "features":
        names = ("backbone", "ratio", "max_side", "precision", "feature_dtype")
    elif stage == "aggregate":
        names = ("refine",)
    else:
        names = ("directions", "search", "iterations", "seed")
        if stage == "level5":
            names += ("initial",)
        if stage != "level1":
            names += ("deconvolution", "blend_map")
    chosen = {name: getattr(settings, name) for name in names}
    if stage.startswith("level") and stage != "level1":
        chosen["alpha"] = settings.alpha(int(stage.removeprefix("level")) - 1)
    return chosen


def features_recipe(image: str, weights: str, settings: Settings) -> Recipe:
    """The features of a picture; both arguments are SHA-256 digests of files."""
    chosen = stage_settings("features", settings)
    del chosen["backbone"]  # the weights say it, also where the setting is `auto`
    return recipe("features", chosen, image=image, weights=weights)


def level_recipe(level: int, a: str, b_prime: str, weights: str, settings: Settings) -> Recipe:
    """One level of a pair of pictures, given by their digests."""
    stage = f"level{level}"
    if level == LEVELS[0]:
        inputs = {
            "features_a": digest(features_recipe(a, weights, settings)),
            "features_b_prime": digest(features_recipe(b_prime, weights, settings)),
        }
    else:
        previous = level_recipe(level + 1, a, b_prime, weights, settings)
        inputs = {"previous": digest(previous)}
    return recipe(stage, stage_settings(stage, settings), **inputs)


def nnf_recipe(a: str, b_prime: str, weights: str, settings: Settings) -> Recipe:
    """The fields and energies of all levels together."""
    finest = level_recipe(LEVELS[-1], a, b_prime, weights, settings)
    return recipe("nnf", {}, finest=digest(finest))


def aggregate_recipe(a: str, b_prime: str, weights: str, settings: Settings) -> Recipe:
    """The pictures and whatever else a pair's folder holds."""
    nnf = digest(nnf_recipe(a, b_prime, weights, settings))
    chosen = stage_settings("aggregate", settings)
    return recipe("aggregate", chosen, nnf=nnf, a=a, b_prime=b_prime)


def recipe(stage: str, settings: dict[str, Any], **inputs: str) -> Recipe:
    """What a stage makes of inputs, which are given by their digests or keys."""
    return {"format": FORMAT, "stage": stage, "settings": settings, "inputs": inputs}
