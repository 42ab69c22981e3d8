"""State: the small files by which a run knows what it has done; each says whether it is whole.

They are JSON for people and programs, always of the same bytes, and hold their own digest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dia_pipeline.errors import MALFORMED
from dia_pipeline.io.files import write_file
from dia_pipeline.io.reading import read_file
from dia_pipeline.store.artefacts import ArtefactError, digest


def write_state(path: str | Path, value: Mapping[str, Any]) -> None:
    """Write a JSON-like value, which has no `digest` yet, with its digest.

    Raises:
        ValueError: a number in it is none, or infinite.
    """
    content = {**value, "digest": digest(value)}
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
    write_file(path, f"{text}\n".encode())


def read_state(path: str | Path, build: Callable[[dict[str, Any]], Any] = dict) -> Any:
    """What `build` makes of what `write_state` wrote, by default the same value.

    Raises:
        ArtefactError: the file is missing or damaged, or no file; or `build` cannot use it.
    """
    try:
        value = json.loads(read_file(path).decode())
        expected = value.pop("digest")
        whole = expected == digest(value)
        built = build(value) if whole else None
    except FileNotFoundError as error:
        raise ArtefactError(path, ArtefactError.MISSING) from error
    except (OSError, *MALFORMED) as error:
        raise ArtefactError(path, ArtefactError.DAMAGED) from error
    if not whole:
        raise ArtefactError(path, ArtefactError.DAMAGED)
    return built


def state_files(folder: Path) -> Iterator[Path]:
    """The files of state under a folder; not the hidden ones, which are being written."""
    return (path for path in folder.rglob("*.json") if not path.name.startswith("."))
