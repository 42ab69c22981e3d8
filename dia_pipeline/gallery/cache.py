"""Files that are named by what they hold, so that each is made only once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dia_pipeline.io.files import replace_file


class Cache:
    """The files of a folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._used: set[Path] = set()

    def file(self, name: str, write: Callable[[Path], None]) -> Path:
        """The file of a name; `write` writes it to a path unless it is there."""
        path = self.claim(name)
        if not path.exists() or not path.stat().st_size:
            with replace_file(path, flush=False) as temporary:
                write(temporary)
        return path

    def claim(self, name: str) -> Path:
        """The path of a file that is to be kept, whoever writes it."""
        path = self.folder / name
        self._used.add(path)
        return path

    def prune(self) -> None:
        """Remove the files that nobody asked for."""
        for path in self.folder.glob("[!.]*"):
            if path not in self._used:
                path.unlink(missing_ok=True)
