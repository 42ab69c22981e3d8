"""Which frames show what the others do not, against brute force and motions that are known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from dia_pipeline.pixels import resize_image, shrunk
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.temporal.keyframes import (
    ALL,
    MOST,
    Compared,
    alike,
    choose,
    compare,
    sampled,
    serving,
)

SIZE = (64, 96)


def window(name: str, y: int, x: int) -> np.ndarray:
    image = resize_image(photograph(name), (150, 220))
    return np.ascontiguousarray(image[y : y + SIZE[0], x : x + SIZE[1]])


def drawn(seed: int, frames: int = 8) -> Compared:
    """Frames that show some of each other by chance, and all of themselves."""
    draws = np.random.default_rng(seed)
    found = draws.integers(0, 256, (frames, frames, 3), np.uint8)
    found &= draws.integers(0, 256, found.shape, np.uint8)
    found[range(frames), range(frames)] = 255
    stands = draws.integers(1, 5, frames).astype(float)
    return Compared(np.arange(frames) * 10, np.zeros(frames, int), stands, found)


def share(group: Compared, rows: list[int]) -> float:
    """What rows show of the film, counted bit by bit."""
    bits = np.unpackbits(group.found, axis=-1).astype(bool)
    return bits[rows].any(axis=0).mean(axis=-1) @ group.stands / group.stands.sum()


@pytest.mark.parametrize("seed", range(5))
def test_few_frames_show_nearly_as_much_as_the_best(seed):
    group = drawn(seed)
    for count in range(1, 5):
        chosen = choose([group], count, early=1)
        own = share(group, [each.frame // 10 for each in chosen])
        best = max(share(group, list(rows)) for rows in combinations(range(8), count))
        assert len(chosen) == count
        assert sum(each.adds for each in chosen) == pytest.approx(own)
        assert own >= (best if count == 1 else (1 - np.exp(-1)) * best) - 1e-9


def test_what_shows_nothing_new_is_not_chosen():
    group = drawn(0)
    group.found[3] = 255
    chosen = choose([group], 5)
    assert [(each.frame, each.adds) for each in chosen] == [(30, 1.0)]
    assert serving([group], [30]) == {0: (1.0, 30)}


@pytest.mark.parametrize("seed", range(3))
def test_the_first_frame_of_a_scene_is_the_earliest_that_shows_half_of_what_the_best_does(seed):
    group = drawn(seed)
    group.found[range(2), :] = group.found[:, range(2)] = 0  # black, and different each time
    group.found[range(2), range(2)] = 255
    [first] = choose([group], 1)
    shares = np.array([share(group, [row]) for row in range(8)])
    assert first.frame == 10 * np.nonzero(shares >= 0.5 * shares.max())[0][0]


def test_a_frame_of_a_short_scene_comes_before_a_second_of_a_long_one():
    """Unless the first frame shows enough of the short one."""
    group = drawn(1)._replace(scenes=np.array([0] * 7 + [1]))
    group.found[:7, 7] = group.found[7, :7] = 0
    group.stands[7] = 0.01
    first, second, third = choose([group], 3)
    assert (first.scene, second.scene, third.scene) == (0, 1, 0)
    assert third.adds > second.adds
    assert [each.scene for each in choose([group])] == [0, 1]
    assert 1 not in serving([group], [first.frame])
    group.found[first.frame // 10, 7] = 255
    assert [each.scene for each in choose([group])] == [0]
    assert serving([group], [first.frame])[1] == (1.0, first.frame)


def test_a_pixel_is_found_where_the_camera_saw_it():
    """The camera moves by 20 pixels a frame, then something else is seen."""
    images = [window("china", 40, 10 + 20 * n) for n in range(4)] + [window("coffee", 40, 40)]
    found = np.unpackbits(compare(images, [0, 0, 0, 0, 1]), axis=-1).reshape(5, 5, *SIZE)
    x = np.arange(SIZE[1])
    for home, here in np.ndindex(4, 4):
        there = x + 20 * (here - home)
        seen = (there >= 0) & (there < SIZE[1])
        inner = np.convolve(seen, np.ones(9), "same") == 9  # of what is at the border less is found
        assert found[home, here][:, ~seen].mean() < 0.05 if not seen.all() else True
        assert found[home, here][4:-4, inner].mean() > 0.85
    assert found[4, :4].mean() < 0.05 and found[:4, 4].mean() < 0.05


def test_scenes_that_show_the_same_are_found():
    views = [("china", 20), ("coffee", 20), ("china", 30), ("rocket", 20), ("coffee", 14)]
    images = [shrunk(window(name, 30, x), 64) for name, x in views]
    assert alike(images) == [[0, 2], [1, 4], [3]]


def test_frames_are_picked_evenly_and_never_too_many():
    assert sampled(range(100, 110), 1, 1) == list(range(100, 110))
    picked = sampled(range(1000), 1, 1)
    assert len(picked) == MOST and picked[::39] == [0, 999]
    assert max(np.diff(picked)) - min(np.diff(picked)) <= 1
    assert sampled(range(7), 1, ALL) == sampled(range(7), 2 * MOST, 2) == [3]
