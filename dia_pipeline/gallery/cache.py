"""Files that are named by what they hold, so that each is made only once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dia_pipeline.errors import DiaError
from dia_pipeline.io.files import replace_file


class GalleryError(DiaError):
    """A file of the gallery would be written elsewhere."""


class Cache:
    """The files of a folder.

    Raises:
        GalleryError: it is a link.
    """

    def __init__(self, folder: Path):
        self.folder = no_link(folder)
        self._used: set[Path] = set()

    def file(self, name: str, write: Callable[[Path], None]) -> Path:
        """The file of a name; `write` writes it to a path unless it is there."""
        path = self.claim(name)
        if not path.exists() or not path.stat().st_size:
            with replace_file(path, flush=False) as temporary:
                write(temporary)
        return path

    def claim(self, name: str) -> Path:
        """The path of a file that is to be kept, whoever writes it.

        Raises:
            GalleryError: the name leads out of the folder.
        """
        path = self.folder / name
        if path.name != name or name == "..":
            raise GalleryError(path, "this name leads elsewhere", "give the pair another name")
        self._used.add(path)
        return path

    def prune(self) -> None:
        """Remove the files that nobody asked for."""
        for path in self.folder.glob("[!.]*"):
            if path not in self._used and not path.is_dir():
                path.unlink(missing_ok=True)


def no_link(folder: Path) -> Path:
    """A folder of the gallery, as it is given: what a link leads to is somebody else's.

    Raises:
        GalleryError: it is a link.
    """
    if folder.is_symlink():
        problem = "this is a link, and the gallery would be written where it leads"
        raise GalleryError(folder, problem, "remove it")
    return folder
