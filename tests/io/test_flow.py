from __future__ import annotations

import os
import struct
import zlib

import numpy as np
import pytest
import torch
from vision import torchvision

from dia_pipeline.io.flow import (
    FlowError,
    colour_flow,
    flow_from_nnf,
    nnf_from_flow,
    read_flo,
    read_flow,
    write_flo,
)


def test_flow_is_where_a_pixel_goes_less_where_it_is():
    nnf = np.zeros((3, 4, 2), np.int32)
    nnf[2, 1] = (7, 0)  # y, x
    flow = flow_from_nnf(nnf)
    assert flow.dtype == np.float32
    np.testing.assert_array_equal(flow[2, 1], (-1, 5))  # dx, dy
    np.testing.assert_array_equal(flow[0, 3], (-3, 0))


def test_the_file_is_laid_out_as_middlebury_says(tmp_path):
    path = tmp_path / "flow.flo"
    flow = np.array([[[1.5, -2], [3, 4], [5, np.nan]]], np.float32)
    write_flo(path, flow)
    data = path.read_bytes()
    assert data[:4] == b"PIEH"
    assert struct.unpack("<ii", data[4:12]) == (3, 1)
    values = struct.unpack("<6f", data[12:])
    assert values[:5] == (1.5, -2, 3, 4, 5)
    assert values[5] > 1e9


def test_a_file_comes_back_as_written_with_the_unknown_as_nan(tmp_path):
    path = tmp_path / "flow.flo"
    flow = np.random.default_rng(0).normal(size=(5, 7, 2)).astype(np.float32)
    flow[3, 2] = np.nan
    write_flo(path, flow)
    np.testing.assert_array_equal(read_flo(path), flow)


def test_one_billion_means_unknown(tmp_path):
    path = tmp_path / "flow.flo"
    path.write_bytes(b"PIEH" + struct.pack("<ii4f", 2, 1, 1e9, 1e9, 1, 2))
    np.testing.assert_array_equal(read_flo(path), [[[np.nan, np.nan], [1, 2]]])


def deep_png(pixels):
    """A PNG of 16 bits and three channels, chunk by chunk as its standard says."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_a_flow_of_kitti_is_read_as_its_makers_say(tmp_path):
    """u in red and v in green, of 1/64 pixel from -512 on; blue is 0 where nothing is known."""
    path = tmp_path / "flow.png"
    path.write_bytes(deep_png(np.array([[[32768, 32768, 1], [0, 65535, 1], [32832, 32752, 0]]])))
    flow = read_flow(path)
    assert flow.dtype == np.float32
    expected = [[[0, 0], [-512, 32767 / 64], [np.nan, np.nan]]]
    np.testing.assert_array_equal(flow, expected)
    write_flo(path, np.float32(expected))  # what is in the file counts, not its name
    np.testing.assert_array_equal(read_flow(path), expected)


@pytest.mark.parametrize("damage", ["shallow", "huge", "cut"])
def test_a_png_that_is_no_flow_is_told(tmp_path, damage):
    path = tmp_path / "flow.png"
    data = bytearray(deep_png(np.ones((4, 5, 3), int)))
    if damage == "shallow":
        data[24] = 8
    elif damage == "huge":
        data[16:24] = struct.pack(">II", 2**31 - 1, 2**31 - 1)
    path.write_bytes(data[:50] if damage == "cut" else data)
    with pytest.raises(FlowError, match=r"flow\.png: this is no flow as KITTI has it"):
        read_flow(path)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 2e9])
@pytest.mark.filterwarnings("error")
def test_where_one_component_is_no_number_the_flow_is_unknown(tmp_path, number):
    path = tmp_path / "flow.flo"
    path.write_bytes(b"PIEH" + struct.pack("<ii4f", 2, 1, number, 3, 1, 2))
    flow = read_flo(path)
    np.testing.assert_array_equal(flow, [[[np.nan, np.nan], [1, 2]]])
    with pytest.raises(ValueError, match="not known everywhere"):
        nnf_from_flow(flow)


@pytest.mark.parametrize(
    "sides", [(2**31 - 1, 2**31 - 1), (-1, -1), (-2, 1), (0, 0), (10**6, 10**6)]
)
def test_sizes_that_no_file_holds_are_refused(tmp_path, sides):
    path = tmp_path / "flow.flo"
    path.write_bytes(b"PIEH" + struct.pack("<ii2f", *sides, 1, 2))
    with pytest.raises(FlowError, match="do not hold a flow of"):
        read_flo(path)


def test_a_file_of_terabytes_of_nothing_is_refused(tmp_path):
    path = tmp_path / "flow.flo"
    with path.open("wb") as file:
        file.write(b"PIEH" + struct.pack("<ii", 30_000, 30_000))
        file.truncate(12 + 30_000**2 * 8)
    with pytest.raises(FlowError, match="do not hold a flow of"):
        read_flo(path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "flow.flo")
    with pytest.raises(OSError, match="no regular file"):
        read_flo(tmp_path / "flow.flo")


@pytest.mark.parametrize(
    "data",
    [b"", b"PIEH", b"PIEX" + bytes(16), b"PIEH" + struct.pack("<iif", 2, 1, 0.5)],
)
def test_a_broken_file_is_named(tmp_path, data):
    path = tmp_path / "broken.flo"
    path.write_bytes(data)
    with pytest.raises(FlowError, match=r"broken\.flo"):
        read_flo(path)


def test_the_colours_are_the_usual_ones():
    flow = np.random.default_rng(0).normal(size=(30, 40, 2)).astype(np.float32)
    usual = torchvision.utils.flow_to_image(torch.from_numpy(flow).permute(2, 0, 1))
    difference = colour_flow(flow).astype(int) - usual.permute(1, 2, 0).numpy()
    assert abs(difference).max() <= 1


def test_colours_of_no_long_and_unknown_flow():
    flow = np.array([[[0, 0], [1, 0], [3, 0], [np.nan, 0]]])
    none, full, long, unknown = colour_flow(flow, max_radius=1)[0].astype(int)
    assert (none == 255).all()
    assert (unknown == 0).all()
    assert abs(long - 0.75 * full).max() <= 1


def test_no_flow_is_white():
    assert (colour_flow(np.zeros((2, 3, 2))) == 255).all()
