"""What many tests share: the real network, and where random numbers begin."""

from __future__ import annotations

import sys

import pytest

import dia_pipeline.cli  # noqa: F401  before torch, whose threads it tames


@pytest.fixture(autouse=True)
def same_random_numbers():
    """Those that a test draws of torch do not depend on the tests before it."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(scope="session")
def network():
    """VGG-16 with its real weights, float32 on the CPU."""
    from dia_pipeline.algorithm.network import Network
    from dia_pipeline.io.weights import find_weights

    return Network(find_weights("vgg16"), "cpu", "float32")
