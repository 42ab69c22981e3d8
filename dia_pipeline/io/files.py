"""Files that are either whole or absent, and their digests."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dia_pipeline.errors import DiaError
from dia_pipeline.io.reading import open_regular
from dia_pipeline.text import fault_of_characters

PROVENANCE = "provenance.json"
"""The file by which a folder of results says what it holds."""

PLANS = "plans"
"""The folder in a folder of results by which that is the one of a run of many pairs."""

PAGE = "index.html"
"""The file in a folder of results that shows them in a browser."""

SAMPLE = 4096
"""Bytes of a file's beginning, middle and end by which it is told from another."""


class FolderError(DiaError):
    """A folder cannot be written to."""


@contextmanager
def replace_file(path: str | Path, flush: bool = True) -> Iterator[Path]:
    """Write a file whole or not at all, however the process ends and even if others write it too.

    Yields a temporary path of the same suffix in the same folder, which is made if need be. On
    success the file there is flushed to the disk and takes the name `path` in one step; on an
    exception it is removed and `path` stays as it was. What a process that was killed left behind
    is overwritten by the next that writes the same file.

    Args:
        flush: False where a file may be empty after a loss of power: for thousands that are quickly
            made again.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, claim = _claim_temporary(path)
    try:
        yield temporary
        if flush:
            with temporary.open("r+b") as file:
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(claim)
    if flush:
        _flush_folder(path.parent)


def write_file(path: str | Path, content: bytes) -> str:
    """Write a file as `replace_file` does; return the SHA-256 of its content in hexadecimal."""
    with replace_file(path) as temporary:
        temporary.write_bytes(content)
    return digest_of(content)


def _claim_temporary(path: Path) -> tuple[Path, int]:
    """A hidden name for a file until it is whole, and the lock by which others know it is taken."""
    temporary = path.with_name(f".{path.stem}.part{path.suffix}")
    with suppress(OSError):  # another writer is at it, or the file system knows no locks
        return temporary, lock_file(temporary)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(8)}{path.suffix}")
    return temporary, os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)


def lock_file(path: Path) -> int:
    """Open a file, which is made if need be, and lock it until it is closed or the process ends.

    Names that others can foresee are locked here. So nothing is opened but a file that has this
    name alone: a link would lead to a file of somebody.

    Returns:
        The descriptor.

    Raises:
        BlockingIOError: another process, or another part of this one, holds the lock.
        OSError: something else has the name, or the file system knows no locks.
    """
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        try:
            own = os.fstat(file)
            if not stat.S_ISREG(own.st_mode) or own.st_nlink > 1:
                raise OSError(errno.ELOOP, "it is a link or no regular file", str(path))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(own, os.stat(path, follow_symlinks=False)):
                return file
        except FileNotFoundError:  # its holder has just finished, and taken the name away
            pass
        except OSError:
            os.close(file)
            raise
        os.close(file)


def _flush_folder(folder: Path) -> None:
    """Make sure that a new name in a folder outlives a loss of power."""
    with suppress(OSError):  # some file systems do that themselves, and refuse
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def fault_of_file(path: str | Path) -> str | None:
    """Why a file cannot be read, None if it can: missing, no regular file, or forbidden."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            return "this is a folder"
        if not stat.S_ISREG(mode):  # a pipe would be waited for
            return "this is no regular file"
        return None if os.access(path, os.R_OK) else "reading it is not permitted"
    except FileNotFoundError:
        return "there is no such file"
    except (OSError, ValueError) as error:
        return f"the file cannot be read ({getattr(error, 'strerror', None) or error})"


def check_folder(folder: Path) -> None:
    """Make sure that files can be written into a folder, which need not be there and is not made.

    Raises:
        FolderError: they cannot.
    """
    check_place(folder)
    try:
        with tempfile.TemporaryFile(dir=_nearest(folder)):
            pass
    except (OSError, ValueError) as error:
        raise _no_folder(folder, getattr(error, "strerror", None) or str(error)) from error


def check_place(folder: Path) -> None:
    """Make sure that a path is that of a folder, or could be, by looking alone.

    Raises:
        FolderError: it is not.
    """
    if fault := fault_of_characters(str(folder)):
        raise FolderError(folder, fault)
    try:
        nearest = _nearest(Path(os.path.realpath(folder)))
        if not stat.S_ISDIR(os.stat(nearest).st_mode):
            raise _no_folder(folder, "Not a directory")
    except (OSError, ValueError) as error:
        raise _no_folder(folder, getattr(error, "strerror", None) or str(error)) from error


def _no_folder(folder: Path, reason: str) -> FolderError:
    problem = f"results cannot be written here ({reason})"
    return FolderError(folder, problem, "name a folder that you may write to")


def _nearest(folder: Path) -> Path:
    """A folder, or the nearest above it that is there: others may just be making those between."""
    for each in (folder, *folder.parents):
        with suppress(FileNotFoundError, NotADirectoryError):
            each.lstat()
            return each
    return folder


def digest_of(content: bytes) -> str:
    """The SHA-256 of bytes in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def digest_file(path: str | Path) -> str:
    """The SHA-256 of a regular file's content in hexadecimal, read in pieces."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sampled(path: str) -> tuple[int, str] | None:
    """The size of a file and the digest of samples of it; None where there is none."""
    with suppress(OSError), open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        samples = []
        for start in (0, (size - SAMPLE) // 2, size - SAMPLE):
            file.seek(max(0, start))
            samples.append(file.read(SAMPLE))
        return size, digest_of(b"".join(samples))
    return None
