"""What is said of a pair, drawn over its images: labels, points and what they reach, regions.

Of descriptors colours are shown: alike where these are.
"""

from __future__ import annotations

import colorsys

import numpy as np
from PIL import Image, ImageDraw

from dia_pipeline.alignment.guidance import Guidance
from dia_pipeline.figures.panels import HEIGHT, Panel
from dia_pipeline.pixels import nearest_image, resize_share, shrunk, to_bytes

TINT = 0.6
"""How much of a label, or of a point that pulls in full, covers the image."""

MOST = 256
"""Positions along a side of descriptors that are shown at most."""


def draw_said(a: np.ndarray, b_prime: np.ndarray, guidance: Guidance | None) -> list[Panel]:
    """Panels that show what is said of A and B', (H, W, 3) uint8; none if nothing is."""
    if guidance is None:
        return []
    a, b_prime = (shrunk(image, 2 * HEIGHT) for image in (a, b_prime))
    panels: list[Panel] = []
    if guidance.labels:
        for name, image, labels in zip(("A", "B'"), (a, b_prime), guidance.labels, strict=True):
            panels.append((f"labels of {name}", _labelled(image, labels)))
    if len(guidance.points):
        points = guidance.points
        panels.append(("what points of A reach", _marked(_reached(a, guidance), points[:, :2])))
        panels.append(("points of B'", _marked(_pale(b_prime), points[:, 2:])))
    if guidance.descriptors:
        for name, image, colours in zip(
            ("A", "B'"), (a, b_prime), _coloured(*guidance.descriptors), strict=True
        ):
            panels.append((f"descriptors of {name}", nearest_image(colours, image.shape[:2])))
    if guidance.keep is not None:
        kept = resize_share(guidance.keep, a.shape)
        panels.append(("what is kept of A", _mixed(_pale(a), a, kept)))
    if guidance.strength is not None:
        strength = 255 * resize_share(guidance.strength, a.shape)
        panels.append(("strength", strength.round().astype(np.uint8).repeat(3, axis=-1)))
    return panels


def _labelled(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    here = nearest_image(labels, image.shape[:2])
    colours = np.array([_colour(number) for number in range(int(labels.max()) + 1)])
    return _mixed(_pale(image), colours[here], TINT)


def _coloured(*descriptors: np.ndarray) -> list[np.ndarray]:
    """Descriptors (C, h, w) as colours (h, w, 3) uint8: their directions, along three of them.

    These are drawn by lot, the same for all. Those along which they differ most would depend on how
    a machine adds, where several are equal.
    """
    descriptors = tuple(
        each[:, :: each.shape[1] // MOST + 1, :: each.shape[2] // MOST + 1] for each in descriptors
    )
    axes = np.random.default_rng(0).normal(size=(len(descriptors[0]), 3))
    lengths = [np.maximum(np.linalg.norm(each, axis=0), 1e-12) for each in descriptors]
    along = [
        np.einsum("chw,ck->hwk", each / length, axes)
        for each, length in zip(descriptors, lengths, strict=True)
    ]
    together = np.concatenate([each.reshape(-1, 3) for each in along])
    low, high = np.percentile(together, (2, 98), axis=0)
    return [to_bytes((each - low) / np.maximum(high - low, 1e-12)) for each in along]


def _reached(a: np.ndarray, guidance: Guidance) -> np.ndarray:
    drawn = _pale(a)
    for number, reach in enumerate(guidance.reaches):
        drawn = _mixed(drawn, _colour(number), TINT * resize_share(reach, a.shape))
    return drawn


def _marked(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """An image with a disc at every point (N, 2), y and x from 0 to 1."""
    drawn = Image.fromarray(image)
    draw, radius = ImageDraw.Draw(drawn), max(image.shape) / 80
    for number, (y, x) in enumerate(points * image.shape[:2]):
        fill = tuple(map(int, _colour(number)))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill, "white", 2)
    return np.array(drawn)


def _pale(image: np.ndarray) -> np.ndarray:
    return (image.mean(axis=-1, keepdims=True) * 0.6 + 90).astype(np.uint8).repeat(3, axis=-1)


def _mixed(image: np.ndarray, other: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    return np.rint(image * (1 - share) + other * share).astype(np.uint8)


def _colour(number: int) -> np.ndarray:
    """A colour for each label or point, of which neighbours differ clearly."""
    return 255 * np.array(colorsys.hsv_to_rgb(0.01 + 0.618034 * number % 1, 0.85, 0.95))
