"""The application: what all commands have in common."""

from __future__ import annotations

import atexit
import gc
import logging
import os
from typing import Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from dia_pipeline.errors import describe, is_expected

# Before torch is imported: threads that wait give way instead of spinning. On a machine that other
# work shares spinning makes everything several times slower; on an idle one it gains nothing.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# When it leaves, Python looks for garbage among all that torch and numba have made: half a second.
atexit.register(gc.freeze)

console = Console(highlight=False, soft_wrap=True)


class Commands(TyperGroup):
    """Commands whose expected errors are one clear line and exit status 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            if not is_expected(error):
                raise
            typer.secho(f"error: {describe(error)}", fg="red", err=True)
            raise typer.Exit(2) from error


app = typer.Typer(
    cls=Commands,
    help="Visual attribute transfer through deep image analogy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def prepare():
    logging.basicConfig(format="%(message)s")
    logging.getLogger("dia").setLevel(logging.INFO)
