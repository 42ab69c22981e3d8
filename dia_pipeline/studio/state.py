"""All that the page of a pair shows: images, results and drafts by address, and what is said."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dia_pipeline.gallery.site import Site
from dia_pipeline.gallery.thumbnails import shown
from dia_pipeline.guides import DRAWN
from dia_pipeline.io.files import digest_file
from dia_pipeline.io.points import REACH
from dia_pipeline.runs.pair import Pair
from dia_pipeline.studio.panel import fields, usual
from dia_pipeline.studio.project import Project, sizes
from dia_pipeline.studio.scratch import BEFORE, RESULT, Scratch


def state_of(project: Project, scratch: Scratch, name: str) -> dict[str, Any]:
    """What is there of the pair of a name, JSON-like.

    Raises:
        UnknownError: there is no such pair.
        StudioError, ConfigError, OSError: what is there cannot be read.
    """
    plan, pair = project.plan, project.pair(name)
    shapes, site = sizes(pair), Site(plan.results, len(plan.rows) == 1)
    images = {
        image: {
            "size": shape[::-1],
            "address": address(shown(site.thumbnails, path, digest_file(path))),
        }
        for image, shape in shapes.items()
        for path in [Path(getattr(pair, image))]
    }
    results = {each: plan.folder(each, pair) / RESULT for each in plan.variants}
    return {
        "name": name,
        "gallery": address(site.page(name)),
        "images": images,
        "results": {each: _dated(address(path), path) for each, path in results.items()},
        "drafts": {each: _drafts(scratch, pair, each) for each in plan.variants},
        "settings": fields(plan, pair),
        "tried": {each: _tried(scratch, pair, each) for each in plan.variants},
        "versions": {each: project.version(pair, each) for each in (*DRAWN, *usual())},
        "points": project.points(pair),
        "several": bool(pair.references),
        "reach": REACH * max(shapes["a"]),
    }


def address(path: Path) -> str:
    """Where a file is served: links of pages then hold as they do on the disk."""
    return "/at" + quote(os.path.abspath(path))


def _dated(served: str, path: Path) -> str | None:
    """Where a file is served as it is now; None if it is not there."""
    with suppress(OSError):
        return f"{served}?{path.stat().st_mtime_ns}"
    return None


def _drafts(scratch: Scratch, pair: Pair, variant: str) -> dict[str, str | None]:
    """The addresses of a draft and of what was there before, None where they are not there."""
    start, folder = _start("drafts", pair, variant), scratch.draft(pair, variant)
    return {
        name.removesuffix(".png"): _dated(f"{start}/{name}", folder / name)
        for name in (RESULT, BEFORE)
    }


def _tried(scratch: Scratch, pair: Pair, variant: str) -> dict[str, Any] | None:
    """What is tried: each value, the address of what was made with it, or why nothing was."""
    tried = scratch.tried(pair, variant)
    if tried is None:
        return None
    start, drafts = _start("trials", pair, variant), []
    for number, value in enumerate(tried.values):
        made = scratch.trial(pair, variant, number) / RESULT
        fault = scratch.fault(pair, variant, number)
        served = _dated(f"{start}/{number}", made)
        drafts.append({"value": value, "address": served, "fault": fault})
    return {"setting": tried.setting, "drafts": drafts}


def _start(kind: str, pair: Pair, variant: str) -> str:
    """What the addresses of drafts of a pair in a variant begin with."""
    return f"/{kind}/{quote(pair.name, safe='')}/{quote(variant, safe='')}"
