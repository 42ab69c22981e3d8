"""Tables of colours as files: as another reader takes them."""

from __future__ import annotations

import av
import numpy as np
import pytest

from dia_pipeline.composition.lut import apply_table, neutral
from dia_pipeline.io.cube import CubeError, read_cube, write_cube


@pytest.fixture
def table():
    """One whose colours all depend on each other."""
    red, green, blue = np.moveaxis(neutral(5), -1, 0)
    return np.stack([red * (1 - blue / 2), green**2, (blue + red) / 2], axis=-1)


def test_a_table_is_read_as_it_was_written(tmp_path, table):
    write_cube(tmp_path / "look.cube", table)
    np.testing.assert_allclose(read_cube(tmp_path / "look.cube"), table, atol=1e-6)


def test_another_program_gives_the_same_colours(tmp_path, table, monkeypatch):
    """FFmpeg's filter, which reads the file itself."""
    write_cube(tmp_path / "look.cube", table)
    monkeypatch.chdir(tmp_path)  # a path would have to be quoted
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3)).astype(np.uint8)
    graph = av.filter.Graph()
    source = graph.add_buffer(width=48, height=32, format="rgb24", time_base="1/25")
    graph.link_nodes(
        source, graph.add("lut3d", "look.cube:interp=trilinear"), graph.add("buffersink")
    ).configure()
    frame = av.VideoFrame.from_ndarray(image, "rgb24")
    graph.push(frame)
    found = graph.pull().to_ndarray(format="rgb24")
    assert np.abs(found - apply_table(image, table)).max() <= 1  # it cuts off where we round


def test_comments_titles_and_the_usual_range_are_known(tmp_path):
    path = tmp_path / "look.cube"
    path.write_text(
        'TITLE "0 0"\n# by hand\nLUT_3D_SIZE 2\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1.0 1 1\n\n'
        + "".join(f"{n % 2} {n // 2 % 2} {n // 4}\n" for n in range(8))
    )
    np.testing.assert_array_equal(read_cube(path), neutral(2))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "0 colours"),
        ("LUT_3D_SIZE 2\n0 0 0\n", "1 colours are no table of 2 a side"),
        ("LUT_1D_SIZE 2\n0 0 0\n1 1 1\n", "line 1: 'LUT_1D_SIZE 2' is not known"),
        ("LUT_3D_SIZE two\n", "0 colours"),
        ("LUT_3D_SIZE 1e9\n", "0 colours"),
        ("LUT_3D_SIZE 2\nDOMAIN_MAX 2 2 2\n", "line 2"),
        ("LUT_3D_SIZE 2\n0 0 nan\n", "line 2"),
        ("LUT_3D_SIZE 2\n0 0\n", "line 2"),
        ("\x89PNG", "line 1"),
    ],
)
def test_what_is_no_table_is_told(tmp_path, content, told):
    (tmp_path / "look.cube").write_text(content)
    with pytest.raises(CubeError, match=told):
        read_cube(tmp_path / "look.cube")
    with pytest.raises(CubeError, match="there is no such file"):
        read_cube(tmp_path / "other.cube")
