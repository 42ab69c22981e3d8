"""Draws the diagrams and the table of architecture.md from the code: `python docs/architecture.py`.

A diagram is a staircase: every box stands below those that it is made of. A line leaves a box to
the right, and turns down at a dot to each box that is made of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Any

from dia_pipeline.graphs.chains import Link
from dia_pipeline.graphs.pair import PairGraph
from dia_pipeline.graphs.sequence import SequenceGraph
from dia_pipeline.graphs.shared import Job, Networks
from dia_pipeline.runs.nodes import nodes_of
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.sequence import Sequence
from dia_pipeline.settings import Settings
from dia_pipeline.store.artefacts import Artefact, File, Graph, Remembered
from dia_pipeline.store.frames import Together, Whole
from dia_pipeline.store.provenance import Backbone

DOCS = Path(__file__).parent
JOB = Job(Networks(), lambda key: Path(key), "level")
VGG = Backbone("vgg19", "", "", "")

BOX = (128, 26)
"""Width and height of a box in pixels."""

STEP = (76, 36)
"""How far right and down the next box stands."""

MARGIN = 12

Arrow = tuple[str, str]
"""What something is made of, and that."""


def pair() -> str:
    """The graph of a pair."""
    graph = PairGraph(Pair("pair", "A", "B'"), Settings(), VGG, Path("pair"), JOB)
    return _drawn(graph.artefacts)


def sequence() -> str:
    """The graph of a sequence of three frames that is warm-started."""
    frames = tuple(f"B' {number}" for number in (1, 2, 3))
    graph = SequenceGraph(
        Sequence("day", "A.png", "day", frames=frames), Settings(), VGG, Path("day"), JOB
    )
    graph.__dict__["report"] = {"scenes": [0], "gaps": {}, "size": [0, 0]}
    return _drawn(graph.artefacts)


DIAGRAMS = (pair, sequence)


def with_nodes(page: str) -> str:
    """The page with a table of the nodes of a pair."""
    rows = ["| node | stage | is made of | is decided by |", "|---|---|---|---|"]
    for name, node in nodes_of(Settings(), "level").items():
        of, by = (
            ", ".join(f"`{each}`" for each in some)
            for some in (node.inputs.values(), node.settings)
        )
        rows.append(f"| `{name}` | `{node.stage}` | {of} | {by} |")
    begin, end = "<!-- nodes -->\n", "<!-- end of nodes -->"
    before, _, rest = page.partition(begin)
    table = "\n".join(rows)
    return f"{before}{begin}{table}\n{rest[rest.index(end) :]}"


def staircase(names: list[str], arrows: Iterable[Arrow]) -> str:
    """Boxes, each below those that it is made of, as SVG."""
    places = {
        name: (MARGIN + number * STEP[0], MARGIN + number * STEP[1])
        for number, name in enumerate(names)
    }
    lines = [_line(places[start], places[end]) for start, end in sorted(set(arrows))]
    boxes = [_box(name, *place) for name, place in places.items()]
    width, height = (
        2 * MARGIN + (len(names) - 1) * step + side for step, side in zip(STEP, BOX, strict=True)
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="13" text-anchor="middle">'
    )
    paper = '<rect width="100%" height="100%" fill="white"/>'
    return "\n".join([head, paper, *lines, *boxes, "</svg>"]) + "\n"


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    """From the right of a box to the top of another, with a dot where it turns."""
    x, y = end[0] + BOX[0] // 2, start[1] + BOX[1] // 2
    path = f'<path d="M{start[0] + BOX[0]} {y}H{x}V{end[1]}" fill="none" stroke="#78909c"/>'
    return f'{path}<circle cx="{x}" cy="{y}" r="3" fill="#37474f"/>'


def _box(name: str, x: int, y: int) -> str:
    width, height = BOX
    box = f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4" fill="#eceff1"'
    middle = f'<text x="{x + width // 2}" y="{y + height // 2 + 5}">'
    return f'{box} stroke="#78909c"/>{middle}{escape(name, quote=False)}</text>'


def _drawn(graph: Graph) -> str:
    names = {id(artefact): name.replace(".png", "") for name, artefact in graph.items()}
    arrows = [
        (_name(each, names), names[id(artefact)])
        for artefact in graph.values()
        for given in artefact.needed.values()
        for each in _parts(given)
    ]
    given = sorted({start for start, _ in arrows} - set(names.values()))
    return staircase([*given, *names.values()], arrows)


def _parts(given: Any) -> Iterator[Artefact | File]:
    """What an input stands for."""
    if isinstance(given, Together):
        yield from given.parts
    elif isinstance(given, (Remembered, Whole)):
        yield from _parts(given.of)
    else:
        yield given.of if isinstance(given, Link) else given


def _name(each: Artefact | File, names: dict[int, str]) -> str:
    return names[id(each)] if isinstance(each, Artefact) else Path(each.path).stem


def main() -> None:
    """Write the diagrams beside the page, and the table into it."""
    for draw in DIAGRAMS:
        (DOCS / f"{draw.__name__}.svg").write_text(draw())
    page = DOCS / "architecture.md"
    page.write_text(with_nodes(page.read_text()))


if __name__ == "__main__":
    main()
