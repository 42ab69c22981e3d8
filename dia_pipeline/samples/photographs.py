"""Photographs that installed packages carry, bent or cut out: real images without a download."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from dia_pipeline.pixels import to_bytes

PHOTOGRAPHS = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "chelsea": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "rocket": ("skimage", "data/rocket.jpg"),
    "motorcycle": ("skimage", "data/motorcycle_left.png"),
    "hopper": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    "china": ("sklearn", "datasets/images/china.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
}
"""The package that carries each photograph, and its place there."""


def photograph(name: str) -> np.ndarray:
    """The photograph of that name, (H, W, 3) uint8 RGB.

    Raises:
        KeyError: there is no photograph of that name.
        FileNotFoundError: the package that carries it is not installed.
    """
    if name not in PHOTOGRAPHS:
        raise KeyError(f"no photograph {name!r}; there are {', '.join(PHOTOGRAPHS)}")
    package, file = PHOTOGRAPHS[name]
    spec = find_spec(package)  # finds the folder without the cost of importing the package
    path = Path(spec.submodule_search_locations[0], file) if spec else None
    if path is None or not path.is_file():
        raise FileNotFoundError(
            f"photograph {name!r} comes with the package {package}, which is not installed here; "
            "pip install 'dia-pipeline[demo]' installs it"
        )
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def warped(image: np.ndarray, amount: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Bend the image by a smooth random displacement.

    Args:
        image: (H, W, 3) uint8 RGB.
        amount: largest displacement along each axis, in pixels.

    Returns:
        The bent image, and the displacement (H, W, 2) float32, (y, x), that it was sampled
        with: bent[p] = image[p + displacement[p]], bicubic. Every p + displacement[p] lies inside
        the image, so the displacement is the exact ground truth at every pixel.
    """
    size = np.array(image.shape[:2])
    noise = np.random.default_rng(seed).standard_normal((*size, 2))
    smooth = ndimage.gaussian_filter(noise, (size.min() / 6, size.min() / 6, 0), mode="reflect")
    smooth *= amount / np.abs(smooth).max(axis=(0, 1))
    grid = np.moveaxis(np.indices(size), 0, -1)
    to_border = np.minimum(grid, size - 1 - grid)
    displacement = (smooth * np.minimum(1, to_border / (2 * amount + 1e-9))).astype(np.float32)
    return sampled(image, grid + displacement), displacement


def sampled(image: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The image (H, W, 3) uint8 at positions (..., 2), (y, x) in pixels, bicubic."""
    where = np.moveaxis(positions, -1, 0)
    channels = [
        ndimage.map_coordinates(channel.astype(float), where, order=3, mode="nearest")
        for channel in np.moveaxis(image, -1, 0)
    ]
    return to_bytes(np.stack(channels, axis=-1) / 255)
