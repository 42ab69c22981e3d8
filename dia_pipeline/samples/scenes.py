"""The making of synthetic pairs: a view of a photograph in another style, with its exact truth.

The photograph is a little larger than what A shows of it, so that a view that looks past the
border of A sees what is really there. Positions are (y, x) in pixels.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from dia_pipeline.affine import resizing, shifting, turning
from dia_pipeline.io.flow import write_flo
from dia_pipeline.io.images import write_image
from dia_pipeline.pixels import LUMA, mirror_targets, resize_image, to_bytes
from dia_pipeline.samples.photographs import photograph, sampled
from dia_pipeline.samples.styles import mosaic, night, painted, pencil, swirls, woodcut
from dia_pipeline.samples.synthetic import (
    MIRRORED,
    POSES,
    complete_options,
    split_name,
    synthetic_pairs,
)

MARGIN, FAR_MARGIN = 0.1, 0.22
"""How much of the photograph lies beyond A on every side, as a share of the photograph's side: in
most views, and in the one that looks far past A."""

CLOSED = 0.01
"""Pixels within which the way to the other image and back must end where it began."""

BEND = {"smooth": 0.06, "mirrored": 0.04, "instance": 0.08, "reflection": 0.08, "far": 0.03}
"""The largest displacement by the smooth bend of a view, as a share of the longest side."""

ECHO, PARTS = 0.08, 0.025
"""How far from itself a detail of another instance is seen again, and how far at most its parts
lie from where the truth says, as shares of the longest side."""


def make_benchmark(options: dict[str, Any], folder: str | Path) -> list[dict[str, Any]]:
    """Make every pair of the benchmark; the same options always make the same bytes.

    Returns:
        The rows of `synthetic_pairs`.

    Raises:
        SyntheticError: there is no such option or pair.
        FileNotFoundError: a package that carries one of the photographs is not installed.
    """
    rows = synthetic_pairs(options, folder)
    complete = complete_options(options)
    for row in rows:
        make_pair(row, split_name(row["name"]), complete["side"], complete["seed"])
    return rows


def make_pair(row: dict[str, Any], parts: tuple[str, str, str], side: int, seed: int) -> None:
    """Write the images, flows and masks of one pair.

    Args:
        row: as `synthetic.synthetic_pairs` gives it.
        parts: the photograph, the view and the style that its name stands for.
        side: longest side of A and B' in pixels.
        seed: decides, together with the pair's name, all that is random.

    Raises:
        FileNotFoundError: the package that carries the photograph is not installed.
    """
    subject, view, style = parts
    random = np.random.default_rng([seed, zlib.crc32(row["name"].encode())])
    strokes = int(random.integers(2**31))
    source, inner = _source(subject, side, FAR_MARGIN if view in ("far", *POSES) else MARGIN)
    a = source[inner]
    if view in POSES:
        map_ab, map_ba, to_a = posed(a.shape[:2], random, **POSES[view])
    else:
        displacement = _displacement(view, a.shape[:2], random)
        map_ab, map_ba = maps(displacement)
        to_a = _grid(a.shape[:2]) + displacement
    if view in ("instance", "reflection"):
        source = another_instance(source, random)
    seen = sampled(source, to_a + [axis.start for axis in inner])
    mask = foreground(a)
    mask_b_prime = ndimage.map_coordinates(mask, np.moveaxis(to_a, -1, 0), order=0)
    if view in MIRRORED:
        seen, mask_b_prime, map_ba = seen[:, ::-1], mask_b_prime[:, ::-1], map_ba[:, ::-1]
        map_ab = mirror_targets(map_ab, a.shape[1])
    write_image(row["a"], a)
    write_image(row["b_prime"], in_style(style, seen, strokes))
    write_image(row["a_prime"], in_style(style, source[inner], strokes))
    write_image(row["mask_a"], mask.astype(np.uint8) * 255)
    write_image(row["mask_b_prime"], mask_b_prime.astype(np.uint8) * 255)
    write_flo(row["flow_ab"], (map_ab - _grid(a.shape[:2]))[..., ::-1])
    write_flo(row["flow_ba"], (map_ba - _grid(a.shape[:2]))[..., ::-1])


def posed(
    shape: tuple[int, ...],
    random: np.random.Generator,
    turn: float = 0.0,
    scale: float = 1.0,
    mirrored: bool = False,
    tilt: float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where every pixel of either image lies in the other, where B' shows A in another pose.

    Returns:
        The maps A to B' and B' to A as `maps` gives them, and the latter without its gaps.
    """
    middle = shifting(tuple((side - 1) / 2 for side in shape))
    slope = np.eye(3)
    slope[2, :2] = np.array([0.5, 1]) * random.choice([-1, 1], 2) * tilt / max(shape)
    shift = shifting(tuple(_shift(random) * max(shape)))
    around = slope @ resizing((scale, scale)) @ turning(turn, mirrored)
    there = shift @ middle @ around @ np.linalg.inv(middle)
    map_ab, to_a = (_projected(matrix, _grid(shape)) for matrix in (there, np.linalg.inv(there)))
    map_ba = to_a.copy()
    for map_ in (map_ab, map_ba):
        inside = (map_ >= 0) & (map_ <= np.array(shape) - 1)
        map_[~inside.all(axis=-1)] = np.nan
    return map_ab, map_ba, to_a


def _projected(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (..., 2) moved by a projective map (3, 3)."""
    there = points @ matrix[:, :2].T + matrix[:, 2]
    return there[..., :2] / there[..., 2:]


def maps(displacement: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where every pixel of either image lies in the other.

    Args:
        displacement: (H, W, 2) (y, x): pixel p of B' shows position p + displacement[p] of A. It
            is linear between the pixels.

    Returns:
        The maps A to B' and B' to A, (H, W, 2) float64 (y, x), exact to a fraction of a pixel;
        NaN where a position lies outside the other image or the way back ends elsewhere.
    """
    grid = _grid(displacement.shape[:2])
    map_ba = grid + displacement
    map_ab = _inverse(displacement, grid)
    there_and_back = _inverse(displacement, map_ba)
    back_and_there = map_ab + _at(displacement, map_ab)
    for map_, closing in ((map_ab, back_and_there), (map_ba, there_and_back)):
        inside = (map_ >= 0) & (map_ <= np.array(map_.shape[:2]) - 1)
        closed = np.abs(closing - grid) < CLOSED
        map_[~(inside & closed).all(axis=-1)] = np.nan
    return map_ab, map_ba


def _inverse(displacement: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The positions p with p + displacement[p] = positions, by fixed-point iteration."""
    found = positions
    for _ in range(40):
        found = positions - _at(displacement, found)
    return found


def _at(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The values (H, W, C) at positions (H, W, 2), linear between the pixels."""
    where = np.moveaxis(positions, -1, 0)
    parts = [
        ndimage.map_coordinates(part, where, order=1, mode="nearest")
        for part in np.moveaxis(values, -1, 0)
    ]
    return np.stack(parts, axis=-1)


def foreground(image: np.ndarray) -> np.ndarray:
    """The half of the image that is most central and textured, (H, W) bool."""
    grey = image @ LUMA
    spread = max(grey.shape) / 20
    texture = ndimage.gaussian_filter(ndimage.gaussian_gradient_magnitude(grey, 1), spread)
    axes = [np.linspace(-1, 1, side) for side in grey.shape]
    distance = np.hypot(*np.meshgrid(*axes, indexing="ij"))
    interest = texture * np.exp(-2 * distance**2)
    return interest > np.median(interest)


def another_instance(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The image (H, W, 3) uint8 as if of another thing of its kind.

    Its colours are locally others; its details are faint and have an echo elsewhere, which misleads
    whoever looks at details alone; and its parts lie a little elsewhere than the truth says, which
    is smooth as a person would draw it. (The texture of another photograph instead of the echo
    hurts the coarse levels as much as the fine ones, unlike real instances.)
    """
    side = max(image.shape)
    details = _details(image / 255)
    gain = np.exp(0.5 * _smooth(image.shape, side / 8, random))
    angle = random.uniform(0, 2 * np.pi)
    away = ECHO * side * np.array([np.sin(angle), np.cos(angle)])
    away = away + 0.3 * ECHO * side * _smooth((*image.shape[:2], 2), side / 6, random)
    grid = _grid(image.shape[:2])
    changed = (image / 255 - details) * gain + 0.5 * details + 0.45 * _at(details, grid + away)
    apart = PARTS * side * _smooth((*image.shape[:2], 2), side / 30, random)
    return to_bytes(_at(changed, grid + apart))


def _details(values: np.ndarray) -> np.ndarray:
    """What is finer than a fiftieth of the longest side."""
    coarsest = max(values.shape) / 50
    return values - ndimage.gaussian_filter(values, (coarsest, coarsest, 0))


def in_style(style: str, image: np.ndarray, seed: int) -> np.ndarray:
    """The image (H, W, 3) uint8 in one of `synthetic.STYLES`."""
    if style == "night":
        return night(image)
    return SEEDED[style](image, seed)


def graded(image: np.ndarray, seed: int) -> np.ndarray:
    """Other curves, tint, saturation and contrast: a colour grading drawn at random."""
    random = np.random.default_rng(seed)
    values = (image / 255) ** np.exp(random.uniform(-0.6, 0.6, 3))
    grey = (values @ LUMA)[..., None]
    values = grey + random.uniform(0.3, 1.2) * (values - grey)
    contrast, shift = random.uniform(0.6, 1.3), random.uniform(-0.1, 0.1, 3)
    return to_bytes(0.5 + contrast * (values - 0.5) + shift)


SEEDED = {
    "grading": graded,
    "painted": painted,
    "pencil": pencil,
    "swirls": swirls,
    "mosaic": mosaic,
    "woodcut": woodcut,
}
"""The styles that chance has a part in."""


def _source(subject: str, side: int, margin: float) -> tuple[np.ndarray, tuple[slice, slice]]:
    """The photograph, resized, and where A lies in it."""
    image = photograph(subject)
    scale = side / (max(image.shape) * (1 - 2 * margin))
    source = resize_image(image, tuple(round(length * scale) for length in image.shape[:2]))
    scaled = (length / max(image.shape) * side for length in image.shape[:2])
    sides = [round(length) for length in scaled]
    starts = [(full - part) // 2 for full, part in zip(source.shape, sides, strict=False)]
    return source, tuple(slice(s, s + part) for s, part in zip(starts, sides, strict=True))


def _displacement(view: str, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """How far from each pixel of B' lies what it shows, in A, before any mirroring: (H, W, 2).

    Every view is also shifted, so that matches which stay where they are count as wrong.
    """
    longest = max(shape)
    far = view == "far"
    shift = (_far_shift(random) if far else _shift(random)) * longest
    if view == "shift":
        return np.broadcast_to(shift, (*shape, 2))
    if view == "scale":
        grow = random.choice([random.uniform(0.85, 0.92), random.uniform(1.1, 1.2)])
        return _scaled(shape, grow) + shift
    bend = _smooth((*shape, 2), longest / 5, random) * BEND[view] * longest
    if far:
        grow = random.choice([random.uniform(0.75, 0.9), random.uniform(1.1, 1.3)])
        return _scaled(shape, grow) + bend + shift
    return bend + shift


def _scaled(shape: tuple[int, ...], grow: float) -> np.ndarray:
    """The displacement (H, W, 2) of an image that shows `grow` times as much, about its middle."""
    return (_grid(shape) - (np.array(shape) - 1) / 2) * (grow - 1)


def _shift(random: np.random.Generator) -> np.ndarray:
    """A shift (y, x) either way, each part a share of the longest side."""
    return random.uniform(0.03, 0.08, 2) * random.choice([-1, 1], 2)


def _far_shift(random: np.random.Generator) -> np.ndarray:
    """A shift (y, x) in any direction, its length a share of the longest side."""
    angle = random.uniform(0, 2 * np.pi)
    return random.uniform(0.12, 0.2) * np.array([np.sin(angle), np.cos(angle)])


def _smooth(shape: tuple[int, ...], spread: float, random: np.random.Generator) -> np.ndarray:
    """Smooth random values (H, W, C), each channel within -1 and 1 and reaching one of them."""
    noise = random.standard_normal(shape)
    values = ndimage.gaussian_filter(noise, (spread, spread, 0), mode="reflect")
    return values / np.abs(values).max(axis=(0, 1))


def _grid(shape: tuple[int, ...]) -> np.ndarray:
    """The position (y, x) of every pixel, (H, W, 2)."""
    return np.moveaxis(np.indices(shape, dtype=float), 0, -1)
