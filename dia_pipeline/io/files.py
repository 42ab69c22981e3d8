"""Files that are either whole or absent, and their digests."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replace_file(path: str | Path) -> Iterator[Path]:
    """Write a file whole or not at all, however the process ends and even if others write it too.

    Yields a temporary path of the same suffix in the same folder, which is made if need be. On
    success the file there is flushed to the disk and takes the name `path` in one step; on an
    exception it is removed and `path` stays as it was. The temporary name is unique and hidden,
    so that two writers never meet.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(8)}{path.suffix}")
    try:
        yield temporary
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def digest_file(path: str | Path) -> str:
    """The SHA-256 of a file's content in hexadecimal, read in pieces."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
