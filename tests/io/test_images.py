from __future__ import annotations

import os
import re
import struct
import sys
import warnings
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
import torch
from pictures import SRGB, WHITE, srgb_curve, to_xyz
from PIL import Image, ImageCms

from dia_pipeline.io.images import (
    ImageError,
    read_image,
    read_picture,
    write_image,
)
from dia_pipeline.io.stored import MAX_PIXELS
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
    found = read_image(KINDS[kind](image, path), "a")
    assert found.dtype == np.uint8 and found.flags.writeable
    np.testing.assert_array_equal(found, image)


def test_grey_and_masks_and_clear_pixels(image):
    grey = image[..., 0]
    for value in (grey, grey[..., None], Image.fromarray(grey)):
        np.testing.assert_array_equal(read_image(value, "a"), np.dstack([grey] * 3))
    assert read_image(grey > 100, "a").max() == 255
    half = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    half[:20, :, 3] = 0
    assert read_image(half, "a")[:20].min() == 255  # white


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
        read_image(value, "a")


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


# What people have: profiles, depth, light, transparency.

PROFILES = {
    "P3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    "Adobe RGB": ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)),
    "ProPhoto": ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)),
}
GAMMA = 2.2


def make_profile(primaries) -> bytes:
    """An ICC profile of these primaries, daylight white and a gamma."""
    flat = [number for x, y in primaries for number in (x, y, 1)]
    profile = imagecodecs.cms_profile("rgb", whitepoint=(*WHITE, 1), primaries=flat, gamma=GAMMA)
    return bytes(profile)


def expected_srgb(levels: np.ndarray, primaries) -> np.ndarray:
    """Grey levels of a profile as those of sRGB, by the definitions, in float64."""
    light = (levels / 255.0) ** GAMMA @ (np.linalg.inv(to_xyz(SRGB)) @ to_xyz(primaries)).T
    return srgb_curve(light) * 255


@pytest.fixture
def colours():
    return np.random.default_rng(3).integers(0, 256, (30, 20, 3)).astype(np.uint8)


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("suffix", ["png", "tif", "jpg", "webp"])
def test_the_colours_of_a_profile_are_those_of_srgb(tmp_path, image, colours, name, suffix):
    path = tmp_path / f"profile.{suffix}"
    lossy = suffix in ("jpg", "webp")
    profile = make_profile(PROFILES[name])
    Image.fromarray(image if lossy else colours).save(path, icc_profile=profile, quality=100)
    with Image.open(path) as stored:
        given = np.asarray(stored.convert("RGB"))
    tolerance = 1.1 if name != "ProPhoto" else 2.1  # its darkest colours lie on one 8-bit step
    np.testing.assert_allclose(
        read_image(path), expected_srgb(given, PROFILES[name]), atol=tolerance
    )


def test_colours_of_16_bits_keep_their_depth_through_a_profile(tmp_path, colours):
    deep = colours.astype(np.uint16) * 257
    path = tmp_path / "deep.tif"
    tifffile.imwrite(path, deep, iccprofile=make_profile(PROFILES["P3"]))
    picture = read_picture(path)
    np.testing.assert_allclose(picture.deep, expected_srgb(colours, PROFILES["P3"]), atol=0.3)
    assert picture.profile


def test_a_profile_of_srgb_changes_nothing(tmp_path, colours):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(colours).save(tmp_path / "srgb.png", icc_profile=profile)
    np.testing.assert_array_equal(read_image(tmp_path / "srgb.png"), colours)


def test_that_a_broken_profile_is_left_aside_is_said(tmp_path, colours):
    Image.fromarray(colours).save(tmp_path / "broken.png", icc_profile=b"no profile" * 20)
    picture = read_picture(tmp_path / "broken.png")
    np.testing.assert_array_equal(picture.pixels, colours)
    assert "profile cannot be used" in picture.notes[0]


def test_outputs_say_that_they_are_srgb(tmp_path, image):
    write_image(tmp_path / "a.png", image)
    write_image(tmp_path / "b.png", image.astype(np.float32))
    for name in "ab":
        content = (tmp_path / f"{name}.png").read_bytes()
        assert content[37:41] == b"sRGB" and content[41:42] == b"\0"
        with Image.open(tmp_path / f"{name}.png") as written:
            written.verify()


def test_16_bits_come_back_as_written(tmp_path):
    values = np.random.default_rng(1).integers(0, 65536, (9, 7, 3)).astype(np.uint16)
    alpha = np.random.default_rng(2).integers(0, 65536, (9, 7)).astype(np.uint16)
    write_image(tmp_path / "deep.png", values.astype(np.float32) / 257, alpha)
    found = imagecodecs.png_decode((tmp_path / "deep.png").read_bytes())
    np.testing.assert_array_equal(found[..., :3], values)
    np.testing.assert_array_equal(found[..., 3], alpha)
    write_image(tmp_path / "opaque.png", values.astype(np.float32) / 257)
    picture = read_picture(tmp_path / "opaque.png")
    np.testing.assert_array_equal(np.rint(picture.deep * 257), values)
    np.testing.assert_array_equal(picture.pixels, np.rint(values / 257))


@pytest.mark.parametrize("bits", [10, 12])
def test_fewer_than_16_bits_are_not_nearly_black(tmp_path, bits):
    ramp = np.linspace(0, 2**bits - 1, 64).round().astype(np.uint16).reshape(8, 8)
    expected = np.dstack([np.rint(ramp / (2**bits - 1) * 255)] * 3)
    tifffile.imwrite(tmp_path / "said.tif", ramp, extratags=[(281, 3, 1, 2**bits - 1, True)])
    np.testing.assert_allclose(read_image(tmp_path / "said.tif"), expected, atol=1)
    if bits == 12:
        tifffile.imwrite(tmp_path / "silent.tif", ramp)
        np.testing.assert_allclose(read_image(tmp_path / "silent.tif"), expected, atol=1)
        assert "12 bits" in read_picture(tmp_path / "silent.tif").notes[0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_may_be_zero(tmp_path, dtype):
    grey = np.arange(64, dtype=dtype).reshape(8, 8) * (np.iinfo(dtype).max // 63)
    tifffile.imwrite(tmp_path / "inverted.tif", grey, photometric="miniswhite")
    expected = 255 - np.rint(grey / np.iinfo(dtype).max * 255)
    np.testing.assert_allclose(read_image(tmp_path / "inverted.tif")[..., 0], expected, atol=1)


def test_a_clear_grey_of_16_bits_is_laid_over_white(tmp_path):
    grey = np.array([[0, 5000, 40000, 65535]], np.uint16)
    png = imagecodecs.png_encode(grey)
    body = b"tRNS" + struct.pack(">H", 5000)
    chunk = struct.pack(">I", 2) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "clear.png").write_bytes(png[:33] + chunk + png[33:])
    assert read_image(tmp_path / "clear.png")[0, :, 0].tolist() == [0, 255, 156, 255]


def test_alpha_is_kept_beside_what_is_matched(tmp_path, image):
    alpha = np.full(image.shape[:2], 255, np.uint8)
    alpha[:20] = 51
    Image.fromarray(np.dstack([image, alpha])).save(tmp_path / "rgba.png")
    picture = read_picture(tmp_path / "rgba.png")
    np.testing.assert_array_equal(picture.alpha, alpha)
    write_image(tmp_path / "again.png", picture.pixels, picture.alpha)
    with Image.open(tmp_path / "again.png") as written:
        np.testing.assert_array_equal(np.asarray(written)[..., 3], alpha)
    Image.fromarray(np.dstack([image, np.full_like(alpha, 255)])).save(tmp_path / "opaque.png")
    assert read_picture(tmp_path / "opaque.png").alpha is None


LIGHT = np.linspace(0, 1, 60).reshape(4, 5, 3).astype(np.float32)


def test_linear_light_of_a_tiff_is_encoded(tmp_path):
    tifffile.imwrite(tmp_path / "light.tif", LIGHT, photometric="rgb")
    picture = read_picture(tmp_path / "light.tif")
    np.testing.assert_allclose(picture.deep, srgb_curve(LIGHT.astype(float)) * 255, atol=0.01)


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.5, 200.0])
def test_floats_of_no_known_range_are_refused(tmp_path, value):
    light = LIGHT.copy()
    light[1, 1, 1] = value
    tifffile.imwrite(tmp_path / "light.tif", light, photometric="rgb")
    with pytest.raises(ImageError, match="no known range"):
        read_image(tmp_path / "light.tif")


def test_linear_light_of_openexr(tmp_path):
    exr = pytest.importorskip("OpenEXR")
    opacity = np.full((*LIGHT.shape[:2], 1), 0.5, np.float32)
    header = {"compression": exr.ZIP_COMPRESSION, "type": exr.scanlineimage}
    rgb, rgba = 2 * LIGHT, np.concatenate([LIGHT * opacity, opacity], -1)  # premultiplied
    for name, pixels in (("RGB", rgb), ("RGBA", rgba)):
        exr.File(header, {name: pixels}).write(str(tmp_path / f"{name}.exr"))
    expected = srgb_curve(rgb.astype(float)) * 255
    np.testing.assert_allclose(read_picture(tmp_path / "RGB.exr").deep, expected, atol=0.1)
    picture = read_picture(tmp_path / "RGBA.exr")
    over_white = srgb_curve(LIGHT.astype(float)) * 255 * 0.5 + 255 * 0.5
    np.testing.assert_allclose(picture.deep, over_white, atol=0.1)
    np.testing.assert_allclose(picture.alpha / 65535, 0.5, atol=1e-4)


def test_heic_of_a_phone(tmp_path, image):
    heif = pytest.importorskip("pillow_heif")
    photo = Image.fromarray(np.kron(image, np.ones((4, 4, 1), np.uint8)))
    heif.from_pillow(photo).save(tmp_path / "photo.heic", quality=95)
    np.testing.assert_allclose(read_image(tmp_path / "photo.heic"), np.asarray(photo), atol=24)


def test_formats_that_are_not_installed_are_named(tmp_path, monkeypatch):
    for module in ("OpenEXR", "pillow_heif"):
        monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / "light.exr").write_bytes(b"\x76\x2f\x31\x01" + bytes(40))
    (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    for name in ("light.exr", "photo.heic"):
        with pytest.raises(ImageError, match=r"dia-pipeline\[formats\]"):
            read_image(tmp_path / name)


def test_of_an_animation_the_first_frame_is_taken_and_that_is_said(tmp_path, image):
    frames = [Image.fromarray(image), Image.fromarray(255 - image)]
    frames[0].save(tmp_path / "moving.webp", save_all=True, append_images=frames[1:], lossless=True)
    picture = read_picture(tmp_path / "moving.webp")
    np.testing.assert_array_equal(picture.pixels, image)
    assert picture.notes == ("it holds 2 images, of which the first is taken",)


def test_formats_that_start_other_programs_are_not_opened(tmp_path):
    eps = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    (tmp_path / "drawing.png").write_text(eps)
    with pytest.raises(ImageError, match="no image of a known format"):
        read_image(tmp_path / "drawing.png")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ImageError, match="no regular file"):
        read_image(tmp_path / "pipe.png")
