"""Small films in colour, made of photographs that packages carry, for what turns films grey or
colours them: their truth is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from dia_pipeline.pixels import resize_image
from dia_pipeline.samples.photographs import photograph, sampled

SIZE = (128, 192)
"""Height and width of a film in pixels."""

FRAMES = 12
"""Frames of a film."""

GRAIN = 7.0
"""Standard deviation in grey levels of the grain of a film that has any."""

Film = list[np.ndarray]
"""The frames (H, W, 3) uint8 in order."""


def pan() -> Film:
    """A temple that the camera passes, a fifth of the picture wide."""
    return [_view("china", (0.42, 0.36 + 0.20 * t), 0.62) for t in _times()]


def zoom() -> Film:
    """A portrait that the camera comes closer to by a third, turning a little."""
    return [_view("astronaut", (0.32, 0.45), 0.9 * 0.75**t, turn=4 * t) for t in _times()]


def parts() -> Film:
    """A cat that sways before flowers, and hides and shows parts of them."""
    cat = _view("chelsea", (0.42, 0.52), 0.75)
    y, x = np.indices(SIZE)
    film = []
    for t in _times():
        behind = _view("flower", (0.5, 0.5 - 0.05 * t), 0.8)
        bend = 5 * np.sin(2 * np.pi * (t + y / 96))
        across = x - bend - 56 - 72 * t
        inside = np.hypot(across / 46, (y - 74) / 53) < 1
        seen = sampled(cat, np.stack([y, across + 96], -1))
        cover = ndimage.gaussian_filter(inside.astype(float), 1)[..., None]
        film.append(np.rint(behind + cover * (seen.astype(float) - behind)).astype(np.uint8))
    return film


def cut() -> Film:
    """Coffee, then after half of the frames a motorcycle, both passed by the camera."""
    half = np.linspace(0, 1, FRAMES // 2)
    first = [_view("coffee", (0.5 - 0.06 * t, 0.45 + 0.08 * t), 0.8) for t in half]
    return first + [_view("motorcycle", (0.55, 0.55 - 0.08 * t), 0.8 * 0.9**t) for t in half]


def grain() -> Film:
    """An officer from hand, in light that flickers, on film with grain."""
    random = np.random.default_rng(0)
    film = []
    for t in _times():
        shaken = random.normal(0, 0.004, 2)
        seen = _view("hopper", (0.36 + shaken[0], 0.48 + 0.1 * t + shaken[1]), 0.95)
        light = 1 + random.normal(0, 0.02)
        silver = ndimage.gaussian_filter(random.standard_normal(SIZE), 0.6)
        silver *= GRAIN / silver.std()
        film.append((seen * light + silver[..., None]).clip(0, 255).round().astype(np.uint8))
    return film


class Swayed(NamedTuple):
    """A film of which is known where all that it shows lay in its first frame.

    Attributes:
        places: for each frame (H, W, 2), (y, x) in the first one.
    """

    frames: Film
    places: list[np.ndarray]


def sway(count: int, side: int = 96) -> Swayed:
    """A portrait that sways, turns, bends, comes and goes, each at a pace of its own.

    Args:
        count: frames.
        side: height of the film in pixels.
    """
    size = side, side * 7 // 6
    near, middle = _from_near(photograph("astronaut"), (0.22, 0.44), 0.42, size)
    corner = middle - (np.array(size) - 1) / 2
    places = [_swayed(number, size) for number in range(count)]
    return Swayed([sampled(near, corner + place) for place in places], places)


def _swayed(number: int, size: tuple[int, int]) -> np.ndarray:
    """Where what a frame shows lay in the first one, (H, W, 2), (y, x)."""

    def swing(period: float) -> float:
        return float(np.sin(2 * np.pi * number / period))

    unit = size[0] / 96
    middle = (np.array(size) - 1) / 2
    y, x = np.indices(size) - middle[:, None, None]
    y, x = (
        y + 2 * unit * swing(24) * np.sin(2 * np.pi * x / (60 * unit)),
        x + 2.5 * unit * swing(30) * np.sin(2 * np.pi * y / (70 * unit)),
    )
    angle, scale = np.deg2rad(7 * swing(52)), 1 + 0.1 * swing(45)
    down = scale * (np.cos(angle) * y + np.sin(angle) * x) + 5 * unit * swing(40)
    right = scale * (np.cos(angle) * x - np.sin(angle) * y) + 7 * unit * swing(64)
    return np.stack([down, right], -1) + middle


class Kind(NamedTuple):
    """How a film is made, and the frames at which its scenes begin."""

    make: Callable[[], Film]
    scenes: tuple[int, ...] = (0,)


FILMS = {
    "pan": Kind(pan),
    "zoom": Kind(zoom),
    "parts": Kind(parts),
    "cut": Kind(cut, (0, FRAMES // 2)),
    "grain": Kind(grain),
}
"""The films by name."""


def _times() -> np.ndarray:
    """The time of every frame, from 0 to 1."""
    return np.linspace(0, 1, FRAMES)


def _view(name: str, middle: tuple[float, float], width: float, turn: float = 0.0) -> np.ndarray:
    """What a camera sees of a photograph, (H, W, 3) uint8.

    Args:
        middle: y and x of what it looks at, as shares of the photograph's sides.
        width: how much of the photograph's width it sees, as a share.
        turn: in degrees.
    """
    near, middle_there = _from_near(photograph(name), middle, width, SIZE)
    angle = np.deg2rad(turn)
    turning = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    here = np.moveaxis(np.indices(SIZE), 0, -1) - (np.array(SIZE) - 1) / 2
    return sampled(near, here @ turning.T + middle_there)


def _from_near(
    photo: np.ndarray, middle: tuple[float, float], width: float, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """A photograph of which so much of the width is as wide as `size`, and y and x of a middle."""
    scale = width * photo.shape[1] / size[1]
    smaller = resize_image(photo, tuple(round(side / scale) for side in photo.shape[:2]))
    return smaller, np.array(middle) * smaller.shape[:2]
