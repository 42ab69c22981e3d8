"""What is said of pairs."""

from __future__ import annotations

from typing import Annotated

import typer

from dia_pipeline.cli.app import app, complain, say, waiting
from dia_pipeline.cli.options import Configfile, Device
from dia_pipeline.cli.studio import PANEL
from dia_pipeline.guides import DRAWN

guides = typer.Typer(help="What is said of pairs.", no_args_is_help=True)
app.add_typer(guides, name="guides", rich_help_panel=PANEL)


@guides.command()
def carry(
    pair: Annotated[str, typer.Argument(help="The pair of which something is said.")],
    others: Annotated[
        list[str] | None,
        typer.Argument(help="The pairs for which it is to hold; by default all others."),
    ] = None,
    doubtful: Annotated[
        bool | None,
        typer.Option(
            "--doubtful/--no-doubtful",
            help="Take points that are not sure, or leave them out; by default you are asked.",
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace what is said of the other pairs.")
    ] = False,
    configfile: Configfile = "",
    device: Device = "auto",
):
    """Carry points, labels and masks of one pair to others that show the same kind of thing.

    They go along the matches between the images of the pairs, and are written to `guides/` and the
    table of pairs.
    """
    from dia_pipeline.studio.carrying import Ways, carried, matcher
    from dia_pipeline.studio.project import Project

    project = Project(configfile)
    source = project.pair(pair)
    said = [guide for guide in DRAWN if project.file_of(source, guide)]
    names = others or [each.name for each in project.plan.config.pairs if each.name != pair]
    ways = Ways(matcher(project.plan.common.backbone, device))
    for target in map(project.pair, names):
        own = [] if replace else [guide for guide in said if project.file_of(target, guide)]
        for guide in own:
            complain(f"{target.name}: it has {guide} of its own; --replace replaces them")
        wanted = [guide for guide in said if guide not in own]
        if not wanted:
            continue
        with waiting(f"matching {target.name}"):
            both = ways.of(source, target)

        def take(point: str, name: str = target.name) -> bool:
            if doubtful is not None:
                return doubtful
            return typer.confirm(f"{name}: {point} is not sure. Take it?")

        for guide, content in carried(project, source, wanted, both, take).items():
            if content:
                project.save(target.name, guide, content, project.version(target, guide))
                say(f"{target.name}: {guide}")
