"""What every artefact is made of: the settings and inputs that decide it, and their digest.

A recipe is a JSON-like mapping. Its digest, the key, chains through those of its inputs down to
the pictures and the weights: an artefact whose key is the expected one need not be made again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from dia_pipeline.settings import COARSE, FEATURE_MATCHERS, LEVELS, Settings

FORMAT = 2
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
        if settings.matcher not in FEATURE_MATCHERS:
            return {}
        names = ("backbone", "ratio", "max_side", "precision", "feature_dtype", "orientation")
    elif stage == "aggregate":
        names = ("composition", "refine")
    else:
        names = ("matcher", "finest", "directions", "search", "iterations", "seed")
        coarse = int(stage[-1]) in COARSE
        names += ("coarse_patch", "smoothness") if coarse else ("fine_smoothness",)
        if stage == f"level{settings.levels[0]}":
            names += ("orientation", "initial")
        if stage != "level1":
            names += ("deconvolution", "blend_map")
        if settings.matcher not in FEATURE_MATCHERS:  # the pictures decide, and not their features
            names += ("ratio", "max_side")
    chosen = {name: getattr(settings, name) for name in names}
    if stage.startswith("level") and stage != "level1":
        chosen["alpha"] = settings.alpha(int(stage.removeprefix("level")) - 1)
    return chosen


@dataclass(frozen=True)
class Sources:
    """What everything made of a pair goes back to.

    Attributes:
        a, b_prime, weights: SHA-256 digests of the files.
        a_prime: that of the given A', for the matcher that needs it.
    """

    a: str
    b_prime: str
    weights: str
    settings: Settings
    a_prime: str = ""


def features_recipe(image: str, weights: str, settings: Settings, mirrored: bool = False) -> Recipe:
    """The features of a picture, or of its mirror image; given by the digests of the files."""
    names = ("ratio", "max_side", "precision", "feature_dtype")
    chosen = {name: getattr(settings, name) for name in names}
    return recipe("features", {**chosen, "mirrored": mirrored}, image=image, weights=weights)


def level_recipe(level: int, sources: Sources) -> Recipe:
    """One level of a pair of pictures."""
    settings = sources.settings
    stage = f"level{level}"
    if level == settings.levels[0]:
        inputs = {
            "features_a": digest(features_recipe(sources.a, sources.weights, settings)),
            "features_b_prime": digest(features_recipe(sources.b_prime, sources.weights, settings)),
            "a_prime": sources.a_prime,
        }
    else:
        inputs = {"previous": digest(level_recipe(level + 1, sources))}
    return recipe(stage, stage_settings(stage, settings), **inputs)


def nnf_recipe(sources: Sources) -> Recipe:
    """The fields and energies of all levels together."""
    finest = level_recipe(sources.settings.levels[-1], sources)
    return recipe("nnf", {}, finest=digest(finest))


def aggregate_recipe(sources: Sources) -> Recipe:
    """The pictures and whatever else a pair's folder holds."""
    nnf = digest(nnf_recipe(sources))
    chosen = stage_settings("aggregate", sources.settings)
    return recipe("aggregate", chosen, nnf=nnf, a=sources.a, b_prime=sources.b_prime)


def recipe(stage: str, settings: dict[str, Any], **inputs: str) -> Recipe:
    """What a stage makes of inputs, which are given by their digests or keys."""
    return {"format": FORMAT, "stage": stage, "settings": settings, "inputs": inputs}
