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
from dia_pipeline.errors import JobError
from dia_pipeline.io.files import digest_file
from dia_pipeline.networks.backbones import ENTRIES, BackboneError, find_entry
from dia_pipeline.networks.network import Network
from dia_pipeline.networks.weights import WeightsError, find_weights

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


def spoil(folder, name, **numbers):
    """Put a number into a parameter; the digest in the entry is that of the file."""
    state = torch.load(folder / "small.pth", weights_only=True)
    state[name].view(-1)[0] = numbers.get("first", 0)
    if "all" in numbers:
        state[name].fill_(numbers["all"])
    torch.save(state, folder / "small.pth")
    write_entry(folder, digest=digest_file(folder / "small.pth"))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["features.0.weight", "features.1.bias", "features.1.running_var"])
def test_parameters_that_are_no_numbers_are_refused(folder, name, number):
    spoil(folder, name, first=number)
    with pytest.raises(WeightsError, match=r"small\.pth.*numbers that are none or infinite"):
        find_weights("small").load()


def test_parameters_that_are_zero_everywhere_are_refused(folder):
    write_network(folder, normalised=False)
    spoil(folder, "features.3.weight", all=0)
    with pytest.raises(WeightsError, match=r"conv2_1\.weight is zero everywhere"):
        find_weights("small").load()


def test_a_variance_below_zero_is_refused(folder):
    spoil(folder, "features.1.running_var", first=-5)
    with pytest.raises(WeightsError, match=r"conv1_1\.weight holds numbers that are none"):
        find_weights("small").load()


def test_those_of_another_architecture_too(folder, resnet):
    state = resnet.state_dict()
    state["layer3.0.conv1.weight"][0, 0, 0, 0] = float("nan")
    torch.save(state, folder / "resnet18.pth")
    entry = {**RESNET, "digest": digest_file(folder / "resnet18.pth")}
    (folder / "resnet18.yaml").write_text(yaml.safe_dump(entry))
    with pytest.raises(WeightsError, match=r"layer3\.0\.conv1\.weight holds numbers that are none"):
        find_weights("resnet18").load()


@pytest.mark.filterwarnings("ignore:.*invalid value")
@pytest.mark.parametrize("pose", ["given", "auto"])
def test_features_that_are_no_numbers_are_told(folder, pose):
    """Parameters may be finite, and what they give not."""
    write_network(folder, normalised=False)
    for name in ("features.0.weight", "features.3.weight", "features.5.weight"):
        spoil(folder, name, all=1e30)
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    options = {"backbone": "small", "precision": "float32", "quality": "draft"}
    with pytest.raises(JobError, match="features are none, or infinite"):
        dia_pipeline.run(image, image, pose=pose, **options)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": [float("nan"), 0.0, 0.0]}, "mean.0: nan is not of type 'number'"),
        ({"scale": float("inf")}, "scale: inf is not of type 'number'"),
        ({"deviation": [0.0, 1.0, 1.0]}, "deviation.*0.0 is less than or equal"),
        ({"source": "x" * 10_000, "mean": "y" * 10_000}, "mean: 'yyy.{0,250}; docs"),
    ],
)
def test_numbers_of_an_entry_that_are_none_are_refused(folder, changes, message):
    write_entry(folder, **{"digest": "0" * 64, **changes})
    with pytest.raises(BackboneError, match=message) as error:
        find_entry("small")
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    "text", ["a: &a [1]\nb: [*a, *a]", "2001-01-01: 3", "title: 2001-01-01", "[" * 10_000, "3"]
)
def test_an_entry_that_is_something_else_is_one_line(folder, text):
    (folder / "small.yaml").write_text(text)
    with pytest.raises(BackboneError, match=r"small\.yaml"):
        find_entry("small")
