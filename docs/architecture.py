"""Draws the diagrams of architecture.md from the code: `python docs/architecture.py`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dia_pipeline.runs.config import Pair
from dia_pipeline.runs.sequences import Sequence
from dia_pipeline.settings import Settings
from dia_pipeline.stages.frames import Remembered, Together
from dia_pipeline.stages.jobs import Job, Networks
from dia_pipeline.stages.pairs import PairGraph
from dia_pipeline.stages.sequences import SequenceGraph
from dia_pipeline.store.artefacts import Artefact, File, Graph
from dia_pipeline.store.provenance import Backbone

PAGE = Path(__file__).with_name("architecture.md")
PROJECT = Path(__file__).parents[1] / "pyproject.toml"
JOB = Job(Networks(), lambda key: Path(key), "level")
VGG = Backbone("vgg19", "", "", "")


def rooms() -> str:
    """The rooms of the package, each above those that it may use."""
    contracts = tomllib.loads(PROJECT.read_text())["tool"]["importlinter"]["contracts"]
    layers = [layer.replace(" | ", ", ") for layer in contracts[0]["layers"]]
    boxes = [f"    r{number}[{layer}]" for number, layer in enumerate(layers)]
    arrows = [f"    r{number} --> r{number + 1}" for number in range(len(layers) - 1)]
    return "\n".join(["flowchart TD", *boxes, *arrows])


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


def _drawn(graph: Graph) -> str:
    names = {id(artefact): name.replace(".png", "") for name, artefact in graph.items()}
    arrows = {
        f"    {_box(_name(each, names))} --> {_box(names[id(artefact)])}"
        for artefact in graph.values()
        for given in artefact.needed.values()
        for each in _parts(given)
    }
    return "\n".join(["flowchart LR", *sorted(arrows)])


def _parts(given: Any) -> Iterator[Artefact | File]:
    """What an input stands for."""
    if isinstance(given, Together):
        yield from given.parts
    else:
        yield given.of if isinstance(given, Remembered) else given


def _name(each: Artefact | File, names: dict[int, str]) -> str:
    return names[id(each)] if isinstance(each, Artefact) else Path(each.path).stem


def _box(name: str) -> str:
    return f'{re.sub(r"[^a-z0-9]", "_", name.lower())}["{name}"]'


def main() -> None:
    """Put the diagrams in their places in the page."""
    page = PAGE.read_text()
    for draw in (rooms, pair, sequence):
        block = f"<!-- {draw.__name__} -->\n```mermaid\n{draw()}\n```"
        page = re.sub(
            rf"<!-- {draw.__name__} -->\n```mermaid\n.*?\n```",
            block,
            page,
            flags=re.DOTALL,
        )
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
