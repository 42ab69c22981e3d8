from __future__ import annotations

import hashlib
import os

import pytest

from dia_pipeline.io.files import digest_file, replace_file


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
