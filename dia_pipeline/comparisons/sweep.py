"""One pair with several values of settings, and the image that shows them all."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.sweeps import variant_of, words_of
from dia_pipeline.settings import options
from dia_pipeline.settings.declarations import Setting, SettingsError, either
from dia_pipeline.text import one_line, quoted


def variants_over(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The variants that `NAME=VALUE,VALUE` asks for, by name; of several settings all combinations.

    Raises:
        SettingsError: there is no such setting, or no values.
    """
    values: dict[str, dict[Any, None]] = {}
    for text in texts:
        name, _, cells = text.partition("=")
        setting = _setting(name.strip())
        given = [setting.parse(cell) for cell in cells.split(",") if cell.strip()]
        if not given:
            remedy = f"write {setting.name}=VALUE,VALUE"
            raise SettingsError("over", f"{quoted(text)} names no values", remedy)
        for value in given:
            setting.check(value)
        values.setdefault(setting.name, {}).update(dict.fromkeys(given))
    chosen = (dict(zip(values, each, strict=True)) for each in product(*values.values()))
    return {variant_of(each): each for each in chosen}


def values_to_try(setting: Setting, value: Any) -> tuple:
    """Values that show what a setting does where it has a value, or None: all its choices, with one
    of the user's own; of a number half of it, and itself. Nothing for several numbers."""
    if setting.choices:
        own = () if value in (None, *setting.choices) else (value,)
        return (*setting.choices, *own)
    if isinstance(value, tuple):
        return ()
    half = value // 2 if isinstance(setting.default, int) else value / 2
    return tuple(each for each in (half, value) if setting.permits(each))


def _setting(name: str) -> Setting:
    if name not in options():
        problem = f"there is no setting {quoted(name)}"
        raise SettingsError("over", problem, f"it is {either(options())}")
    return options()[name]


def draw(plan: Plan, pair: Pair, variants: list[str]) -> Path:
    """Show what some variants of a plan made of a pair; return the image's path."""
    from dia_pipeline.figures.sweep import draw_sweep
    from dia_pipeline.io.images import read_image, write_image

    made = {}
    for variant in variants:
        folder = plan.folder(variant, pair)
        b = folder / "b.png"
        of_b = read_image(b) if b.exists() else None
        label = words_of(plan.config.variants[variant])
        made[label] = (read_image(folder / "a_prime.png"), of_b)
    title = " and ".join(one_line(Path(path).name) for path in (pair.a, pair.b_prime))
    path = plan.results / "sweep.png"
    write_image(path, draw_sweep(title, read_image(pair.a), read_image(pair.b_prime), made))
    return path
