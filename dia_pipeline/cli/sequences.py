"""One sequence."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from dia_pipeline.cli.app import app, complain, estimate_bar, say, waiting
from dia_pipeline.cli.options import (
    Device,
    Output,
    Replace,
    Threads,
    guides_of,
    limit_threads,
    one_of,
    takes_settings,
)
from dia_pipeline.cli.pages import NoPage, page_of
from dia_pipeline.guides import DRAWN
from dia_pipeline.io.codecs import CODECS
from dia_pipeline.settings import resolve
from dia_pipeline.temporal.coherence import MODES

PRESET = "photo-to-photo"
"""That of a sequence, unless it is given."""

Start = Annotated[int, typer.Option(min=0, help="First frame, counted from 0.")]
Stop = Annotated[int | None, typer.Option(min=1, help="Frame before which to stop.")]
Stride = Annotated[int, typer.Option(min=1, help="Every so many frames one is taken.")]


@app.command(rich_help_panel="One sequence")
@takes_settings(
    *("preset", "quality", "blend", "ratio", "max_side", "take", "pose", "depth", "backbone"),
    guides=DRAWN,
    preset=PRESET,
)
def timelapse(
    a: Annotated[
        str,
        typer.Argument(metavar="A", help="The image, or the video, whose structure is kept."),
    ],
    b_prime: Annotated[
        str,
        typer.Argument(
            metavar="B_PRIME",
            help="Whose look is taken: frames in a folder, a 'pattern*.jpg', a list.txt or a "
            "video; for a content video an image, or keyframes 0=FILE,60=FILE.",
        ),
    ],
    output: Output,
    start: Start = 0,
    stop: Stop = None,
    stride: Stride = 1,
    frame_rate: Annotated[
        float | None,
        typer.Option(min=0.1, help="Frames per second; by default the video's, or 24."),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(help="Seconds that a film of few references lasts; frames are blended."),
    ] = None,
    codec: Annotated[
        one_of(CODECS),  # type: ignore[valid-type]
        typer.Option(help="How the video is encoded; prores as video.mov."),
    ] = "h264",
    coherence: Annotated[
        one_of(MODES),  # type: ignore[valid-type]
        typer.Option(help="How the frames hang together."),
    ] = "warm-start",
    keyframe: Annotated[
        list[int] | None, typer.Option(help="locked: match this frame, not the median.")
    ] = None,
    replace: Replace = False,
    no_page: NoPage = False,
    device: Device = "auto",
    threads: Threads = None,
    **options: Any,
):
    """Relight an image by many references, or restyle a video: frame by frame, and as a video.

    The same command takes up a run that was ended, and makes what is missing. OUTPUT/index.html is
    a page to look at the results in a browser.
    """
    limit_threads(threads)
    from dia_pipeline.jobs.single import run_sequence
    from dia_pipeline.runs.config import check_sequence
    from dia_pipeline.runs.sequence import Sequence, find_frames

    guides = guides_of(options)
    settings = resolve({**options, "preset": options["preset"] or PRESET})
    check_sequence(settings)
    keyframes = tuple(sorted(keyframe or ()))
    moving = Sequence(
        *("", a, b_prime, start, stop, stride),
        *(frame_rate, duration, codec, coherence, keyframes),
        guides=guides,
    )
    with page_of(output, no_page):
        with estimate_bar() as progress:
            gaps = run_sequence(find_frames(moving), output, settings, device, progress, replace)
        say(f"The results: {output}/{moving.film}, {output}/contact_sheet.png and others")
        if gaps:
            for frame, reason in gaps.items():
                complain(f"frame {frame + 1} is missing: {reason}")
            complain("The same command fills the gaps once these can be read.", None)
            raise typer.Exit(1)


@app.command(rich_help_panel="One sequence")
def keyframes(
    clip: Annotated[str, typer.Argument(metavar="CLIP", help="The film: a video, or frames.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A new folder for the pictures.")],
    count: Annotated[
        int | None,
        typer.Option(min=1, help="Frames to propose; by default what all scenes need."),
    ] = None,
    start: Start = 0,
    stop: Stop = None,
    stride: Stride = 1,
):
    """Propose frames of a film to paint or colour: those that show what the others do not.

    They are written as pictures, with a table and a contact sheet; and it is said how to go on.
    """
    from dia_pipeline.jobs.keyframes import SHEET, Clip, check_empty, propose, write_proposal
    from dia_pipeline.runs.sources import kind_of, list_frames

    check_empty(output)
    frames = list_frames(clip, start, stop, stride)
    film = Clip(clip, frames, kind_of(clip) == "video")
    with waiting(f"comparing the frames of {clip}"):
        proposal = propose(film, count)
        write_proposal(output, film, proposal)
    shown = sum(each.adds for each in proposal.chosen)
    told = f"{len(proposal.chosen)} of {len(frames)} frames show {shown:.0%} of the film"
    say(f"{told}: {output}/{SHEET}")
    if proposal.unread:
        complain(
            f"Frames left out, damaged or of another size than the first: {proposal.unread}", None
        )
    if proposal.wanting:
        scenes = ", ".join(str(scene + 1) for scene in proposal.wanting)
        remedy = f"with --count {proposal.needed} every scene has one"
        complain(f"None shows enough of these scenes: {scenes}; {remedy}", None)
    part = {"--start": start, "--stop": stop, "--stride": stride}
    usual = {"--start": 0, "--stop": None, "--stride": 1}
    options = [str(word) for item in part.items() if item not in usual.items() for word in item]
    options += ["--coherence", "propagated", *proposal.preset]
    say("Paint the pictures; keep their names and sizes. Then:")
    say(shlex.join(["dia", "timelapse", clip, proposal.b_prime(output), "-o", "film", *options]))
