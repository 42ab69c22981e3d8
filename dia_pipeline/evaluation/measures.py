"""How good fields and images are: with the truth, and without. docs/measures.md explains them.

Fields are (H, W, 2) integers, (y, x), absolute target coordinates; flows (H, W, 2) float, (u, v)
in pixels, NaN where unknown; images (H, W, 3) uint8 RGB; features (C, H, W) float32 tensors.
Every measure is one float, NaN where there is nothing to measure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy import ndimage

from dia_pipeline.io.flow import flow_from_nnf
from dia_pipeline.pixels import LUMA, resize_image

if TYPE_CHECKING:
    import torch


def end_point_errors(nnf: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """The distance in pixels between each pixel's match and its true place.

    Otte and Nagel, "Optical flow estimation: advances and comparisons", 1994.

    Returns:
        (H, W) float, NaN where the truth is unknown.
    """
    return np.hypot(*np.moveaxis(flow_from_nnf(nnf) - flow, -1, 0))


def end_point_error(nnf: np.ndarray, flow: np.ndarray, mask: np.ndarray | None = None) -> float:
    """The mean of `end_point_errors` over the pixels of the mask whose truth is known."""
    return _mean(_known(end_point_errors(nnf, flow), mask))


def flow_accuracy(
    nnf: np.ndarray,
    flow: np.ndarray,
    threshold: float,
    target_shape: tuple[int, ...],
    mask: np.ndarray | None = None,
) -> float:
    """The share of pixels matched within a threshold of the truth.

    Taniai, Sinha and Sato, "Joint Recovery of Dense Correspondence and Cosegmentation in Two
    Images", 2016, as the evaluation code of their TSS counts.

    Args:
        threshold: the largest distance that counts as right, where the longest side of the
            target image is 100.
        target_shape: (height, width) of the target image.
        mask: (H, W) bool, the pixels that count, of those whose truth is known.
    """
    errors = _known(end_point_errors(nnf, flow), mask)
    return _mean(errors <= threshold / 100 * max(target_shape))


def carried(flow: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Where a flow carries points (N, 2) float (y, x): (N, 2) float64, NaN where it is unknown.

    A point is carried by the flow of its nearest pixel and keeps its place in it.
    """
    nearest = np.clip(np.rint(points), 0, np.array(flow.shape[:2]) - 1).astype(int)
    return points + flow[tuple(nearest.T)][:, ::-1].astype(float)


def pck(
    nnf: np.ndarray, points: np.ndarray, target_points: np.ndarray, alpha: float, side: float
) -> float:
    """The percentage of correct keypoints, as a share: those carried to within alpha * side.

    Yang and Ramanan, "Articulated Human Detection with Flexible Mixtures of Parts", 2013.

    Args:
        points, target_points: (N, 2) float (y, x) in the source and in the target; see `carried`.
        side: longest side in pixels of the target image (PCK by image) or of the object's box
            in it (PCK by box).
    """
    apart = carried(flow_from_nnf(nnf), points) - target_points
    return _mean(np.hypot(*apart.T) <= alpha * side)


def round_trips(nnf: np.ndarray, back: np.ndarray) -> np.ndarray:
    """How far in pixels from itself each pixel returns that goes there and back: (H, W) float."""
    returned = back[nnf[..., 0], nnf[..., 1]]
    return np.hypot(*np.moveaxis(flow_from_nnf(returned), -1, 0))


def forward_backward(nnf: np.ndarray, back: np.ndarray, tolerance: float = 1) -> float:
    """The share of pixels that come back to themselves: forward-backward consistency.

    Sundaram, Brox and Keutzer, "Dense Point Trajectories by GPU-accelerated Large Displacement
    Optical Flow", 2010, with one tolerance for all pixels.

    Args:
        back: the field of the other direction.
        tolerance: largest distance that counts, where the longest side of the image is 100.
    """
    return _mean(round_trips(nnf, back) <= tolerance / 100 * max(nnf.shape[:2]))


def coverage(nnf: np.ndarray, target_shape: tuple[int, ...], patch: int = 3) -> float:
    """The share of the target's pixels that lie in a patch that some match points to.

    Completeness of Simakov, Caspi, Shechtman and Irani, "Summarizing Visual Data Using
    Bidirectional Similarity", 2008, counted instead of weighed by how alike the patches are.

    Args:
        patch: odd side of the patches; 3 is that of the patches that rebuild the images.
    """
    used = np.zeros(target_shape, bool)
    used[nnf[..., 0], nnf[..., 1]] = True
    return _mean(ndimage.maximum_filter(used, patch, mode="constant"))


def smoothness(nnf: np.ndarray) -> float:
    """The share of neighbouring pixels, side by side or one above the other, with one offset.

    The coherence that Ashikhmin, "Synthesizing Natural Textures", 2001, builds on.
    """
    flow = flow_from_nnf(nnf)
    equal = [(np.diff(flow, axis=axis) == 0).all(axis=-1).ravel() for axis in (0, 1)]
    return _mean(np.concatenate(equal))


def energy(
    features: torch.Tensor, target_features: torch.Tensor, nnf: np.ndarray, patch: int
) -> float:
    """The mean energy of the matches under the images' own features, between -1 and 0.

    Liao, Yao, Yuan, Hua and Kang, "Visual Attribute Transfer through Deep Image Analogy", 2017,
    section 4.2, without the latent features, which differ from variant to variant.

    Args:
        features, target_features: one level of A and of B'.
        nnf: field at the size of that level.
        patch: patch side of that level.
    """
    import torch

    from dia_pipeline.algorithm.patchmatch import energy, stack
    from dia_pipeline.algorithm.patchmatch.maps import Maps

    field = torch.from_numpy(np.ascontiguousarray(nnf)).int().to(features.device)
    energies = energy(Maps(stack(features), stack(target_features), patch), field)
    return float(energies.cpu().double().mean())


def ssim(image: np.ndarray, other: np.ndarray) -> float:
    """The mean structural similarity of two images' luma, 1 for equal images.

    Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to
    Structural Similarity", 2004: Gaussian window of deviation 1.5, K1 = 0.01, K2 = 0.03; pixels
    nearer than 5 to the border are left out.
    """
    return _mean(_ssim(image @ LUMA, other @ LUMA))


def psnr(image: np.ndarray, other: np.ndarray) -> float:
    """The peak signal-to-noise ratio of an image to another of its size, in decibels.

    20 log10(255 / e), where e is the root of the mean squared difference over pixels and channels;
    at most MOST_DECIBELS.
    """
    error = _mean((image.astype(float) - other) ** 2)
    return min(10 * float(np.log10(255**2 / error)), MOST_DECIBELS) if error else MOST_DECIBELS


def similarity(image: np.ndarray, other: np.ndarray) -> float:
    """The mean SSIM of the colour channels of two images of any sizes, both scaled to 128 x 128.

    See `ssim`. It compares shapes and colours, but not the brushwork.
    """
    return _mean(_ssim(*(_scaled(each, 128) for each in (image, other))))


def difference(image: np.ndarray, other: np.ndarray) -> float:
    """The mean absolute difference of two images of any sizes, both scaled to 64 x 64.

    Of all colour channels, as a share of their range: 0 for equal images, 1 for black and white.
    """
    values, other_values = (_scaled(each, 64) for each in (image, other))
    return _mean(np.abs(values - other_values) / 255)


def structure(image: np.ndarray, other: np.ndarray) -> float:
    """The mean of SSIM's third factor alone: whether what is seen is the same in another light.

    Wang et al. 2004, equation 10, with C3 = C2 / 2: the local correlation, from -1 to 1, which
    other colours and contrasts hardly change. Where both images are flat it is 1.
    """
    _, (variance, other_variance), covariance = _moments(image @ LUMA, other @ LUMA)
    half = _C2 / 2
    return _mean((covariance + half) / (np.sqrt(variance * other_variance) + half))


def seams(source: np.ndarray, reference: np.ndarray, made: np.ndarray, nnf: np.ndarray) -> float:
    """How visible the jumps of a field are where the source is flat, in grey levels of luma.

    Of neighbours p and q = p + e whose matches m(p) and m(q) are no neighbours, voting blends the
    two sides in p and q; so the step is taken from p - e to q + e. It shows by what it exceeds the
    steps that the reference itself has there, from m(p) - e to m(p) + 2e and from m(q) - 2e to
    m(q) + e. The mean over all neighbours where the source is flat, 0 where there is no jump.

    Args:
        source: the image whose structure is kept.
        reference: the image that the field leads to and the image is made of.
        made: the image made, of the size of the source.
        nnf: field from the source to the reference.
    """
    source, reference, made = (image @ LUMA for image in (source, reference, made))
    spread = ndimage.maximum_filter(source, FLAT_SIDE) - ndimage.minimum_filter(source, FLAT_SIDE)
    flat = spread <= FLAT
    below = _steps(flat, reference, made, nnf)
    beside = _steps(flat.T, reference.T, made.T, nnf.transpose(1, 0, 2)[..., ::-1])
    return _mean(np.concatenate([below, beside]))


def sharpness(reference: np.ndarray, made: np.ndarray, nnf: np.ndarray) -> float:
    """How sharp an image is, as a share of how sharp the reference is at the matched pixels.

    Sharp is what has large second differences of luma: the modified Laplacian of Nayar and
    Nakagawa, "Shape from Focus", 1994, here its mean over the image without its outermost
    pixels. No blur can raise it.

    Args: as for `seams`.
    """
    inside = (slice(1, -1), slice(1, -1))
    own = _mean(_second_differences(reference @ LUMA)[tuple(np.moveaxis(nnf[inside], -1, 0))])
    return _mean(_second_differences(made @ LUMA)[inside]) / own if own else float("nan")


def colour_distance(image: np.ndarray, other: np.ndarray) -> float:
    """The distance of two images' colour statistics, in units of CIELAB.

    The mean and deviation of each channel that Reinhard, Ashikhmin, Gooch and Shirley, "Color
    Transfer between Images", 2001, transfer; the distance is that of Wasserstein between the
    normal distributions they describe.
    """
    statistics = [
        np.concatenate([lab.mean(axis=(0, 1)), lab.std(axis=(0, 1))])
        for lab in (
            cv2.cvtColor((each / 255).astype(np.float32), cv2.COLOR_RGB2LAB)
            for each in (image, other)
        )
    ]
    return float(np.linalg.norm(statistics[0] - statistics[1]))


def feature_distance(features: torch.Tensor, other_features: torch.Tensor) -> float:
    """The distance of the feature statistics of one level, as a share of the other's size.

    Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional Neural Networks", 2016:
    the Gram matrices, here divided by the number of pixels, so that images may differ in size.
    """
    gram, other_gram = (
        flat @ flat.T / flat.shape[1]
        for flat in (each.flatten(1).cpu().double() for each in (features, other_features))
    )
    return float((gram - other_gram).norm() / other_gram.norm())


def self_similarity_distance(features: torch.Tensor, other_features: torch.Tensor) -> float:
    """How far the self-similarity of one level's features is from another's of the same size.

    Kolkin, Salavon and Shakhnarovich, "Style Transfer by Relaxed Optimal Transport and
    Self-Similarity", 2019, and Tumanyan, Bar-Tal, Bagon and Dekel, "Splicing ViT Features for
    Semantic Appearance Transfer", 2022: of every two places the cosine between their features,
    here the mean absolute difference of it, from 0 to 1 where no feature is negative.
    """
    own, others = (_cosines(each) for each in (features, other_features))
    return float((own - others).abs().mean())


MOST_DECIBELS = 60.0
"""Of an image at most; one that is exact would have infinitely many."""

FLAT, FLAT_SIDE = 16, 5
"""An image is flat where its luma spans at most so many grey levels in a square of that side."""

JUMP = 2
"""A field jumps between neighbours whose offsets differ by more pixels; rounding alone, as a field
is carried to full size, makes them differ by one."""

_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def _cosines(features: torch.Tensor) -> torch.Tensor:
    """The cosine between the features (C, H, W) of every two places, (H W, H W); 0 to none."""
    flat = features.flatten(1).cpu().double()
    directions = flat / flat.norm(dim=0).clamp_min(1e-12)
    return directions.T @ directions


def _ssim(values: np.ndarray, other_values: np.ndarray) -> np.ndarray:
    """The SSIM at every pixel of images (H, W) or (H, W, C), of each channel alone."""
    (mean, other_mean), (variance, other_variance), covariance = _moments(values, other_values)
    luminance = (2 * mean * other_mean + _C1) / (mean**2 + other_mean**2 + _C1)
    rest = (2 * covariance + _C2) / (variance + other_variance + _C2)
    return luminance * rest


def _moments(values: np.ndarray, other_values: np.ndarray) -> tuple:
    """Local means, variances and covariance of two images' values, inside the border of 5."""
    inside = (slice(5, -5), slice(5, -5))

    def average(product: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(product, 1.5, truncate=3.5, axes=(0, 1))[inside]

    means = average(values), average(other_values)
    variances = tuple(
        np.maximum(average(each**2) - mean**2, 0)
        for each, mean in zip((values, other_values), means, strict=True)
    )
    return means, variances, average(values * other_values) - means[0] * means[1]


def _scaled(image: np.ndarray, side: int) -> np.ndarray:
    """An image at side x side pixels, (side, side, 3) float."""
    return resize_image(image, (side, side)).astype(float)


def _steps(
    flat: np.ndarray, reference: np.ndarray, made: np.ndarray, nnf: np.ndarray
) -> np.ndarray:
    """How much of a seam shows from row to row, one value for each flat two."""
    upper, lower = nnf[1:-2], nnf[2:-1]
    down = np.array((1, 0))
    jumps = np.abs(lower - upper - down).max(axis=-1) > JUMP
    step = np.abs(made[3:] - made[:-3])
    own = np.maximum(
        np.abs(_at(reference, upper + 2 * down) - _at(reference, upper - down)),
        np.abs(_at(reference, lower + down) - _at(reference, lower - 2 * down)),
    )
    visible = np.where(jumps, np.maximum(step - own, 0), 0)
    return visible[flat[1:-2] & flat[2:-1]]


def _at(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The values (h, w) at integer positions (..., 2), those outside moved to the border."""
    return values[tuple(np.moveaxis(np.clip(positions, 0, np.array(values.shape) - 1), -1, 0))]


def _second_differences(values: np.ndarray) -> np.ndarray:
    """The absolute second differences of (H, W) values, those along rows and columns added."""
    return sum(
        np.abs(ndimage.correlate1d(values, [1, -2, 1], axis=axis, mode="nearest"))
        for axis in (0, 1)
    )


def _known(errors: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    known = np.isfinite(errors)
    return errors[known if mask is None else known & mask]


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")
