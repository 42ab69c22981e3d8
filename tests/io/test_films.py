"""Films as players show them: upright, the film and not its cover, in whole pictures."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from itertools import product
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from films import FRAMES, SIZE, draw, film
from PIL import Image

from dia_pipeline.io.images import ImageError
from dia_pipeline.io.video import count_frames, decode_frames, notes_on, read_pace

TURNS = [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)]
"""Of display matrices (a, b, c, d): a quarter of a turn more each."""

MIRRORED = [(-a, b, -c, d) for a, b, c, d in TURNS]


def displayed(image: np.ndarray, a: int, b: int, c: int, d: int) -> np.ndarray:
    """An image whose point (x, y) is shown at (a x + c y, b x + d y), pixel by pixel."""
    y, x = np.indices(image.shape[:2])
    to_x, to_y = a * x + c * y, b * x + d * y
    to_x, to_y = to_x - to_x.min(), to_y - to_y.min()
    shown = np.empty((to_y.max() + 1, to_x.max() + 1, 3), image.dtype)
    shown[to_y, to_x] = image
    return shown


def matrix(a: int, b: int, c: int, d: int) -> list[int]:
    """A display matrix in fixed point: 16 bits after the point, 30 in the last column."""
    return [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30]


@pytest.mark.parametrize("way", [*TURNS, *MIRRORED])
@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_a_film_is_turned_and_mirrored_as_its_matrix_says(tmp_path, way, suffix):
    path = film(tmp_path / f"film.{suffix}", matrix=matrix(*way))
    plain = film(tmp_path / f"plain.{suffix}")
    for found, given in zip(decode_frames(path), decode_frames(plain), strict=True):
        np.testing.assert_array_equal(found, displayed(given, *way))


def test_corners_are_where_a_mirror_puts_them(tmp_path):
    """Red is in the first corner of the frames, blue in the last."""
    path = film(tmp_path / "film.mp4", matrix=matrix(0, 1, 1, 0))
    (first, *_) = decode_frames(path)
    assert first.shape == (SIZE[1], SIZE[0], 3)
    assert first[5, 5, 0] > 200 and first[-5, -5, 2] > 200
    path = film(tmp_path / "mirrored.mp4", matrix=matrix(-1, 0, 0, 1))
    (first, *_) = decode_frames(path)
    assert first[5, -5, 0] > 200 and first[-5, 5, 2] > 200


def test_a_mirrored_film_of_wide_pixels_is_made_square_first(tmp_path):
    way = MIRRORED[1]
    path = film(tmp_path / "film.mp4", matrix=matrix(*way), aspect=Fraction(4, 3))
    plain = film(tmp_path / "plain.mp4", aspect=Fraction(4, 3))
    for found, given in zip(decode_frames(path), decode_frames(plain), strict=True):
        np.testing.assert_array_equal(found, displayed(given, *way))


def test_jpegs_that_say_how_they_are_turned(tmp_path):
    """What else they say, PyAV may not know."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    jpeg = BytesIO()
    Image.fromarray(draw(9)).save(jpeg, "JPEG", exif=exif)
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", 25)
        (stream.height, stream.width), stream.pix_fmt = SIZE, "yuvj420p"
        for number in range(3):
            packet = av.Packet(jpeg.getvalue())
            packet.stream, packet.pts, packet.dts = stream, number, number
            packet.time_base = Fraction(1, 25)
            container.mux(packet)
    (first, *_) = decode_frames(path)
    assert first.shape == (SIZE[1], SIZE[0], 3)
    assert first[5, -5, 0] > 200


def beside(path: Path, *others: tuple[str, int, tuple[int, int]], default: bool = True) -> Path:
    """A film after other streams of video: codec, number of frames and size of each."""
    with av.open(str(path), "w") as container:
        streams = []
        for codec, count, size in [*others, ("libx264", FRAMES, SIZE)]:
            stream = container.add_stream(codec, 25)
            (stream.height, stream.width) = size
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            streams.append((stream, count, size))
        if default:
            streams[-1][0].disposition = Disposition.default
        for stream, count, size in streams:
            for number in range(count):
                image = draw(number) if size == SIZE else np.full((*size, 3), 99, np.uint8)
                frame = av.VideoFrame.from_ndarray(image, "rgb24")
                container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
            container.mux(stream.encode())
    return path


def check_that_the_film_is_read(path: Path) -> None:
    found = list(decode_frames(path))
    assert count_frames(path) == len(read_pace(path).times) == len(found) == FRAMES
    assert read_pace(path).size == SIZE
    for number, image in enumerate(found):
        assert abs(int(image[24, 32, 1]) - 8 * number) < 12


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "avi"])
def test_a_cover_before_the_film_is_not_the_film(tmp_path, suffix):
    check_that_the_film_is_read(
        beside(tmp_path / f"film.{suffix}", ("mjpeg", 1, (480, 640)), default=suffix == "mkv")
    )


def test_a_cover_that_is_called_so_is_not_the_film(tmp_path):
    """As music players write it: MP4 names it after the film, so it is moved before."""
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        cover, stream = container.add_stream("mjpeg", 25), container.add_stream("libx264", 25)
        cover.height, cover.width, cover.pix_fmt = 480, 640, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        (stream.height, stream.width), stream.pix_fmt = SIZE, "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.full((480, 640, 3), 99, np.uint8))
        container.mux(cover.encode(picture.reformat(format="yuvj420p")))
        container.mux(cover.encode())
        for number in range(FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(draw(number), "rgb24")))
        container.mux(stream.encode())
    content = path.read_bytes()
    head, moov = content.index(b"moov"), content.index(b"trak") - 4
    meta = content.index(b"udta") - 4
    path.write_bytes(content[:moov] + content[meta:] + content[moov:meta])
    assert head < moov < meta
    with av.open(str(path)) as container:
        assert Disposition.attached_pic in container.streams.video[0].disposition
    check_that_the_film_is_read(path)


def test_a_cover_is_found_in_a_long_film(tmp_path):
    path = beside(tmp_path / "film.mkv", ("mjpeg", 1, (480, 640)), ("libx264", 130, (24, 32)))
    check_that_the_film_is_read(path)
    assert notes_on(path) == ["of its 2 videos this is taken: stream 2, 64x48 pixels"]


def test_of_two_films_the_larger_is_taken_and_that_is_said(tmp_path, caplog):
    path = beside(tmp_path / "film.mkv", ("libx264", FRAMES, (24, 32)), default=False)
    check_that_the_film_is_read(path)
    assert "of its 2 videos this is taken: stream 1, 64x48 pixels" in caplog.text


def test_of_two_films_the_default_one_is_taken(tmp_path):
    check_that_the_film_is_read(beside(tmp_path / "film.mp4", ("libx264", FRAMES, (96, 128))))


def test_sound_with_a_cover_is_no_film(tmp_path):
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        cover, sound = container.add_stream("mjpeg", 25), container.add_stream("aac", 48000)
        cover.height, cover.width, cover.pix_fmt = 48, 64, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(draw(1)).reformat(format="yuvj420p")
        container.mux([*cover.encode(picture), *cover.encode()])
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 4096), np.float32), "fltp", "stereo")
        frame.sample_rate = 48000
        container.mux([*sound.encode(frame), *sound.encode()])
    with pytest.raises(ImageError, match="it holds no video"):
        count_frames(path)


# Two fields a frame.


def field(time: int) -> np.ndarray:
    """What a camera sees in the field of this number: a bar passes by."""
    image = np.full((96, 128, 3), 60, np.uint8)
    image[:, 4 * time % 128 : 4 * time % 128 + 20] = 220
    return image


def woven(number: int, top_first: bool = False) -> np.ndarray:
    """A frame of two fields, one line of each in turns."""
    image, later = field(2 * number), field(2 * number + 1)
    image[int(top_first) :: 2] = later[int(top_first) :: 2]
    return image


def interlaced(
    path: Path, codec: str, options: dict[str, str], pixels: str = "yuv420p", **more
) -> Path:
    """A film of ten frames of two fields, the lower one first unless the order is 2."""
    order = more.pop("field_order", 0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, 25)
        stream.height, stream.width, stream.pix_fmt = 96, 128, pixels
        stream.options, stream.codec_context.qmax = options, 4
        stream.codec_context.field_order = order
        for name, value in more.items():
            getattr(stream, name)(*value)
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(woven(number, order == 2), "rgb24")
            container.mux(stream.encode(frame.reformat(format=pixels)))
        container.mux(stream.encode())
    return path


FIELDS = {"flags": "+ildct+ilme"}
X264 = {"x264-params": "bff=1", "crf": "8"}


@pytest.mark.parametrize(
    ("name", "codec", "options", "more"),
    [
        ("film.mp4", "libx264", X264, {}),
        ("film.ts", "mpeg2video", FIELDS, {}),
        ("film.mkv", "mpeg4", FIELDS, {}),
        ("film.mov", "prores_ks", {"flags": "+ildct"}, {"pixels": "yuv422p10le"}),
        ("raw.mov", "rawvideo", {}, {"pixels": "uyvy422", "field_order": 3}),
        # The file alone says so, and not the frames:
        ("film.mov", "mjpeg", {}, {"pixels": "yuvj422p", "field_order": 2}),
        ("film.mkv", "mjpeg", {}, {"pixels": "yuvj422p", "field_order": 3}),
        ("film.mov", "prores_ks", {}, {"pixels": "yuv422p10le", "field_order": 2}),
    ],
)
def test_of_an_interlaced_frame_the_first_field_is_shown_whole(
    tmp_path, name, codec, options, more, caplog
):
    path = interlaced(tmp_path / name, codec, options, **more)
    found = list(decode_frames(path))
    assert len(found) == count_frames(path) == 10
    assert read_pace(path).rate == 25
    for number, image in enumerate(found[1:-1], 1):
        assert np.abs(image.astype(int) - field(2 * number)).mean() < 3
        assert np.abs(image.astype(int) - woven(number, more.get("field_order") == 2)).mean() > 4
    (note,) = [note for note in notes_on(path) if "bits" not in note]
    assert "it is interlaced" in note
    assert f"{path}: {note}" in caplog.text


def test_an_interlaced_film_is_also_turned_mirrored_and_made_square(tmp_path):
    way = MIRRORED[3]
    more = {"set_display_matrix": (matrix(*way),)}
    found = decode_frames(interlaced(tmp_path / "film.mp4", "libx264", X264, **more))
    plain = decode_frames(interlaced(tmp_path / "plain.mp4", "libx264", X264))
    for ours, theirs in zip(found, plain, strict=True):
        np.testing.assert_array_equal(ours, displayed(theirs, *way))


def elementary(path: Path, options: dict[str, str], size: tuple[int, int] = (96, 128)) -> Path:
    """Ten frames of MPEG-2 without a container: such files can be joined."""
    with av.open(str(path), "w", format="mpeg2video") as container:
        stream = container.add_stream("mpeg2video", 25)
        (stream.height, stream.width), stream.pix_fmt, stream.options = size, "yuv420p", options
        for number in range(10):
            image = np.ascontiguousarray(woven(number)[: size[0], : size[1]])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())
    return path


def test_a_film_that_is_interlaced_in_part_is_deinterlaced_there_alone(tmp_path):
    whole = elementary(tmp_path / "whole.m2v", {})
    fields = elementary(tmp_path / "fields.m2v", FIELDS)
    expected = list(decode_frames(whole))
    for parts in ((whole, fields, whole), (fields, whole)):
        path = tmp_path / "film.m2v"
        path.write_bytes(b"".join(part.read_bytes() for part in parts))
        found = list(decode_frames(path))
        assert len(found) == 10 * len(parts)
        for number, part in enumerate(parts):
            ours = found[10 * number : 10 * (number + 1)]
            same = [np.array_equal(a, b) for a, b in zip(ours, expected, strict=True)]
            assert all(same) if part == whole else not any(same[1:])
        assert len(notes_on(path)) == 1


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg2video"])
def test_whole_frames_stay_whole_though_the_file_says_otherwise(tmp_path, codec):
    found = [
        list(decode_frames(interlaced(tmp_path / f"{order}.mkv", codec, {}, field_order=order)))
        for order in (1, 3)
    ]
    np.testing.assert_array_equal(*found)
    assert notes_on(tmp_path / "3.mkv") == []


def test_fields_that_are_frames_by_themselves_are_left_as_they_are(tmp_path):
    """As HEVC has them."""
    options = {"x265-params": "interlace=tff:log-level=none", "crf": "4"}
    path = interlaced(tmp_path / "film.mp4", "libx265", options)
    for number, image in enumerate(decode_frames(path)):
        assert np.abs(image.astype(int) - woven(number)).mean() < 3
    assert any("a frame by itself" in note for note in notes_on(path))


def test_an_interlaced_film_whose_size_changes_keeps_its_frames(tmp_path):
    shapes = []
    for options in ({}, FIELDS):
        sizes = (96, 128), (64, 80)
        parts = [elementary(tmp_path / f"{size}.m2v", options, size) for size in sizes]
        path = tmp_path / "film.m2v"
        path.write_bytes(b"".join(part.read_bytes() for part in parts))
        shapes.append([image.shape[:2] for image in decode_frames(path)])
    assert shapes[0] == shapes[1]
    assert shapes[0].count((64, 80)) == 10


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_an_interlaced_film_of_uneven_times_keeps_its_times(tmp_path, suffix):
    path = interlaced(tmp_path / f"even.{suffix}", "libx264", X264)
    uneven = tmp_path / f"film.{suffix}"
    with av.open(str(path)) as given, av.open(str(uneven), "w") as container:
        stream = given.streams.video[0]
        copy = container.add_stream_from_template(stream)
        for packet in given.demux(stream):
            if packet.dts is not None:
                late = packet.pts * packet.time_base > Fraction(1, 5)
                packet.pts += round(late / packet.time_base)
                packet.stream = copy
                container.mux(packet)
    found = read_pace(uneven).times
    assert np.diff(found).max() == pytest.approx(1.04, abs=0.01)
    for ours, theirs in zip(decode_frames(uneven), decode_frames(path), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_colours_of_an_interlaced_film_are_those_of_a_whole_one(tmp_path):
    """Of full range, and of each size by which colours are told that the file does not name."""
    for height, pixels in product((480, 720), ("yuvj420p", "yuv420p")):
        found = {}
        for name, options in (("whole", {}), ("fields", {"x264-params": "bff=1"})):
            path = tmp_path / f"{name}.mp4"
            with av.open(str(path), "w") as container:
                stream = container.add_stream("libx264", 25)
                stream.height, stream.width, stream.pix_fmt = height, 64, pixels
                stream.options = options | {"crf": "1", "preset": "ultrafast"}
                image = np.full((height, 64, 3), (200, 60, 30), np.uint8)
                for _ in range(3):
                    frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=pixels)
                    container.mux(stream.encode(frame))
                container.mux(stream.encode())
            found[name] = list(decode_frames(path))[1][height // 2, 32].astype(int)
        np.testing.assert_allclose(found["fields"], found["whole"], atol=2)


def test_what_is_transparent_lies_over_white(tmp_path):
    path = tmp_path / "film.mov"
    clear = np.dstack([draw(9), np.full(SIZE, 255, np.uint8)])
    clear[:, 40:, 3] = 0
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", 25)
        (stream.height, stream.width), stream.pix_fmt = SIZE, "rgba"
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(clear, "rgba")))
        container.mux(stream.encode())
    for image in decode_frames(path):
        np.testing.assert_array_equal(image[:, :40], draw(9)[:, :40])
        assert (image[:, 40:] == 255).all()


def test_a_timecode_and_data_beside_a_film_are_left_alone(tmp_path):
    path = tmp_path / "film.mov"
    with av.open(str(film(tmp_path / "plain.mp4"))) as given, av.open(str(path), "w") as container:
        container.metadata["timecode"] = "01:00:00:00"
        stream = given.streams.video[0]
        copy = container.add_stream_from_template(stream)
        for packet in given.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                container.mux(packet)
    with av.open(str(path)) as container:
        assert container.streams.data
    check_that_the_film_is_read(path)


def recording(path: Path, codec: str, options: dict[str, str]) -> tuple[Path, Path]:
    """Sixty frames whose groups need the one before, and the same from the middle of a group on."""
    whole, cut = path.with_stem("whole"), path.with_stem("cut")
    with av.open(str(whole), "w") as container:
        stream = container.add_stream(codec, 25)
        (stream.height, stream.width), stream.pix_fmt = SIZE, "yuv420p"
        stream.options = {"g": "12", "bf": "2", **options}
        for number in range(60):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(draw(number % 30), "rgb24")))
        container.mux(stream.encode())
    with av.open(str(whole)) as given, av.open(str(cut), "w") as container:
        stream = given.streams.video[0]
        copy = container.add_stream_from_template(stream)
        for packet in [each for each in given.demux(stream) if each.dts is not None][20:]:
            packet.stream = copy
            container.mux(packet)
    return whole, cut


@pytest.mark.parametrize("suffix", ["ts", "mkv", "mp4"])
@pytest.mark.parametrize(
    ("codec", "options"),
    [("mpeg2video", {}), ("libx264", {"x264-params": "open-gop=1:scenecut=0"}), ("mpeg4", {})],
)
def test_a_recording_begins_with_its_first_whole_frame(tmp_path, codec, options, suffix):
    """As broadcasts are recorded: the first frames need others that are not there."""
    whole, cut = recording(tmp_path / f"film.{suffix}", codec, options)
    assert count_frames(whole) == len(list(decode_frames(whole))) == 60
    found = list(decode_frames(cut))
    times = read_pace(cut).times
    assert count_frames(cut) == len(times) == len(found) < 40
    with av.open(str(cut)) as container:
        shown = [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
    np.testing.assert_allclose(times, shown, atol=1e-3)
