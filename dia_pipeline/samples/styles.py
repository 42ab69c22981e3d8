"""Other styles for photographs, made by our own code: brushes, pencils, stones, light.

A style keeps the size of an image; where chance has a part in it a seed repeats it.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.spatial import cKDTree

from dia_pipeline.pixels import LUMA, to_bytes


def painted(image: np.ndarray, seed: int = 0) -> np.ndarray:
    """Oil paint: curved brush strokes from broad to fine, in few colours, with their relief.

    After Hertzmann, "Painterly Rendering with Curved Brush Strokes of Multiple Sizes", 1998.
    """
    random = np.random.default_rng(seed)
    palette = _palette(_saturated(image / 255, 1.5))
    tangent = _tangent(image / 255)
    unit = max(image.shape[:2]) / 448
    canvas = Image.fromarray(to_bytes(ndimage.gaussian_filter(palette, (16, 16, 0))))
    height = Image.new("L", canvas.size, 128)
    for radius in (9 * unit, 5 * unit, 2.5 * unit, 1.4 * unit):
        reference = ndimage.gaussian_filter(palette, (radius / 2, radius / 2, 0))
        _paint(canvas, height, reference, tangent, radius, 0.025, random)
    return to_bytes(np.asarray(canvas) / 255 + _relief(np.asarray(height), tangent, random))


def _paint(
    canvas: Image.Image,
    height: Image.Image,
    reference: np.ndarray,
    direction: np.ndarray,
    radius: float,
    variety: float,
    random: np.random.Generator,
) -> None:
    """Draw one layer of strokes, its tints of that variety, where the canvas is still far off."""
    error = np.abs(np.asarray(canvas) / 255 - reference).sum(axis=-1)
    starts = _scattered(error, radius, random)
    own = _at(reference, starts)
    tints = random.normal(0, variety, (len(own), 1)) + random.normal(0, 0.6 * variety, own.shape)
    colours = to_bytes(own + tints).tolist()
    levels = random.integers(64, 192, len(own)).tolist()
    paths = _strokes(starts, reference, direction, radius)
    for path, colour, level in zip(paths, colours, levels, strict=True):
        _draw(canvas, path, radius, tuple(colour))
        _draw(height, path, radius, level)


def _scattered(error: np.ndarray, radius: float, random: np.random.Generator) -> np.ndarray:
    """Start points (N, 2) of strokes in random order, where the canvas is still far off."""
    step = max(1.0, radius)
    points = random.permutation(_jittered(error.shape, step, step / 2, random))
    return points[_at(ndimage.gaussian_filter(error, radius), points) > 0.08]


def _jittered(
    size: tuple[int, ...], step: float, amount: float, random: np.random.Generator
) -> np.ndarray:
    """The points (N, 2) of a grid, each moved by at most an amount, inside the image."""
    grid = np.stack(np.meshgrid(*(np.arange(0, s, step) for s in size), indexing="ij"), axis=-1)
    points = grid.reshape(-1, 2) + random.uniform(-amount, amount, (grid.size // 2, 2))
    return np.clip(points, 0, np.array(size) - 1)


def _strokes(
    starts: np.ndarray, reference: np.ndarray, tangent: np.ndarray, radius: float
) -> list[list[tuple[float, float]]]:
    """From every start the path [(x, y), ...] along the contours, while the colour is its own."""
    size = np.array(reference.shape[:2])
    points, heading = [starts], _at(tangent, starts)
    lengths, alive = np.ones(len(starts), int), np.ones(len(starts), bool)
    for _ in range(6):
        points.append(np.clip(points[-1] + radius * heading, 0, size - 1))
        change = np.abs(_at(reference, points[-1]) - _at(reference, starts)).sum(axis=-1)
        alive &= change < 0.18
        lengths += alive
        heading = _onward(_at(tangent, points[-1]), heading)
    paths = np.stack(points, axis=1)[..., ::-1]
    return [
        [tuple(point) for point in path[: max(2, length)]]
        for path, length in zip(paths.tolist(), lengths, strict=True)
    ]


def _at(values: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The values (H, W, ...) at the pixels nearest to points (..., 2), inside the image."""
    nearest = np.clip(points.round().astype(int), 0, np.array(values.shape[:2]) - 1)
    return values[nearest[..., 0], nearest[..., 1]]


def _onward(direction: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """Directions turned round where they would lead back: a tangent has no sign of its own."""
    back = np.sum(direction * heading, axis=-1, keepdims=True) < 0
    return np.where(back, -direction, direction)


def _draw(
    canvas: Image.Image, path: list[tuple[float, float]], radius: float, colour: int | tuple
) -> None:
    """One stroke with round ends."""
    pen = ImageDraw.Draw(canvas)
    pen.line(path, fill=colour, width=max(1, round(2 * radius)), joint="curve")
    for x, y in (path[0], path[-1]):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _relief(height: np.ndarray, tangent: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """How much lighter or darker the strokes' relief and bristles make each pixel, (H, W, 1)."""
    bristles = _along(random.standard_normal(height.shape), tangent, 10)
    surface = ndimage.gaussian_filter(height / 255, 0.7)
    light = ndimage.sobel(surface, axis=0) + ndimage.sobel(surface, axis=1)
    return (0.05 * np.clip(light, -1.5, 1.5) + 0.025 * bristles / bristles.std())[..., None]


def _along(values: np.ndarray, direction: np.ndarray, steps: int) -> np.ndarray:
    """The mean of values (H, W) along the lines of a direction field (H, W, 2)."""
    total = values.copy()
    for sign in (1, -1):
        point, heading = np.moveaxis(np.indices(values.shape), 0, -1), sign * direction
        for _ in range(steps):
            point = point + heading
            total += _at(values, point)
            heading = _onward(_at(direction, point), heading)
    return total / (2 * steps + 1)


def swirls(image: np.ndarray, seed: int = 0) -> np.ndarray:
    """Expressive paint: thick strokes that whirl as they please, in strong colours and relief.

    Their direction is a smooth field of its own, so that they cross the contours of the image.
    """
    random = np.random.default_rng(seed)
    longest = max(image.shape)
    potential = ndimage.gaussian_filter(random.standard_normal(image.shape[:2]), longest / 16)
    down, across = np.gradient(potential)
    flow = np.stack([across, -down], axis=-1)
    flow /= np.linalg.norm(flow, axis=-1, keepdims=True) + 1e-12
    palette = _palette(_saturated(image / 255, 2.2))
    canvas = Image.fromarray(to_bytes(ndimage.gaussian_filter(palette, (16, 16, 0))))
    height = Image.new("L", canvas.size, 128)
    for radius in np.array([7, 4, 2]) * longest / 448:
        reference = ndimage.gaussian_filter(palette, (radius / 2, radius / 2, 0))
        _paint(canvas, height, reference, flow, radius, 0.06, random)
    return to_bytes(np.asarray(canvas) / 255 + 2 * _relief(np.asarray(height), flow, random))


def mosaic(image: np.ndarray, seed: int = 0) -> np.ndarray:
    """Tiles of stone, each of one colour a little off the image's, set in dark grout."""
    random = np.random.default_rng(seed)
    size, tile = np.array(image.shape[:2]), max(image.shape) / 56
    pixels = np.moveaxis(np.indices(size), 0, -1).reshape(-1, 2)
    centres = _jittered(size, tile, 0.5 * tile, random)
    for _ in range(3):  # Lloyd's algorithm: tiles of one size
        own = cKDTree(centres).query(pixels)[1]
        counts = np.bincount(own, minlength=len(centres))[:, None]
        sums = np.stack([np.bincount(own, axis, len(centres)) for axis in pixels.T], axis=-1)
        centres = np.where(counts > 0, sums / np.maximum(counts, 1), centres)
    distance, nearest = cKDTree(centres).query(pixels, k=2)
    colours = _at(ndimage.gaussian_filter(image / 255, (tile / 4, tile / 4, 0)), centres)
    colours = _saturated(colours, 1.4) * np.exp(random.normal(0, 0.13, (len(centres), 1)))
    colours += random.normal(0, 0.03, colours.shape)
    inside = _step(distance[:, 1] - distance[:, 0], 0.05 * tile, 0.3 * tile)[:, None]
    stones = inside * colours[nearest[:, 0]] + (1 - inside) * [0.34, 0.31, 0.28]
    return to_bytes(stones.reshape(image.shape))


def woodcut(image: np.ndarray, seed: int = 0) -> np.ndarray:
    """A print in black: light is cut out of the block in wavy lines, contours in white on dark.

    Tone is that of the surroundings' contrast, so that how light a thing is as a whole is lost.
    """
    random = np.random.default_rng(seed)
    unit = max(image.shape) / 448
    grey = ndimage.gaussian_filter(image / 255 @ LUMA, 1.2 * unit)
    local = grey - ndimage.gaussian_filter(grey, 40 * unit)
    spread = np.sqrt(ndimage.gaussian_filter(local**2, 40 * unit)) + 0.03
    tone = 0.5 + 0.42 * local / spread
    wave = ndimage.gaussian_filter(random.standard_normal(grey.shape), 40 * unit)
    y, x = np.indices(grey.shape)
    angle = random.uniform(0, np.pi)
    along = y * np.cos(angle) + x * np.sin(angle) + 12 * unit * wave / np.abs(wave).max()
    cuts = 0.5 + 0.42 * np.sin(2 * np.pi * along / (6 * unit))
    edges = ndimage.gaussian_filter(grey, 1.6 * unit) - grey
    outline = 9 * np.abs(edges) * np.where(tone > 0.5, -1, 1)
    ink = _step(cuts - tone - outline, -0.12, 0.12)[..., None]
    return to_bytes((1 - ink) * [0.95, 0.92, 0.85] + ink * [0.09, 0.08, 0.09])


def pencil(image: np.ndarray, seed: int = 0) -> np.ndarray:
    """A pencil drawing: contours, and hatching where it is dark, on warm paper."""
    random = np.random.default_rng(seed)
    grey = ndimage.gaussian_filter(image / 255 @ LUMA, 0.8)
    contours = np.clip(grey / (ndimage.gaussian_filter(grey, 6) + 1e-3), 0, 1) ** 2.5
    shade = np.clip(1 - grey / np.quantile(grey, 0.9), 0, 1)
    tone = np.ones_like(grey)
    for angle, darkness in ((0.8, 0.25), (2.2, 0.6)):
        hatching = _hatching(grey.shape, angle, random)
        tone *= 1 - 0.75 * hatching * np.clip((shade - darkness) * 2.2 + 0.3, 0, 1)
    grain = 1 + 0.02 * ndimage.gaussian_filter(random.standard_normal(grey.shape), 0.7)
    drawing = np.clip(contours * tone * grain, 0, 1)[..., None]
    return to_bytes(drawing * [0.97, 0.95, 0.90] + (1 - drawing) * [0.16, 0.16, 0.19])


def _hatching(size: tuple[int, ...], angle: float, random: np.random.Generator) -> np.ndarray:
    """Parallel strokes of a pencil: darkness (H, W) from 0 to 1."""
    direction = np.broadcast_to([np.sin(angle), np.cos(angle)], (*size, 2))
    lines = _along(ndimage.gaussian_filter(random.standard_normal(size), 0.6), direction, 14)
    return np.clip(0.5 + lines / lines.std() / 2, 0, 1)


def night(image: np.ndarray) -> np.ndarray:
    """After dark: blue and dim, the sky darker upwards, what is red or orange lit warmly."""
    values = image / 255
    sky = _sky(values)
    grey = (values @ LUMA)[..., None]
    moonlit = (0.6 * grey + 0.4 * values) ** 1.5 * [0.16, 0.27, 0.48]
    down = np.linspace(0, 1, len(image))[:, None, None]
    dusk = (1 - down) * [0.02, 0.03, 0.10] + down * [0.16, 0.22, 0.42]
    scene = sky * dusk * (0.6 + 0.4 * grey) + (1 - sky) * moonlit
    lit = (_warmth(values) * (1 - sky[..., 0]))[..., None]
    lamps = lit * (0.15 + values) * [1.15, 0.68, 0.28] * (0.35 + 1.2 * grey)
    glow = ndimage.gaussian_filter(lamps, (12, 12, 0)) * 0.7
    return to_bytes(1 - (1 - np.clip(scene, 0, 1)) * (1 - np.clip(lamps + glow, 0, 1)))


def sunset(image: np.ndarray) -> np.ndarray:
    """The last light: a sky from violet to orange, warm lights and bluish shadows."""
    values = image / 255
    sky = _sky(values)
    down = np.linspace(0, 1, len(image))[:, None, None]
    low = np.clip(down * 1.6, 0, 1)
    evening = (1 - low) * [0.42, 0.30, 0.52] + low * [1.0, 0.58, 0.26]
    grey = (values @ LUMA)[..., None]
    warm = values**1.25 * [1.05, 0.74, 0.50] + (1 - grey) * [0.05, 0.01, 0.06]
    return to_bytes(sky * evening * (0.55 + 0.5 * grey) + (1 - sky) * warm)


def _sky(values: np.ndarray) -> np.ndarray:
    """How much each pixel looks like sky, (H, W, 1) from 0 to 1: bright, bluish or grey, smooth."""
    grey = values @ LUMA
    detail = ndimage.gaussian_filter(ndimage.gaussian_gradient_magnitude(grey, 1.0), 2)
    redness = values[..., 0] - values[..., 2]
    pale = _step(grey, 0.5, 0.7) * _step(-redness, -0.12, -0.02)
    smooth = ndimage.grey_dilation(pale * _step(-detail, -0.045, -0.02), 13)
    return ndimage.gaussian_filter(pale * smooth, 0.6)[..., None]


def _warmth(values: np.ndarray) -> np.ndarray:
    """How red or orange each pixel is, (H, W) from 0 to 1, smoothed."""
    red, green, blue = np.moveaxis(values, -1, 0)
    return ndimage.gaussian_filter(_step(red - np.maximum(0.9 * green, blue), 0.03, 0.22), 1.5)


def _step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip((values - low) / (high - low), 0, 1)


def _saturated(values: np.ndarray, factor: float) -> np.ndarray:
    grey = (values @ LUMA)[..., None]
    return np.clip(grey + factor * (values - grey), 0, 1)


def _palette(values: np.ndarray) -> np.ndarray:
    """The image drawn half-way towards its 48 most typical colours."""
    image = Image.fromarray(to_bytes(values)).quantize(48, dither=Image.Dither.NONE)
    return (values + np.asarray(image.convert("RGB")) / 255) / 2


def _tangent(values: np.ndarray) -> np.ndarray:
    """The unit direction (H, W, 2), (y, x), in which the image changes least."""
    grey = values @ LUMA
    dy, dx = (ndimage.sobel(grey, axis) for axis in (0, 1))
    yy, xy, xx = (ndimage.gaussian_filter(part, 5) for part in (dy * dy, dy * dx, dx * dx))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1)
