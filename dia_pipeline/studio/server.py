"""What the server answers: the gallery, the page on which a pair is mended, and its files."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.responses import StreamingResponse as Stream
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from dia_pipeline.errors import MALFORMED, DiaError
from dia_pipeline.gallery.gallery import make_gallery
from dia_pipeline.gallery.site import Site
from dia_pipeline.gallery.thumbnails import shown
from dia_pipeline.guides import GUIDES
from dia_pipeline.io.files import digest_file
from dia_pipeline.io.points import REACH
from dia_pipeline.runs.pair import Pair
from dia_pipeline.studio.draft import draft_options
from dia_pipeline.studio.guard import Guard, body_of
from dia_pipeline.studio.jobs import BusyError, Jobs
from dia_pipeline.studio.project import ConflictError, Project, UnknownError, sizes

STATIC, GALLERY = (
    Path(str(files(f"dia_pipeline.{room}"))) / "static" for room in ("studio", "gallery")
)

MAX_POINTS, MAX_PNG = 1 << 20, 1 << 24
"""Bytes of what is sent at most."""

RESULT, BEFORE = "a_prime.png", "before.png"
"""A', and what it was when the latest job began."""

STATUS = {UnknownError: 404, ConflictError: 409, BusyError: 409}
"""Those of expected errors; of all others it is 422."""


class Studio:
    """The pages and files of a project, to be served.

    Args:
        scratch: the folder of drafts.
    """

    def __init__(self, project: Project, scratch: Path):
        self.project, self.scratch, self.jobs = project, scratch, Jobs()

    def application(self, port: int, token: str) -> Guard:
        """What answers on a port to those who know the token."""
        routes = [
            Route("/at/{path:path}", self.file),
            Route("/mend/{name:path}", self.page),
            Route("/pairs", self.pairs),
            Route("/state/{name}", self.state),
            Route("/guides/{name}/{guide}", self.guide),
            Route("/guides/{name}/{guide}", self.save, methods=["PUT"]),
            Route("/drafts/{name}/{variant}/{file}", self.draft_file),
            Route("/draft/{name}/{variant}", self.draft, methods=["POST"]),
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
        return Guard(inner, port, token, self.address(self.project.plan.gallery))

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        yield
        await self.jobs.cancel()

    def address(self, path: Path) -> str:
        """Where a file is served: links of pages then hold as they do on the disk."""
        return "/at" + quote(os.path.abspath(path))

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
        return JSONResponse(await run_in_threadpool(self._state, request.path_params["name"]))

    def _state(self, name: str) -> dict[str, Any]:
        plan, pair = self.project.plan, self.project.pair(name)
        count = len(plan.config.pairs) + len(plan.sequences)
        shapes, site = sizes(pair), Site(plan.results, count == 1)
        results = {
            variant: self._dated(plan.folder(variant, pair) / RESULT) for variant in plan.variants
        }
        images = {
            image: {
                "size": shape[::-1],
                "address": self.address(shown(site.thumbnails, path, digest_file(path))),
            }
            for image, shape in shapes.items()
            for path in [Path(getattr(pair, image))]
        }
        return {
            "name": name,
            "gallery": self.address(site.page(name)),
            "images": images,
            "results": results,
            "drafts": {variant: self._drafts(pair, variant) for variant in plan.variants},
            "versions": {guide: self.project.version(pair, guide) for guide in GUIDES},
            "points": self.project.points(pair),
            "several": bool(pair.references),
            "reach": REACH * max(shapes["a"]),
        }

    def _dated(self, path: Path) -> str | None:
        """The address of a file as it is now; None if it is not there."""
        with suppress(OSError):
            return f"{self.address(path)}?{path.stat().st_mtime_ns}"
        return None

    def _drafts(self, pair: Pair, variant: str) -> dict[str, str]:
        """The addresses of a draft and of what was there before, as far as they are there."""
        start = f"/drafts/{quote(pair.name, safe='')}/{quote(variant, safe='')}"
        found = {each: self.scratch / pair.name / variant / each for each in (RESULT, BEFORE)}
        return {
            each.removesuffix(".png"): f"{start}/{each}?{path.stat().st_mtime_ns}"
            for each, path in found.items()
            if path.exists()
        }

    async def draft_file(self, request: Request) -> Response:
        """A file of a draft."""
        name, variant, file = (request.path_params[key] for key in ("name", "variant", "file"))
        pair = await run_in_threadpool(self._checked, name, variant)
        path = self.scratch / pair.name / variant / file
        if file not in (RESULT, BEFORE) or not path.is_file():
            raise HTTPException(404, "there is no such file")
        return FileResponse(path)

    async def guide(self, request: Request) -> Response:
        """What is drawn over an image of a pair."""
        pair = await run_in_threadpool(self.project.pair, request.path_params["name"])
        png = await run_in_threadpool(self.project.image, pair, request.path_params["guide"])
        return Response(png, media_type="image/png")

    async def save(self, request: Request) -> Response:
        """Keep what was drawn; the header `If-Match` names the version that it replaces."""
        name, guide = request.path_params["name"], request.path_params["guide"]
        if guide not in GUIDES:
            raise UnknownError(guide, "there is no such guide")
        content: Any = await body_of(request, MAX_PNG if GUIDES[guide].over else MAX_POINTS)
        if not GUIDES[guide].over:
            content = _rows(content)
        self.jobs.check_free("keep")
        expected = request.headers.get("if-match", "")
        version = await run_in_threadpool(self.project.save, name, guide, content, expected)
        by = request.headers.get("x-window", "")
        self.jobs.tell({"drawn": {"name": name, "guide": guide, "version": version, "by": by}})
        return JSONResponse({"version": version})

    async def draft(self, request: Request) -> Response:
        """Make a draft of a pair, with what is drawn now."""
        return await self._start(request, "draft")

    async def keep(self, request: Request) -> Response:
        """Have Snakemake make the results of a pair, with what is drawn now."""
        return await self._start(request, "keep")

    async def _start(self, request: Request, kind: str) -> Response:
        name, variant = (request.path_params[key] for key in ("name", "variant"))
        await run_in_threadpool(self._checked, name, variant)
        await run_in_threadpool(self.project.settle, name)
        pair = await run_in_threadpool(self._checked, name, variant)
        self.jobs.check_free()
        await run_in_threadpool(self._set_aside, pair, variant, kind)
        command, given, after = (
            ([sys.executable, "-m", "dia_pipeline.studio.draft"], self._given(pair, variant), None)
            if kind == "draft"
            else (self._snakemake(pair), b"", partial(run_in_threadpool, self._renew, pair))
        )
        job = self.jobs.start(kind, name, variant, command, given, after)
        return JSONResponse(asdict(job))

    def _checked(self, name: str, variant: str) -> Pair:
        """The pair of a name, whose variant there is."""
        if variant not in self.project.plan.variants:
            raise UnknownError(variant, "there is no such variant")
        return self.project.pair(name)

    def _given(self, pair: Pair, variant: str) -> bytes:
        """What the process that makes a draft reads: copies of what is drawn, which goes on."""
        plan, folder = self.project.plan, self.scratch / pair.name / variant
        folder.mkdir(parents=True, exist_ok=True)
        copies = {
            guide: str(shutil.copy(path, folder / f"given_{guide}{Path(path).suffix}"))
            for guide, path in pair.guides.items()
        }
        about = {
            "pair": asdict(replace(pair, guides=copies)),
            "options": draft_options(plan, variant, pair),
            "device": plan.config.device,
            "folder": str(folder),
        }
        return json.dumps(about).encode()

    def _snakemake(self, pair: Pair) -> list[str]:
        """The command that makes the results of a pair in all variants."""
        plan, chosen = self.project.plan, self.project.configfile
        targets = [str(plan.folder(variant, pair) / RESULT) for variant in plan.variants]
        configured = ["--configfile", chosen] if chosen else []
        command = [sys.executable, "-m", "snakemake", "--cores", "all", "--nocolor"]
        return [*command, *targets, *configured]

    def _set_aside(self, pair: Pair, variant: str, kind: str) -> None:
        """Keep A' as it is, to be compared with what is made now: of drafts the one before."""
        folder = self.scratch / pair.name / variant
        folder.mkdir(parents=True, exist_ok=True)
        shown = [folder / RESULT, self.project.plan.folder(variant, pair) / RESULT]
        there = [path for path in (shown if kind == "draft" else shown[::-1]) if path.exists()]
        for path in there[:1]:
            shutil.copyfile(path, folder / BEFORE)

    def _renew(self, pair: Pair) -> None:
        """Make the gallery anew: its pages then show what was made, of which no draft is left."""
        make_gallery(self.project.plan)
        for draft in (self.scratch / pair.name).glob(f"*/{RESULT}"):
            draft.unlink()

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
