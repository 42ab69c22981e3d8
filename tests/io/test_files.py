from __future__ import annotations

import hashlib
import os

import pytest

from dia_pipeline.io.files import digest_file, lock_file, replace_file, write_file


def test_the_file_appears_whole_and_nothing_else_stays(tmp_path):
    path = tmp_path / "new" / "folder" / "result.h5"
    with replace_file(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".h5"
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_no_temporary(tmp_path):
    path = tmp_path / "result.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="halfway"), replace_file(path) as temporary:
        temporary.write_text("ne")
        raise RuntimeError("halfway")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "result.txt"
    with replace_file(path) as first, replace_file(path) as second:
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_can_be_read_by_whom_the_umask_allows(tmp_path):
    path = tmp_path / "result.txt"
    before = os.umask(0o022)
    try:
        with replace_file(path) as temporary:
            temporary.write_text("shared")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644


def test_digest(tmp_path):
    path = tmp_path / "data"
    data = bytes(range(256)) * 10_000
    path.write_bytes(data)
    assert digest_file(path) == hashlib.sha256(data).hexdigest()


def test_a_written_file_tells_its_digest(tmp_path):
    path = tmp_path / "new/result.bin"
    assert write_file(path, b"whole") == hashlib.sha256(b"whole").hexdigest()
    assert path.read_bytes() == b"whole"


PLANTED = {
    "link": lambda name, victim: name.symlink_to(victim),
    "hard link": lambda name, victim: name.hardlink_to(victim),
    "link to nothing": lambda name, victim: name.symlink_to(victim.with_name("none")),
    "folder": lambda name, victim: name.mkdir(),
    "pipe": lambda name, victim: os.mkfifo(name),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_temporary_name_that_can_be_foreseen_is_not_followed(tmp_path, kind):
    """As of one who may write into the folder too."""
    victim, folder = tmp_path / "victim", tmp_path / "out"
    folder.mkdir()
    victim.write_text("mine")
    PLANTED[kind](folder / ".nnf.part.h5", victim)
    write_file(folder / "nnf.h5", b"whole")
    assert victim.read_text() == "mine" and not victim.with_name("none").exists()
    assert (folder / "nnf.h5").read_bytes() == b"whole" and not (folder / "nnf.h5").is_symlink()
    assert {path.name for path in folder.iterdir()} == {"nnf.h5", ".nnf.part.h5"}


def test_what_a_killed_writer_left_is_overwritten(tmp_path):
    (tmp_path / ".result.part.txt").write_text("half of what was")
    write_file(tmp_path / "result.txt", b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["result.txt"]
    assert (tmp_path / "result.txt").read_bytes() == b"whole"


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe"])
def test_a_lock_is_taken_of_nothing_else(tmp_path, kind):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    PLANTED[kind](tmp_path / ".lock", victim)
    with pytest.raises(OSError, match=r"link|symbolic"):
        lock_file(tmp_path / ".lock")
    assert victim.read_text() == "mine"
