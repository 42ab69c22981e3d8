"""One pair with several values of a setting, and the image that shows them all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dia_pipeline.declarations import SettingsError, either
from dia_pipeline.runs.config import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.settings import options
from dia_pipeline.text import one_line, quoted


def variants_over(text: str) -> dict[str, dict[str, Any]]:
    """The variants that `NAME=VALUE,VALUE` asks for, by name.

    Raises:
        SettingsError: there is no such setting, or no values.
    """
    name, _, values = text.partition("=")
    name = name.strip()
    if name not in options():
        problem = f"there is no setting {quoted(name)}"
        raise SettingsError("over", problem, f"it is {either(options())}")
    setting = options()[name]
    cells = [cell.strip() for cell in values.split(",") if cell.strip()]
    if not cells:
        raise SettingsError("over", f"{quoted(text)} names no values", f"write {name}=VALUE,VALUE")
    variants = {}
    for cell in cells:
        value = setting.parse(cell)
        setting.check(value)
        variants[f"{name}-{cell}"] = {name: value}
    return variants


def draw(plan: Plan, pair: Pair, variants: list[str]) -> Path:
    """Show what some variants of a plan made of a pair; return the image's path."""
    from dia_pipeline.figures.sweep import draw_sweep
    from dia_pipeline.io.images import read_image, write_image

    made = {}
    for variant in variants:
        folder = plan.folder(variant, pair)
        b = folder / "b.png"
        of_b = read_image(b) if b.exists() else None
        made[variant.replace("-", " ", 1)] = (read_image(folder / "a_prime.png"), of_b)
    title = " and ".join(one_line(Path(path).name) for path in (pair.a, pair.b_prime))
    path = plan.results / "sweep.png"
    write_image(path, draw_sweep(title, read_image(pair.a), read_image(pair.b_prime), made))
    return path
