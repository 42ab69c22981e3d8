"""Films for those who cut films: codecs, more than 8 bits and opacity, read back by FFmpeg."""

from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange
from films import add_sound, draw, film

from dia_pipeline.io.codecs import CODECS
from dia_pipeline.io.frames import Kind, kind_of_frame, read_frame, write_frame
from dia_pipeline.io.sound import Sound
from dia_pipeline.io.video import Timing, bits_of, decode_frames, notes_on, read_pace, write_video

SIZE = (50, 74)  # no multiple of the encoders' blocks

MADE = {
    "h264": ("h264", "yuv420p", "avc1", 8),
    "hevc": ("hevc", "yuv420p10le", "hvc1", 10),
    "av1": ("libdav1d", "yuv420p10le", "av01", 10),
    "prores": ("prores", "yuv422p10le", "apch", 10),
    "prores-4444": ("prores", "yuva444p12le", "ap4h", 12),
}
"""Decoder, pixels, name in the file and bits by codec."""


def frames(count: int = 4, size: tuple[int, int] = SIZE) -> list[np.ndarray]:
    """Smooth frames, float32 in grey levels, that use all bits."""
    y, x = np.mgrid[: size[0], : size[1]]
    return [
        np.stack([np.sin(x / 30 + y / 20 + n / 5 + k) for k in range(3)], -1).astype("f4") * 110
        + 127
        for n in range(count)
    ]


def ramp(height: int = 16, width: int = 512) -> np.ndarray:
    """Greys from black to white, of which no two are alike."""
    row = np.linspace(0, 255, width, dtype=np.float32)
    return np.broadcast_to(row[None, :, None], (height, width, 3))


def write(path: Path, name: str, images: list[np.ndarray], deep: bool = True) -> Path:
    path = path / CODECS[name].file
    write_video(path, images, Timing(24), codec=CODECS[name].of_depth(deep))
    return path


def ratio(found: np.ndarray, expected: np.ndarray) -> float:
    """The peak signal-to-noise ratio in decibels."""
    return float(10 * np.log10(255**2 / np.square(found - expected).mean()))


@pytest.mark.parametrize("name", CODECS)
def test_a_film_is_what_its_codec_says(tmp_path, name):
    path = write(tmp_path, name, frames())
    decoder, pixels, tag, bits = MADE[name]
    with av.open(path) as container:
        own = container.streams.video[0].codec_context
        assert (own.name, own.pix_fmt, own.codec_tag) == (decoder, pixels, tag)
        assert (own.height, own.width) == SIZE
        shown = list(container.decode(video=0))
    assert len(shown) == 4
    for frame in shown:
        assert frame.colorspace == frame.color_primaries == frame.color_trc == 1  # BT.709
        assert frame.color_range == 1  # limited
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    assert bits_of(path) == bits and read_pace(path).rate == 24
    assert any("become 8" in note for note in notes_on(path)) == (bits > 8)
    assert not any("become 8" in note for note in notes_on(path, deep=True))
    found = list(decode_frames(path, deep=True))
    assert found[0].dtype == (np.float32 if bits > 8 else np.uint8)
    assert min(map(ratio, found, frames())) > (42 if bits > 8 else 40)


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("deep", [False, True])
def test_the_same_frames_are_the_same_film(tmp_path, name, deep):
    images = frames(3, (45, 53))
    found = set()
    for _ in range(4):
        found.add(write(tmp_path, name, images, deep).read_bytes())
        np.random.default_rng(0).random((5, 500, 100))
    assert len(found) == 1


@pytest.mark.parametrize("name", ["hevc", "av1", "prores", "prores-4444"])
def test_a_slow_change_has_more_than_256_steps(tmp_path, name):
    (found,) = decode_frames(write(tmp_path, name, [ramp()]), deep=True)
    assert len(np.unique(found[8, :, 1])) > 300
    assert ratio(found, ramp()) > 55
    assert found[8, -1].min() > 254 and found[8, 0].max() < 1  # white and black stay so


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="Linux alone")
@pytest.mark.parametrize("name", CODECS)
def test_an_encoder_puts_nobody_before_others(tmp_path, name):
    """Where it may, as in a container: that of AV1 makes the thread that opens it real-time."""

    def schedulers():
        return {os.sched_getscheduler(int(thread)) for thread in os.listdir("/proc/self/task")}

    assert schedulers() == {os.SCHED_OTHER}
    during = []

    def watched():
        for image in frames(3):
            during.append(os.sched_getscheduler(0))
            yield image

    write(tmp_path, name, watched())
    assert {*during} | schedulers() == {os.SCHED_OTHER}


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_frames_come_in_their_times(tmp_path, name, count):
    """An encoder that waits for more frames than come has told times that were never set."""
    for _ in range(5):
        with av.open(write(tmp_path, name, frames(count))) as film:
            packets = [each for each in film.demux(video=0) if each.size]
        seconds = sorted(float(each.pts * each.time_base) for each in packets)
        np.testing.assert_allclose(seconds, np.arange(count) / 24)
        assert [each.dts for each in packets] == sorted({each.dts for each in packets})


def test_8_bits_stay_8_bits_where_a_codec_has_them(tmp_path):
    for name in ("hevc", "av1"):
        assert bits_of(write(tmp_path, name, frames(1), deep=False)) == 8


def test_opacity_is_kept_where_it_can_be(tmp_path):
    alpha = np.broadcast_to(np.linspace(0, 255, SIZE[1], dtype=np.float32), SIZE)
    clear = [np.dstack([each, alpha]) for each in frames(2)]
    with av.open(write(tmp_path, "prores-4444", clear)) as container:
        for frame, given in zip(container.decode(video=0), clear, strict=True):
            opacity = np.frombuffer(bytes(frame.planes[3]), "<u2").reshape(SIZE[0], -1)
            found = opacity[:, : SIZE[1]] / 4095 * 255
            np.testing.assert_allclose(found, given[..., 3], atol=0.2)
    for name in ("h264", "prores"):
        with_it = write(tmp_path, name, clear).read_bytes()
        assert write(tmp_path, name, frames(2)).read_bytes() == with_it


def test_every_size_is_kept_or_made_even(tmp_path):
    sizes = {name: read_pace(write(tmp_path, name, frames(1, (35, 37)))).size for name in CODECS}
    even = dict.fromkeys(("h264", "hevc", "av1"), (36, 38))
    assert sizes == even | {"prores": (35, 38), "prores-4444": (35, 37)}


@pytest.mark.parametrize("pixels", ["yuv420p10le", "yuv422p12le", "yuv444p10le", "gbrp10le"])
@pytest.mark.parametrize("matrix", [5, 2])
def test_colours_of_more_bits_are_those_that_the_file_names(tmp_path, pixels, matrix):
    """Of one colour everywhere, by the formulas of BT.601, or if none is named, as a film so small
    has them; and of RGB as they are."""
    colour = np.array([200.25, 60.5, 30.75])
    kr, kb = 0.299, 0.114
    luma = colour @ [kr, 1 - kr - kb, kb]
    blue, red = (colour[2] - luma) / (2 - 2 * kb), (colour[0] - luma) / (2 - 2 * kr)
    frame = av.VideoFrame(64, 48, pixels)
    unit = 2 ** (frame.format.components[0].bits - 8)
    values = [16 + luma * 219 / 255, 128 + blue * 224 / 255, 128 + red * 224 / 255]
    whole = pixels == "yuv444p10le"
    if whole:
        values = [luma * 1023 / 1020, *(128 + each * 1023 / 1020 for each in (blue, red))]
    if pixels == "gbrp10le":
        values = [each * 1023 / 1020 for each in colour[[1, 2, 0]]]
    for plane, value in zip(frame.planes, values, strict=True):
        plane.update(np.full(plane.buffer_size // 2, round(value * unit), "<u2").tobytes())
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", 25)
        (stream.height, stream.width), stream.pix_fmt = (48, 64), pixels
        stream.codec_context.colorspace = matrix
        stream.codec_context.color_range = ColorRange.JPEG if whole else ColorRange.MPEG
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    (found,) = decode_frames(path, deep=True)
    np.testing.assert_allclose(found[24, 32], colour, atol=0.3)
    assert not notes_on(path, deep=True)


@pytest.mark.parametrize(("given", "copied"), [("pcm_s16le", "pcm_s16le"), ("libopus", "aac")])
def test_a_film_of_quicktime_has_the_sound_that_it_can_hold(tmp_path, given, copied):
    path = add_sound(film(tmp_path / "mute.mp4", frames=10), tmp_path / "film.mkv", given)
    made = tmp_path / "made.mov"
    sound = Sound(path, 0.0, 0.4)
    write_video(made, map(draw, range(10)), Timing(25), sound, CODECS["prores"])
    with av.open(str(made)) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name == copied
        samples = np.concatenate([frame.to_ndarray().ravel() for frame in container.decode(stream)])
    assert samples.std() > 0


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_a_frame_comes_back_as_it_was_written(tmp_path, channels, kind):
    values = np.random.default_rng(0).integers(0, 65536, (9, 7, channels))
    image = (values / 257).astype(np.float32) if kind == np.float32 else (values >> 8).astype(kind)
    write_frame(tmp_path / "0001.png", image, "key")
    found = read_frame(tmp_path / "0001.png")
    assert found.dtype == kind
    np.testing.assert_array_equal(
        np.rint(found * np.float64(257)), np.rint(image * np.float64(257))
    )
    assert kind_of_frame(tmp_path / "0001.png") == Kind(kind == np.float32, channels == 4)
