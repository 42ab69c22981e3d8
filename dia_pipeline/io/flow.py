"""Correspondences as optical flow: the Middlebury .flo format and its colours; the PNG of KITTI.

Sources: Baker et al., A Database and Evaluation Methodology for Optical Flow, IJCV 2011; Menze and
Geiger, Object Scene Flow for Autonomous Vehicles, CVPR 2015, with its development kit.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dia_pipeline.errors import DiaError
from dia_pipeline.io.files import write_file
from dia_pipeline.io.reading import open_regular, read_file
from dia_pipeline.io.stored import MAX_PIXELS
from dia_pipeline.text import shortened

_UNKNOWN = 1e9  # components from here on mean that the flow is unknown there
_MAGIC = b"PIEH"  # 202021.25 as a little-endian float32
_HEADER = 12  # bytes: that, width and height
_PNG = b"\x89PNG\r\n\x1a\n"

_TRANSITIONS = (
    ((255, 0, 0), 15),
    ((255, 255, 0), 6),
    ((0, 255, 0), 4),
    ((0, 255, 255), 11),
    ((0, 0, 255), 13),
    ((255, 0, 255), 6),
)
"""The wheel's six pure hues, and in how many steps each passes into the next."""


class FlowError(DiaError):
    """A file is no whole flow; the message names it and what is wrong."""


def flow_from_nnf(nnf: np.ndarray) -> np.ndarray:
    """The displacement of every pixel.

    Args:
        nnf: (H, W, 2) integers (y, x), absolute target coordinates.

    Returns:
        (H, W, 2) float32 (u, v) = (dx, dy) in pixels.
    """
    height, width = nnf.shape[:2]
    own = np.mgrid[:height, :width].transpose(1, 2, 0)
    return (nnf - own)[..., ::-1].astype(np.float32)


def nnf_from_flow(flow: np.ndarray) -> np.ndarray:
    """The field of a displacement that is known everywhere: the inverse of `flow_from_nnf`.

    Args:
        flow: (H, W, 2) (u, v) in pixels, without NaN.

    Returns:
        (H, W, 2) int32 (y, x), absolute target coordinates.

    Raises:
        ValueError: it is not known somewhere.
    """
    if not np.isfinite(flow).all():
        raise ValueError("the flow is not known everywhere")
    height, width = flow.shape[:2]
    own = np.mgrid[:height, :width].transpose(1, 2, 0)
    return (own + np.rint(flow[..., ::-1])).astype(np.int32)


def write_flo(path: str | Path, flow: np.ndarray) -> str:
    """Write flow (H, W, 2), (u, v) in pixels, NaN where unknown, as a Middlebury .flo file.

    Returns:
        The SHA-256 of the file in hexadecimal.
    """
    height, width = flow.shape[:2]
    values = np.where(np.isfinite(flow), flow, 10 * _UNKNOWN).astype("<f4")
    header = _MAGIC + np.array([width, height], "<i4").tobytes()
    return write_file(path, header + values.tobytes())


def flo_size(path: str | Path) -> tuple[int, int]:
    """Height and width of a Middlebury .flo file.

    Raises:
        FlowError: the file is not in the format or not whole.
        OSError: the file cannot be read.
    """
    with open_regular(path) as file:
        return _size(file, path)


def read_flo(path: str | Path, step: int = 1) -> np.ndarray:
    """Read a Middlebury .flo file, or every `step`-th of its vectors along both axes.

    Returns:
        (H, W, 2) float32 (u, v) in pixels, NaN where unknown.

    Raises:
        FlowError: the file is not in the format or not whole.
        OSError: the file cannot be read.
    """
    with open_regular(path) as file:
        height, width = _size(file, path)
        data = file.read()
    whole = np.frombuffer(data, "<f4").reshape(height, width, 2)
    return with_unknown(whole[::step, ::step].astype(np.float32))


def read_flow(path: str | Path) -> np.ndarray:
    """Read a Middlebury .flo file, or a PNG as KITTI has it.

    That has 16 bits a channel: red and green are 64 u + 2^15 and 64 v + 2^15, and blue is 0 where
    the flow is unknown.

    Returns:
        (H, W, 2) float32 (u, v) in pixels, NaN where unknown.

    Raises:
        FlowError: the file is neither, or not whole.
        OSError: the file cannot be read.
    """
    with open_regular(path) as file:
        if file.read(len(_PNG)) != _PNG:
            return read_flo(path)
    values = _deep_colours(read_file(path), path).astype(np.float32)
    known = values[..., 2:] > 0
    return np.where(known, (values[..., :2] - 2**15) / 64, np.float32(np.nan))


def _deep_colours(data: bytes, path: str | Path) -> np.ndarray:
    """The (H, W, 3) uint16 of a PNG, of which the header is looked at before it is unpacked."""
    import imagecodecs

    try:
        width, height, *kind = struct.unpack_from(">IIBB", data, len(_PNG) + 8)
        if kind != [16, 2] or not 0 < width * height <= MAX_PIXELS:
            raise ValueError(f"{width}x{height} of {kind[0]} bits, colour type {kind[1]}")
        return imagecodecs.png_decode(data)
    except Exception as error:  # the decoder raises many kinds
        problem = f"this is no flow as KITTI has it ({shortened(str(error))})"
        raise FlowError(path, problem, "give a PNG of 16 bits and three channels") from error


def with_unknown(flow: np.ndarray) -> np.ndarray:
    """A flow (H, W, 2) float, or points, with both components NaN where one says it is unknown."""
    known = (np.abs(flow) < _UNKNOWN).all(axis=-1, keepdims=True)
    return np.where(known, flow, np.asarray(np.nan, flow.dtype))


def _size(file: BinaryIO, path: str | Path) -> tuple[int, int]:
    """Height and width by the header, behind which the file is read on."""
    start = file.read(_HEADER)
    if not start.startswith(_MAGIC) or len(start) < _HEADER:
        raise FlowError(path, "this is no Middlebury .flo file", "give one of that format")
    width, height = (int(side) for side in np.frombuffer(start, "<i4", 2, len(_MAGIC)))
    expected = _HEADER + width * height * 8
    size = os.fstat(file.fileno()).st_size
    if size != expected or min(width, height) < 1 or width * height > MAX_PIXELS:
        problem = f"{size} bytes do not hold a flow of {width}x{height}"
        raise FlowError(path, problem, "copy it again")
    return height, width


def colour_flow(flow: np.ndarray, max_radius: float | None = None) -> np.ndarray:
    """Show flow in the usual colours: hue is its direction, saturation its length.

    Args:
        flow: (H, W, 2) (u, v); NaN where unknown, which is shown in black.
        max_radius: length in pixels shown fully saturated; by default the greatest in `flow`.
            Longer ones are shown darker.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    known = np.isfinite(flow).all(axis=-1)
    u, v = np.moveaxis(np.where(known[..., None], flow, 0), -1, 0)
    length = np.hypot(u, v)
    radius = (length / (max_radius or length.max() or 1))[..., None]
    wheel = colour_wheel()
    position = (np.arctan2(-v, -u) / np.pi + 1) / 2 * (len(wheel) - 1)
    lower = position.astype(int)
    share = (position - lower)[..., None]
    hue = wheel[lower] * (1 - share) + wheel[(lower + 1) % len(wheel)] * share
    colour = np.where(radius <= 1, 1 - radius * (1 - hue), 0.75 * hue)
    return np.floor(255 * colour * known[..., None]).astype(np.uint8)


def colour_wheel() -> np.ndarray:
    """The 55 hues of the wheel, (55, 3) in 0..1."""
    pure = np.array([hue for hue, _ in _TRANSITIONS]) / 255
    steps = [
        start + (end - start) * np.arange(count)[:, None] / count
        for start, end, (_, count) in zip(
            pure, np.roll(pure, -1, axis=0), _TRANSITIONS, strict=True
        )
    ]
    return np.concatenate(steps)
