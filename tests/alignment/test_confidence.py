from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from dia_pipeline.alignment.confidence import compare
from dia_pipeline.alignment.parts import Parts, loneliness, verdict
from dia_pipeline.analogy import HopelessPairError, analogy, pose_of
from dia_pipeline.pixels import mirror, resize_image, shrunk
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.samples.scenes import in_style
from dia_pipeline.samples.styles import night, pencil
from dia_pipeline.settings import HOPELESS, SOUND, Settings, resolve

GIVEN = Settings(pose="given")


@pytest.fixture(scope="module")
def cat():
    return shrunk(photograph("chelsea"), 240)


def confidence(a, b_prime, network):
    return pose_of(a, b_prime, network, GIVEN).confidence


@pytest.mark.parametrize("style", ["painted", "pencil", "woodcut"])
def test_the_same_thing_in_another_style_is_sound(cat, network, style):
    assert verdict(confidence(cat, in_style(style, cat, 0), network)) == "sound"


@pytest.mark.parametrize("other", ["rocket", "motorcycle", "china"])
def test_something_else_is_not(cat, network, other):
    assert verdict(confidence(cat, shrunk(photograph(other), 240), network)) == "hopeless"


def test_neither_size_nor_order_matter_much(cat, network):
    other = pencil(shrunk(photograph("hopper"), 240))
    found = confidence(cat, other, network)
    assert confidence(other, cat, network) == found
    large = resize_image(cat, tuple(3 * side for side in cat.shape[:2]))
    assert confidence(large, other, network) == pytest.approx(found, abs=0.05)


def test_the_number_of_threads_changes_no_part(cat, network):
    other = pencil(shrunk(photograph("hopper"), 240))
    before = torch.get_num_threads()
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(compare(cat, other, network))
    torch.set_num_threads(before)
    for one, two in zip(*found, strict=True):
        assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (16, 16)])
def test_any_image_has_one(cat, network, shape):
    pose = pose_of(cat, np.full((*shape, 3), 90, np.uint8), network, GIVEN)
    assert 0 <= pose.confidence <= 1
    assert all(np.array(percents).ndim == 2 for percents in (pose.parts.a, pose.parts.b_prime))


def halves(shares):
    """The means of the left and of the right half."""
    return [float(np.mean(half)) for half in np.array_split(np.array(shares), 2, axis=1)]


@pytest.fixture(scope="module")
def montage(cat):
    """A cat whose right half is another photograph."""
    other = resize_image(photograph("rocket"), cat.shape[:2])
    half = cat.shape[1] // 2
    return np.concatenate([cat[:, :half], other[:, half:]], axis=1)


def test_what_shows_something_else_is_alone(cat, montage, network):
    pose = pose_of(cat, night(montage), network, GIVEN)
    left, right = halves(pose.parts.b_prime)
    assert left > 85 and right < 45
    assert "of B' (right)" in pose.match and "nothing belongs to" in pose.match


def turned(image, degrees):
    """The image turned about its middle, its corners filled with its own borders."""
    from scipy.ndimage import rotate

    return rotate(image, degrees, reshape=False, order=1, mode="nearest")


@pytest.mark.parametrize(
    ("drawn", "right"),
    [(mirror, 0), (lambda image: turned(image, 20), 1), (lambda image: np.rot90(image, 2), 0)],
)
def test_b_prime_in_a_pose_has_its_parts_in_its_own_frame(cat, montage, network, drawn, right):
    b_prime = np.ascontiguousarray(drawn(montage))
    pose = pose_of(cat, b_prime, network, resolve({}))
    assert pose.found.better
    means = halves(pose.parts.b_prime)
    assert means[1 - right] > means[right] + 30
    rows, columns = np.array(pose.parts.b_prime).shape
    assert columns / rows == pytest.approx(b_prime.shape[1] / b_prime.shape[0], rel=0.25)


def test_a_pair_below_the_least_confidence_is_not_matched(cat, network):
    rocket = shrunk(photograph("rocket"), 240)
    found = confidence(cat, rocket, network)
    with pytest.raises(
        HopelessPairError, match=rf"little in common: confidence {found:.2f}.*labels"
    ):
        least = {"min_confidence": found + 0.01, "pose": "given"}
        analogy(cat, rocket, network, resolve(least))
    settings = resolve({"min_confidence": SOUND, "quality": "draft", "ratio": 0.5})
    result = analogy(cat, mirror(pencil(cat)), network, settings)
    assert result.pose.confidence >= SOUND and result.pose.match.startswith("sound")


def test_what_is_how_sure():
    values = (0, HOPELESS - 0.01, HOPELESS, SOUND - 0.01, SOUND, 1)
    assert [verdict(value) for value in values] == [
        *["hopeless"] * 2,
        *["doubtful"] * 2,
        *["sound"] * 2,
    ]


def parts(b_prime):
    return Parts.of(np.ones((2, 2)), np.array(b_prime, float))


@pytest.mark.parametrize(
    ("b_prime", "told"),
    [
        ([[1, 1], [1, 1]], ""),
        ([[0.5, 0.5]], ""),
        ([[0]], "100% of B'"),
        ([[1, 0], [1, 0]], "50% of B' (right)"),
        ([[0, 0], [1, 1]], "50% of B' (above)"),
        ([[1, 1], [0.49, 1]], "25% of B' (below left)"),
        ([[1, 0], [0, 1]], "50% of B'"),
        ([[0] + [1] * 10], ""),  # less than a tenth
    ],
)
def test_what_is_alone_is_told_with_its_place(b_prime, told):
    assert parts(b_prime).alone == (told and f"nothing belongs to {told}")


def test_what_is_alone_in_both_is_told_of_both():
    both = Parts(((0, 100),), ((100,), (0,)))
    assert both.alone == "nothing belongs to 50% of A (left), 50% of B' (below)"
    assert both.confidence == 0.5 and replace(both, a=((100, 100),)).confidence == 0.75


def test_parts_come_back_from_what_is_recorded():
    both = parts([[0.123, 0.5], [0, 1]])
    assert both.b_prime == ((12, 50), (0, 100))
    assert Parts.read(asdict(both)) == both


def test_red_begins_below_an_even_chance():
    assert loneliness(((0, 25, 50, 51, 100),)).tolist() == [[255, 128, 0, 0, 0]]
