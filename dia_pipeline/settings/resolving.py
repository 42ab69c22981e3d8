"""All that a user can set, by name, and the settings that come of it."""

from __future__ import annotations

from functools import cache
from typing import Any

from dia_pipeline.settings.declarations import Setting, SettingsError, Shorthand, either
from dia_pipeline.settings.settings import FEATURE_MATCHERS, Settings, declared
from dia_pipeline.settings.shorthands import SHORTHANDS
from dia_pipeline.text import quoted


@cache
def options() -> dict[str, Setting]:
    """All that a user can set, by name: shorthands, then settings."""
    return SHORTHANDS | {each.name: each for each in declared()}


def resolve(given: dict[str, Any]) -> Settings:
    """Turn options as a user writes them into settings.

    `preset` is applied first, then `quality`, `blend` and `task`, then every other option by its
    own name, so that the more specific one wins. Options whose value is None count as not given.
    Matchers that work on the images themselves have nothing that `task` decides, and match a pair
    in the pose in which it is given.

    Raises:
        SettingsError: an option or a value does not exist.
    """
    chosen = _spread(given)
    return Settings(**{name: chosen[name] for name in chosen.keys() - SHORTHANDS.keys()})


def in_effect(name: str, given: dict[str, Any]) -> Any:
    """The value that an option has where these are given; None if none of its choices holds.

    That is so of a shorthand where what it stands for, as the weights of `blend`, is given itself.

    Raises:
        SettingsError: an option or a value does not exist.
    """
    option, chosen = options()[name], _spread(given)
    value = chosen.get(name, option.default)
    if isinstance(option, Shorthand):
        for decided, meant in option.values[value].items():
            if not options()[decided].usual and chosen.get(decided, meant) != meant:
                return None
    return value


def _spread(given: dict[str, Any]) -> dict[str, Any]:
    """Options, and those that their shorthands stand for."""
    known = options()
    for name in given:
        if name not in known:
            problem = f"{quoted(name)} is not possible"
            raise SettingsError("option", problem, f"it must be {either(known)}")
    chosen = {name: known[name].parse(value) for name, value in given.items() if value is not None}
    chosen.setdefault("preset", SHORTHANDS["preset"].default)
    for name, shorthand in SHORTHANDS.items():
        if name in chosen:
            choice = chosen[name]
            shorthand.check(choice)
            if name != "task" or chosen.get("matcher", Settings.matcher) in FEATURE_MATCHERS:
                chosen = {**shorthand.values[choice], **chosen}
    if chosen.get("matcher", Settings.matcher) not in FEATURE_MATCHERS:
        chosen.setdefault("pose", "given")
    return {name: _fixed(value) for name, value in chosen.items()}


def _fixed(value: Any) -> Any:
    """Several values as a tuple, which cannot change."""
    return tuple(value) if isinstance(value, list) else value


@cache
def stands_for(name: str) -> set[str]:
    """The options that a shorthand may decide, those of other shorthands among them."""
    if name not in SHORTHANDS:
        return set()
    names = {each for decided in SHORTHANDS[name].values.values() for each in decided}
    return names.union(*map(stands_for, names))


def schema() -> dict[str, Any]:
    """The JSON Schema of options as a user writes them."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "settings.schema.json",
        "type": "object",
        "additionalProperties": False,
        "properties": {name: each.schema for name, each in options().items()},
    }


def table() -> str:
    """All options in Markdown."""
    rows = ["| setting | default | meaning | values |", "|---|---|---|---|"]
    for name, each in options().items():
        values = ", ".join(f"`{choice}`" for choice in each.choices) or each.allowed
        values += f", or {each.named}" if each.named else ""
        rows.append(f"| `{name}` | `{each.shown}` | {each.meaning} | {values} |")
    return "\n".join(rows)
