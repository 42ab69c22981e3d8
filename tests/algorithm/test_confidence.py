from __future__ import annotations

import numpy as np
import pytest
import torch

from dia_pipeline.algorithm.confidence import confidence, verdict
from dia_pipeline.analogy import HopelessPairError, analogy
from dia_pipeline.pixels import mirror, resize_image, shrunk
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.samples.scenes import in_style
from dia_pipeline.samples.styles import pencil
from dia_pipeline.settings import resolve


@pytest.fixture(scope="module")
def cat():
    return shrunk(photograph("chelsea"), 240)


@pytest.mark.parametrize("style", ["painted", "pencil", "woodcut"])
def test_the_same_thing_in_another_style_is_sound(cat, network, style):
    assert verdict(confidence(cat, in_style(style, cat, 0), network)) == "sound"


@pytest.mark.parametrize("other", ["rocket", "motorcycle", "china"])
def test_something_else_is_not(cat, network, other):
    assert verdict(confidence(cat, shrunk(photograph(other), 240), network)) == "hopeless"


def test_neither_size_nor_order_nor_threads_matter_much(cat, network):
    other = pencil(shrunk(photograph("hopper"), 240))
    found = confidence(cat, other, network)
    assert confidence(other, cat, network) == pytest.approx(found, abs=0.002)
    large = resize_image(cat, tuple(3 * side for side in cat.shape[:2]))
    assert confidence(large, other, network) == pytest.approx(found, abs=0.05)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    assert confidence(cat, other, network) == found
    torch.set_num_threads(before)


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (16, 16)])
def test_any_image_has_one(cat, network, shape):
    assert 0 <= confidence(cat, np.full((*shape, 3), 90, np.uint8), network) <= 1


def test_a_pair_below_the_least_confidence_is_not_matched(cat, network):
    rocket = shrunk(photograph("rocket"), 240)
    with pytest.raises(HopelessPairError, match=r"little in common: confidence 0\.\d\d.*labels"):
        analogy(cat, rocket, network, resolve({"min_confidence": 0.3}))
    turned = mirror(pencil(cat))
    settings = resolve({"min_confidence": 0.8, "quality": "draft", "ratio": 0.5})
    result = analogy(cat, turned, network, settings)
    assert result.pose.confidence >= 0.8 and result.pose.match.startswith("sound")


def test_what_is_how_sure():
    assert [verdict(value) for value in (0, 0.29, 0.3, 0.79, 0.8, 1)] == [
        *["hopeless"] * 2,
        *["doubtful"] * 2,
        *["sound"] * 2,
    ]
