"""The page of a pair: all its variants, to be compared in place."""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any

from dia_pipeline.alignment.parts import loneliness
from dia_pipeline.errors import DiaError
from dia_pipeline.gallery.cards import Card
from dia_pipeline.gallery.details import (
    crops_of_levels,
    energies_of,
    options_of,
    other_settings,
)
from dia_pipeline.gallery.fields import matches_of
from dia_pipeline.gallery.outcomes import Exhibit, Outcome
from dia_pipeline.gallery.pages import Link, link_from, write_page
from dia_pipeline.gallery.site import Site
from dia_pipeline.gallery.thumbnails import shown, thumbnail
from dia_pipeline.io.flow import colour_wheel

DOUBT = 0.1
"""Round trip from which on a match is shown in full red, as a share of the longest side."""

FILES = {
    "a_prime.png": "A'",
    "b.png": "B",
    "a_prime_everything.png": "A' with everything of B'",
    "b_everything.png": "B with everything of A",
    "overview.png": "overview",
    "sources.png": "which reference served where",
    "guides.png": "what was said of the pair",
    "flow_ab.flo": "matches of A in B'",
    "flow_ba.flo": "matches of B' in A",
    "nnf.h5": "fields and energies of every level",
    "provenance.json": "provenance",
}
"""The files of the results that can be downloaded, and what they hold."""


def write_pair_page(site: Site, page: Path, exhibit: Exhibit, cards: list[Card]) -> None:
    """Write the page of a pair, whose cards are those of all variants."""
    variants = [
        {"outcome": card.outcome, "card": card, "stage": None, **card.details} for card in cards
    ]
    link = link_from(page)
    staged = [each for each in variants if each["stage"]]
    stages = {each["outcome"].variant: _linked(each["stage"], link) for each in staged}
    hues = (255 * colour_wheel()).round().astype(int).tolist()
    write_page(
        page,
        "pair.html",
        site.shared,
        site=site,
        exhibit=exhibit,
        variants=variants,
        staged=staged,
        first=(staged or variants)[0],
        data={"variants": stages, "hues": hues, "doubt": DOUBT},
    )


def pair_details(site: Site, outcome: Outcome) -> dict[str, Any]:
    """What the page shows of the results of a pair in a variant."""
    settings = outcome.provenance["settings"]
    energies = energies_of(outcome)
    return {
        "stage": _stage(site, outcome),
        "energies": energies,
        "crops": crops_of_levels(outcome, tuple(energies)),
        "settings": settings,
        "others": other_settings(settings),
        "files": [(FILES[name], outcome.folder / name) for name in FILES if _has(outcome, name)],
        "sources": _sources(outcome),
        "said": _has(outcome, "guides.png"),
        "command": _command(outcome),
    }


def _command(outcome: Outcome) -> str:
    """What makes the pair again with points."""
    paths = [image["path"] for image in outcome.inputs.values()]
    options = outcome.guides | options_of(outcome.provenance["settings"])
    options.pop("points", None)
    words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    output = ["-o", f"{outcome.name}-pointed", "--points", "points.csv"]
    return shlex.join(["dia", "run", *paths, *output, *words])


def _has(outcome: Outcome, name: str) -> bool:
    return name in outcome.outputs or name == "provenance.json"


def _stage(site: Site, outcome: Outcome) -> dict[str, Any]:
    """The images to be compared, what is alone in them, and the script of their matches."""
    roles = [role for role in outcome.inputs if role != "a"]
    single = len({outcome.inputs[role]["path"] for role in roles}) == 1
    sides = {"a": ("a", "a_prime.png")} | ({"b": (roles[0], "b.png")} if single else {})
    alone = _alone(outcome) if single else {}
    stage: dict[str, Any] = {"matches": None, "both_ways": "flow_ba.flo" in outcome.outputs}
    stage["label"] = outcome.label
    for side, (role, result) in sides.items():
        given = outcome.inputs[role]
        stage[side] = {"given": None, "small": None, "result": None, "size": given["size"]}
        stage[side]["alone"] = alone.get(side)
        image = outcome.directory / given["path"], given["sha256"]
        with suppress(DiaError, OSError):
            stage[side]["small"] = thumbnail(site.thumbnails, *image)
            stage[side]["given"] = shown(site.thumbnails, *image)
        if result in outcome.outputs:
            stage[side]["result"] = outcome.folder / result
    if single:
        stage["matches"] = matches_of(site.matches, outcome.folder, outcome.outputs)
    return stage


def _alone(outcome: Outcome) -> dict[str, list[list[int]]]:
    """How opaque red is over what is alone, 0 to 255 by row and position, by side of the stage."""
    parts = outcome.pose.parts if outcome.pose else None
    sides = {"a": parts.a, "b": parts.b_prime} if parts else {}
    return {side: loneliness(percents).tolist() for side, percents in sides.items()}


def _linked(value: Any, link: Link) -> Any:
    """The same with addresses in the place of paths."""
    if isinstance(value, dict):
        return {name: _linked(each, link) for name, each in value.items()}
    return link(value) if isinstance(value, Path) else value


def _sources(outcome: Outcome) -> list[tuple[str, float]]:
    """The references, and of how much of A' each is the source."""
    served = outcome.provenance.get("served", [])
    images = [image for role, image in outcome.inputs.items() if role != "a"]
    return [(image["path"], share) for image, share in zip(images, served, strict=False)]
