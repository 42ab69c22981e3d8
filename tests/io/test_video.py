"""Videos as people have them: turned, stretched, cut, of uneven times, with sound; and hostile."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from films import FRAMES, SIZE, add_sound, draw, film

from dia_pipeline.io.images import ImageError
from dia_pipeline.io.video import (
    Sound,
    Timing,
    count_frames,
    decode_frames,
    read_pace,
    write_video,
)


def decoded_by_opencv(path: Path) -> list[np.ndarray]:
    capture, found = cv2.VideoCapture(str(path)), []
    while (read := capture.read())[0]:
        found.append(read[1][..., ::-1])
    return found


@pytest.mark.parametrize("turn", [0, 90, 180, -90])
def test_a_phone_held_upright_films_upright(tmp_path, turn):
    path = film(tmp_path / "phone.mp4", turn=turn)
    found, expected = list(decode_frames(path)), decoded_by_opencv(path)
    assert len(found) == len(expected) == FRAMES
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours[::4, ::4].astype(int), theirs[::4, ::4], atol=16)


def test_pixels_are_made_square(tmp_path):
    (first, *_) = decode_frames(film(tmp_path / "wide.mp4", aspect=Fraction(4, 3)))
    assert first.shape == (SIZE[0], round(SIZE[1] * 4 / 3), 3)


@pytest.mark.parametrize("space", [Colorspace.ITU601, Colorspace.ITU709])
@pytest.mark.parametrize("whole", [False, True])
def test_colours_are_those_that_the_file_names(tmp_path, space, whole):
    colour = np.array([200, 60, 30])
    kr, kb = {Colorspace.ITU601: (0.299, 0.114), Colorspace.ITU709: (0.2126, 0.0722)}[space]
    luma = colour @ [kr, 1 - kr - kb, kb]
    chroma = (colour[2] - luma) / (2 - 2 * kb), (colour[0] - luma) / (2 - 2 * kr)
    scale, low = ((1, 1), 0) if whole else ((219 / 255, 224 / 255), 16)
    planes = [low + scale[0] * luma, 128 + scale[1] * chroma[0], 128 + scale[1] * chroma[1]]
    frame = av.VideoFrame(*SIZE[::-1], "yuv420p")
    for plane, value in zip(frame.planes, planes, strict=True):
        plane.update(bytes([round(value)]) * plane.buffer_size)
    path = tmp_path / "colour.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 25)
        (stream.height, stream.width), stream.pix_fmt = SIZE, "yuv420p"
        stream.options = {"crf": "1"}
        stream.codec_context.colorspace = space
        stream.codec_context.color_range = ColorRange.JPEG if whole else ColorRange.MPEG
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    (found,) = decode_frames(path)
    np.testing.assert_allclose(found[24, 32], colour, atol=4)


def test_frames_that_cannot_be_decoded_are_not_counted(tmp_path):
    """Of a video cut at half a second without being encoded anew."""
    path = tmp_path / "cut.mp4"
    with av.open(str(film(tmp_path / "whole.mkv"))) as given, av.open(str(path), "w") as container:
        stream = given.streams.video[0]
        copy = container.add_stream_from_template(stream)
        for packet in given.demux(stream):
            if packet.dts is not None:
                shift = round(0.48 / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = copy
                container.mux(packet)
    found = list(decode_frames(path))
    assert count_frames(path) == len(read_pace(path).times) == len(found) < FRAMES
    assert len(found) == len(decoded_by_opencv(path))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_the_rate_and_the_times_are_those_of_the_file(tmp_path, suffix):
    path = film(tmp_path / f"slow.{suffix}", rate=6)
    pace = read_pace(path)
    assert pace.rate == pytest.approx(6)
    np.testing.assert_allclose(np.diff(pace.times), 1 / 6, atol=1e-3)
    assert Timing.of(pace.times, 6) == Timing(6)


def test_uneven_times_come_back(tmp_path):
    times = [0, 0.04, 0.08, 0.24, 0.28]
    timing = Timing.of(times, 25)
    assert timing.times == tuple(times)
    frames = [draw(number) for number in range(5)]
    write_video(tmp_path / "uneven.mp4", frames, timing)
    np.testing.assert_allclose(read_pace(tmp_path / "uneven.mp4").times, times, atol=1e-3)
    with av.open(tmp_path / "uneven.mp4") as container:
        stream = container.streams.video[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(
            0.28 + 1 / timing.rate, abs=0.01
        )


@pytest.mark.parametrize(("codec", "suffix"), [("aac", "mkv"), ("pcm_s16le", "mov")])
def test_sound_is_carried_over_and_cut_where_the_frames_are(tmp_path, codec, suffix):
    path = add_sound(film(tmp_path / "mute.mp4"), tmp_path / f"film.{suffix}", codec)
    assert read_pace(path).sound and not read_pace(tmp_path / "mute.mp4").sound
    sound = Sound(path, 0.4, 1.2)
    frames = [draw(number) for number in range(20)]
    written = set()
    for name in ("one.mp4", "two.mp4"):
        write_video(tmp_path / name, frames, Timing(25), sound)
        written.add((tmp_path / name).read_bytes())
    assert len(written) == 1
    with av.open(str(tmp_path / "one.mp4")) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name == "aac"
        assert float(stream.duration * stream.time_base) == pytest.approx(0.8, abs=0.1)
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(stream)])
    assert samples[2000:30000].std() == pytest.approx(0.3 / np.sqrt(2), rel=0.2)


@pytest.mark.parametrize(
    "content", ["ffconcat version 1.0\nfile 'other.mp4'\n", "#EXTM3U\n#EXTINF:1,\nother.mp4\n"]
)
def test_lists_of_other_files_are_no_videos(tmp_path, content):
    film(tmp_path / "other.mp4")
    (tmp_path / "list.mp4").write_text(content)
    with pytest.raises(ImageError, match="cannot be read"):
        count_frames(tmp_path / "list.mp4")


@pytest.mark.parametrize("name", ["http://127.0.0.1:9/film.mp4", "concat:a.mp4|b.mp4", "pipe:0"])
def test_addresses_are_names_of_files(name):
    with pytest.raises(ImageError, match="there is no such file"):
        count_frames(name)


def test_hdr_is_said(tmp_path, caplog):
    path = tmp_path / "hdr.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 25)
        (stream.height, stream.width), stream.pix_fmt = SIZE, "yuv420p10le"
        stream.codec_context.color_trc = 16
        frame = av.VideoFrame.from_ndarray(draw(3), "rgb24").reformat(format="yuv420p10le")
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with caplog.at_level("WARNING", "dia"):
        list(decode_frames(path))
    assert "HDR (PQ)" in caplog.text
