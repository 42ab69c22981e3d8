"""The network against torchvision's own, and its gradient."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from vision import torchvision

from dia_pipeline.algorithm.features import extract, round_features
from dia_pipeline.errors import JobError
from dia_pipeline.networks.backbones import ENTRIES
from dia_pipeline.networks.network import Network, pick_device
from dia_pipeline.networks.sizes import working_size

TAPS = {"vgg19": (1, 6, 11, 20, 29), "vgg16": (1, 6, 11, 18, 25)}
"""Where torchvision's sequence has relu1_1 to relu5_1."""


def twins(backbone):
    """Our network and torchvision's convolutions with the same random weights."""
    torch.manual_seed(0)
    configuration = torchvision.models.vgg.cfgs["E" if backbone == "vgg19" else "D"]
    layers = torchvision.models.vgg.make_layers(configuration).eval()
    convolutions = iter(layer for layer in layers if isinstance(layer, torch.nn.Conv2d))
    parameters = {}
    for block, number in ENTRIES[backbone].positions:
        layer = next(convolutions)
        parameters[f"conv{block}_{number}.weight"] = layer.weight.detach()
        parameters[f"conv{block}_{number}.bias"] = layer.bias.detach()
    weights = SimpleNamespace(entry=ENTRIES[backbone], load=lambda: parameters)
    return Network(weights, "cpu", "float32"), layers


@pytest.mark.parametrize("backbone", ["vgg19", "vgg16"])
def test_the_taps_are_torchvisions(backbone):
    ours, layers = twins(backbone)
    if backbone == "vgg16":
        for layer in layers:
            if isinstance(layer, torch.nn.MaxPool2d):
                layer.ceil_mode = True  # Caffe's convention
    image = np.random.default_rng(0).integers(0, 256, (53, 70, 3), dtype=np.uint8)
    pyramid = extract(image, ours, "float32")
    values = pyramid[0][None]
    for index, layer in enumerate(layers):
        values = layer(values)
        if index in TAPS[backbone]:
            level = TAPS[backbone].index(index) + 1
            expected = values[0].detach()
            assert (pyramid[level] - expected).norm() < 1e-5 * expected.norm()


def test_preprocessing_is_torchvisions_for_vgg19():
    ours, _ = twins("vgg19")
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    expected = torchvision.transforms.functional.normalize(
        torch.from_numpy(image).permute(2, 0, 1) / 255,
        (0.485, 0.456, 0.406),
        (0.229, 0.224, 0.225),
    )
    torch.testing.assert_close(ours.preprocess(image), expected)


def test_preprocessing_is_caffes_for_vgg16(network):
    image = np.full((1, 1, 3), (10, 20, 30), np.uint8)
    blue, green, red = network.preprocess(image).flatten().tolist()
    assert (blue, green, red) == pytest.approx((30 - 103.939, 20 - 116.779, 10 - 123.68), abs=1e-4)


def test_levels_can_be_walked_in_any_strides(network):
    values = torch.rand(3, 40, 37) * 100
    stepwise = network.forward(network.forward(values, 0, 2), 2, 4)
    torch.testing.assert_close(network.forward(values, 0, 4), stepwise)


def test_bfloat16_stays_close_to_float32(network):
    rough = Network.__new__(Network)
    rough.__dict__.update(network.__dict__, precision="bfloat16")
    rough._convolutions = {
        position: (weight.bfloat16(), bias.bfloat16())
        for position, (weight, bias) in network._convolutions.items()
    }
    values = torch.rand(3, 64, 64) * 200 - 100
    exact, close = network.forward(values, 0, 5), rough.forward(values, 0, 5)
    assert (exact - close).norm() < 0.02 * exact.norm()


def test_working_size_is_bounded_on_both_sides():
    assert working_size((448, 448), 0.5, 700) == (224, 224)
    assert working_size((3000, 4000), 1.0, 700) == (525, 700)
    assert working_size((3000, 4000), 0.5, 2100) == (1500, 2000)
    assert working_size((40, 30), 0.5, 700) == (20, 16)


@pytest.mark.parametrize("band", [1, 7, 2**20])
def test_features_are_rounded_as_storage_would(band, monkeypatch):
    monkeypatch.setattr("dia_pipeline.algorithm.features.BAND", band)
    features = torch.tensor([1 / 3, 1e9, -1e9]).expand(5, 4, 3).permute(2, 0, 1).contiguous()
    assert torch.equal(round_features(features.clone(), "float32"), features)
    rounded = round_features(features, "float16")
    assert rounded is features
    for channel, value in zip(rounded, (np.float16(1 / 3), 65504, -65504), strict=True):
        assert (channel == float(value)).all()


def test_float32_is_no_tf32():
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    twins("vgg16")
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


@pytest.mark.parametrize(("given", "said"), [("0", True), ("", False), ("-1", False)])
def test_a_gpu_that_was_allotted_and_is_not_seen_is_told(monkeypatch, caplog, given, said):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert pick_device("auto").type != "cuda"
    assert ("a GPU was allotted (CUDA_VISIBLE_DEVICES=0)" in caplog.text) == said


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(JobError, match="cuda:77"):
        pick_device("cuda:77")


def test_a_gpu_whose_memory_others_hold_is_there_all_the_same(monkeypatch):
    def full(*_, device):
        raise RuntimeError("CUDA error: out of memory")

    monkeypatch.setattr(torch, "empty", full)
    assert pick_device("cuda:1") == torch.device("cuda:1")


@pytest.mark.parametrize("size", [(16, 16), (60, 64), (32, 300)])
def test_the_number_of_threads_does_not_show_in_small_images(network, size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    before = torch.get_num_threads()
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(extract(image, network, "float32"))
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert all(torch.equal(found[0][level], found[1][level]) for level in found[0])
