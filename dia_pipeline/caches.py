"""Folders for what can be made again. What was compiled is taken from such a folder as it is, and
run: so nobody else may have put it there."""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from contextlib import suppress
from functools import cache
from itertools import pairwise
from pathlib import Path

import platformdirs


def named_folder() -> Path | None:
    """The folder that `$DIA_CACHE` names, which is trusted whoever made it; None if it names none.

    Where it is not there it is made, for this user alone.
    """
    named = os.environ.get("DIA_CACHE")
    if not named:
        return None
    with suppress(OSError):  # whoever writes into it will say so
        _make(Path(named))
    return Path(named)


def cache_folder() -> Path:
    """The folder for what is fetched: `$DIA_CACHE`, or in the user's cache folder.

    Where a user has no home, as in a container, it is that of `temporary_folder`.
    """
    if named := named_folder():
        return named
    usual = Path(platformdirs.user_cache_dir("dia"))
    with suppress(OSError):
        if usual.is_absolute():
            _make(usual)
            return usual
    return temporary_folder()


@cache
def temporary_folder() -> Path:
    """This user's folder among the temporary files of the machine.

    Where others can, or could, write into it, it is one of this process alone.
    """
    folder = Path(tempfile.gettempdir(), f"dia-{os.getuid()}")
    with suppress(OSError):
        _make(folder)
        if is_own(folder):
            return folder
    logging.getLogger("dia").warning(
        "%s is not used: it is not this user's alone. Remove it, or name a folder in DIA_CACHE",
        folder,
    )
    return Path(_of_this_process().name)


def is_own(folder: Path) -> bool:
    """Whether no other user, but root, can put files into a folder, or another in its place.

    It may lie in a folder that is open to all, if nobody can replace there what is another's, as in
    `/tmp`. A link is never one's own. What groups may do is the choice of the user's umask.
    """
    folder = folder.absolute()
    try:
        own = folder.lstat()
        above = [own, *(each.stat() for each in (folder.parent.resolve() / "_").parents)]
    except OSError:
        return False
    return (
        stat.S_ISDIR(own.st_mode)
        and own.st_uid == os.getuid()
        and not own.st_mode & stat.S_IWOTH
        and all(
            not outer.st_mode & stat.S_IWOTH
            or (outer.st_mode & stat.S_ISVTX and inner.st_uid in (0, os.getuid()))
            for inner, outer in pairwise(above)
        )
    )


def _make(folder: Path) -> None:
    """Make a folder for this user alone, unless it is there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


@cache
def _of_this_process() -> tempfile.TemporaryDirectory:
    """A new folder, which goes when the process ends."""
    return tempfile.TemporaryDirectory(prefix="dia-")
