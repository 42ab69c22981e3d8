"""One picture gives the same pixels, however it is handed over, in every format that is read."""

from __future__ import annotations

import hashlib
from io import BytesIO

import numpy as np
import pytest
import torch
from pictures import GREY, MAKERS, saved
from PIL import Image

import dia_pipeline
from dia_pipeline.io.images import ImageError, Picture, read_image, read_picture
from dia_pipeline.io.profiles import of_codes

NOT_OF_PILLOW = ("exr", "tiff, light")
"""What Pillow does not open at all."""

LESS_IN_PILLOW = (
    *("png, grey of 4 bits, clear", "png, RGB of 16 bits", "png, RGBA of 16 bits"),
    *("ppm, 1", "ppm as text", "tiff, LZW", "tiff, planar", "tiff, white", "tiff, opacity"),
    *("jpeg 2000, RGB of", "jpeg 2000, RGBA of", "avif, 1", "heic, 10"),
)
"""What Pillow keeps fewer bits of, or loses what its values mean, once it has decoded it."""


def same(found: Picture, expected: Picture) -> None:
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    for one, other in ((found.deep, expected.deep), (found.alpha, expected.alpha)):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(one, other)
    assert (found.profile, found.notes) == (expected.profile, expected.notes)


def check_every_way(path, content: bytes, name: str = "", loaded: bool = True) -> Picture:
    """Read a picture in every way, and compare with the path."""
    path.write_bytes(content)
    picture = read_picture(path)
    assert picture.sha256 == hashlib.sha256(content).hexdigest()
    for source in (str(path), content, bytearray(content), BytesIO(content)):
        found = read_picture(source)
        same(found, picture)
        assert found.sha256 == picture.sha256
    with path.open("rb") as file:
        file.read(3)
        same(read_picture(file), picture)
    if not name.startswith(NOT_OF_PILLOW):
        if name != "heic, 10 bits":
            with Image.open(path) as image:
                same(read_picture(image), picture)
        if loaded and not name.startswith(LESS_IN_PILLOW):
            with Image.open(path) as image:
                image.load()
                same(read_picture(image), picture)
    check_arrays(picture)
    return picture


def check_arrays(picture: Picture) -> None:
    """The pixels as an array are the same picture."""
    values = picture.pixels if picture.deep is None else np.rint(picture.deep * 257).astype("u2")
    for array in (values, values.astype(values.dtype.newbyteorder(">"))):
        found = read_picture(array)
        np.testing.assert_array_equal(found.pixels, picture.pixels)
        assert (found.deep is None) == (picture.deep is None)


@pytest.mark.parametrize("name", MAKERS)
def test_a_picture_is_the_same_however_it_is_handed_over(tmp_path, name):
    check_every_way(tmp_path / "picture", MAKERS[name](), name)


KINDS = ("PNG", "JPEG", "TIFF", "WEBP", "AVIF", "HEIF", "MPO")


@pytest.mark.filterwarnings("ignore:Image appears to be a malformed MPO")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "CMYK", "LA"])
def test_turned_and_of_a_profile_it_is_the_same_too(tmp_path, kind, mode):
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    exif = Image.Exif()
    for orientation in (1, 4, 5, 6):
        exif[274] = orientation
        options = {"exif": exif, "icc_profile": of_codes(12, 8).icc}
        if kind == "MPO":
            options |= {"save_all": True, "append_images": [Image.new("RGB", (20, 12))]}
        try:
            content = saved(mode, kind, **options)
        except OSError:
            return  # the format knows no such mode
        loaded = kind != "TIFF"  # which Pillow turns by itself, or forgets that it should
        picture = check_every_way(tmp_path / "picture", content, loaded=loaded)
        on_its_side = orientation > 4 and kind != "HEIF"  # whose EXIF does not count
        assert picture.pixels.shape[:2] == ((20, 12) if on_its_side else (12, 20))
        assert picture.profile or mode == "CMYK"


def test_what_was_changed_in_pillow_counts(tmp_path):
    """Of an image of Pillow its file is taken only as long as nothing of it is another."""
    path = tmp_path / "picture.png"
    path.write_bytes(MAKERS["png, RGB"]())
    with Image.open(path) as image:
        image.putpixel((0, 0), (1, 2, 3))
        assert read_image(image)[0, 0].tolist() == [1, 2, 3]
    with Image.open(path) as image:
        image.info["icc_profile"] = of_codes(1, 8).icc
        assert read_picture(image).profile
    path.write_bytes(saved("RGB", "GIF", save_all=True, append_images=[Image.new("RGB", (20, 12))]))
    with Image.open(path) as image:
        image.seek(1)
        assert not read_image(image).any()
    path.write_bytes(MAKERS["jpeg, RGB"]())
    with Image.open(path) as image:
        image.draft("L", (10, 6))
        assert read_image(image).shape == (6, 10, 3)


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I", "F", "1", "LA", "PA", "La", "RGBa", "RGBX"])
def test_an_image_of_pillow_of_any_mode(mode):
    if mode.startswith("I"):
        image = Image.fromarray(GREY.astype(">u2" if mode == "I;16B" else "u2")).convert(mode)
        np.testing.assert_array_equal(read_picture(image).deep[..., 1], (GREY / 257).astype("f4"))
        return
    if mode == "F":
        light = np.linspace(0, 1, 20, dtype=np.float32).reshape(4, 5)
        curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        found = read_picture(Image.fromarray(light)).deep[..., 0]
        np.testing.assert_allclose(found, curve * 255, atol=0.01)
        return
    base = Image.fromarray(np.arange(240, dtype=np.uint8).reshape(12, 20))
    through = {"PA": "RGBA", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB"}.get(mode, mode)
    image = base.convert("P" if mode == "PA" else through).convert(mode)
    expected = np.asarray(base.convert("1" if mode == "1" else "RGB").convert("RGB"))
    np.testing.assert_array_equal(read_image(image), expected)


def test_a_pair_in_python_takes_them_all(tmp_path):
    deep, photo = MAKERS["png, grey of 16 bits"](), MAKERS["jpeg, RGB"]()
    (tmp_path / "a.png").write_bytes(deep)
    (tmp_path / "b.jpg").write_bytes(photo)

    def made(a, b_prime):
        return dia_pipeline.run(a, b_prime, matcher="identity", pose="given")

    expected = made(tmp_path / "a.png", tmp_path / "b.jpg")
    tensor = torch.from_numpy(read_image(photo)).permute(2, 0, 1)
    with (tmp_path / "a.png").open("rb") as file, Image.open(tmp_path / "b.jpg") as image:
        for a, b_prime in (
            (file, image),
            (BytesIO(deep), photo),
            (Image.fromarray(GREY), tensor),
            (GREY.astype(">u2"), (tensor / 255).to(torch.float32)),
        ):
            found = made(a, b_prime)
            np.testing.assert_array_equal(found.a_prime, expected.a_prime)
            np.testing.assert_array_equal(found.b, expected.b)


def test_arrays_of_any_usual_type_and_number_of_channels():
    image = read_image(MAKERS["png, RGB"]())
    tensor = torch.from_numpy(image).permute(2, 0, 1) / 255
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        found = read_image(tensor.to(dtype).requires_grad_())
        np.testing.assert_allclose(found, image, atol=1)
    clear = np.dstack([image[..., 0], np.full(image.shape[:2], 255, np.uint8)])
    np.testing.assert_array_equal(read_image(clear)[..., 2], image[..., 0])
    np.testing.assert_array_equal(read_image(image[..., 1] > 99)[..., 0] > 0, image[..., 1] > 99)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (BytesIO(), "a: the file is empty"),
        (b"nothing", "a: this is no image of a known format; save it as PNG or JPEG"),
        (torch.zeros(3, 5, 6, device="meta"), "a: Tensor is no image"),
        (np.full((5, 6, 3), -1, np.int32), "values of int32 from -1 to -1 are no image"),
        (np.zeros((5, 6), complex), "values of complex128 are no image"),
        (np.full((5, 6), "x"), "values of <U1 are no image"),
        ([[1], [2, 3]], "a: list is no image"),
        (object(), r"an array of shape \(\) is no image"),
        (Image.new("I", (3, 3), -5), "a: .* no known range"),
    ],
)
def test_what_is_no_image_is_one_line(value, message):
    with pytest.raises(ImageError, match=message):
        read_image(value, "a")


def test_a_file_opened_as_text_or_closed_is_told(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    with (tmp_path / "a.txt").open() as file, pytest.raises(ImageError, match="opened as text"):
        read_image(file)
    with pytest.raises(ImageError, match="the open file cannot be read"):
        read_image(file)
