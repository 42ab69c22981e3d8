"""The application: what all commands have in common."""

from __future__ import annotations

import atexit
import gc
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.status import Status
from rich.text import Text
from typer.core import TyperGroup

from dia_pipeline import __version__
from dia_pipeline.errors import describe, is_expected
from dia_pipeline.session import tame_libraries
from dia_pipeline.text import for_terminal

if TYPE_CHECKING:
    from dia_pipeline.machine.effort import Estimate

tame_libraries()  # before torch is imported

# What torch and numba make when they are loaded is no garbage. Python need not look through it all
# again and again, which takes a quarter of a second, nor once more when it leaves: half a second.
gc.set_threshold(*gc.get_threshold()[:2], 1000)
atexit.register(gc.freeze)


class SafeConsole(Console):
    """A terminal that obeys nothing that is printed: it may come from a user's files."""

    def __init__(self) -> None:
        super().__init__(highlight=False, soft_wrap=True, markup=False, emoji=False)

    def render_str(self, text: str, **how: Any) -> Text:
        return super().render_str(for_terminal(text), **how)


console = SafeConsole()


def say(text: str) -> None:
    """Print a line."""
    console.print(text)


@contextmanager
def estimate_bar() -> Iterator[Callable[[str, Estimate], None]]:
    """A bar over all steps with the time left; where there is no terminal, a line for each step."""
    from rich.progress import BarColumn, Progress, TextColumn

    step = "loading"
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[estimate]}")
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as display:
        bar = display.add_task(step, total=None, estimate="")

        def show(name: str, estimate: Estimate) -> None:
            nonlocal step
            whole, done = estimate.whole or None, estimate.done
            display.update(bar, description=name, total=whole, completed=done, estimate=estimate)
            if name != step and not console.is_terminal:
                say(", ".join(filter(None, (name, str(estimate)))))
            step = name

        yield show


def waiting(text: str) -> Status:
    """A sign of life in a terminal while something takes long; nothing elsewhere."""
    return console.status(f"{text} ...")


def complain(text: str, colour: str | None = "red") -> None:
    """Print a line of what is wrong."""
    typer.secho(for_terminal(text), fg=colour, err=True)


class Lines(logging.Handler):
    """What is logged, in lines of their own: beside a bar, stderr is what Rich puts there."""

    def emit(self, record: logging.LogRecord) -> None:
        print(for_terminal(self.format(record)), file=sys.stderr)


class Commands(TyperGroup):
    """Commands whose expected errors are one clear line and exit status 2.

    An option that has one value is not given twice: the first would be ignored without a word.
    """

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, given = super().resolve_command(ctx, args)
        if command and not ctx.resilient_parsing:
            own = command.context_class(command, info_name=name, parent=ctx)
            parsed: Any = command.make_parser(own).parse_args(list(given))
            for parameter, count in Counter(parsed[-1]).items():
                if count > 1 and not parameter.multiple:
                    raise typer.BadParameter("give it once", ctx=own, param=parameter)
        return name, command, given

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            if not is_expected(error):
                raise
            complain(f"error: {describe(error)}")
            raise typer.Exit(2) from error


app = typer.Typer(
    cls=Commands,
    help="Visual attribute transfer through deep image analogy.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        say(f"dia {__version__}")
        raise typer.Exit


@app.callback()
def prepare(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, help="Tell the version and exit.")
    ] = False,
):
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # terminals that know ASCII alone
            stream.reconfigure(errors="backslashreplace")
    logging.basicConfig(format="%(message)s", handlers=[Lines()])
    logging.getLogger("dia").setLevel(logging.INFO)
