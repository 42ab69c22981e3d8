from __future__ import annotations

import time

import h5py
import numpy as np
import pytest

from dia_pipeline.store.arrays import check_arrays, read_arrays, write_arrays
from dia_pipeline.store.artefacts import ArtefactError

RECIPE = {"stage": "level3", "settings": {"seed": 0}}
ARRAYS = {
    "nnf_ab": np.arange(24, dtype=np.int32).reshape(3, 4, 2),
    "level2/energy": np.linspace(0, 1, 12, dtype=np.float16).reshape(3, 4),
}
ATTRIBUTES = {"device": "cpu", "versions": {"torch": "2.13.0"}}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "level3.h5"
    write_arrays(path, RECIPE, ARRAYS, ATTRIBUTES)
    return path


def test_what_is_written_is_read(path):
    arrays, attributes = read_arrays(path, RECIPE)
    assert attributes == ATTRIBUTES
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_any_hdf5_reader_opens_it(path):
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["nnf_ab"][:], ARRAYS["nnf_ab"])


def test_the_bytes_do_not_depend_on_the_time(path):
    first = path.read_bytes()
    time.sleep(1.1)
    write_arrays(path, RECIPE, ARRAYS, ATTRIBUTES)
    assert path.read_bytes() == first


def test_a_bit_flipped_anywhere_is_found(path):
    whole = path.read_bytes()
    for position in [0, 40, 511, 512, *range(600, len(whole), 211), len(whole) - 1]:
        damaged = bytearray(whole)
        damaged[position] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(ArtefactError, match=r"level3\.h5.*damaged"):
            read_arrays(path, RECIPE)
        with pytest.raises(ArtefactError, match=r"level3\.h5.*damaged"):
            check_arrays(path, RECIPE)


@pytest.mark.parametrize("length", [0, 100, 512, -1])
def test_a_truncated_file_is_found(path, length):
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ArtefactError, match="damaged"):
        read_arrays(path, RECIPE)


def test_a_file_of_another_recipe_does_not_count(path):
    other = {**RECIPE, "settings": {"seed": 1}}
    with pytest.raises(ArtefactError, match="other settings"):
        read_arrays(path, other)
    with pytest.raises(ArtefactError, match="other settings"):
        check_arrays(path, other)
    check_arrays(path, RECIPE)


def test_a_missing_file_does_not_count(path):
    path.unlink()
    with pytest.raises(ArtefactError, match="no such file"):
        check_arrays(path, RECIPE)
