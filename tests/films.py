"""Videos for the tests, as cameras make them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

FRAMES = 30
SIZE = (48, 64)


def draw(number: int) -> np.ndarray:
    """A frame whose corners differ and whose green tells its number."""
    image = np.zeros((*SIZE, 3), np.uint8)
    image[..., 1] = 8 * number
    image[:16, :16, 0] = 240
    image[-16:, -16:, 2] = 240
    return image


def film(
    path: Path,
    rate: int = 25,
    turn: int = 0,
    aspect: Fraction | None = None,
    frames: int = FRAMES,
    matrix: list[int] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """A video with a whole frame every 15, and others that need their neighbours."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate)
        (stream.height, stream.width), stream.pix_fmt = SIZE, "yuv420p"
        stream.options = {"g": "15", "bf": "2", "crf": "12", **(options or {})}
        if turn:
            stream.set_display_rotation(turn)
        if matrix:
            stream.set_display_matrix(matrix)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        for number in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(draw(number), "rgb24")))
        container.mux(stream.encode())
    return path


def add_sound(video: Path, path: Path, codec: str) -> Path:
    """The same video with a tone of two seconds."""
    with av.open(str(video)) as given, av.open(str(path), "w") as container:
        images = given.streams.video[0]
        copy = container.add_stream_from_template(images)
        sound = container.add_stream(codec, 48000)
        for packet in given.demux(images):
            if packet.dts is not None:
                packet.stream = copy
                container.mux(packet)
        layout = sound.codec_context.format.name
        for start in range(0, 96000, 1024):
            wave = np.sin(np.arange(start, start + 1024) / 9)
            if layout == "fltp":
                values = (0.3 * wave[None]).astype(np.float32).repeat(2, 0)
            else:
                values = (9000 * wave).astype(np.int16).repeat(2)[None]
            frame = av.AudioFrame.from_ndarray(values, format=layout, layout="stereo")
            frame.sample_rate, frame.pts = 48000, start
            container.mux(sound.encode(frame))
        container.mux(sound.encode())
    return path


def add_sounds(video: Path, path: Path, *sounds: tuple[str, int, str], start: float = 0) -> Path:
    """The same video with a tone of 1.2 seconds for each codec, rate and layout; from `start` s."""
    with av.open(str(video)) as given, av.open(str(path), "w") as container:
        images = given.streams.video[0]
        copy = container.add_stream_from_template(images)
        streams = [container.add_stream(codec, rate) for codec, rate, _ in sounds]
        for stream, (_, _, layout) in zip(streams, sounds, strict=True):
            stream.codec_context.layout = layout
            stream.codec_context.options = {"strict": "-2"}
        for packet in given.demux(images):
            if packet.dts is not None:
                packet.stream = copy
                container.mux(packet)
        for stream, (_, rate, layout) in zip(streams, sounds, strict=True):
            tone = 0.3 * np.sin(np.arange(1.2 * rate) * 2 * np.pi * 440 / rate)
            samples = np.tile(tone.astype(np.float32), (stream.codec_context.channels, 1))
            for first in range(0, len(tone), 1000):
                part = np.ascontiguousarray(samples[:, first : first + 1000])
                frame = av.AudioFrame.from_ndarray(part, "fltp", layout)
                frame.sample_rate, frame.pts = rate, round(start * rate) + first
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path
