"""The frames of a sequence, wherever they come from."""

from __future__ import annotations

import numpy as np
import pytest
from examples import draw_image

from dia_pipeline.io.frames import check_size, frame_fault, write_frame
from dia_pipeline.io.images import ImageError, read_image
from dia_pipeline.io.video import Timing, count_frames, decode_frames, write_video
from dia_pipeline.runs.sources import SequenceError, kind_of, list_frames

SIZE = (33, 47)


@pytest.fixture
def images():
    """Six smooth frames of an odd size that differ."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    waves = [np.stack([np.sin((x + y * k) / 20 + n) for k in range(3)], -1) for n in range(6)]
    return [(wave * 60 + 128).astype(np.uint8) for wave in waves]


def names(frames):
    return [frame.rsplit("/", 1)[1] for frame in frames]


def test_a_folder_is_in_the_order_of_its_numbers(tmp_path):
    for number in (10, 9, 8, 11):
        draw_image(tmp_path / f"f{number}.png", 1)
    (tmp_path / "notes.md").touch()
    assert names(list_frames(str(tmp_path))) == ["f8.png", "f9.png", "f10.png", "f11.png"]
    assert names(list_frames(f"{tmp_path}/f?.png")) == ["f8.png", "f9.png"]
    assert names(list_frames(str(tmp_path), start=1, stop=4, stride=2)) == ["f9.png", "f11.png"]


def test_a_hole_among_numbered_files_is_a_frame_that_lacks(tmp_path):
    for number in (0, 10, 30, 40):
        draw_image(tmp_path / f"f{number:03d}.png", 1)
    found = list_frames(f"{tmp_path}/f%03d.png")
    assert names(found) == ["f000.png", "f010.png", "f020.png", "f030.png", "f040.png"]
    with pytest.raises(ImageError, match=r"f020.png: there is no such file"):
        read_image(found[2])


@pytest.mark.parametrize("source", ["", "/IMG_*.jpg"])
def test_a_folder_or_pattern_is_what_is_there(tmp_path, source):
    """As of a choice among the images of a camera."""
    picked = [f"IMG_{number:04d}.jpg" for number in (12, 47, 48)]
    for name in picked:
        draw_image(tmp_path / name, 1)
    (tmp_path / "._IMG_0012.jpg").touch()
    assert names(list_frames(f"{tmp_path}{source}")) == picked


def test_numbered_files_of_uneven_steps_lack_every_number_between(tmp_path):
    for number in (1, 3, 6):
        draw_image(tmp_path / f"f{number}.png", 1)
    assert names(list_frames(f"{tmp_path}/f%d.png")) == [f"f{n}.png" for n in range(1, 7)]


def test_a_folder_of_any_name_and_any_format(tmp_path):
    folder = tmp_path / "day [1] * 100%d"
    folder.mkdir()
    kinds = ("png", "avif", "jfif", "gif", "webp", "tif")
    for number, kind in enumerate(kinds):
        draw_image(folder / f"{number}.{kind}", 1)
    assert names(list_frames(str(folder))) == [f"{n}.{kind}" for n, kind in enumerate(kinds)]
    assert {kind_of(frame) for frame in list_frames(str(folder))} == {"image"}


def test_an_image_is_known_by_its_content(tmp_path):
    draw_image(tmp_path / "image.png", 1)
    (tmp_path / "image.png").rename(tmp_path / "image.dat")
    assert kind_of(str(tmp_path / "image.dat")) == "image"


def test_braces_are_as_good_as_other_characters(tmp_path):
    """The workflow, whose wildcards they would be, refuses them itself."""
    path = draw_image(tmp_path / "{a}.png", 1)
    assert list_frames(str(tmp_path)) == [path]


@pytest.mark.parametrize("name", ["new\nline.png", "not\udcffutf8.png"])
def test_a_frame_that_no_text_can_name_is_refused(tmp_path, name):
    draw_image(tmp_path / "1.png", 1)
    (tmp_path / "1.png").rename(tmp_path / name)
    with pytest.raises(SequenceError, match="rename"):
        list_frames(str(tmp_path))


def test_a_list_keeps_its_order_and_the_images_that_lack(tmp_path):
    draw_image(tmp_path / "late.png", 1)
    (tmp_path / "day.txt").write_text("# a day\nlate.png\nnone.png\nlate.png\n")
    found = list_frames(str(tmp_path / "day.txt"))
    assert names(found) == ["late.png", "none.png", "late.png"]


@pytest.mark.parametrize("source", ["none", "none*.png", "none.mp4", "none.txt"])
def test_no_frames_are_explained(tmp_path, source):
    with pytest.raises(SequenceError, match="none"):
        list_frames(str(tmp_path / source))


def test_a_frame_of_another_size_is_named(tmp_path):
    path = draw_image(tmp_path / "small.png", 1, (20, 30))
    with pytest.raises(ImageError, match=r"small.png: the frame has 30x20 pixels, .* 47x33"):
        check_size(path, read_image(path), SIZE)


def test_a_frame_says_what_it_was_made_of_and_whether_it_is_whole(tmp_path, images):
    path = tmp_path / "frame.png"
    assert "no such file" in frame_fault(path, "key")
    write_frame(path, images[0], "key")
    assert frame_fault(path, "key") is None
    assert "other settings" in frame_fault(path, "another")
    np.testing.assert_array_equal(read_image(path), images[0])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert "damaged" in frame_fault(path, "key")
    path.write_bytes(content[:100])
    assert "damaged" in frame_fault(path, "key")


def test_a_video_plays_in_browsers_and_comes_back(tmp_path, images):
    import av

    path = tmp_path / "video.mp4"
    write_video(path, images, Timing(12.5))
    with av.open(path) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert (stream.height, stream.width) == (34, 48)
        assert stream.average_rate == 12.5
        assert stream.codec_context.colorspace == stream.codec_context.color_trc == 1  # BT.709
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    found = list(decode_frames(path))
    assert count_frames(path) == len(found) == len(images)
    for frame, image in zip(found, images, strict=True):
        error = np.abs(frame[: SIZE[0], : SIZE[1]].astype(int) - image)
        assert error.mean() < 4  # half the resolution for colours
        np.testing.assert_allclose(frame[-1].astype(int), frame[-2], atol=12)
    assert list_frames(str(path), 4) == [f"{path}#4", f"{path}#5"]


def test_the_same_frames_give_the_same_video(tmp_path):
    """Of a size that is no multiple of the encoder's blocks, with memory used in between."""
    y, x = np.mgrid[:76, :112]
    frames = [
        np.stack([np.sin(x * y / 300 + n + k) for k in range(3)], -1) * 100 + 128 for n in range(8)
    ]
    found = set()
    for _ in range(6):
        write_video(
            tmp_path / "video.mp4", [frame.astype(np.uint8) for frame in frames], Timing(24)
        )
        found.add((tmp_path / "video.mp4").read_bytes())
        np.random.default_rng(0).random((5, 500, 100))
    assert len(found) == 1


def test_what_is_no_video_is_explained(tmp_path):
    path = tmp_path / "video.mp4"
    path.write_bytes(b"no video" * 100)
    with pytest.raises(ImageError, match=r"video.mp4: the video cannot be read"):
        count_frames(path)
