"""The page of a sequence: its video, how much it flickers, its frames and gaps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dia_pipeline.gallery.cards import Card
from dia_pipeline.gallery.details import other_settings
from dia_pipeline.gallery.outcomes import Exhibit, Outcome
from dia_pipeline.gallery.pages import write_page
from dia_pipeline.gallery.site import Site
from dia_pipeline.io import codecs
from dia_pipeline.io.codecs import CODECS
from dia_pipeline.io.files import PROVENANCE

FILES = {
    **dict.fromkeys(codecs.FILES, "video"),
    "preview.webp": "animated preview",
    "contact_sheet.png": "contact sheet",
    "flicker.png": "flicker from frame to frame",
    PROVENANCE: "provenance",
}
"""The files of the results that can be downloaded, and what they hold."""


def write_sequence_page(site: Site, page: Path, exhibit: Exhibit, cards: list[Card]) -> None:
    """Write the page of a sequence, whose cards are those of all variants."""
    variants = [{"outcome": card.outcome, "card": card, **card.details} for card in cards]
    first = next((each for each in variants if each["outcome"].made), variants[0])
    values = {"site": site, "exhibit": exhibit, "variants": variants, "first": first}
    write_page(page, "sequence.html", site.shared, **values)


def sequence_details(site: Site, outcome: Outcome) -> dict[str, Any]:
    """What the page shows of the results of a sequence in a variant."""
    settings = outcome.provenance["settings"]
    made = {*outcome.outputs, PROVENANCE}
    return {
        "codec": CODECS[outcome.provenance["sequence"].get("codec", "h264")],
        "settings": settings,
        "others": other_settings(settings),
        "frames": _frames(outcome),
        "doubtful": outcome.doubtful,
        "posed": outcome.posed,
        "files": [(told, outcome.folder / name) for name, told in FILES.items() if name in made],
    }


def _frames(outcome: Outcome) -> list[dict[str, Any]]:
    """Every frame: its image, or why there is none."""
    frames = []
    for number in range(1, len(outcome.provenance["frames"]) + 1):
        name = f"frames/{number:04d}.png"
        made = outcome.folder / name if name in outcome.outputs else None
        gap = outcome.gaps.get(str(number), "")
        frames.append({"number": number, "made": made, "gap": gap})
    return frames
