"""The sound of films: copied, encoded anew, of another track or left out; never an error."""

from __future__ import annotations

import math
from pathlib import Path

import av
import numpy as np
import pytest
from films import add_sound, add_sounds, draw, film

from dia_pipeline.io import sound
from dia_pipeline.io.sound import Sound, Track, find_track
from dia_pipeline.io.video import Timing, read_pace, write_video

SECONDS = 1.2


@pytest.fixture(scope="module")
def mute(tmp_path_factory):
    return film(tmp_path_factory.mktemp("film") / "mute.mp4")


def carried(path: Path, start: float = 0) -> tuple[av.AudioStream, np.ndarray] | None:
    """The sound of a video that is written with that of a film, and the samples of a channel."""
    written = path.with_name("written.mp4")
    write_video(written, map(draw, range(30)), Timing(25), Sound(path, start, math.inf))
    with av.open(str(written)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 30
    with av.open(str(written)) as container:
        if not container.streams.audio:
            return None
        (stream,) = container.streams.audio
        resampler = av.AudioResampler("fltp")
        frames = [f for each in container.decode(stream) for f in resampler.resample(each)]
        return stream, np.concatenate([frame.to_ndarray()[0] for frame in frames])


@pytest.mark.parametrize(
    ("codec", "rate", "layout", "suffix", "becomes"),
    [
        ("aac", 48000, "stereo", "ts", ("aac", 48000, 2)),  # with a header in every packet
        ("aac", 48000, "5.1", "mkv", ("aac", 48000, 6)),
        ("libmp3lame", 44100, "stereo", "mkv", ("mp3", 44100, 2)),
        ("libmp3lame", 11025, "mono", "mov", ("aac", 11025, 1)),  # no MP4 holds that
        ("ac3", 48000, "5.1", "ts", ("ac3", 48000, 6)),
        ("eac3", 48000, "stereo", "mkv", ("eac3", 48000, 2)),
        ("libopus", 48000, "stereo", "mkv", ("opus", 48000, 2)),
        ("alac", 44100, "stereo", "mov", ("alac", 44100, 2)),
        ("flac", 192000, "stereo", "mkv", ("aac", 48000, 2)),
        ("vorbis", 44100, "stereo", "mkv", ("aac", 44100, 2)),
        ("pcm_s16le", 192000, "stereo", "mov", ("aac", 48000, 2)),
        ("pcm_s24le", 176400, "stereo", "mkv", ("aac", 48000, 2)),
        ("pcm_s16le", 4000, "mono", "mov", ("aac", 48000, 1)),
        ("pcm_s24le", 96000, "stereo", "mov", ("aac", 96000, 2)),
        ("pcm_s16le", 48000, "5.1", "mov", ("aac", 48000, 2)),
        ("pcm_s16le", 48000, "quad", "mkv", ("aac", 48000, 2)),  # whose layout is not told there
        ("pcm_f32le", 48000, "mono", "mkv", ("aac", 48000, 1)),
        ("pcm_mulaw", 8000, "mono", "mov", ("aac", 8000, 1)),
        ("adpcm_ima_qt", 44100, "mono", "mov", ("aac", 44100, 1)),
        ("wavpack", 48000, "stereo", "mkv", ("aac", 48000, 2)),
        ("nellymoser", 44100, "mono", "flv", ("aac", 44100, 1)),
    ],
)
def test_sound_of_every_kind_is_carried(mute, tmp_path, codec, rate, layout, suffix, becomes):
    path = add_sounds(mute, tmp_path / f"film.{suffix}", (codec, rate, layout))
    stream, samples = carried(path)
    own = stream.codec_context
    assert (own.codec.canonical_name, own.sample_rate, own.layout.nb_channels) == becomes
    assert len(samples) / own.sample_rate == pytest.approx(SECONDS, abs=0.15)
    middle = samples[len(samples) // 4 : -len(samples) // 4]
    tone = np.abs(np.fft.rfft(middle)).argmax() / len(middle) * own.sample_rate
    assert tone == pytest.approx(440, abs=5)
    assert middle.std() > 0.1
    track, note = find_track(path)
    assert track.copied == (note == "")
    if note:
        assert f"{rate} Hz" in note and "is encoded anew, as AAC" in note


def unknown(path: Path) -> Path:
    """A film whose sounds in mu-law are called by a name that FFmpeg does not know."""
    content = path.read_bytes()
    assert b"ulaw" in content
    path.write_bytes(content.replace(b"ulaw", b"apac"))
    return path


def test_sound_of_an_unknown_kind_is_left_out_and_that_is_said(mute, tmp_path):
    path = unknown(add_sounds(mute, tmp_path / "film.mov", ("pcm_mulaw", 48000, "stereo")))
    track, note = find_track(path)
    assert track is None
    assert note == "its sound cannot be carried over (of an unknown kind): the video has none"
    assert read_pace(path).sound
    assert carried(path) is None


def test_of_several_sounds_the_next_is_taken_where_one_is_unknown(mute, tmp_path):
    sounds = ("pcm_mulaw", 48000, "stereo"), ("pcm_s16le", 48000, "mono")
    path = unknown(add_sounds(mute, tmp_path / "film.mov", *sounds))
    track, note = find_track(path)
    assert track == Track(2, copied=False)
    assert "of its 2 sounds, stream 2 (pcm_s16le, 48000 Hz, mono) is carried over" in note
    stream, _ = carried(path)
    assert stream.codec_context.layout.name == "mono"


def test_of_several_sounds_the_default_one_is_taken(mute, tmp_path):
    path = add_sounds(
        mute, tmp_path / "film.mkv", ("libmp3lame", 44100, "mono"), ("aac", 48000, "stereo")
    )
    track, note = find_track(path)
    with av.open(str(path)) as container:
        assert track.number == container.streams.best("audio").index
    assert "of its 2 sounds, stream" in note


@pytest.mark.parametrize(("codec", "suffix"), [("flac", "mkv"), ("aac", "ts"), ("eac3", "mkv")])
def test_damaged_sound_is_left_out_where_it_is(mute, tmp_path, codec, suffix):
    path = add_sounds(mute, tmp_path / f"film.{suffix}", (codec, 48000, "stereo"))
    with av.open(str(path)) as container:
        packets = [bytes(p) for p in container.demux(audio=0) if p.size]
    content = path.read_bytes()
    for start in {packet[:100] for packet in packets[5:8] + packets[-8:-5]}:
        assert start in content  # as a transport stream breaks up longer ones
        content = content.replace(start, bytes(len(start)))
    path.write_bytes(content)
    stream, samples = carried(path)
    assert 0.5 * SECONDS < len(samples) / stream.codec_context.sample_rate < SECONDS


def test_packets_that_an_mp4_refuses_are_left_out(mute, tmp_path, monkeypatch):
    """Of AAC with a header in every packet, some whose headers are damaged, far from the start."""
    path = add_sounds(mute, tmp_path / "film.ts", ("aac", 48000, "stereo"))
    read = sound._read

    def damaged(*of):
        for number, packet in enumerate(read(*of)):
            if number in (52, 53):
                content = av.Packet(bytes(9) + bytes(packet)[9:])
                content.pts, content.dts = packet.pts, packet.dts
                content.time_base = packet.time_base
                packet = content
            yield packet

    monkeypatch.setattr(sound, "_read", damaged)
    stream, samples = carried(path)
    assert stream.codec_context.name == "aac"
    assert len(samples) / stream.codec_context.sample_rate == pytest.approx(SECONDS, abs=0.15)


def test_sound_of_a_film_that_is_cut_short_ends_there(mute, tmp_path):
    path = add_sounds(mute, tmp_path / "film.mkv", ("pcm_s16le", 48000, "stereo"))
    path.write_bytes(path.read_bytes()[:-60_000])
    stream, samples = carried(path)
    assert 0.5 * SECONDS < len(samples) / stream.codec_context.sample_rate < SECONDS


@pytest.mark.parametrize("codec", ["aac", "flac"])
def test_sound_that_begins_late_begins_late(mute, tmp_path, codec):
    path = add_sounds(mute, tmp_path / "film.mkv", (codec, 48000, "stereo"), start=0.5)
    carried(path)
    with av.open(str(tmp_path / "written.mp4")) as container:
        first = next(container.decode(audio=0))
    assert first.time == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("codec", ["aac", "eac3", "alac", "flac"])
def test_sound_that_ends_before_the_frames_begin_is_none(mute, tmp_path, codec):
    suffix = "mov" if codec == "alac" else "mkv"
    path = add_sounds(mute, tmp_path / f"film.{suffix}", (codec, 48000, "stereo"))
    assert carried(path, 5.0) is None


def test_sound_whose_rate_changes_is_carried(mute, tmp_path):
    """As of a broadcast: two streams of MPEG one after the other."""
    with av.open(str(tmp_path / "film.ts"), "w") as container, av.open(str(mute)) as given:
        images = given.streams.video[0]
        copy = container.add_stream_from_template(images)
        sound = container.add_stream("mp2", 48000)
        for packet in given.demux(images):
            if packet.dts is not None:
                packet.stream = copy
                container.mux(packet)
        for number, (rate, layout) in enumerate([(48000, "stereo"), (44100, "mono")]):
            encoder = av.CodecContext.create("mp2", "w")
            encoder.sample_rate, encoder.layout, encoder.format = rate, layout, "s16"
            samples = np.full((1, rate // 2 * encoder.channels), 3000, np.int16)
            frame = av.AudioFrame.from_ndarray(samples, "s16", layout)
            frame.sample_rate, frame.pts = rate, rate // 2 * number
            for packet in [*encoder.encode(frame), *encoder.encode(None)]:
                packet.stream = sound
                container.mux(packet)
    stream, samples = carried(tmp_path / "film.ts")
    assert len(samples) / stream.codec_context.sample_rate == pytest.approx(1, abs=0.1)


def test_the_same_film_gives_the_same_bytes(mute, tmp_path):
    path = add_sound(mute, tmp_path / "film.mov", "pcm_s16le")
    written = []
    for _ in range(2):
        carried(path, 0.4)
        written.append((tmp_path / "written.mp4").read_bytes())
    assert written[0] == written[1]
