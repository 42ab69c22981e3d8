"""What a GPU refuses, and what makes the CPU wait for it, on a device that is only pretended."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pretended import DEVICE, DeviceError, pretended_device

from dia_pipeline import analogy as algorithm
from dia_pipeline.algorithm import coarse_to_fine, deconvolution, patchmatch, voting
from dia_pipeline.algorithm.aggregation import full_field
from dia_pipeline.algorithm.nnf import identity
from dia_pipeline.algorithm.patchmatch import reference
from dia_pipeline.alignment.canvas import Canvas
from dia_pipeline.alignment.guidance import Guidance
from dia_pipeline.alignment.pose import Pose
from dia_pipeline.evaluation.evaluation import measure_pair
from dia_pipeline.machine import lbfgs
from dia_pipeline.networks.network import Network
from dia_pipeline.networks.sizes import Size
from dia_pipeline.networks.weights import find_weights
from dia_pipeline.settings import resolve
from dia_pipeline.store.packing import pack_features, pack_level, unpack_features, unpack_level
from dia_pipeline.temporal.propagation import (
    Matched,
    Motion,
    match_frame,
    pack_fields,
    unpack_fields,
)


def there(*shape: int) -> torch.Tensor:
    return torch.ones(*shape, device=DEVICE)


MIXED = {
    "a sum": lambda: there(3) + torch.ones(3),
    "in place": lambda: torch.ones(3).add_(there(3)),
    "a stack": lambda: torch.stack([there(3), torch.ones(3)]),
    "out": lambda: torch.mul(there(3), 2, out=torch.empty(3)),
    "a product": lambda: there(3, 3) @ torch.ones(3, 3),
    "an index of the CPU's": lambda: torch.ones(3)[there(2).long()],
    "numpy": lambda: there(3).numpy(),
    "float64": lambda: there(3).double(),
    "a convolution": lambda: torch.conv2d(there(1, 1, 3, 3), torch.ones(1, 1, 3, 3)),
}


@pytest.mark.parametrize("what", MIXED)
def test_what_a_gpu_refuses_raises(what):
    with pretended_device(), pytest.raises(RuntimeError):
        MIXED[what]()


def test_a_tensor_that_leaves_its_context_is_noticed():
    with pretended_device():
        value = there(3)
    with pytest.raises(DeviceError):
        value + 1


WAITING = {
    "a number": lambda: there(3).sum().item(),
    "a truth": lambda: bool(there(1) > 0),
    "a copy to the CPU": lambda: there(3).cpu(),
    "a copy from the CPU": lambda: torch.tensor([1.0], device=DEVICE),
    "a mask": lambda: there(3)[there(3) > 0],
    "a list as an index": lambda: there(3)[[0, 2]],
    "an assignment": lambda: there(3).__setitem__(slice(0, 2), torch.ones(2)),
}


@pytest.mark.parametrize("what", WAITING)
def test_what_makes_the_cpu_wait_is_counted(what):
    with pretended_device() as waits:
        WAITING[what]()
        assert sum(waits.values()) == 1


def test_what_is_worked_out_there_is_what_the_cpu_works_out():
    with pretended_device() as waits:
        point = (there(2, 3) * 2).requires_grad_()
        view = point.detach()[:, 1:]
        view += 1
        (gradient,) = torch.autograd.grad((point**2).sum(), point)
        assert not waits
        assert gradient.cpu().tolist() == [[4, 6, 6], [4, 6, 6]]


@pytest.fixture
def images():
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (2, 9, 12, 3))
    large = np.kron(coarse, np.ones((1, 4, 4, 1))).astype(np.uint8)
    return large[0, :36, :40], large[1, :33, :47]


EXACT = {"search": "exact", "deconvolution": 0}  # the search with the fewest operations
CASES = {
    "searched": {"finest": 5},
    "searched for smooth fields": {"finest": 5, "task": "correspondence"},
    "reconstructed": {**EXACT, "deconvolution": 2},
    "one direction": {**EXACT, "directions": "ab"},
    "at random": {**EXACT, "initial": "random", "blend_map": "sigmoid"},
    "a pose that is found": {**EXACT, "pose": "auto"},
}


@pytest.mark.parametrize("case", CASES)
def test_a_pair_gives_there_what_the_same_forms_give_on_the_cpu(images, case, monkeypatch):
    settings = resolve({"iterations": 1, "pose": "given", **CASES[case]})
    weights = find_weights("vgg16")
    with pretended_device():
        network = Network(weights, DEVICE, "float32")
        found = algorithm.analogy(*images, network, settings)
        measured = measure_pair(*images, found.a_prime, found.nnf_ab, found.nnf_ba, network=network)
    monkeypatch.setattr(patchmatch, "_backend", lambda device: reference)
    for module in (lbfgs, deconvolution):
        monkeypatch.setattr(module, "sums", lambda device: lbfgs.reference)
    monkeypatch.setattr(coarse_to_fine, "vote", vote_there)
    expected = algorithm.analogy(*images, Network(weights, "cpu", "float32"), settings)
    np.testing.assert_array_equal(found.nnf_ab, expected.nnf_ab)
    np.testing.assert_array_equal(found.a_prime, expected.a_prime)
    assert {"energy", "feature_distance"} <= measured.keys()


def test_guided_levels_are_handed_on_through_files_as_the_jobs_do(images):
    settings = resolve({**EXACT, "deconvolution": 1})
    halves = [np.arange(image.shape[1]) // 20 for image in images]
    labels = tuple(
        np.tile(half, (len(image), 1)) for half, image in zip(halves, images, strict=True)
    )
    points, reaches = np.array([[0.5, 0.25, 0.25, 0.75]]), np.ones((1, 12, 12), np.float32)
    sides = tuple(image.shape[:2] for image in images)
    strength = np.full((9, 9), 0.5, np.float32)
    guidance = Guidance(1.0, sides, labels, points, reaches, strength=strength)
    with pretended_device():
        network = Network(find_weights("vgg16"), DEVICE, "float32")
        pyramids = [
            unpack_features(
                pack_features(algorithm.features_of(image, network, settings), "float16"), DEVICE
            )
            for image in images
        ]
        level = None
        for number in settings.levels:
            level = coarse_to_fine.run_level(
                number, *pyramids, level, network, settings, guidance=guidance
            )
            level = unpack_level(pack_level(level, "float16"), DEVICE)
        assert level.nnf_ab.device == level.nnf_ba.device == DEVICE
        assert level.nnf_ab.shape[:2] == images[0].shape[:2]


def test_a_frame_starts_from_the_fields_of_the_one_before(images):
    settings = resolve({**EXACT, "deconvolution": 4})
    with pretended_device():
        network = Network(find_weights("vgg16"), DEVICE, "float32")
        pyramids = [algorithm.features_of(image, network, settings) for image in images]
        canvas = Canvas.of(Pose().matrix, images[0].shape, images[1].shape, settings)
        pair = Matched(images[0], canvas, (dict(pyramids[0]), dict(pyramids[1])))
        first = match_frame(pair, network, settings)
        fields = unpack_fields(pack_fields(first), DEVICE)
        moved = Motion(images[0], images[0][::-1].copy()).carry_levels(fields)
        pair = pair._replace(features=(pyramids[0], pyramids[1]))
        assert match_frame(pair, network, settings, moved)[1][0].device == DEVICE


def vote_there(source: torch.Tensor, nnf: torch.Tensor, patch: int) -> torch.Tensor:
    """Voting in the form of other devices."""
    votes = voting.vote_in_bands(source.permute(1, 2, 0).contiguous(), nnf, patch // 2)
    return votes.permute(2, 0, 1)


@pytest.mark.parametrize("composition", ["seamless", "voted"])
def test_fields_are_carried_to_full_size_on_the_cpu_whatever_the_device(images, composition):
    """Elsewhere divisions by a number are rounded otherwise, and other cells would be taken."""
    settings = resolve({"composition": composition})
    size = Size.of(images[0].shape, settings)
    with pretended_device():
        nnf = identity(size.working, size.working, DEVICE)
        assert full_field(nnf, 1, images[0], size, size, settings).device.type == "cpu"


@pytest.mark.parametrize("iterations", [1, 5])
def test_a_deconvolution_waits_once_an_evaluation(network, iterations, monkeypatch):
    evaluated = []
    forward = Network.forward

    def counted(self, features, *levels):
        evaluated.append(features.ndim == 4)  # which one of three axes becomes first
        return forward(self, features, *levels)

    monkeypatch.setattr(Network, "forward", counted)
    start, warped = torch.rand(64, 12, 12), torch.rand(256, 3, 3)
    with pretended_device() as waits:
        there = Network(find_weights("vgg16"), DEVICE, "float32")
        given = warped.to(DEVICE), start.to(DEVICE)
        waits.clear()
        found = deconvolution.Deconvolution(there, 3).minimum(*given, iterations)
        for_coordinates = 3  # noise is sent, what it says is read, the matrices are sent
        evaluations = sum(evaluated) - 1
        assert sum(waits.values()) == for_coordinates + evaluations
        assert evaluations >= iterations + 1
        point = found.point.cpu()
    expected = deconvolution.Deconvolution(network, 3).minimum(warped, start, iterations)
    torch.testing.assert_close(point, expected.point, rtol=1e-3, atol=1e-3)


def test_a_search_never_waits_for_the_device():
    with pretended_device() as waits:
        source, target = there(9, 8, 6), there(8, 9, 6)
        start = identity((9, 8), (8, 9), DEVICE)
        maps = patchmatch.Maps(source, target, 3)
        patchmatch.search(maps, start, 4, iterations=2, seed=0, smoothness=0.01)
        assert not waits
