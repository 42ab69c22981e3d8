"""Options that several commands have; those of the settings are made of their declarations."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from dia_pipeline.declarations import Setting
from dia_pipeline.settings import options

Output = Annotated[Path, typer.Option("--output", "-o", help="Folder of the results.")]
GUIDES = "What guides the matches"
LabelsA = Annotated[
    Path | None, typer.Option(help="Image of A whose colours are labels.", rich_help_panel=GUIDES)
]
LabelsBPrime = Annotated[
    Path | None,
    typer.Option(help="The same for B': matches keep to the same colour.", rich_help_panel=GUIDES),
]
Points = Annotated[
    Path | None,
    typer.Option(
        help="CSV of points that belong together: a_x,a_y,b_prime_x,b_prime_y in pixels.",
        rich_help_panel=GUIDES,
    ),
]
Replace = Annotated[
    bool, typer.Option("--replace", help="Replace results of other inputs or settings.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
Results = Annotated[Path, typer.Argument(help="The folder of results.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; by default all.")]


def takes_settings(*names: str, **defaults: str) -> Callable[[Callable], Callable]:
    """A command whose `**options` are settings, None where not given; by default all settings.

    Args:
        names: those that the command takes.
        defaults: what the help says where the command itself decides what is not given.
    """

    def decorate(command: Callable) -> Callable:
        signature = inspect.signature(command, eval_str=True)
        own = [each for each in signature.parameters.values() if each.kind != each.VAR_KEYWORD]
        taken = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
            )
            for name, annotation in _options(names or tuple(options()), defaults).items()
        ]
        parameters = [*own, *taken]
        setattr(command, "__signature__", signature.replace(parameters=parameters))  # noqa: B010
        return command

    return decorate


def _options(names: tuple[str, ...], defaults: dict[str, str]) -> dict[str, Any]:
    """The types of options with their help."""
    known = options()
    return {name: _option(known[name], defaults.get(name, known[name].shown)) for name in names}


def _option(setting: Setting, default: str) -> Any:
    kinds: dict[type, Any] = {tuple: tuple[float, float, float, float]}
    kind: Any = kinds.get(type(setting.default), type(setting.default))
    values = f"{setting.allowed}; "
    if kind is str:
        values = f"{setting.allowed}; " if setting.named else ""  # else the type shows them
        kind = str if setting.named else one_of(map(str, setting.choices))
    panel = "Usual settings" if setting.usual else "Expert settings"
    about = f"{setting.meaning[0].upper()}{setting.meaning[1:]} ({values}default {default})."
    # Programs write 64 as 64.0 too.
    metavar = {int: "INTEGER", float: "FLOAT"}.get(kind)
    parser = setting.parse if metavar else None
    option: Any = typer.Option(help=about, rich_help_panel=panel, parser=parser, metavar=metavar)
    return Annotated[kind | None, option]


def guides_of(
    labels_a: Path | None, labels_b_prime: Path | None, points: Path | None
) -> dict[str, str]:
    """The files that guide the matches, by `runs.tables.GUIDES`."""
    if (labels_a is None) != (labels_b_prime is None):
        raise typer.BadParameter("labels are those of both images: give --labels-a and -b-prime")
    given = {"labels_a": labels_a, "labels_b_prime": labels_b_prime, "points": points}
    return {name: str(path) for name, path in given.items() if path}


def one_of(choices: Iterable[str]) -> Any:
    """The type of a word that is one of some."""
    return Literal.__getitem__(tuple(choices))


def limit_threads(threads: int | None) -> None:
    """Must be called before the libraries that compute are imported."""
    if threads:
        for library in ("OMP", "MKL", "OPENBLAS", "NUMBA"):
            os.environ[f"{library}_NUM_THREADS"] = str(threads)
