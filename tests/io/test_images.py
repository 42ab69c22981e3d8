from __future__ import annotations

import re
import struct
import warnings
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from dia_pipeline.io.images import MAX_PIXELS, ImageError, as_image, read_image, write_image
from dia_pipeline.pixels import mirror, resize_image


@pytest.fixture
def image():
    """A smooth colour image, taller than wide, that JPEG keeps nearly as it is."""
    y, x = np.mgrid[0:40, 0:24]
    return np.stack([y * 6, x * 10, 255 - y * 3 - x * 2], axis=-1).astype(np.uint8)


def png_header(width, height):
    """The start of a PNG that claims a size and holds no pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    ends = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + ends + struct.pack(">I", 4) + b"IDAT"


def test_rgb_comes_back_as_written(tmp_path, image):
    write_image(tmp_path / "rgb.png", image)
    found = read_image(tmp_path / "rgb.png")
    assert found.dtype == np.uint8
    assert found.flags.writeable
    np.testing.assert_array_equal(found, image)


KINDS = {
    "a path": lambda image, path: path,
    "a path as text": lambda image, path: str(path),
    "Pillow": lambda image, path: Image.fromarray(image),
    "floats": lambda image, path: image / 255,
    "float32": lambda image, path: (image / 255).astype(np.float32),
    "uint16": lambda image, path: image.astype(np.uint16) * 257,
    "channels first": lambda image, path: np.moveaxis(image, -1, 0),
    "a tensor": lambda image, path: torch.from_numpy(image).permute(2, 0, 1) / 255,
    "opaque": lambda image, path: np.dstack([image, np.full(image.shape[:2], 255, np.uint8)]),
    "not contiguous": lambda image, path: image[::-1][::-1],
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_of_any_usual_kind_is_the_same_image(tmp_path, image, kind):
    path = tmp_path / "image.png"
    write_image(path, image)
    found = as_image(KINDS[kind](image, path), "a")
    assert found.dtype == np.uint8 and found.flags.writeable
    np.testing.assert_array_equal(found, image)


def test_grey_and_masks_and_clear_pixels(image):
    grey = image[..., 0]
    for value in (grey, grey[..., None], Image.fromarray(grey)):
        np.testing.assert_array_equal(as_image(value, "a"), np.dstack([grey] * 3))
    assert as_image(grey > 100, "a").max() == 255
    clear = np.dstack([image, np.zeros(image.shape[:2], np.uint8)])
    assert as_image(clear, "a").min() == 255  # white


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((5, 6, 7)), r"a: an array of shape \(5, 6, 7\) is no image; give \(H, W, 3\)"),
        (np.zeros((1, 5, 6, 3)), "no image"),
        (np.zeros((0, 6, 3)), "no image"),
        (np.full((5, 6, 3), 2.0), "values of float64 from 2.0 to 2.0 .* floats from 0 to 1"),
        (np.full((5, 6, 3), np.nan), "values of float64 from nan to nan"),
        (np.full((5, 6, 3), 300), "values of int64 from 300 to 300"),
        (None, "no image"),
        ("none.png", "none.png: there is no such file"),
    ],
)
def test_what_is_no_image_is_told_what_is_one(value, message):
    with pytest.raises(ImageError, match=message):
        as_image(value, "a")


def test_the_same_image_is_written_as_the_same_bytes(tmp_path, image):
    write_image(tmp_path / "one.png", image)
    write_image(tmp_path / "two.png", np.asfortranarray(image))
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_grey_and_one_bit(tmp_path, image):
    grey = image[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png"), np.dstack([grey] * 3))
    Image.fromarray(grey > 100).save(tmp_path / "bit.png")
    np.testing.assert_array_equal(
        read_image(tmp_path / "bit.png"), np.dstack([(grey > 100) * np.uint8(255)] * 3)
    )


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path, suffix):
    values = np.array([[0, 128, 129, 257, 300], [32896, 40000, 65406, 65407, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / f"grey16.{suffix}")
    image = read_image(tmp_path / f"grey16.{suffix}")
    np.testing.assert_array_equal(image, np.dstack([np.rint(values / 257)] * 3))


def test_16_bit_colour(tmp_path, image):
    wide = image.astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in wide)
    height, width = image.shape[:2]
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    data = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    (tmp_path / "wide.png").write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    np.testing.assert_array_equal(read_image(tmp_path / "wide.png"), image)


def test_transparency_is_laid_over_white(tmp_path, image):
    alpha = np.zeros(image.shape[:2], np.uint8)
    alpha[:20], alpha[20:30] = 255, 51
    Image.fromarray(np.dstack([image, alpha])).save(tmp_path / "rgba.png")
    opacity = alpha[..., None] / 255
    expected = image * opacity + 255 * (1 - opacity)
    np.testing.assert_allclose(read_image(tmp_path / "rgba.png"), expected, atol=1)


def test_palette_with_a_transparent_entry(tmp_path):
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.save(tmp_path / "palette.png", transparency=1)
    np.testing.assert_array_equal(
        read_image(tmp_path / "palette.png"), [[[10, 20, 30], [255, 255, 255], [70, 80, 90]]]
    )


def test_cmyk_jpeg(tmp_path, image):
    Image.fromarray(image).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=100)
    np.testing.assert_allclose(read_image(tmp_path / "cmyk.jpg"), image, atol=12)


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (2, lambda image: image[:, ::-1]),
        (3, lambda image: image[::-1, ::-1]),
        (6, lambda image: np.rot90(image, -1)),
        (8, lambda image: np.rot90(image, 1)),
    ],
)
def test_exif_rotation_is_applied(tmp_path, image, orientation, turn):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(image).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "turned.png"), turn(image))


def test_a_broken_exif_block_does_not_spoil_a_image(tmp_path, image):
    path = tmp_path / "photo.jpg"
    Image.fromarray(image).save(path, exif=b"Exif\0\0garbage", quality=95)
    np.testing.assert_allclose(read_image(path), image, atol=12)


def test_errors_name_the_file_and_the_problem(tmp_path, image):
    def check(name, problem):
        path = tmp_path / name
        with pytest.raises(ImageError, match=rf"^{re.escape(str(path))}: .*{problem}.*; "):
            read_image(path)

    check("missing.png", "no such file")
    (tmp_path / "folder.png").mkdir()
    check("folder.png", "folder")
    (tmp_path / "empty.png").touch()
    check("empty.png", "empty")
    (tmp_path / "text.png").write_text("this is not an image")
    check("text.png", "no image")
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    for name in ("cut.png", "cut.jpg", "cut.tif", "cut.webp"):
        Image.fromarray(noise).save(tmp_path / name)
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
        check(name, "(cannot be decoded|cannot be read|no image)")
    Image.fromarray(image[..., 0].astype(np.float32)).save(tmp_path / "float.tif")
    check("float.tif", "no known range")


@pytest.mark.parametrize("size", [(20_000, 10_001), (30_000, 20_000), (60_000, 50_000)])
def test_an_absurdly_large_image_is_refused_by_its_header(tmp_path, size):
    path = tmp_path / "large.png"
    path.write_bytes(png_header(*size))
    with warnings.catch_warnings(), pytest.raises(ImageError, match="more than 200 megapixels"):
        warnings.simplefilter("error")
        read_image(path)


def test_an_image_of_the_limit_is_not_refused_for_its_size(tmp_path):
    path = tmp_path / "limit.png"
    path.write_bytes(png_header(20_000, MAX_PIXELS // 20_000))
    with warnings.catch_warnings(), pytest.raises(ImageError, match="cannot be decoded"):
        warnings.simplefilter("error")
        read_image(path)


def test_resizing_takes_height_first_and_averages(image):
    assert resize_image(image, (13, 50)).shape == (13, 50, 3)
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    small = resize_image(stripes, (16, 16))
    assert abs(small[4:-4, 4:-4].astype(int) - 128).max() <= 4


def test_a_mirror_image_has_left_and_right_exchanged():
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    turned = mirror(image)
    assert turned.shape == image.shape and turned.dtype == image.dtype
    for x in range(4):
        np.testing.assert_array_equal(turned[:, x], image[:, 3 - x])
    np.testing.assert_array_equal(mirror(turned), image)
