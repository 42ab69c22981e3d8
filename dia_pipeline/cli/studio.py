"""The studio: results mended in a browser."""

from __future__ import annotations

import secrets
import webbrowser
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from dia_pipeline.cli.app import app, say, waiting
from dia_pipeline.cli.options import Configfile
from dia_pipeline.errors import DiaError

PANEL = "In the browser"


@app.command(rich_help_panel=PANEL)
def studio(
    given: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FOLDER | A B_PRIME]",
            help="A project, a folder of results, or two images; by default this folder.",
        ),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="The project that is made for two images or one result."
        ),
    ] = Path("studio"),
    configfile: Configfile = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="By default one that is free.")] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address.")
    ] = False,
):
    """Mend results in a browser: points, labels and masks are drawn, and pairs made anew."""
    from importlib import util

    if not util.find_spec("starlette") or not util.find_spec("uvicorn"):
        raise DiaError("", "the studio needs a server", "pip install 'dia-pipeline[studio]'")
    from dia_pipeline.studio.opening import (
        folder_of,
        is_single,
        project_with,
        row_of_images,
        row_of_single,
    )
    from dia_pipeline.studio.project import Project
    from dia_pipeline.studio.server import Studio
    from dia_pipeline.studio.serving import listen, serve

    paths = given or [Path()]
    if len(paths) > 2:
        raise typer.BadParameter("give a folder, or two images")
    if len(paths) == 2:
        project_with(output, row_of_images(*paths))
        folder = output
    elif is_single(paths[0]):
        project_with(output, row_of_single(paths[0]))
        folder = output
    else:
        folder = folder_of(paths[0], configfile)
    with chdir(folder), TemporaryDirectory(prefix="dia-studio-") as scratch:
        from dia_pipeline.gallery.gallery import make_gallery

        project = Project(configfile)
        with waiting("making the gallery"):
            make_gallery(project.plan)
        with listen(port) as socket:
            token, own = secrets.token_urlsafe(24), socket.getsockname()[1]
            the_studio = Studio(project, Path(scratch))
            application = the_studio.application(own, token)
            address = f"http://127.0.0.1:{own}/?token={token}"
            say(f"The studio of {Path.cwd()}, until Ctrl-C: {address}")
            if not no_browser:
                webbrowser.open(address)
            serve(application, socket, lambda: the_studio.jobs.tell(None))
