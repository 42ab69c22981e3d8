"""Caches in places that others may write to: what is run from them is this user's own, or none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dia_pipeline import caches

ELSEWHERE = 12345
"""Another user."""

SCRIPT = """
from dia_pipeline.machine.compiled import compiled
# A source whose folder takes no file: what numba finds in a package that is mounted to be read.
names = {"__name__": "read_only"}
exec(compile("def double(x):\\n    return 2 * x\\n", "/proc/version", "exec"), names)
function = compiled(names["double"])
assert function(21) == 42
print(function.stats.cache_path)
"""


def left_open(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)


def of_another(folder: Path) -> None:
    if os.getuid():
        pytest.skip("only root can give a folder away")
    folder.mkdir(mode=0o755)
    os.chown(folder, ELSEWHERE, ELSEWHERE)


def link(folder: Path) -> None:
    target = folder.with_name("target")
    target.mkdir(mode=0o700)
    folder.symlink_to(target)


def file(folder: Path) -> None:
    folder.touch()


def open_above(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    folder.parent.chmod(0o777)


KINDS = (left_open, of_another, link, file, open_above)


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """A temporary folder that is open to all, like `/tmp`, and no other place for a cache."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    monkeypatch.setattr(caches.tempfile, "tempdir", str(folder))
    monkeypatch.delenv("DIA_CACHE", raising=False)
    caches.temporary_folder.cache_clear()
    yield folder
    caches.temporary_folder.cache_clear()


def cached_in(shared: Path, **environment: str) -> Path:
    """Where a process without a home keeps what it compiles."""
    usual = {"HOME": "/proc/none", "XDG_CACHE_HOME": "/proc/none", "TMPDIR": str(shared)}
    usual |= {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", SCRIPT]
    result = subprocess.run(command, capture_output=True, text=True, env=usual | environment)
    assert result.returncode == 0, result.stderr
    return Path(result.stdout.strip())


@pytest.mark.parametrize("kind", KINDS)
def test_a_temporary_folder_that_others_have_made_is_not_used(shared, kind, caplog):
    usual = shared / f"dia-{os.getuid()}"
    kind(usual)
    used = caches.temporary_folder()
    assert used != usual and used.is_dir() and used.stat().st_mode & 0o777 == 0o700
    assert caplog.text.count(f"{usual} is not used") == 1
    assert caches.temporary_folder() == used


@pytest.mark.slow
@pytest.mark.parametrize("kind", [left_open, link])
def test_nothing_that_others_have_compiled_is_run(shared, kind):
    usual = shared / f"dia-{os.getuid()}"
    kind(usual)
    used = cached_in(shared)
    assert usual not in used.parents and not used.exists()  # gone with the process
    assert not list(usual.rglob("*"))


@pytest.mark.slow
def test_a_home_that_is_open_to_all_is_none(shared):
    """As where a container has its home in /tmp, and somebody was there before."""
    for each in (shared / "cache", shared / "cache" / "numba"):
        left_open(each)
    used = cached_in(shared, XDG_CACHE_HOME=str(shared / "cache"))
    assert shared / f"dia-{os.getuid()}" in used.parents


def test_what_is_made_is_for_this_user_alone(shared, tmp_path, monkeypatch):
    before = os.umask(0)
    try:
        assert caches.temporary_folder() == shared / f"dia-{os.getuid()}"
        monkeypatch.setenv("DIA_CACHE", str(tmp_path / "new" / "cache"))
        named = caches.cache_folder()
    finally:
        os.umask(before)
    assert named == tmp_path / "new" / "cache"
    for each in (named, caches.temporary_folder()):
        assert each.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_the_user_names_is_taken_as_it_is(shared, tmp_path, monkeypatch):
    left_open(tmp_path / "ours")
    monkeypatch.setenv("DIA_CACHE", str(tmp_path / "ours"))
    assert caches.cache_folder() == tmp_path / "ours"
    assert (tmp_path / "ours").stat().st_mode & 0o777 == 0o777


def test_a_folder_of_root_or_ones_own_in_an_open_one_is_own(shared):
    folder = shared / "mine" / "cache"
    folder.mkdir(parents=True, mode=0o755)
    assert caches.is_own(folder) and not caches.is_own(shared)
    assert not caches.is_own(shared / "missing")
