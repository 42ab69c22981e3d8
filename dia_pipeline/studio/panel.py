"""The usual settings of a pair as its page shows them, made of their declarations alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from dia_pipeline.comparisons.sweep import values_to_try
from dia_pipeline.runs.config import check_row, merge, pair_settings
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.settings import SettingsError, in_effect, options
from dia_pipeline.settings.declarations import Setting, written
from dia_pipeline.studio.draft import OF_DRAFTS


@cache
def usual() -> dict[str, Setting]:
    """The settings that the page shows, by name."""
    return {name: setting for name, setting in options().items() if setting.usual}


def fields(plan: Plan, pair: Pair) -> list[dict[str, Any]]:
    """For every usual setting its declaration, and what it is for a pair.

    `free` says that it can be more than its choices, `drafted` that a draft shows it, `own` what
    its row of the table says, empty if nothing. `variants` has for each variant what holds now and
    by default, each empty if none of the choices does, and which values can be tried: none where
    they all make the same.
    """
    return [
        {
            "name": name,
            "brief": setting.brief,
            "more": _more(setting),
            "choices": list(map(written, setting.choices)),
            "free": bool(setting.named) or not setting.choices,
            "drafted": name not in OF_DRAFTS,
            "own": written(pair.options[name]) if name in pair.options else "",
            "variants": {each: _in_variant(plan, each, pair, setting) for each in plan.variants},
        }
        for name, setting in usual().items()
    ]


def with_value(pair: Pair, name: str, value: Any) -> Pair:
    """A pair whose row says a value of a setting."""
    return replace(pair, options={**pair.options, name: value})


def _more(setting: Setting) -> str:
    """What the meaning says beside its first part, and the values that are no choices."""
    explained = setting.meaning.removeprefix(setting.brief).lstrip(":; ")
    allowed = "" if setting.choices and not setting.named else setting.allowed
    return "; ".join(filter(None, (explained, allowed)))


def _in_variant(plan: Plan, variant: str, pair: Pair, setting: Setting) -> dict[str, Any]:
    others = {name: value for name, value in pair.options.items() if name != setting.name}
    layers = (plan.config.settings, plan.config.variants[variant])
    default = in_effect(setting.name, merge(layers[0], others, layers[1]))
    now = in_effect(setting.name, merge(layers[0], pair.options, layers[1]))
    made = dict(_made(plan, variant, pair, setting.name, values_to_try(setting, now)))
    return {
        "default": "" if default is None else written(default),
        "now": "" if now is None else written(now),
        "tried": [*map(written, made)] if len({*made.values()}) > 1 else [],
    }


def _made(
    plan: Plan, variant: str, pair: Pair, name: str, values: tuple
) -> Iterator[tuple[Any, Any]]:
    """The values that are possible with the other settings, and the settings that come of each."""
    for value in values:
        changed = with_value(pair, name, value)
        try:
            check_row(plan.config, variant, changed)
        except SettingsError:
            continue
        yield value, pair_settings(plan.config, variant, changed)
