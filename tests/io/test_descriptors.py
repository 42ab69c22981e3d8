"""Descriptors of another network, read from files and arrays; what is none is refused in words."""

from __future__ import annotations

import io
import pickle
import zipfile

import numpy as np
import pytest
import torch

from dia_pipeline.guides import GuidanceError
from dia_pipeline.io.descriptors import MAX_CHANNELS, read_descriptors, shape_in

MAP = np.random.default_rng(0).normal(size=(5, 4, 6)).astype(np.float32)


def read_through(tmp_path, save, name="map.npy"):
    path = tmp_path / name
    save(path)
    content = read_descriptors(path.read_bytes(), "descriptors_a")
    np.testing.assert_array_equal(content, read_descriptors(path, "descriptors_a"))
    assert shape_in(str(path), "descriptors_a") == content.shape
    return content


@pytest.mark.parametrize("kind", ["<f2", "<f4", ">f4", "<f8"])
@pytest.mark.parametrize("order", "CF")
def test_a_map_is_the_same_however_it_is_kept(tmp_path, kind, order):
    kept = np.asarray(MAP, kind, order=order)
    expected = kept.astype(float) / np.abs(kept.astype(float)).max()
    for save in (
        lambda path: np.save(path, kept),
        lambda path: np.savez(path.with_suffix(".npz"), kept) or rename(path),
        lambda path: np.savez_compressed(path.with_suffix(".npz"), features=kept) or rename(path),
    ):
        found = read_through(tmp_path, save)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def rename(path):
    path.with_suffix(".npz").rename(path)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32])
def test_a_tensor_is_taken_as_an_array_is(kind):
    tensor = torch.from_numpy(MAP).to(kind).requires_grad_()
    expected = tensor.detach().float().numpy()
    found = read_descriptors(tensor, "descriptors_a")
    np.testing.assert_allclose(found, expected / np.abs(expected).max(), rtol=1e-3)


def test_values_as_large_or_small_as_floats_can_be_stay_numbers():
    for scale in (1e-300, 1e300):
        found = read_descriptors(MAP.astype(float) * scale, "descriptors_a")
        np.testing.assert_allclose(found, MAP / np.abs(MAP).max(), rtol=1e-5)
    assert not read_descriptors(np.zeros((2, 3, 4)), "descriptors_a").any()


def saved(array, **how):
    file = io.BytesIO()
    np.save(file, array, **how)
    return file.getvalue()


def archive(*arrays):
    file = io.BytesIO()
    np.savez(file, *arrays)
    return file.getvalue()


def beyond(shape):
    """The header alone of a map so large."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


def with_value(value):
    wrong = MAP.copy()
    wrong[1, 2, 3] = value
    return saved(wrong)


FAULTS = {
    "flat": (saved(MAP[0]), r"no map of descriptors: 4x6 values of type float32; give \(C, h, w\)"),
    "whole": (saved(np.ones((2, 3, 4), int)), "values of type int64; give"),
    "complex": (saved(MAP * 1j), "values of type complex64; give"),
    "empty": (saved(MAP[:0]), "0x4x6 values of type float32; give"),
    "objects": (saved(np.array([[[{}]]], object), allow_pickle=True), "of type object; give"),
    "pickle": (pickle.dumps(MAP), r"it cannot be read .*write it with numpy\.save"),
    "text": (b"1,2,3\n", r"it cannot be read .*write it with numpy\.save"),
    "nothing": (b"", r"it cannot be read"),
    "cut": (saved(MAP)[:-1], "the file is cut off; copy or make it again"),
    "two": (archive(MAP, MAP), "it holds 2 arrays; keep the one that counts"),
    "none": (archive(), "it holds 0 arrays; keep the one that counts"),
    "channels": (
        beyond((MAX_CHANNELS + 1, 2, 2)),
        "4097x2x2 .* are too many; make at most",
    ),
    "wide": (beyond((1, 2, 5000)), "1x2x5000 values of type float32 are too many"),
    "large": (beyond((4096, 4096, 4096)), "are too many"),
    "nan": (with_value(np.nan), "1 of its values are NaN or infinite; make it anew"),
    "infinite": (with_value(-np.inf), "1 of its values are NaN or infinite"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_map_is_refused_with_its_file_and_a_remedy(tmp_path, fault):
    content, message = FAULTS[fault]
    path = tmp_path / "map.npy"
    path.write_bytes(content)
    for value in (content, path):
        with pytest.raises(GuidanceError, match=f"^descriptors_a: map.npy: .*{message}"):
            read_descriptors(value, "descriptors_a: map.npy")


def test_a_damaged_archive_is_refused(tmp_path):
    content = bytearray(archive(MAP))
    content[content.index(MAP.tobytes()) + 8] ^= 255
    with pytest.raises(GuidanceError, match=r"it cannot be read .*CRC"):
        read_descriptors(bytes(content), "descriptors_a")
    with zipfile.ZipFile(tmp_path / "other.npz", "w") as other:
        other.writestr("readme.txt", "no array")
    with pytest.raises(GuidanceError, match="it cannot be read"):
        shape_in(str(tmp_path / "other.npz"), "descriptors_a")


@pytest.mark.parametrize("value", [None, "text", [[1, 2], [3]], 3, object()])
def test_values_that_are_no_array_are_refused(value):
    with pytest.raises(GuidanceError, match=r"^descriptors_a: "):
        read_descriptors(value, "descriptors_a")
