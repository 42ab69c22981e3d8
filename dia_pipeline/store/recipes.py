"""Which settings decide what a stage makes."""

from __future__ import annotations

from typing import Any

from dia_pipeline.settings import COARSE, FEATURE_MATCHERS, LEVELS, Settings

STAGES = ("features", *(f"level{level}" for level in LEVELS), "aggregate")
"""The stages of a pair, in order."""


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


def matching_settings(settings: Settings) -> dict[str, Any]:
    """The settings that decide the fields of a pair, by stage."""
    return {stage: stage_settings(stage, settings) for stage in STAGES[:-1]}
