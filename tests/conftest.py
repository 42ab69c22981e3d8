"""What many tests share: the real network."""

from __future__ import annotations

import pytest

import dia_pipeline.cli  # noqa: F401  before torch, whose threads it tames


@pytest.fixture(scope="session")
def network():
    """VGG-16 with its real weights, float32 on the CPU."""
    from dia_pipeline.algorithm.network import Network
    from dia_pipeline.io.weights import find_weights

    return Network(find_weights("vgg16"), "cpu", "float32")
