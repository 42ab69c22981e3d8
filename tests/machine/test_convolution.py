"""The CPU's convolutions against torch's in float64."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from dia_pipeline.machine.convolution import Autograd, differentiable
from dia_pipeline.machine.convolution.chain import Chain, Layer
from dia_pipeline.networks.network import Network
from dia_pipeline.networks.weights import find_weights

LARGEST = 2e-5
"""Largest error of a result, as a share of the largest result."""


def assert_gradients_agree(found, wanted):
    """But for a few: where a value is within its error of zero, or two of each other, a gradient
    goes another way."""
    error = (found - wanted).abs() / wanted.abs().max()
    assert (error > LARGEST).double().mean() < 0.1
    assert (found - wanted).norm() < 0.02 * wanted.norm()


def layers_of(channels, pools, ceil):
    """Random layers, as (weight, bias, pool, ceil)."""
    generator = torch.Generator().manual_seed(len(channels))
    made = []
    for inputs, outputs, pool in zip(channels, channels[1:], pools, strict=False):
        weight = torch.randn(outputs, inputs, 3, 3, generator=generator)
        bias = torch.randn(outputs, generator=generator) / 5
        made.append((weight * (2 / 9 / inputs) ** 0.5, bias, pool, ceil))
    return made


def exactly(point, layers):
    """The same chain by torch in float64, of a point (H, W, C) that is differentiated."""
    values = point.permute(2, 0, 1)[None]
    for weight, bias, pool, ceil in layers:
        values = F.conv2d(values, weight.double(), bias.double(), padding=1)
        if pool:
            values = F.max_pool2d(values, 2, ceil_mode=ceil)
        values = F.relu(values)
    return values[0].permute(1, 2, 0)


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("size", [(2, 2), (2, 9), (5, 7), (20, 23), (37, 50)])
@pytest.mark.parametrize(
    ("channels", "pools"),
    [
        ((3, 64), [False]),
        ((3, 8, 20, 40), [False, True, False]),
        ((64, 128, 36), [True, False]),
        ((32, 16, 16), [False, True]),
    ],
)
def test_a_chain_and_its_gradient_are_torch_s(channels, pools, size, ceil):
    layers = layers_of(channels, pools, ceil)
    point = torch.randn(*size, channels[0], generator=torch.Generator().manual_seed(0))
    results, back = Chain([Layer(*layer) for layer in layers])(point)
    double = point.double().requires_grad_()
    wanted = exactly(double, layers)
    assert results.shape == wanted.shape
    assert (results - wanted).abs().max() < LARGEST * wanted.abs().max()
    gradient = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(1))
    (by_point,) = torch.autograd.grad(wanted, double, gradient.double())
    found = back(gradient)
    assert found.is_contiguous()
    assert_gradients_agree(found, by_point)


def test_a_map_of_one_row_is_pooled_where_odd_rows_are():
    layers = layers_of((16, 16), [True], True)
    point = torch.randn(1, 11, 16)
    results, _ = Chain([Layer(*layer) for layer in layers])(point)
    assert results.shape == (1, 6, 16)
    wanted = exactly(point.double(), layers)
    assert (results - wanted).abs().max() < LARGEST * wanted.abs().max()


@pytest.mark.parametrize("ceil", [False, True])
def test_of_equal_values_the_first_of_a_window_takes_the_gradient(ceil):
    """As in torch; zero weights make all values equal to the bias."""
    weight = torch.zeros(16, 16, 3, 3)
    for k in range(16):
        weight[k, k, 1, 1] = 1
    point = torch.ones(5, 5, 16)
    results, back = Chain([Layer(weight, torch.zeros(16), True, ceil)])(point)
    first = torch.zeros(5, 5, 16)
    first[: 5 if ceil else 4 : 2, : 5 if ceil else 4 : 2] = 1
    assert torch.allclose(back(torch.ones(results.shape)), first, atol=1e-5)


def test_values_below_zero_let_no_gradient_pass():
    weight = torch.randn(16, 16, 3, 3)
    results, back = Chain([Layer(weight, torch.full((16,), -1e6), False, False)])(
        torch.ones(6, 6, 16)
    )
    assert not results.any()
    assert not back(torch.ones(6, 6, 16)).any()


@pytest.mark.parametrize("level", [5, 4, 3, 2])
def test_the_network_s_levels_are_those_of_its_reference(network, level):
    image = torch.rand(3, 70, 86, generator=torch.Generator().manual_seed(level)) * 200 - 100
    point = network.forward(image, 0, level - 2).permute(1, 2, 0).contiguous()
    results, back = differentiable(network, level - 2, level)(point)
    wanted, way = Autograd(network, level - 2, level)(point)
    assert (results - wanted).abs().max() < LARGEST * wanted.abs().max()
    gradient = torch.rand(wanted.shape, generator=torch.Generator().manual_seed(1))
    assert_gradients_agree(back(gradient), way(gradient))


@pytest.mark.parametrize("level", [5, 4, 3, 2])
def test_coordinates_are_those_of_the_reference(network, level):
    image = torch.rand(3, 70, 86, generator=torch.Generator().manual_seed(level)) * 200 - 100
    point = network.forward(image, 0, level - 2).permute(1, 2, 0)
    matrix = torch.eye(point.shape[2]) + torch.rand(2 * point.shape[2:]) / point.shape[2]
    place = point @ torch.linalg.inv(matrix)
    results, back = differentiable(network, level - 2, level).in_coordinates(matrix)(place)
    wanted, way = Autograd(network, level - 2, level, matrix)(place)
    assert (results - wanted).abs().max() < LARGEST * wanted.abs().max()
    gradient = torch.rand(wanted.shape, generator=torch.Generator().manual_seed(1))
    found, wanted = back(gradient), way(gradient)
    assert (found - wanted).norm() < 0.02 * wanted.norm()


def test_the_chain_is_of_the_cpu_and_of_plain_networks(network):
    assert isinstance(differentiable(network, 2, 4), Chain)
    double = Network(find_weights("vgg16"), "cpu", "float64")
    assert not isinstance(differentiable(double, 2, 4), Chain)
    double.precision = "float32"
    double.entry = replace(network.entry, convolutions=(1, 2, 3, 3, 1))
    assert not isinstance(differentiable(double, 1, 2), Chain)


THREADS = """
import hashlib
import numba, torch
from dia_pipeline.machine.convolution.chain import Chain, Layer

def digest(threads):
    numba.set_num_threads(threads)
    torch.manual_seed(0)
    layers = [Layer(torch.randn(k, c, 3, 3), torch.randn(k), pool, True)
              for c, k, pool in ((3, 64, False), (64, 96, True), (96, 64, False))]
    results, back = Chain(layers)(torch.randn(75, 91, 3))
    gradient = back(torch.randn(results.shape))
    return hashlib.sha256(results.contiguous().numpy().tobytes() + gradient.numpy().tobytes())

assert len({digest(threads).digest() for threads in (1, 2, 3)}) == 1
"""


def test_results_are_the_same_bytes_for_any_number_of_threads():
    environment = os.environ | {"NUMBA_NUM_THREADS": "3"}
    subprocess.run([sys.executable, "-c", THREADS], check=True, env=environment)


GUARDED = """
import sys
from unittest.mock import patch
import llvmlite.binding, numpy as np
features = dict.fromkeys(sys.argv[1:], True)
with patch.object(llvmlite.binding, "get_host_cpu_features", lambda: features):
    from dia_pipeline.machine.convolution import vectors
from dia_pipeline.machine.convolution import winograd

def guarded(*shape):
    whole = np.full(np.prod(shape) + 4096, 7, np.float32)
    return whole, whole[: np.prod(shape)].reshape(shape)

block, depth = winograd.BLOCK, 2 * vectors.LANES
random = np.random.default_rng(0)
_, patches = guarded(winograd.POSITIONS, block + 1, depth)
patches[:] = random.random(patches.shape)
weights = random.random((winograd.POSITIONS, depth, vectors.PANEL), np.float32)
whole, products = guarded(winograd.POSITIONS, block + 1, vectors.PANEL)
winograd._multiply(patches, weights, block, products)
wanted = np.einsum("ptc,pck->ptk", patches[:, :block], weights)
assert np.allclose(products[:, :block], wanted, rtol=1e-4)
assert (whole[products.size :] == 7).all(), "written past the end"
"""


@pytest.mark.parametrize("features", [[], ["avx2"], ["avx2", "avx512f"]])
def test_no_processor_writes_past_the_end_of_a_block(features, tmp_path):
    """Those of eight numbers a vector did: `dia run` crashed, or mixed the work of two threads."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", GUARDED, *features]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("tiles", "precision"), [(True, "bfloat16"), (True, "float32"), (False, "bfloat16")]
)
def test_the_library_is_taken_where_it_multiplies_bfloat16_in_tiles(monkeypatch, tiles, precision):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles)
    network = Network(find_weights("vgg16"), "cpu", precision)
    taken = [
        isinstance(differentiable(network, level - 2, level), Autograd) for level in (5, 4, 3, 2)
    ]
    by_library = tiles and precision == "bfloat16"
    assert taken == [by_library] * 3 + [False]
    assert by_library == network.tiled
