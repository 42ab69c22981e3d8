from __future__ import annotations

import hashlib
import io
import json
import os
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from dia_pipeline.store.arrays import read_any_arrays, read_arrays, write_arrays
from dia_pipeline.store.artefacts import ArtefactError, digest

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


@pytest.mark.parametrize("length", [0, 100, 512, -1])
def test_a_truncated_file_is_found(path, length):
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ArtefactError, match="damaged"):
        read_arrays(path, RECIPE)


def test_a_file_of_another_recipe_does_not_count(path):
    other = {**RECIPE, "settings": {"seed": 1}}
    with pytest.raises(ArtefactError, match="other settings"):
        read_arrays(path, other)
    key, content = read_any_arrays(path)
    assert key == digest(RECIPE) and content.attributes == ATTRIBUTES


def test_a_missing_file_does_not_count(path):
    path.unlink()
    with pytest.raises(ArtefactError, match="no such file"):
        read_arrays(path, RECIPE)


def forged(path: Path, fill) -> None:
    """Write a file whose digest is right, with what `fill` puts into it."""
    content = io.BytesIO()
    with h5py.File(content, "w", userblock_size=512) as file:
        file.attrs.update({"key": digest(RECIPE), "recipe": json.dumps(RECIPE)})
        fill(file)
    body = content.getvalue()[512:]
    header = f"dia-pipeline artefact\nsha256 {hashlib.sha256(body).hexdigest()}\n"
    path.write_bytes(header.encode().ljust(512, b"\0") + body)


def virtual(file):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "data", (4,))
    file.create_virtual_dataset("nnf", layout)


def many_names(file):
    file["nnf"] = np.zeros(10_000)
    for number in range(100):
        file[f"nnf{number}"] = file["nnf"]


def own_child(file):
    file["level5"] = file


HOSTILE = {
    "huge": lambda file: file.create_dataset("nnf", (10**6, 10**6), "f4"),
    "packed": lambda file: file.create_dataset("nnf", data=np.zeros(10**6), compression="gzip"),
    "chunked": lambda file: file.create_dataset("nnf", (10**6, 10**6), "f4", chunks=(1000, 1000)),
    "text": lambda file: file.create_dataset("nnf", data=["a"], dtype=h5py.string_dtype()),
    "references": lambda file: file.create_dataset("nnf", data=[file.ref], dtype=h5py.ref_dtype),
    "elsewhere": lambda file: file.create_dataset(
        "nnf", (4,), "f4", external=[("/etc/passwd", 0, 16)]
    ),
    "virtual": virtual,
    "external link": lambda file: file.__setitem__("nnf", h5py.ExternalLink("other.h5", "data")),
    "soft link": lambda file: file.__setitem__("nnf", h5py.SoftLink("/other")),
    "a type": lambda file: file.__setitem__("nnf", np.dtype("f4")),
    "many names": many_names,
    "its own child": own_child,
    "no JSON": lambda file: file.attrs.__setitem__("pose", "{"),
    "no text": lambda file: file.attrs.__setitem__("pose", 3),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_never_written_is_refused_though_its_digest_is_right(path, kind, monkeypatch):
    monkeypatch.chdir(path.parent)
    with h5py.File("other.h5", "w") as other:
        other["data"] = np.ones(4, np.float32)
    forged(path, HOSTILE[kind])
    with pytest.raises(ArtefactError, match="damaged"):
        read_arrays(path, RECIPE)


def test_a_forged_file_of_plain_arrays_is_read(path):
    """So that the test above tells of what it names."""
    forged(path, lambda file: file.__setitem__("level5/nnf", np.ones(3)))
    assert read_arrays(path, RECIPE).arrays["level5/nnf"].tolist() == [1, 1, 1]


def test_a_pipe_is_not_waited_for(path):
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OSError, match="no regular file"):
        read_arrays(path, RECIPE)
