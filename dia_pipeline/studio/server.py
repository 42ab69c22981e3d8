"""What the server answers: the gallery, the page on which a pair is mended, and its files."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.responses import StreamingResponse as Stream
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from dia_pipeline.comparisons.sweep import variants_over
from dia_pipeline.errors import MALFORMED, DiaError
from dia_pipeline.gallery.gallery import make_gallery
from dia_pipeline.guides import DRAWN
from dia_pipeline.runs.config import check_row
from dia_pipeline.runs.pair import Pair
from dia_pipeline.settings.declarations import written
from dia_pipeline.studio.guard import Guard, body_of
from dia_pipeline.studio.jobs import BusyError, Jobs
from dia_pipeline.studio.panel import with_value
from dia_pipeline.studio.project import (
    ConflictError,
    Project,
    StudioError,
    UnknownError,
    setting_of,
)
from dia_pipeline.studio.scratch import BEFORE, RESULT, Scratch
from dia_pipeline.studio.state import address, state_of

STATIC, GALLERY = (
    Path(str(files(f"dia_pipeline.{room}"))) / "static" for room in ("studio", "gallery")
)

MAX_TEXT, MAX_POINTS, MAX_PNG = 1 << 10, 1 << 20, 1 << 24
"""Bytes of what is sent at most."""

MAX_TRIED = 12
"""So many values of a setting are tried at once at most."""

DRAFT = [sys.executable, "-m", "dia_pipeline.studio.draft"]
"""The command that makes drafts."""

STATUS = {UnknownError: 404, ConflictError: 409, BusyError: 409}
"""Those of expected errors; of all others it is 422."""


class Studio:
    """The pages and files of a project, to be served.

    Args:
        scratch: the folder of drafts.
    """

    def __init__(self, project: Project, scratch: Path):
        self.project, self.scratch, self.jobs = project, Scratch(scratch), Jobs()

    def application(self, port: int, token: str) -> Guard:
        """What answers on a port to those who know the token."""
        routes = [
            Route("/at/{path:path}", self.file),
            Route("/mend/{name:path}", self.page),
            Route("/pairs", self.pairs),
            Route("/state/{name}", self.state),
            Route("/guides/{name}/{guide}", self.guide),
            Route("/guides/{name}/{guide}", self.save, methods=["PUT"]),
            Route("/settings/{name}/{setting}", self.set, methods=["PUT"]),
            Route("/drafts/{name}/{variant}/{file}", self.draft_file),
            Route("/trials/{name}/{variant}/{number:int}", self.trial_file),
            Route("/draft/{name}/{variant}", self.draft, methods=["POST"]),
            Route("/try/{name}/{variant}/{setting}", self.try_values, methods=["POST"]),
            Route("/take/{name}/{variant}/{number:int}", self.take, methods=["POST"]),
            Route("/keep/{name}/{variant}", self.keep, methods=["POST"]),
            Route("/cancel", self.cancel, methods=["POST"]),
            Route("/events", self.events),
            Mount("/studio", StaticFiles(directory=STATIC)),
            Mount("/gallery", StaticFiles(directory=GALLERY)),
        ]
        handlers: dict[Any, Callable] = {
            DiaError: _refuse,
            OSError: _refuse,
            HTTPException: _refuse,
        }
        inner = Starlette(routes=routes, exception_handlers=handlers, lifespan=self._lifespan)
        return Guard(inner, port, token, address(self.project.plan.gallery))

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        yield
        await self.jobs.cancel()

    async def file(self, request: Request) -> Response:
        """A file of the results, or an image of the table; pages know the studio by a script."""
        path = Path("/", request.path_params["path"])
        if not await run_in_threadpool(self._may_be_seen, path):
            raise HTTPException(404, "there is no such file")
        if path.suffix != ".html":
            return FileResponse(path)
        page = path.read_text(encoding="utf-8")
        script = '<script src="/studio/link.js"></script></body>'
        return HTMLResponse(page.replace("</body>", script))

    def _may_be_seen(self, path: Path) -> bool:
        plan, real = self.project.plan, Path(os.path.realpath(path))
        if not real.is_file():
            return False
        if real.is_relative_to(os.path.realpath(plan.results)):
            return True
        given = (each for pair in plan.config.pairs for each in (pair.a, pair.b_prime))
        return any(os.path.realpath(each) == str(real) for each in given)

    async def page(self, request: Request) -> Response:
        """The page on which a pair is mended."""
        await run_in_threadpool(self.project.pair, request.path_params["name"])
        return FileResponse(STATIC / "mend.html")

    async def pairs(self, request: Request) -> Response:
        """The names of the pairs that can be mended."""
        plan = await run_in_threadpool(lambda: self.project.plan)
        return JSONResponse([pair.name for pair in plan.config.pairs])

    async def state(self, request: Request) -> Response:
        """All that the page shows of a pair."""
        name = request.path_params["name"]
        return JSONResponse(await run_in_threadpool(state_of, self.project, self.scratch, name))

    async def draft_file(self, request: Request) -> Response:
        """A file of a draft."""
        name, variant, file = (request.path_params[key] for key in ("name", "variant", "file"))
        pair = await run_in_threadpool(self._checked, name, variant)
        path = self.scratch.draft(pair, variant) / file
        if file not in (RESULT, BEFORE):
            raise HTTPException(404, "there is no such file")
        return FileResponse(_there(path))

    async def trial_file(self, request: Request) -> Response:
        """A' of a value that is tried."""
        name, variant, number = (request.path_params[key] for key in ("name", "variant", "number"))
        pair = await run_in_threadpool(self._checked, name, variant)
        return FileResponse(_there(self.scratch.trial(pair, variant, number) / RESULT))

    async def guide(self, request: Request) -> Response:
        """What is drawn over an image of a pair."""
        pair = await run_in_threadpool(self.project.pair, request.path_params["name"])
        png = await run_in_threadpool(self.project.image, pair, request.path_params["guide"])
        return Response(png, media_type="image/png")

    async def save(self, request: Request) -> Response:
        """Keep what was drawn; the header `If-Match` names the version that it replaces."""
        name, guide = request.path_params["name"], request.path_params["guide"]
        if guide not in DRAWN:
            raise UnknownError(guide, "there is no such guide")
        content: Any = await body_of(request, MAX_PNG if DRAWN[guide].over else MAX_POINTS)
        if not DRAWN[guide].over:
            content = _rows(content)
        self.jobs.check_free("keep")
        expected = request.headers.get("if-match", "")
        version = await run_in_threadpool(self.project.save, name, guide, content, expected)
        return self._saved(request, guide, version)

    async def set(self, request: Request) -> Response:
        """Set a setting of a pair, or with an empty body leave it to the configuration."""
        name, setting = request.path_params["name"], request.path_params["setting"]
        text = _text(await body_of(request, MAX_TEXT))
        self.jobs.check_free("keep")
        expected = request.headers.get("if-match", "")
        version = await run_in_threadpool(self.project.save_setting, name, setting, text, expected)
        return self._saved(request, setting, version)

    def _saved(self, request: Request, column: str, version: str) -> Response:
        """Tell all windows what was changed."""
        name, by = request.path_params["name"], request.headers.get("x-window", "")
        self.jobs.tell({"saved": {"name": name, "column": column, "version": version, "by": by}})
        return JSONResponse({"version": version})

    async def draft(self, request: Request) -> Response:
        """Make a draft of a pair, with what is drawn and set now."""
        variant, pair = await self._asked(request)
        given = partial(self.scratch.given, self.project.plan, variant, pair)
        return await self._start("draft", variant, pair, DRAFT, given)

    async def try_values(self, request: Request) -> Response:
        """Make a draft with each of the values of a setting that the body lists."""
        setting = request.path_params["setting"]
        values = _text(await body_of(request, MAX_TEXT))
        variant, pair = await self._asked(request)
        changed = await run_in_threadpool(self._changed, pair, variant, setting, values)
        plan = self.project.plan
        given = partial(self.scratch.given_to_try, plan, variant, pair, setting, changed)
        return await self._start("try", variant, pair, DRAFT, given)

    async def keep(self, request: Request) -> Response:
        """Have Snakemake make the results of a pair, with what is drawn and set now."""
        variant, pair = await self._asked(request)
        after = partial(run_in_threadpool, self._renew, pair)
        return await self._start("keep", variant, pair, self._snakemake(pair), after=after)

    async def _asked(self, request: Request) -> tuple[str, Pair]:
        """The variant and the pair of which something is to be made now.

        Raises:
            UnknownError: there is none.
            BusyError: a job is at work.
        """
        name, variant = (request.path_params[key] for key in ("name", "variant"))
        await run_in_threadpool(self._checked, name, variant)
        await run_in_threadpool(self.project.settle, name)
        pair = await run_in_threadpool(self._checked, name, variant)
        self.jobs.check_free()
        return variant, pair

    async def _start(
        self,
        kind: str,
        variant: str,
        pair: Pair,
        command: list[str],
        given: Callable[[], bytes] = bytes,
        after: Callable | None = None,
    ) -> Response:
        """Set A' aside as it is shown, and start a job, see `Jobs.start`."""
        plan, kept = self.project.plan, kind == "keep"
        await run_in_threadpool(self.scratch.set_aside, plan, variant, pair, kept)
        self.jobs.check_free()  # what another reads must not change
        job = self.jobs.start(kind, pair.name, variant, command, given(), after)
        return JSONResponse(asdict(job))

    def _changed(self, pair: Pair, variant: str, name: str, values: str) -> dict[str, Pair]:
        """A pair with each of the values of a setting, by the value as it is written.

        Raises:
            SettingsError, StudioError: they are none, or too many.
        """
        setting_of(name)
        chosen = variants_over([f"{name}={values}"]).values()
        if len(chosen) > MAX_TRIED:
            raise StudioError(name, f"{len(chosen)} values are too many", f"try {MAX_TRIED}")
        changed = {written(each[name]): with_value(pair, name, each[name]) for each in chosen}
        for each in changed.values():
            check_row(self.project.plan.config, variant, each)
        return changed

    async def take(self, request: Request) -> Response:
        """Take what was made with a value that is tried for the draft of the pair."""
        name, variant, number = (request.path_params[key] for key in ("name", "variant", "number"))
        pair = await run_in_threadpool(self._checked, name, variant)
        self.jobs.check_free("draft", "keep")
        made = _there(self.scratch.trial(pair, variant, number) / RESULT)
        await run_in_threadpool(self.scratch.take, pair, variant, made)
        return JSONResponse({})

    def _checked(self, name: str, variant: str) -> Pair:
        """The pair of a name, whose variant there is."""
        if variant not in self.project.plan.variants:
            raise UnknownError(variant, "there is no such variant")
        return self.project.pair(name)

    def _snakemake(self, pair: Pair) -> list[str]:
        """The command that makes the results of a pair in all variants."""
        plan, chosen = self.project.plan, self.project.configfile
        targets = [str(plan.folder(variant, pair) / RESULT) for variant in plan.variants]
        configured = ["--configfile", chosen] if chosen else []
        command = [sys.executable, "-m", "snakemake", "--cores", "all", "--nocolor"]
        return [*command, *targets, *configured]

    def _renew(self, pair: Pair) -> None:
        """Make the gallery anew: its pages then show what was made, of which no draft is left."""
        make_gallery(self.project.plan)
        self.scratch.forget(pair)

    async def cancel(self, request: Request) -> Response:
        """End the job that is at work."""
        await self.jobs.cancel()
        return JSONResponse({})

    async def events(self, request: Request) -> Response:
        """What happens, as server-sent events."""

        async def lines() -> AsyncIterator[str]:
            async for event in self.jobs.listen():
                yield f"data: {json.dumps(event)}\n\n"

        return Stream(lines(), media_type="text/event-stream")


def _there(path: Path) -> Path:
    """A file of the folder of drafts.

    Raises:
        HTTPException: it is not there.
    """
    if not path.is_file():
        raise HTTPException(404, "there is no such file")
    return path


def _text(content: bytes) -> str:
    """What is sent as text.

    Raises:
        HTTPException: it is none.
    """
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise HTTPException(422, "this is no text") from error


def _rows(content: bytes) -> list[list[float | None]]:
    """Rows of points, of which each has four numbers and a radius or null.

    Raises:
        HTTPException: they are none.
    """
    try:
        rows = json.loads(content or b"[]")
        return [[*map(float, row[:4]), None if row[4] is None else float(row[4])] for row in rows]
    except MALFORMED as error:
        raise HTTPException(422, "these are no points") from error


async def _refuse(request: Request, error: Exception) -> Response:
    """An expected error in words."""
    if isinstance(error, HTTPException):
        return JSONResponse({"error": error.detail}, error.status_code)
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 422)
    return JSONResponse({"error": str(error)}, status)
