"""Options that several commands have; those of the settings are made of their declarations."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from dia_pipeline.guides import GUIDES, Guide, check_guides
from dia_pipeline.settings import options
from dia_pipeline.settings.declarations import Setting

Output = Annotated[Path, typer.Option("--output", "-o", help="Folder of the results.")]
Replace = Annotated[
    bool, typer.Option("--replace", help="Replace results of other inputs or settings.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
Configfile = Annotated[
    str, typer.Option(help="The configuration, as snakemake takes it.", metavar="FILE")
]
Results = Annotated[Path, typer.Argument(help="The folder of results.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; by default all.")]


def takes_settings(
    *names: str, guides: Mapping[str, Guide] | None = None, **defaults: str
) -> Callable[[Callable], Callable]:
    """A command whose `**options` are settings, None where not given; by default all settings.

    Args:
        names: those that the command takes.
        guides: those that it takes too, by name; `guides_of` parts them from the settings.
        defaults: what the help says where the command itself decides what is not given.
    """

    def decorate(command: Callable) -> Callable:
        signature = inspect.signature(command, eval_str=True)
        own = [each for each in signature.parameters.values() if each.kind != each.VAR_KEYWORD]
        said = {name: _guide_option(guide) for name, guide in (guides or {}).items()}
        taken = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
            )
            for name, annotation in {
                **said,
                **_options(names or tuple(options()), defaults),
            }.items()
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
    kind: Any = type(setting.default)
    values = f"{setting.allowed}; "
    if kind is str:
        values = f"{setting.allowed}; " if setting.named else ""  # else the type shows them
        kind = str if setting.named else one_of(map(str, setting.choices))
    panel = "Usual settings" if setting.usual else "Expert settings"
    about = f"{setting.meaning[0].upper()}{setting.meaning[1:]} ({values}default {default})."
    # Programs write 64 as 64.0 too.
    metavar = {int: "INTEGER", float: "FLOAT", tuple: "N,N,N,N"}.get(kind)
    kind = str if kind is tuple else kind
    parser = setting.parse if metavar else None
    option: Any = typer.Option(help=about, rich_help_panel=panel, parser=parser, metavar=metavar)
    return Annotated[kind | None, option]


def _guide_option(guide: Guide) -> Any:
    about = f"{guide.meaning[0].upper()}{guide.meaning[1:]}."
    option: Any = typer.Option(help=about, rich_help_panel="What you can say", metavar="FILE")
    return Annotated[str | None, option]


def guides_of(given: dict[str, Any]) -> dict[str, str]:
    """The files of guides by name, which are taken out of the options of a command."""
    guides = {name: given.pop(name) for name in GUIDES if name in given}
    guides = {name: path for name, path in guides.items() if path is not None}
    check_guides(guides)
    return guides


def one_of(choices: Iterable[str]) -> Any:
    """The type of a word that is one of some."""
    return Literal.__getitem__(tuple(choices))


def limit_threads(threads: int | None) -> None:
    """Must be called before the libraries that compute are imported."""
    if threads:
        for library in ("OMP", "MKL", "OPENBLAS", "NUMBA"):
            os.environ[f"{library}_NUM_THREADS"] = str(threads)
