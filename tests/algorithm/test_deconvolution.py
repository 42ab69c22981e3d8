"""Deconvolution: its gradient, and how far the objective falls on real images."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from dia_pipeline.algorithm import deconvolution
from dia_pipeline.algorithm.deconvolution import Deconvolution, _coordinates
from dia_pipeline.algorithm.features import extract
from dia_pipeline.algorithm.nnf import identity, upsample_levels
from dia_pipeline.algorithm.patchmatch import search, stack
from dia_pipeline.algorithm.patchmatch.maps import Maps
from dia_pipeline.algorithm.voting import vote
from dia_pipeline.machine.convolution import Autograd
from dia_pipeline.networks.network import Network
from dia_pipeline.networks.sizes import working_image
from dia_pipeline.samples import demo
from dia_pipeline.settings import PATCH


@pytest.fixture(scope="module")
def double_network(network):
    """A network in float64 whose weights are the real ones."""
    parameters = {}
    for (block, number), (weight, bias) in network._convolutions.items():
        parameters[f"conv{block}_{number}.weight"] = weight
        parameters[f"conv{block}_{number}.bias"] = bias
    weights = SimpleNamespace(entry=network.entry, load=lambda: parameters)
    return Network(weights, "cpu", "float64")


@pytest.mark.parametrize("level", [5, 4, 3, 2])
def test_the_gradient_is_that_of_the_objective(double_network, level):
    """Along random directions, against central differences in float64."""
    generator = torch.Generator().manual_seed(level)
    image = torch.rand(3, 20, 20, generator=generator, dtype=torch.float64) * 200 - 100
    start = double_network.forward(image, 0, level - 2)
    warped = double_network.forward(image.flip(2), 0, level)

    def objective(point):
        return ((double_network.forward(point, level - 2, level) - warped) ** 2).sum()

    first = Deconvolution(double_network, level).minimum(warped, start, 1)
    assert first.values[0] == pytest.approx(objective(start).item(), rel=1e-12)
    step = first.point - start  # the first step goes down the gradient, in the coordinates
    point = start.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(objective(point), point)
    push = Autograd(double_network, level - 2, level)
    matrix, _ = _coordinates(start.permute(1, 2, 0).contiguous(), level, push)
    down = torch.einsum("chw,cd->dhw", gradient, matrix.mT @ matrix)
    cosine = -(step * down).sum() / step.norm() / down.norm()
    assert cosine.item() == pytest.approx(1, abs=1e-9)
    direction = torch.randn(start.shape, generator=generator, dtype=torch.float64)
    small = 1e-6 * start.norm() / direction.norm()
    slope = (objective(start + small * direction) - objective(start - small * direction)) / (
        2 * small
    )
    assert slope.item() == pytest.approx((gradient * direction).sum().item(), rel=1e-4)


@pytest.fixture(scope="module")
def portrait():
    """A real pair of portraits at a small size."""
    return [working_image(image, 1.0, 160) for image in demo.portrait()]


def problem(network, portrait, level):
    """What is deconvolved at a level, and from where."""
    a, b_prime = (extract(image, network, "float32") for image in portrait)
    source, target = stack(a[level]), stack(b_prime[level])
    first = identity(source.shape[:2], target.shape[:2])
    nnf, _ = search(Maps(source, target, PATCH[level]), first, 6, 5, seed=0)
    warped = vote(b_prime[level], nnf, PATCH[level])
    shapes = (features.shape[1:] for features in (a[level - 2], b_prime[level - 2]))
    fine = upsample_levels(nnf, *shapes, levels=2 if level > 2 else 1)
    start = vote(b_prime[level - 2], fine, PATCH[level - 2])
    return warped, start


@pytest.mark.parametrize("level", [5, 4, 3, 2])
def test_the_objective_falls_by_sixty_percent_in_twenty_iterations(network, portrait, level):
    given = problem(network, portrait, level)
    values = Deconvolution(network, level).minimum(*given, 20).values
    assert values[-1] < 0.4 * values[0]


@pytest.mark.parametrize("level", [5, 4, 3])
def test_fifteen_iterations_reach_what_twenty_do_without_the_coordinates(
    network, portrait, level, monkeypatch
):
    given = problem(network, portrait, level)
    values = Deconvolution(network, level).minimum(*given, 15).values
    own = [torch.eye(given[1].shape[0])] * 2
    monkeypatch.setattr(deconvolution, "coordinates", lambda noise: own)
    plain = Deconvolution(network, level).minimum(*given, 20).values
    assert values[0] == pytest.approx(plain[0], rel=1e-5)
    assert values[-1] < 1.02 * plain[-1]


def test_no_iterations_push_the_first_guess_forward(network):
    start = torch.rand(64, 24, 24)
    result = Deconvolution(network, 3).features(torch.zeros(256, 6, 6), start, 0)
    assert torch.equal(result, network.forward(start, 1, 2))


def test_a_reachable_target_is_reached(network):
    image = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0)) * 100
    features = network.forward(image, 0, 2)
    warped = network.forward(features, 2, 4)
    found = Deconvolution(network, 4).minimum(warped, features * 0.9, 60)
    assert found.values[-1] < 0.02 * found.values[0]
