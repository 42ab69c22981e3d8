from __future__ import annotations

import threading

import numpy as np
import pytest

from dia_pipeline.store.arrays import read_arrays, write_arrays
from dia_pipeline.store.writer import MAX_WAITING, Writer

RECIPE = {"stage": "test"}


def test_everything_is_written_when_the_writer_is_left(tmp_path):
    with Writer() as writer:
        for number in range(5):
            arrays = {"x": np.array([number])}
            writer.submit(tmp_path / f"{number}.h5", write_arrays, RECIPE, arrays, {})
    for number in range(5):
        arrays, _ = read_arrays(tmp_path / f"{number}.h5", RECIPE)
        assert arrays["x"].tolist() == [number]


def test_the_next_is_computed_meanwhile_but_few_wait_in_memory(tmp_path):
    disk = threading.Event()

    def write(*arguments):
        disk.wait()

    with Writer() as writer:
        for number in range(MAX_WAITING):
            writer.submit(tmp_path / str(number), write)  # returns: nothing is written yet
        one_more = threading.Thread(target=writer.submit, args=(tmp_path / "one more", write))
        one_more.start()
        one_more.join(0.2)
        assert one_more.is_alive()
        disk.set()
        one_more.join(10)
        assert not one_more.is_alive()


def test_what_could_not_be_written_is_not_kept_quiet(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OSError), Writer() as writer:
        writer.submit(tmp_path / "file" / "x.h5", write_arrays, RECIPE, {}, {})


def test_an_error_of_the_work_is_not_hidden_by_one_of_the_disk(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(KeyError), Writer() as writer:
        writer.submit(tmp_path / "file" / "x.h5", write_arrays, RECIPE, {}, {})
        raise KeyError("the work")
