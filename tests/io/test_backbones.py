"""A network of one's own: a small one with batch normalisation, as torch itself runs it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import yaml
from torch import nn
from vision import torchvision

import dia_pipeline
from dia_pipeline.algorithm.features import extract
from dia_pipeline.algorithm.network import Network
from dia_pipeline.io.backbones import ENTRIES, BackboneError, find_entry
from dia_pipeline.io.files import digest_file
from dia_pipeline.io.weights import WeightsError, find_weights

BLOCKS, CHANNELS = (1, 2, 1, 1, 1), (8, 8, 16, 16, 12)
ENTRY = {
    "title": "a small network",
    "file": "small.pth",
    "licence": "none",
    "convolutions": list(BLOCKS),
    "channels": list(CHANNELS),
    "scale": 0.5,
    "mean": [10.0, 20.0, 30.0],
    "deviation": [2.0, 3.0, 4.0],
    "order": "BGR",
    "ceil_pooling": True,
}


def small_network(normalised):
    torch.manual_seed(0)
    layers, inputs = [], 3
    for count, channels in zip(BLOCKS, CHANNELS, strict=True):
        for _ in range(count):
            layers.append(nn.Conv2d(inputs, channels, 3, padding=1, bias=not normalised))
            if normalised:
                layers.append(nn.BatchNorm2d(channels))
                layers[-1].running_mean.normal_()
                layers[-1].running_var.uniform_(0.5, 2)
                layers[-1].weight.data.normal_()
                layers[-1].bias.data.normal_()
            layers.append(nn.ReLU())
            inputs = channels
        layers.append(nn.MaxPool2d(2, ceil_mode=True))
    return nn.Sequential(*layers).eval()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of entries with one, `small`, whose file lies beside it."""
    monkeypatch.setenv("DIA_BACKBONES", str(tmp_path))
    monkeypatch.setenv("DIA_CACHE", str(tmp_path / "cache"))
    write_network(tmp_path, normalised=True)
    return tmp_path


def write_network(folder, normalised):
    network = small_network(normalised)
    state = {f"features.{name}": value for name, value in network.state_dict().items()}
    torch.save({**state, "classifier.0.weight": torch.zeros(2, 2)}, folder / "small.pth")
    write_entry(folder, digest=digest_file(folder / "small.pth"))
    return network


def write_entry(folder, **changes):
    (folder / "small.yaml").write_text(yaml.safe_dump({**ENTRY, **changes}))


@pytest.mark.parametrize("normalised", [False, True])
def test_its_levels_are_those_of_torch(folder, normalised):
    layers = write_network(folder, normalised)
    image = np.random.default_rng(0).integers(0, 256, (37, 50, 3), dtype=np.uint8)
    pyramid = extract(image, Network(find_weights("small"), "cpu", "float32"), "float32")
    bgr = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1).float()
    mean, deviation = (torch.tensor(ENTRY[n])[:, None, None] for n in ("mean", "deviation"))
    values = ((bgr * 0.5 - mean) / deviation)[None]
    torch.testing.assert_close(pyramid[0], values[0])
    taps = [tap for tap, layer in enumerate(layers) if isinstance(layer, nn.ReLU)]
    firsts = [taps[sum(BLOCKS[:block])] for block in range(5)]
    with torch.no_grad():
        for index, layer in enumerate(layers[: firsts[-1] + 1]):
            values = layer(values)
            if index in firsts:
                level = firsts.index(index) + 1
                torch.testing.assert_close(pyramid[level], values[0], rtol=1e-4, atol=1e-4)


def test_it_matches_a_pair_and_is_told_in_the_record(folder):
    image = np.random.default_rng(1).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    image = image.repeat(8, 0).repeat(8, 1)
    options = {"backbone": "small", "quality": "draft", "pose": "given", "precision": "float32"}
    result = dia_pipeline.run(image, image, **options)
    np.testing.assert_array_equal(result.a_prime, image)
    weights = find_weights("small")
    assert weights.licence == "none" and weights.path == folder / "small.pth"


def test_an_unknown_network_is_told_which_there_are(folder):
    with pytest.raises(BackboneError, match=r"'other'.*vgg19, vgg16 are shipped.*other\.yaml"):
        find_weights("other")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": [8, 8]}, r"small\.yaml: channels: \[8, 8\] is too short"),
        ({"order": "XYZ"}, "order: 'XYZ' is not one of"),
        ({"digest": "123"}, "digest: '123' does not match"),
        ({"depth": 3}, "'depth' was unexpected"),
    ],
)
def test_a_wrong_entry_is_explained(folder, changes, message):
    write_entry(folder, **{"digest": "0" * 64, **changes})
    with pytest.raises(BackboneError, match=message):
        find_entry("small")
    (folder / "small.yaml").write_text("{")
    with pytest.raises(BackboneError, match="cannot be read"):
        find_entry("small")


def test_a_file_that_is_another_or_not_there_is_named(folder):
    write_entry(folder, digest="0" * 64)
    with pytest.raises(WeightsError, match=r"a small network are not there.*small\.pth"):
        find_weights("small")
    write_entry(folder, digest=digest_file(folder / "small.pth"), channels=[8, 8, 16, 16, 99])
    with pytest.raises(WeightsError, match=r"not the parameter file of a small network.*conv5_1"):
        find_weights("small").load()


def test_the_shipped_entries_are_those_of_the_vggs():
    assert len(list(ENTRIES["vgg19"].positions)) == 13
    assert len(list(ENTRIES["vgg16"].positions)) == 11


RESNET = {
    "title": "ResNet-18",
    "file": "resnet18.pth",
    "licence": "none",
    "architecture": "torchvision:resnet18",
    "stages": [["conv1", "bn1", "relu"], ["maxpool", "layer1"], ["layer2"], ["layer3"], ["layer4"]],
    "upsampling": 2,
}


@pytest.fixture
def resnet(folder):
    """Another architecture with random parameters, as torchvision builds it."""
    torch.manual_seed(0)
    model = torchvision.models.resnet18(weights=None).eval()
    torch.save(model.state_dict(), folder / "resnet18.pth")
    entry = {**RESNET, "digest": digest_file(folder / "resnet18.pth")}
    (folder / "resnet18.yaml").write_text(yaml.safe_dump(entry))
    return model


def test_the_levels_of_another_architecture_are_its_own(resnet):
    from torchvision.models.feature_extraction import create_feature_extractor  # slow to load

    image = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)
    network = Network(find_weights("resnet18"), "cpu", "float32")
    pyramid = extract(image, network, "float32")
    taps = {"relu": 1, "layer1": 2, "layer2": 3, "layer3": 4, "layer4": 5}
    cut = create_feature_extractor(resnet, list(taps))
    enlarged = torch.nn.functional.interpolate(pyramid[0][None], scale_factor=2.0, mode="bilinear")
    with torch.no_grad():
        for name, expected in cut(enlarged).items():
            torch.testing.assert_close(pyramid[taps[name]], expected[0], rtol=1e-4, atol=1e-4)
    shapes = [tuple(pyramid[level].shape[1:]) for level in range(6)]
    assert shapes == [(40, 56), (40, 56), (20, 28), (10, 14), (5, 7), (3, 4)]
    torch.testing.assert_close(network.forward(pyramid[3], 3, 5), pyramid[5])


def test_another_architecture_matches_and_reconstructs_a_pair(resnet):
    image = np.random.default_rng(1).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    image = image.repeat(8, 0).repeat(8, 1)
    options = {"backbone": "resnet18", "deconvolution": 2, "precision": "float32", "pose": "given"}
    result = dia_pipeline.run(image, image, **options)
    assert np.abs(result.a_prime.astype(int) - image).mean() < 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "torchvision:resnet99"}, "no parameters of torchvision:resnet99"),
        ({"architecture": "torchvision:resnet34"}, "no parameters of torchvision:resnet34"),
        ({"stages": [["conv1"], ["layer9"], ["layer2"], ["layer3"], ["layer4"]]}, "layer9"),
    ],
)
def test_an_architecture_that_is_another_is_told(folder, resnet, changes, message):
    entry = yaml.safe_load((folder / "resnet18.yaml").read_text()) | changes
    (folder / "resnet18.yaml").write_text(yaml.safe_dump(entry))
    with pytest.raises(WeightsError, match=message):
        Network(find_weights("resnet18"), "cpu", "float32")
