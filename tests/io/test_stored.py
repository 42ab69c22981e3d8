"""What files hold in ways that decoders overlook, invent or leave to others."""

from __future__ import annotations

import os
import struct
from io import BytesIO

import imagecodecs
import numpy as np
import pytest
import tifffile
from pictures import (
    DEEP,
    GREY,
    MAKERS,
    colours,
    make_exr,
    make_heic,
    make_png,
    png_chunk,
    with_chunk,
)
from PIL import Image

from dia_pipeline.evaluation.truth import TruthError, read_keypoints
from dia_pipeline.io.decoding import is_image
from dia_pipeline.io.flow import read_flo
from dia_pipeline.io.frames import frame_fault, is_frame
from dia_pipeline.io.images import ImageError, image_size, read_image, read_mask, read_picture

# Depth and transparency, together.


@pytest.mark.parametrize("name", [name for name in MAKERS if name.endswith(("RGB", "JPEG"))])
def test_what_is_read_lies_near_what_was_written(name):
    if not name.startswith("exr"):
        np.testing.assert_allclose(read_picture(MAKERS[name]()).pixels, colours(), atol=40)


@pytest.mark.parametrize("bits", [10, 12])
def test_avif_keeps_its_bits(bits):
    values = DEEP >> (16 - bits)
    picture = read_picture(MAKERS[f"avif, {bits} bits"]())
    np.testing.assert_allclose(picture.deep, values / (2**bits - 1) * 255, atol=1.5)
    assert (picture.deep % 1 > 0.1).any()


def test_heic_keeps_its_bits():
    picture = read_picture(make_heic(deep=True))
    expected = np.kron(DEEP / 257, np.ones((4, 4, 1)))
    np.testing.assert_allclose(picture.deep, expected, atol=30)
    assert abs(picture.deep - expected).mean() < 3 and (picture.deep % 1 > 0).any()


@pytest.mark.parametrize(
    ("name", "values", "most"),
    [
        ("jpeg 2000, RGB of 16 bits", DEEP, 65535),
        ("jpeg 2000, RGB of 12 bits", DEEP >> 4, 4095),
        ("ppm, 16 bits", DEEP, 65535),
        ("ppm, 10 bits", DEEP // 64, 1023),
        ("ppm as text, 10 bits", DEEP // 64, 1023),
        ("pgm, 16 bits", DEEP[..., :1], 65535),
        ("tiff, planar", DEEP, 65535),
    ],
)
def test_more_than_8_bits_are_kept(name, values, most):
    picture = read_picture(MAKERS[name]())
    expected = np.broadcast_to(values / most * 255, picture.deep.shape)
    tolerance = 0.6 if "jpeg" in name else 0.01
    np.testing.assert_allclose(picture.deep, expected, atol=tolerance)


def test_a_clear_colour_of_16_bits():
    clear = DEEP[3, 4]
    content = with_chunk(
        bytes(imagecodecs.png_encode(DEEP)), b"tRNS", clear.astype(">u2").tobytes()
    )
    picture = read_picture(content)
    expected = (clear != DEEP).any(axis=-1)
    np.testing.assert_array_equal(picture.alpha > 0, expected)
    assert (picture.pixels[~expected] == 255).all() and picture.deep is not None


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_clear_grey_of_few_bits(bits):
    values = np.arange(2 ** min(bits, 4), dtype=np.uint8)
    rows = np.array([[int("".join(f"{v:0{bits}b}" for v in values).ljust(8, "0"), 2)]], object)
    packed = np.frombuffer(int(rows[0, 0]).to_bytes(-(-len(values) * bits // 8)), np.uint8).reshape(
        1, -1
    )
    content = make_png(packed, bits, 0, png_chunk(b"tRNS", struct.pack(">H", 1)))
    alpha = read_picture(content).alpha
    assert np.flatnonzero(alpha[0] == 0).tolist() == [1]


@pytest.mark.parametrize("image", [GREY, np.asarray(GREY, np.int32)])
def test_a_clear_grey_in_pillow(image):
    picture = Image.fromarray(image)
    picture.info["transparency"] = int(GREY[3, 4])
    np.testing.assert_array_equal(read_picture(picture).alpha > 0, GREY[3, 4] != GREY)


# Opacity that nothing is seen of.


def bmp_v4() -> bytes:
    """Pixels of 32 bits with a mask for an opacity that is nowhere set."""
    pixels = np.dstack([colours()[::-1, :, ::-1], np.zeros((12, 20), np.uint8)]).tobytes()
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    about = struct.pack("<IiiHHIIiiII", 108, 20, 12, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    about += masks + b"BGRs" + bytes(48)
    return b"BM" + struct.pack("<IHHI", 14 + 108 + len(pixels), 0, 0, 122) + about + pixels


def tga() -> bytes:
    """Pixels of 32 bits, none of which is said to be opacity."""
    head = struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 20, 12, 32, 0x20)
    return head + np.dstack([colours()[..., ::-1], np.zeros((12, 20), np.uint8)]).tobytes()


@pytest.mark.parametrize(
    "content",
    [
        bmp_v4(),
        tga(),
        bytes(imagecodecs.png_encode(np.dstack([colours(), np.zeros((12, 20), np.uint8)]))),
        np.dstack([colours(), np.zeros((12, 20), np.uint8)]),
    ],
)
def test_what_is_transparent_all_over_is_shown_and_that_is_said(content):
    picture = read_picture(content)
    np.testing.assert_array_equal(picture.pixels, colours())
    assert picture.alpha is None and "all of it is transparent" in picture.notes[0]


def test_jpeg_2000_with_an_opacity_of_16_bits():
    values = np.dstack([DEEP, np.full(GREY.shape, 65535, np.uint16)])
    picture = read_picture(bytes(imagecodecs.jpeg2k_encode(values)))
    np.testing.assert_allclose(picture.deep, DEEP / 257, atol=0.6)
    assert picture.alpha is None and picture.notes == ()


# The page that is the image.


def tiff(*pages: tuple[np.ndarray, dict]) -> bytes:
    file = BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for values, options in pages:
            writer.write(values, **options)
    return file.getvalue()


SMALL = colours()[::4, ::4].copy()
PREVIEW = {"photometric": "rgb", "subfiletype": 1}
DNG = [(50706, 1, 4, b"\1\4\0\0", True)]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_preview_is_not_taken_for_the_image(dtype):
    picture = read_picture(tiff((SMALL, PREVIEW), (colours(dtype), {"photometric": "rgb"})))
    np.testing.assert_allclose(
        picture.grey_levels, colours(dtype) / (np.iinfo(dtype).max / 255), atol=0.01
    )
    assert picture.notes == ("it holds 2 images, of which number 2 is taken",)


@pytest.mark.parametrize(
    "content",
    [
        tiff(
            (SMALL, {**PREVIEW, "subifds": 1, "extratags": DNG}),
            (GREY, {"photometric": "cfa"}),
        ),
        tiff((SMALL, {**PREVIEW, "subifds": 1}), (GREY, {"photometric": "cfa"})),
        tiff((DEEP, {"photometric": "linear_raw", "extratags": DNG})),
        tiff((GREY, {"photometric": "cfa"})),
        b"II*\0\x10\0\0\0CR\2\0" + bytes(4) + tiff((SMALL, {"photometric": "rgb"}))[8:],
    ],
)
def test_a_raw_file_is_refused_in_words(content):
    with pytest.raises(ImageError, match=r"raw file, .*; develop it, and save it as TIFF or PNG"):
        read_image(content)


def test_of_heic_the_primary_image_is_taken():
    heif = pytest.importorskip("pillow_heif")
    file = heif.from_pillow(Image.fromarray(255 - colours()))
    file.add_from_pillow(Image.fromarray(colours()))
    content = BytesIO()
    file.save(content, quality=100, primary_index=1)
    picture = read_picture(content)
    np.testing.assert_allclose(picture.pixels, colours(), atol=60)
    assert picture.notes == ("it holds 2 images, of which number 2 is taken",)


def test_previews_alone_are_refused():
    content = tiff((SMALL, {**PREVIEW, "subifds": 1}), (colours(), {"photometric": "rgb"}))
    with pytest.raises(ImageError, match="its pages are previews"):
        read_image(content)


# Windows of OpenEXR.


def windows(data, display):
    bounds = [tuple(np.array(corner, np.int32) for corner in each) for each in (data, display)]
    return dict(zip(("dataWindow", "displayWindow"), bounds, strict=True))


@pytest.mark.parametrize("channels", [3, 4, 1])
def test_the_display_window_of_openexr_is_shown(channels):
    light = np.ones((4, 6, channels), np.float32)
    pixels = {{3: "RGB", 4: "RGBA", 1: "Y"}[channels]: light[..., 0] if channels == 1 else light}
    picture = read_picture(make_exr(pixels, **windows(((2, 1), (7, 4)), ((0, 0), (9, 5)))))
    expected = np.zeros((6, 10), bool)
    expected[1:5, 2:8] = True
    assert picture.pixels.shape == (6, 10, 3)
    seen = picture.alpha > 0 if channels == 4 else picture.pixels[..., 0] > 0
    np.testing.assert_array_equal(seen, expected)
    assert any("display window" in note for note in picture.notes)


def test_overscan_of_openexr_is_cut_off():
    light = (DEEP / 65535).astype(np.float32)
    whole = read_picture(make_exr({"RGB": light}))
    part = read_picture(make_exr({"RGB": light}, **windows(((-3, -2), (16, 9)), ((0, 0), (13, 7)))))
    np.testing.assert_array_equal(part.deep, whole.deep[2:10, 3:17])
    away = make_exr({"RGB": light}, **windows(((0, 0), (19, 11)), ((50, 50), (60, 60))))
    with pytest.raises(ImageError, match="nothing of it lies in its display window"):
        read_image(away)
    large = windows(((0, 0), (19, 11)), ((0, 0), (99_999, 99_999)))
    with pytest.raises(ImageError, match="more than 200 megapixels"):
        read_image(make_exr({"RGB": light}, **large))


# Damage that decoders of JPEG overlook.


@pytest.fixture(scope="module")
def photograph():
    """Noise over colours, so that no part of it is flat."""
    noise = np.random.default_rng(0).integers(0, 90, (160, 200, 3))
    smooth = np.kron(colours(), np.ones((14, 10, 1), int))[:160]
    return Image.fromarray((smooth * 0.6 + noise).astype(np.uint8))


def as_jpeg(image, **options):
    file = BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


OPTIONS = [{}, {"progressive": True}, {"optimize": True}, {"quality": 95, "subsampling": 0}]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_damage_of_jpeg_is_noted(photograph, options, mode):
    content = as_jpeg(photograph.convert(mode), **options)
    assert not any("damaged" in note for note in read_picture(content).notes)
    at = len(content) * 6 // 10
    cut, holed = content[:at] + b"\xff\xd9", content[:at] + bytes(4096) + content[at + 4096 :]
    for each in (cut, holed) if mode == "RGB" and not options else (cut,):
        notes = read_picture(each).notes
        assert any("it is damaged" in note and "grey" in note for note in notes)


# Masks are read by colour.


def test_masks_are_read_by_colour(tmp_path):
    expected = np.zeros((12, 20), bool)
    expected[2:5, 7:] = True
    image = Image.fromarray((~expected).astype(np.uint8), "P")  # 0 means white
    image.putpalette([255, 255, 255, 0, 0, 0])
    for kind in ("PNG", "GIF", "TIFF", "BMP"):
        image.save(tmp_path / "mask", kind)
        np.testing.assert_array_equal(read_mask(tmp_path / "mask"), expected)
    exif = Image.Exif()
    exif[274] = 6
    image.save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_mask(tmp_path / "turned.png"), np.rot90(expected, -1))
    for values in (expected.astype(np.int32), expected.astype(np.float32) * 9):
        tifffile.imwrite(tmp_path / "mask.tif", values)
        np.testing.assert_array_equal(read_mask(tmp_path / "mask.tif"), expected)
    tifffile.imwrite(
        tmp_path / "mask.tif", (~expected).astype("u2") * 65535, photometric="miniswhite"
    )
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.tif"), expected)
    Image.fromarray(expected).convert("CMYK").save(tmp_path / "mask.tif")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.tif"), expected)


# Pipes.


def test_no_reader_waits_for_a_pipe(tmp_path):
    path = tmp_path / "0001.png"
    os.mkfifo(path)
    assert image_size(path) == (0, 0)
    assert frame_fault(path, "key") and not is_frame(path)
    for read in (read_image, read_mask):
        with pytest.raises(ImageError, match="no regular file"):
            read(path)
    for read in (is_image, read_flo):
        with pytest.raises(OSError, match="no regular file"):
            read(path)
    with pytest.raises(TruthError, match="no regular file"):
        read_keypoints(path, (9, 9), (9, 9))
