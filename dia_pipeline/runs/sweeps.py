"""A sweep: one pair in variants that are values of settings, and named by these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PAIR = "pair"
"""The name of its pair: that of the folder says more."""

Values = Mapping[str, Any]
"""Settings and the values that a variant has of them."""


def variant_of(values: Values) -> str:
    """The name of the variant of some values."""
    return "-".join(f"{name}-{value}" for name, value in values.items())


def words_of(values: Values) -> str:
    """The same for people."""
    return ", ".join(f"{name} {value}" for name, value in values.items())


def labels_of(variants: Mapping[str, Values]) -> dict[str, str]:
    """What variants are called: those of a sweep by their values, others by their names."""
    return {
        variant: words_of(values) if variant == variant_of(values) else variant
        for variant, values in variants.items()
    }


def setting_of(variants: Mapping[str, Values]) -> str:
    """The setting of which all variants are values; empty if they are not, or of several."""
    settings = {tuple(v) if variant == variant_of(v) else () for variant, v in variants.items()}
    return setting[0] if len(settings) == 1 and len(setting := settings.pop()) == 1 else ""
