"""Files of every format that is read, made as a test wants them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

HEIGHT, WIDTH = 12, 20

SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
WHITE = (0.3127, 0.329)


def to_xyz(primaries) -> np.ndarray:
    """From linear RGB to XYZ (ITU-R BT.709, annex)."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries]).T
    x, y = WHITE
    return columns * np.linalg.solve(columns, [x / y, 1, (1 - x - y) / y])


def srgb_curve(light: np.ndarray) -> np.ndarray:
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + check


def make_png(rows: np.ndarray, bits: int, kind: int, *chunks: bytes) -> bytes:
    """A PNG of packed rows (H, bytes), a depth and a colour type."""
    height = len(rows)
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    width = rows.shape[1] * 8 // (bits * samples)
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    parts = [png_chunk(b"IHDR", header), *chunks, png_chunk(b"IDAT", pixels)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + png_chunk(b"IEND", b"")


def with_chunk(png: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk after its header."""
    return png[:33] + png_chunk(kind, body) + png[33:]


def colours(dtype: Any = np.uint8, channels: int = 3) -> np.ndarray:
    """Smooth colours and, with 2 or 4 channels, opacity: (12, 20, channels)."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    planes = [y * 20, x * 12, 255 - y * 8 - x * 7, 255 - x * 13]
    planes = planes if channels > 2 else [planes[0], planes[3]]
    full = np.iinfo(dtype).max
    return (np.stack(planes[:channels], -1) * (full / 255)).astype(dtype)


def saved(mode: str, kind: str, **options: Any) -> bytes:
    """An image of a mode, as Pillow saves it."""
    base = Image.fromarray(colours(channels=4 if "A" in mode else 3))
    file = BytesIO()
    base.convert(mode, palette=Image.Palette.ADAPTIVE).save(file, kind, **options)
    return file.getvalue()


def _lab() -> bytes:
    srgb, lab = (ImageCms.createProfile(name) for name in ("sRGB", "LAB"))
    image = ImageCms.profileToProfile(Image.fromarray(colours()), srgb, lab, outputMode="LAB")
    file = BytesIO()
    image.save(file, "TIFF")
    return file.getvalue()


def _tiff(values: np.ndarray, **options: Any) -> bytes:
    file = BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


def make_exr(channels: dict[str, np.ndarray], **header: Any) -> bytes:
    exr = pytest.importorskip("OpenEXR")
    about = {"compression": exr.ZIP_COMPRESSION, "type": exr.scanlineimage, **header}
    file = BytesIO()
    exr.File(about, channels).write(file)
    return file.getvalue()


def make_heic(deep: bool = False, mode: str = "RGB", **options: Any) -> bytes:
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    if not deep:
        return saved(mode, "HEIF", quality=90, **options)
    values = np.kron(colours(np.uint16), np.ones((4, 4, 1), np.uint16))
    file = BytesIO()
    image = heif.from_bytes("RGB;16", values.shape[1::-1], values.tobytes())
    image.save(file, quality=90, chroma=444, **options)
    return file.getvalue()


def _ppm(values: np.ndarray, most: int) -> bytes:
    kind = b"P6" if values.shape[-1] == 3 else b"P5"
    head = b"%s\n%d %d\n%d\n" % (kind, values.shape[1], values.shape[0], most)
    return head + values.astype(">u2" if most > 255 else "u1").tobytes()


GREY_BITS = {bits: np.arange(HEIGHT * 8, dtype=np.uint8).reshape(HEIGHT, 8) for bits in (1, 2, 4)}
DEEP = colours(np.uint16)
GREY = np.ascontiguousarray(DEEP[..., 0])

MAKERS: dict[str, Callable[[], bytes]] = {
    **{
        f"png, grey of {bits} bits": lambda bits=bits: make_png(GREY_BITS[bits], bits, 0)
        for bits in GREY_BITS
    },
    "png, grey of 4 bits, clear": lambda: make_png(
        GREY_BITS[4], 4, 0, png_chunk(b"tRNS", struct.pack(">H", 5))
    ),
    "png, palette of 2 bits": lambda: make_png(
        GREY_BITS[2],
        2,
        3,
        png_chunk(b"PLTE", bytes(range(0, 240, 20))),
        png_chunk(b"tRNS", b"\x80"),
    ),
    "png, grey": lambda: saved("L", "PNG"),
    "png, grey with alpha": lambda: saved("LA", "PNG"),
    "png, RGB": lambda: saved("RGB", "PNG"),
    "png, RGBA": lambda: saved("RGBA", "PNG"),
    "png, palette": lambda: saved("P", "PNG"),
    "png, clear palette": lambda: saved("P", "PNG", transparency=2),
    "png, grey of 16 bits": lambda: bytes(imagecodecs.png_encode(GREY)),
    "png, RGB of 16 bits": lambda: bytes(imagecodecs.png_encode(DEEP)),
    "png, RGBA of 16 bits": lambda: bytes(imagecodecs.png_encode(colours(np.uint16, 4))),
    "png, RGB of 16 bits, clear": lambda: with_chunk(
        bytes(imagecodecs.png_encode(DEEP)), b"tRNS", DEEP[3, 4].astype(">u2").tobytes()
    ),
    "jpeg, RGB": lambda: saved("RGB", "JPEG", quality=90),
    "jpeg, grey": lambda: saved("L", "JPEG"),
    "jpeg, CMYK": lambda: saved("CMYK", "JPEG"),
    "jpeg, progressive": lambda: saved("RGB", "JPEG", progressive=True),
    "mpo": lambda: saved(
        "RGB", "MPO", save_all=True, append_images=[Image.fromarray(255 - colours())]
    ),
    "gif": lambda: saved("P", "GIF"),
    "gif, clear": lambda: saved("P", "GIF", transparency=1),
    "bmp": lambda: saved("RGB", "BMP"),
    "bmp, 1 bit": lambda: saved("1", "BMP"),
    "bmp, RGBA": lambda: saved("RGBA", "BMP"),
    "tga": lambda: saved("RGB", "TGA"),
    "tga, RGBA": lambda: saved("RGBA", "TGA"),
    "ppm": lambda: saved("RGB", "PPM"),
    "ppm, 16 bits": lambda: _ppm(DEEP, 65535),
    "ppm, 10 bits": lambda: _ppm(DEEP // 64, 1023),
    "ppm as text, 10 bits": lambda: (
        b"P3\n# a note\n20 12\n1023\n" + b" ".join(b"%d" % v for v in (DEEP // 64).ravel())
    ),
    "pgm": lambda: saved("L", "PPM"),
    "pgm, 16 bits": lambda: _ppm(DEEP[..., :1], 65535),
    "tiff, RGB": lambda: saved("RGB", "TIFF"),
    "tiff, RGBA": lambda: saved("RGBA", "TIFF"),
    "tiff, palette": lambda: saved("P", "TIFF"),
    "tiff, 1 bit": lambda: saved("1", "TIFF", compression="group4"),
    "tiff, CMYK": lambda: saved("CMYK", "TIFF"),
    "tiff, CIELAB": _lab,
    "tiff, JPEG": lambda: saved("RGB", "TIFF", compression="jpeg"),
    "tiff, LZW, RGB of 16 bits": lambda: _tiff(DEEP, photometric="rgb", compression="lzw"),
    "tiff, planar": lambda: _tiff(
        np.moveaxis(DEEP, -1, 0), photometric="rgb", planarconfig="separate"
    ),
    "tiff, grey of 16 bits": lambda: _tiff(GREY),
    "tiff, big-endian": lambda: _tiff(GREY, byteorder=">"),
    "tiff, white is zero": lambda: _tiff(GREY, photometric="miniswhite"),
    "tiff, 12 bits": lambda: _tiff(GREY >> 4),
    "tiff, light": lambda: _tiff((DEEP / 65535).astype(np.float32), photometric="rgb"),
    "tiff, grey light": lambda: _tiff((GREY / 65535).astype(np.float32)),
    "tiff, opacity of 16 bits": lambda: _tiff(
        colours(np.uint16, 4), photometric="rgb", extrasamples=["unassalpha"]
    ),
    "webp": lambda: saved("RGB", "WEBP"),
    "webp, lossless": lambda: saved("RGB", "WEBP", lossless=True),
    "webp, RGBA": lambda: saved("RGBA", "WEBP", lossless=True),
    "jpeg 2000": lambda: saved("RGB", "JPEG2000"),
    "jpeg 2000, grey": lambda: saved("L", "JPEG2000"),
    "jpeg 2000, RGBA": lambda: saved("RGBA", "JPEG2000"),
    "jpeg 2000, RGB of 16 bits": lambda: bytes(imagecodecs.jpeg2k_encode(DEEP)),
    "jpeg 2000, RGB of 12 bits": lambda: bytes(
        imagecodecs.jpeg2k_encode(DEEP >> 4, bitspersample=12)
    ),
    "jpeg 2000, RGBA of 16 bits": lambda: bytes(imagecodecs.jpeg2k_encode(colours(np.uint16, 4))),
    "avif": lambda: saved("RGB", "AVIF", quality=90),
    "avif, RGBA": lambda: saved("RGBA", "AVIF", quality=90),
    **{
        f"avif, {bits} bits": lambda bits=bits: bytes(
            imagecodecs.avif_encode(DEEP >> (16 - bits), bitspersample=bits, level=100)
        )
        for bits in (10, 12)
    },
    "heic": make_heic,
    "heic, RGBA": lambda: make_heic(mode="RGBA"),
    "heic, 10 bits": lambda: make_heic(deep=True),
    "exr, RGB": lambda: make_exr({"RGB": (DEEP / 65535).astype(np.float32)}),
    "exr, RGBA of half floats": lambda: make_exr(
        {"RGBA": np.dstack([DEEP / 131070, np.full((HEIGHT, WIDTH), 0.5)]).astype(np.float16)}
    ),
    "exr, grey": lambda: make_exr({"Y": (GREY / 65535).astype(np.float32)}),
}
"""What makes the bytes of a file, by what it is."""
