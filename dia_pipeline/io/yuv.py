"""Frames of more than 8 bits as luma and chroma, and back.

FFmpeg's own conversion to and from colours of 16 bits (libswscale) takes 256 steps for the 257 in a
grey level, so that white is no white; and at some widths its bytes differ from run to run.

Chroma lies as by default in H.264, HEVC, AV1 and ProRes: in a row on every other luma, in a column
between two.
"""

from __future__ import annotations

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

_WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""Of red and blue in the luma, by the matrices of H.273: BT.709, BT.601 twice, BT.2020."""

_BT709 = 1

UNKNOWN = 2
"""The matrix of a frame that names none."""


def frame_of(image: np.ndarray, pixels: str) -> av.VideoFrame:
    """An image as a frame in luma and chroma of BT.709 of limited range.

    Args:
        image: (H, W, 3), or 4 with opacity, uint8 or float32 in grey levels.
        pixels: a format of 9 to 16 bits in planes; with no opacity that of the image is left out.
    """
    height, width = image.shape[:2]
    frame = av.VideoFrame(width, height, pixels)
    unit = 2 ** (frame.format.components[0].bits - 8)
    luma, *chroma = _differences(image[..., :3].astype(np.float32) / 255)
    planes = [16 + 219 * luma, *(128 + 224 * _smaller(each, frame.format) for each in chroma)]
    levels = [plane * unit for plane in planes]
    if len(frame.planes) == 4:
        opacity = image[..., 3] if image.shape[-1] == 4 else np.full_like(luma, 255)
        levels.append(opacity / 255 * (256 * unit - 1))
    for plane, values in zip(frame.planes, levels, strict=True):
        rows = np.zeros((plane.height, plane.line_size // 2), "<u2")  # its ends are encoded too
        rows[:, : plane.width] = np.rint(values).clip(0, 256 * unit - 1)
        plane.update(rows.tobytes())
    frame.colorspace, frame.color_range = Colorspace.ITU709, ColorRange.MPEG
    frame.color_primaries = frame.color_trc = _BT709
    return frame


def is_readable(frame: av.VideoFrame) -> bool:
    """Whether `image_of` knows the format and the matrix of a frame, once it is given one."""
    pixels = frame.format
    planes = pixels.is_planar and len(frame.planes) == len(pixels.components) in (3, 4)
    deep = pixels.components[0].bits > 8 and not pixels.is_big_endian
    return planes and deep and not pixels.is_rgb and frame.colorspace in (*_WEIGHTS, UNKNOWN)


def image_of(frame: av.VideoFrame) -> np.ndarray:
    """A frame that is readable as (H, W, 3), or 4 with opacity, uint16."""
    unit = 2 ** (frame.format.components[0].bits - 8)
    most = 256 - 1 / unit
    low, heights = (0, (most, most)) if frame.color_range == ColorRange.JPEG else (16, (219, 224))
    luma, first, second, *opacity = (_values(plane) / unit for plane in frame.planes)
    luma = (luma - low) / heights[0]
    blue, red = ((_larger(each, luma.shape) - 128) / heights[1] for each in (first, second))
    kr, kb = _WEIGHTS[frame.colorspace]
    r, b = luma + (2 - 2 * kr) * red, luma + (2 - 2 * kb) * blue
    g = (luma - kr * r - kb * b) / (1 - kr - kb)
    shares = [r, g, b, *(each / most for each in opacity)]
    return np.rint(65535 * np.stack(shares, -1).clip(0, 1)).astype(np.uint16)


def _differences(colours: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Luma, and by what blue and red exceed it, from -1/2 to 1/2, of colours from 0 to 1."""
    kr, kb = _WEIGHTS[_BT709]
    r, g, b = np.moveaxis(colours, -1, 0)
    luma = kr * r + (1 - kr - kb) * g + kb * b
    return luma, (b - luma) / (2 - 2 * kb), (r - luma) / (2 - 2 * kr)


def _values(plane: av.video.plane.VideoPlane) -> np.ndarray:
    rows = np.frombuffer(bytes(plane), "<u2").reshape(-1, plane.line_size // 2)
    return rows[: plane.height, : plane.width].astype(np.float32)


def _smaller(plane: np.ndarray, pixels: av.VideoFormat) -> np.ndarray:
    """Chroma (H, W), both even where need be, at the size that a format has of it."""
    height, width = plane.shape
    if pixels.chroma_width(width) < width:
        padded = np.pad(plane, [(0, 0), (1, 0)], "edge")
        plane = (padded[:, :-1:2] + 2 * padded[:, 1::2] + padded[:, 2::2]) / 4
    if pixels.chroma_height(height) < height:
        plane = (plane[::2] + plane[1::2]) / 2
    return plane


def _larger(plane: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Chroma at the size of the luma."""
    height, width = shape
    if plane.shape[1] < width:
        plane = np.pad(plane, [(0, 0), (0, 1)], "edge")
        between = (plane[:, :-1] + plane[:, 1:]) / 2
        plane = np.stack([plane[:, :-1], between], 2).reshape(len(plane), -1)[:, :width]
    if plane.shape[0] < height:
        plane = np.pad(plane, [(1, 1), (0, 0)], "edge")
        inside = 3 * plane[1:-1]
        rows = np.stack([plane[:-2] + inside, inside + plane[2:]], 1) / 4
        plane = rows.reshape(-1, width)[:height]
    return plane
