"""All measures of one processed pair; docs/measures.md lists them."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from dia_pipeline.evaluation import measures
from dia_pipeline.evaluation.truth import Truth
from dia_pipeline.settings import PATCH

if TYPE_CHECKING:
    import torch

    from dia_pipeline.alignment.canvas import Canvas
    from dia_pipeline.networks.network import Network

THRESHOLDS = (1, 2, 5)
"""Distances within which a match is right, where the longest side of the target is 100."""

ALPHAS = (5, 10)
"""Percentages of the longest side within which a keypoint is correct."""

FEATURE_LEVEL = 3
"""The level whose features measure energy and statistics: fine enough to see parts, and deep
enough to see through a change of style."""

MAX_SIDE = 448
"""Longest side in pixels at which images are looked at by the network."""

STRUCTURE_LEVEL, STRUCTURE_SIDE = 4, 224
"""The level whose self-similarity is compared, and the longest side at which images are seen there:
deep enough to see through a change of style, and fine enough to see parts."""


def measure_pair(
    a: np.ndarray,
    b_prime: np.ndarray,
    a_prime: np.ndarray,
    nnf_ab: np.ndarray,
    nnf_ba: np.ndarray | None = None,
    *,
    b: np.ndarray | None = None,
    truth: Truth | None = None,
    levels: Mapping[int, np.ndarray] | None = None,
    seconds: float | None = None,
    network: Network | None = None,
    canvas: Canvas | None = None,
    confidence: float | None = None,
) -> dict[str, float]:
    """Everything that can be measured of a pair with what is given.

    Args:
        a, b_prime, a_prime: (H, W, 3) uint8 RGB, A' of the size of A.
        nnf_ab, nnf_ba: (H, W, 2) int (y, x), at the images' full size, between the images as
            they were given.
        b: (H, W, 3) uint8 RGB of the size of B', where the field nnf_ba is given.
        truth: what is known of the pair.
        levels: for every level matched its nnf_ab, carried to the images' full size.
        seconds: how long it took to make the fields.
        network: measures energy and feature statistics.
        canvas: on which B' was drawn in its pose; neighbours and patches are compared there.
        confidence: how sure it is that the images match.

    Returns:
        Value by the name of the measure; those that cannot be measured are left out.
    """
    truth = truth or Truth()
    shapes = a.shape[:2], b_prime.shape[:2]
    reference = canvas.draw(b_prime) if canvas else b_prime
    as_matched = canvas.draw_targets(nnf_ab) if canvas else nnf_ab
    found = {
        **_with_flow(nnf_ab, truth.flow_ab, truth.mask_a, shapes[1]),
        **_with_keypoints(nnf_ab, truth, shapes[1]),
        "coverage": measures.coverage(nnf_ab, shapes[1]),
        "smoothness": measures.smoothness(as_matched),
        **_of_image(a, reference, a_prime, as_matched),
        **_with_true_image(a_prime, truth.a_prime),
    }
    if nnf_ba is not None:
        found |= _with_flow(nnf_ba, truth.flow_ba, truth.mask_b_prime, shapes[0], "_ba")
        found["forward_backward"] = measures.forward_backward(nnf_ab, nnf_ba)
    if b is not None and nnf_ba is not None:
        made = canvas.draw(b) if canvas else b
        nnf = canvas.draw_field(nnf_ba) if canvas else nnf_ba
        found |= _of_image(reference, a, made, nnf, "_b")
        found |= _with_true_image(b, truth.b, "_b")
    for level, nnf in (levels or {}).items():
        found |= _with_flow(nnf, truth.flow_ab, truth.mask_a, shapes[1], f"_level_{level}")
    if network is not None:
        found |= _with_network(network, a, reference, a_prime, as_matched)
    if seconds is not None:
        found["seconds"] = seconds
    if confidence is not None:
        found["confidence"] = confidence
    return {name: value for name, value in found.items() if isfinite(value)}


def _with_flow(
    nnf: np.ndarray,
    flow: np.ndarray | None,
    mask: np.ndarray | None,
    target_shape: tuple[int, ...],
    suffix: str = "",
) -> dict[str, float]:
    if flow is None:
        return {}
    accuracies = {
        f"accuracy_{threshold}{suffix}": measures.flow_accuracy(
            nnf, flow, threshold, target_shape, mask
        )
        for threshold in THRESHOLDS
    }
    return accuracies | {f"end_point_error{suffix}": measures.end_point_error(nnf, flow, mask)}


def _with_keypoints(
    nnf: np.ndarray, truth: Truth, target_shape: tuple[int, ...]
) -> dict[str, float]:
    points = truth.keypoints
    if points is None:
        return {}
    return {
        f"pck_{kind}_{alpha}": measures.pck(nnf, points.a, points.b_prime, alpha / 100, side)
        for kind, side in (("image", max(target_shape)), ("box", points.box))
        for alpha in ALPHAS
    }


def measure_picture(
    a: np.ndarray,
    b_prime: np.ndarray,
    a_prime: np.ndarray,
    nnf_ab: np.ndarray | None = None,
    true: np.ndarray | None = None,
    seen: SelfSimilarity | None = None,
) -> dict[str, float]:
    """What can be measured of an A' that anything may have made.

    Args:
        a, b_prime, a_prime: (H, W, 3) uint8 RGB, A' of the size of A.
        nnf_ab: (H, W, 2) int (y, x), the field by which it was made, if that is known.
        true: (H, W, 3) uint8, what it should look like, at any size.
        seen: measures the self-similarity; of A.

    Returns:
        As `measure_pair`.
    """
    found = {**_of_image(a, b_prime, a_prime, nnf_ab), **_with_true_image(a_prime, true)}
    if seen is not None:
        found["self_similarity"] = seen.distance(a_prime)
    return {name: value for name, value in found.items() if isfinite(value)}


class SelfSimilarity:
    """How far pictures are from A in what a network finds alike in them.

    Args:
        a: (H, W, 3) uint8 RGB.
    """

    def __init__(self, network: Network, a: np.ndarray):
        self._network = network
        self._own = self._look(a)

    def distance(self, picture: np.ndarray) -> float:
        """That of a picture (H, W, 3) uint8 of the size of A."""
        return measures.self_similarity_distance(self._look(picture), self._own)

    def _look(self, image: np.ndarray) -> torch.Tensor:
        return _features(self._network, image, STRUCTURE_LEVEL, STRUCTURE_SIDE)


def _of_image(
    source: np.ndarray,
    reference: np.ndarray,
    made: np.ndarray,
    nnf: np.ndarray | None,
    suffix: str = "",
) -> dict[str, float]:
    """What can be said of A', or of B, by the images as they were matched."""
    found = {
        "ssim": measures.ssim(made, source),
        "structure": measures.structure(made, source),
        "colour_distance": measures.colour_distance(made, reference),
    }
    if nnf is not None:
        found["seams"] = measures.seams(source, reference, made, nnf)
        found["sharpness"] = measures.sharpness(reference, made, nnf)
    return {f"{name}{suffix}": value for name, value in found.items()}


def _with_true_image(
    made: np.ndarray, true: np.ndarray | None, suffix: str = ""
) -> dict[str, float]:
    if true is None:
        return {}
    found = {
        f"difference{suffix}": measures.difference(made, true),
        f"similarity{suffix}": measures.similarity(made, true),
    }
    if true.shape == made.shape:
        found[f"ssim_truth{suffix}"] = measures.ssim(made, true)
        found[f"psnr{suffix}"] = measures.psnr(made, true)
    return found


def _with_network(
    network: Network, a: np.ndarray, reference: np.ndarray, a_prime: np.ndarray, nnf: np.ndarray
) -> dict[str, float]:
    of_a, of_reference, of_a_prime = (
        _features(network, image, FEATURE_LEVEL, MAX_SIDE) for image in (a, reference, a_prime)
    )
    size, other = (tuple(features.shape[1:]) for features in (of_a, of_reference))
    coarse = _at_level(nnf, reference.shape[:2], size, other)
    return {
        "energy": measures.energy(of_a, of_reference, coarse, PATCH[FEATURE_LEVEL]),
        "feature_distance": measures.feature_distance(of_a_prime, of_reference),
    }


def _features(network: Network, image: np.ndarray, level: int, side: int) -> torch.Tensor:
    """The features (C, H, W) of an image at a level; its longest side is `side` at most."""
    import torch

    from dia_pipeline.networks.sizes import working_image

    with torch.no_grad():
        level0 = network.preprocess(working_image(image, 1.0, side))
        return network.forward(level0, 0, level)


def _at_level(
    nnf: np.ndarray,
    target_shape: tuple[int, ...],
    size: tuple[int, ...],
    target_size: tuple[int, ...],
) -> np.ndarray:
    """A field of full size on the smaller grids `size` and `target_size`: (h, w, 2) int."""
    centres = [
        ((np.arange(small) + 0.5) * full / small).astype(int)
        for small, full in zip(size, nnf.shape[:2], strict=True)
    ]
    matches = nnf[np.ix_(*centres)]
    return ((matches + 0.5) * target_size / np.array(target_shape)).astype(int)
