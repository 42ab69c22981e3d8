"""Descriptors by vision transformers: against timm's own maps, closed forms and plain NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner
from vision import torchvision  # noqa: F401, which timm loads

from dia_pipeline.cli import app
from dia_pipeline.io.descriptors import read_descriptors
from dia_pipeline.networks.transformers import PLACED, Transformer

NETWORK = "timm:test_vit"
"""A transformer of 6 layers, 64 channels and patches of 16 pixels, trained on 160 x 160."""

COMMAND = """\
dia describe A.jpg B_prime.jpg -o maps/ --network timm:vit_small_patch14_dinov2 --weights vits14.pth
""".strip()
"""That of docs/control.md, run with the network of this test."""


@pytest.fixture(scope="module")
def model():
    import timm

    torch.manual_seed(0)
    return timm.create_model("test_vit", num_classes=5).eval()


@pytest.fixture
def weights(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_file(model.state_dict(), "test_vit.safetensors")
    return Path("test_vit.safetensors")


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


def by_timm(model, image, layers):
    """The maps of layers by timm's own method, of an image of whole patches."""
    values = (torch.tensor(image).permute(2, 0, 1) / 255 - 0.5) / 0.5  # as test_vit was trained
    with torch.no_grad():
        maps = model.forward_intermediates(
            values[None], indices=layers, norm=True, intermediates_only=True
        )
    return torch.cat(maps, dim=1)[0].numpy()


def test_the_map_of_the_native_size_is_timms(model, weights):
    image = noise(160, 160)
    transformer = Transformer(NETWORK, weights)
    assert (transformer.depth, transformer.width, transformer.side) == (6, 64, 160)
    found = transformer.describe(image, [2, 5], 160)
    assert found.shape == (128, 10, 10) and found.dtype == np.float32
    np.testing.assert_allclose(found, by_timm(model, image, [2, 5]), atol=1e-5)
    torch.save(model.state_dict(), "older.pth")
    swapped = Transformer(NETWORK, Path("older.pth")).describe(image, [5, 2], 160)
    np.testing.assert_allclose(swapped, np.roll(found, 64, 0), atol=1e-5)


def test_positions_are_those_of_the_image_in_its_aspect(model, weights):
    transformer = Transformer(NETWORK, weights)
    found = transformer.describe(noise(96, 160), [5], 160)
    np.testing.assert_allclose(found, by_timm(model, noise(96, 160), [5]), atol=1e-5)
    assert transformer.describe(noise(100, 330), [5], 200).shape == (64, 4, 12)


def test_without_positions_of_its_own_a_network_moves_with_the_image(model, weights):
    """Its tokens are a set then: of an image rolled by patches the map is rolled by positions."""
    state = {**model.state_dict(), "pos_embed": torch.zeros_like(model.pos_embed)}
    save_file(state, "placeless.safetensors")
    transformer = Transformer(NETWORK, Path("placeless.safetensors"))
    image = noise(64, 96)
    found = transformer.describe(image, [3], 96)
    rolled = transformer.describe(np.roll(image, (16, 32), (0, 1)), [3], 96)
    np.testing.assert_allclose(rolled, np.roll(found, (1, 2), (1, 2)), atol=1e-4)
    # Nothing tells the place, so nothing is taken out.
    kept = transformer.describe(image, [3], 96, placeless=True)
    np.testing.assert_array_equal(kept, found)


def test_what_tells_the_place_is_taken_out(model, weights):
    """The rest is orthogonal to what varies where the image does not, by NumPy's eigenvectors."""
    grey = np.full((160, 160, 3), 127.5, np.float32)
    empty = by_timm(model, grey, [4]).reshape(64, -1)
    values, vectors = np.linalg.eigh(np.cov(empty))
    shares = np.cumsum(values[::-1]) / values.sum()
    taken = vectors[:, ::-1][:, : np.searchsorted(shares, PLACED) + 1]
    flat = by_timm(model, noise(160, 160), [4]).reshape(64, -1)
    expected = flat - taken @ (taken.T @ flat)
    found = Transformer(NETWORK, weights).describe(noise(160, 160), [4], 160, placeless=True)
    np.testing.assert_allclose(found.reshape(64, -1), expected, atol=1e-3)
    assert 0 < taken.shape[1] < 64


def call(words):
    """The result of a command, whose network is the one of this test."""
    words = words.replace("vit_small_patch14_dinov2", "test_vit")
    words = words.replace("vits14.pth", "test_vit.safetensors")
    return CliRunner().invoke(app, words.split()[1:])


def test_the_command_of_the_page_writes_maps_that_guide(weights):
    for name, size in (("A", (48, 64)), ("B_prime", (64, 48))):
        Image.fromarray(noise(*size)).save(f"{name}.jpg")
    result = call(f"{COMMAND} --layers 3,5 --without-positions")
    assert result.exit_code == 0, result.output
    for name, shape in (("A", (128, 8, 10)), ("B_prime", (128, 10, 8))):
        assert read_descriptors(f"maps/{name}.npy", name).shape == shape
    assert call(COMMAND).exit_code == 0
    assert np.load("maps/A.npy").shape == (64, 8, 10)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("a.png --network timm:test_vit --weights no.pth", "no.pth: there is no such file"),
        ("a.png --network timm:test_vit --weights a.png", "a.png: these are no parameters of"),
        ("a.png --network timm:test_vit2 --weights {}", "no parameters of timm:test_vit2 ("),
        (
            "a.png --network timm:vit_no --weights {}",
            "timm has no network 'vit_no'; give timm:NAME",
        ),
        ("a.png --network test_vit --weights {}", "timm has no network 'test_vit'; give timm:NAME"),
        ("a.png --network timm:resnet18 --weights {}", "it is no plain vision transformer"),
        ("a.png --network timm:test_vit --weights {} --layers 6", "numbers from 0 to 5"),
        ("a.png --network timm:test_vit --weights {} --layers a", "'a' does not name layers"),
        ("a.png --network timm:test_vit --weights {} --side 99999", "are too many"),
        ("a.png b/a.png --network timm:test_vit --weights {}", "b/a.png: a.png has the same name"),
        ("c.png --network timm:test_vit --weights {}", "c.png: there is no such file"),
    ],
)
def test_what_cannot_describe_is_told_before_the_work(weights, words, expected):
    Path("b").mkdir()
    for path in ("a.png", "b/a.png"):
        Image.fromarray(noise(32, 32)).save(path)
    result = call(f"dia describe -o maps {words.format(weights)}")
    assert result.exit_code == 2
    assert expected in " ".join(result.stderr.split())
    assert not Path("maps").exists()
