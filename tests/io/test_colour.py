"""What the colours of an image mean, however it is said."""

from __future__ import annotations

import struct
from io import BytesIO

import imagecodecs
import numpy as np
import pytest
import tifffile
from pictures import SRGB, colours, make_exr, make_heic, png_chunk, srgb_curve, to_xyz, with_chunk
from PIL import Image, ImageCms

from dia_pipeline.io.colour import is_srgb
from dia_pipeline.io.images import read_picture

P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
BT2020 = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))


def light_of_srgb(values):
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def light_of_pq(values):
    """SMPTE ST 2084, white being 203 cd/m2; what is brighter in a primary is cut off there."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = values ** (1 / m2)
    light = 10000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1) / 203
    return light.clip(0, 1)


def shown(values, light, primaries=SRGB):
    """Values from 0 to 1 as grey levels in sRGB, by the definitions, in float64."""
    seen = light(values.astype(float)) @ (np.linalg.inv(to_xyz(SRGB)) @ to_xyz(primaries)).T
    return srgb_curve(seen) * 255


def png(values=None, **options):
    file = BytesIO()
    Image.fromarray(colours() if values is None else values).save(file, "PNG", **options)
    return file.getvalue()


def icc(primaries, gamma, name):
    """A profile of a name of twelve letters."""
    flat = [number for x, y in primaries for number in (x, y, 1)]
    content = imagecodecs.cms_profile(
        "rgb", whitepoint=(0.3127, 0.329, 1), primaries=flat, gamma=gamma
    )
    assert len(name) == 12
    return bytes(content).replace("RGB built-in".encode("utf-16-be"), name.encode("utf-16-be"))


@pytest.mark.parametrize(
    ("name", "primaries", "gamma"),
    [
        ("Linear sRGB.", SRGB, 1.0),
        ("P3 sRGB-like", P3, 2.2),
        ("sRGB, g. 1.8", SRGB, 1.8),
        ("sRGB, g. 2.2", SRGB, 2.2),
    ],
)
def test_a_profile_is_told_by_what_it_does_and_not_by_its_name(name, primaries, gamma):
    picture = read_picture(png(icc_profile=icc(primaries, gamma, name)))
    expected = shown(colours() / 255, lambda values: values**gamma, primaries)
    np.testing.assert_allclose(picture.pixels, expected, atol=1.1)
    assert picture.profile == name and name in picture.notes[0]


def test_what_does_as_srgb_does_is_srgb_whatever_it_is_called():
    content = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    other = content.replace("sRGB".encode("utf-16-be"), "mine".encode("utf-16-be"))
    picture = read_picture(png(icc_profile=other))
    np.testing.assert_array_equal(picture.pixels, colours())
    assert (picture.profile, picture.notes) == ("", ())
    grey = colours()[..., 0]
    assert read_picture(png(grey, icc_profile=content)).notes == ()
    linear = read_picture(png(grey, icc_profile=icc(SRGB, 1.0, "Linear sRGB.")))
    np.testing.assert_allclose(linear.pixels[..., 0], srgb_curve(grey / 255) * 255, atol=1)
    assert not is_srgb(icc(ADOBE, 2.2, "sRGB, I say."))


def chromaticities(primaries):
    numbers = [0.3127, 0.329, *(number for pair in primaries for number in pair)]
    return struct.pack(">8I", *(round(number * 100_000) for number in numbers))


@pytest.mark.parametrize(
    ("chunks", "light", "primaries"),
    [
        ({b"gAMA": struct.pack(">I", 100_000)}, lambda values: values, SRGB),
        ({b"gAMA": struct.pack(">I", 55_556)}, lambda values: values**1.8, SRGB),
        ({b"cHRM": chromaticities(P3)}, light_of_srgb, P3),
        (
            {b"gAMA": struct.pack(">I", 50_000), b"cHRM": chromaticities(ADOBE)},
            lambda values: values**2,
            ADOBE,
        ),
        ({b"cICP": bytes([12, 13, 0, 1])}, light_of_srgb, P3),
        ({b"cICP": bytes([1, 8, 0, 1])}, lambda values: values, SRGB),
        ({b"cICP": bytes([9, 16, 0, 1])}, light_of_pq, BT2020),
        ({b"cICP": bytes([12, 13, 0, 1]), b"sRGB": b"\0"}, light_of_srgb, P3),
    ],
)
@pytest.mark.parametrize("deep", [False, True])
def test_colours_that_png_tells_in_chunks(chunks, light, primaries, deep):
    values = colours(np.uint16 if deep else np.uint8)
    content = bytes(imagecodecs.png_encode(values))
    for kind, body in chunks.items():
        content = with_chunk(content, kind, body)
    picture = read_picture(content)
    found = picture.deep if deep else picture.pixels
    expected = shown(values / np.iinfo(values.dtype).max, light, primaries)
    np.testing.assert_allclose(found, expected, atol=0.6 if deep else 1.5)
    assert picture.profile and "converted" in picture.notes[0]


@pytest.mark.parametrize(
    "chunks",
    [
        {b"gAMA": struct.pack(">I", 45_455)},
        {b"gAMA": struct.pack(">I", 45_455), b"cHRM": chromaticities(SRGB)},
        {b"gAMA": struct.pack(">I", 100_000), b"sRGB": b"\0"},
        {b"gAMA": bytes(4)},
        {b"cICP": bytes([1, 13, 0, 1])},
        {b"cICP": bytes([1, 1, 0, 1])},
        {b"tEXt": b"gamma\0one"},
    ],
)
def test_what_says_srgb_in_png_changes_nothing(chunks):
    content = png()
    for kind, body in chunks.items():
        content = with_chunk(content, kind, body)
    picture = read_picture(content)
    np.testing.assert_array_equal(picture.pixels, colours())
    assert (picture.profile, picture.notes) == ("", ())


@pytest.mark.parametrize(
    ("kind", "body"),
    [(b"cICP", bytes([99, 13, 0, 1])), (b"cICP", bytes([1, 10, 0, 1])), (b"cHRM", bytes(32))],
)
def test_that_colours_are_not_known_is_noted(kind, body):
    picture = read_picture(with_chunk(png(), kind, body))
    np.testing.assert_array_equal(picture.pixels, colours())
    assert "taken for those of sRGB" in picture.notes[0]


CODES = [
    (12, 13, light_of_srgb, P3),
    (1, 8, lambda values: values, SRGB),
    (9, 16, light_of_pq, BT2020),
]


@pytest.mark.parametrize(("primaries", "transfer", "light", "points"), CODES)
@pytest.mark.parametrize("bits", [8, 10])
def test_colours_that_avif_tells_by_codes(primaries, transfer, light, points, bits):
    values = colours() if bits == 8 else colours(np.uint16) >> 6
    content = bytes(
        imagecodecs.avif_encode(
            values, level=100, bitspersample=bits, primaries=primaries, transfer=transfer, matrix=0
        )
    )
    picture = read_picture(content)
    expected = shown(values / (2**bits - 1), light, points)
    np.testing.assert_allclose(picture.grey_levels, expected, atol=1.5)
    assert picture.profile


@pytest.mark.parametrize(("primaries", "transfer", "light", "points"), CODES)
@pytest.mark.parametrize("deep", [False, True])
def test_colours_that_heic_tells_by_codes(primaries, transfer, light, points, deep):
    plain = read_picture(make_heic(deep))
    coded = read_picture(
        make_heic(deep, color_primaries=primaries, transfer_characteristics=transfer)
    )
    expected = shown(plain.grey_levels / 255, light, points)
    np.testing.assert_allclose(coded.grey_levels, expected, atol=1.5)
    assert coded.profile and (coded.deep is not None) == deep


def test_colours_that_jpeg_2000_tells():
    """Its profile, which Pillow leaves aside, in 8 and in 16 bits."""
    profile = icc(P3, 2.2, "P3, g. of 2.")
    for dtype in (np.uint8, np.uint16):
        values = colours(dtype)
        plain = bytes(imagecodecs.jpeg2k_encode(values, codecformat="jp2"))
        start = plain.index(b"colr") - 4
        old = plain[start : start + struct.unpack_from(">I", plain, start)[0]]
        body = b"colr\2\0\0" + profile
        content = plain.replace(old, struct.pack(">I", len(body) + 4) + body)
        at = content.index(b"jp2h") - 4
        size = struct.unpack_from(">I", content, at)[0] + len(body) + 4 - len(old)
        content = content[:at] + struct.pack(">I", size) + content[at + 4 :]
        picture = read_picture(content)
        expected = shown(values / np.iinfo(dtype).max, lambda v: v**2.2, P3)
        np.testing.assert_allclose(picture.grey_levels, expected, atol=1.5)
        assert picture.profile == "P3, g. of 2."


def test_colours_that_a_camera_names_in_exif():
    """DCF: Adobe RGB is the index R03, without a profile."""
    for about in ({0xA001: 2}, {0xA001: 65535, 0xA005: {1: "R03"}}):
        exif = Image.Exif()
        exif.get_ifd(0x8769).update(about)
        file = BytesIO()
        Image.fromarray(colours()).save(file, "WEBP", lossless=True, exif=exif)
        picture = read_picture(file.getvalue())
        expected = shown(colours() / 255, lambda values: values**2.19921875, ADOBE)
        np.testing.assert_allclose(picture.pixels, expected, atol=1.1)
        assert picture.profile == "Adobe RGB"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_primaries_that_a_tiff_names(dtype):
    for points in (P3, SRGB):
        rationals = [round(number * 10_000) for pair in points for number in pair]
        tags = [
            (318, 5, 2, (3127, 10_000, 3290, 10_000), True),
            (319, 5, 6, tuple(n for each in rationals for n in (each, 10_000)), True),
        ]
        file = BytesIO()
        tifffile.imwrite(file, colours(dtype), photometric="rgb", extratags=tags)
        picture = read_picture(file.getvalue())
        expected = shown(colours(dtype) / np.iinfo(dtype).max, light_of_srgb, points)
        np.testing.assert_allclose(picture.grey_levels, expected, atol=1.1)
        assert bool(picture.profile) == (points == P3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_that_a_tiff_has_curves_or_no_primaries_is_noted(dtype):
    for tag in ((301, 3, 256, tuple(range(0, 65536, 256)), True), (319, 5, 6, (0, 1) * 6, True)):
        white = (318, 5, 2, (0, 1, 0, 1), True)
        file = BytesIO()
        tifffile.imwrite(file, colours(dtype), photometric="rgb", extratags=[white, tag])
        picture = read_picture(file.getvalue())
        np.testing.assert_allclose(picture.grey_levels, colours(), atol=0.01)
        assert "taken for those of sRGB" in picture.notes[0]


def test_primaries_that_openexr_names():
    light = (colours(np.uint16) / 65535).astype(np.float32)
    numbers = (*(number for pair in P3 for number in pair), 0.3127, 0.329)
    picture = read_picture(make_exr({"RGB": light}, chromaticities=numbers))
    np.testing.assert_allclose(picture.deep, shown(light, lambda values: values, P3), atol=0.5)


def test_a_chunk_that_is_cut_is_no_error_of_ours():
    content = png()
    for body in (b"", b"\1"):
        picture = read_picture(with_chunk(content, b"cICP", body))
        np.testing.assert_array_equal(picture.pixels, colours())
    assert png_chunk(b"cICP", b"")[4:8] == b"cICP"
