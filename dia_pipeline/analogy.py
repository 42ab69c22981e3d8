"""Deep image analogy of one pair: two images in, two images and the fields between them out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from dia_pipeline.algorithm.aggregation import full_field, nearest_pixels, rebuild
from dia_pipeline.algorithm.coarse_to_fine import Level, run_levels
from dia_pipeline.algorithm.features import Pyramid, extract
from dia_pipeline.alignment.alignment import Alignment
from dia_pipeline.alignment.confidence import compare
from dia_pipeline.alignment.guidance import Guidance
from dia_pipeline.alignment.parts import REMEDY, Parts
from dia_pipeline.alignment.pose import POSES, Pose
from dia_pipeline.errors import DiaError
from dia_pipeline.machine.effort import COMPOSE, FEATURES, Progress
from dia_pipeline.machine.memory import check_full_size
from dia_pipeline.matchers import find_matcher
from dia_pipeline.matchers.matcher import Match
from dia_pipeline.networks.network import Network
from dia_pipeline.networks.sizes import seen, working_image
from dia_pipeline.pixels import resize_image
from dia_pipeline.result import Analogy
from dia_pipeline.settings import FEATURE_MATCHERS, LEVELS, Settings


class HopelessPairError(DiaError):
    """The images of a pair have too little in common; the message says so."""


def analogy(
    a: np.ndarray,
    b_prime: np.ndarray,
    network: Network | None,
    settings: Settings,
    progress: Progress = lambda level, step, share: None,
    a_prime: np.ndarray | None = None,
    guidance: Guidance | None = None,
) -> Analogy:
    """Process one pair in memory.

    Args:
        a, b_prime: (H, W, 3) uint8 RGB images, of any sizes.
        network: may be None for a matcher that works on the images themselves.
        a_prime: (H, W, 3) uint8 RGB, the given A', for the matcher that needs one.
        guidance: what is said of the pair; of the matches, where those are of features.

    Raises:
        MatcherError: there is no such matcher, or it lacks something.
        PairTooLargeError: the images are too large for the memory.
    """
    if settings.matcher in FEATURE_MATCHERS:
        assert network, "the features of a network are matched"
        levels, alignment = match(a, b_prime, network, settings, progress, guidance)
    else:
        matcher = find_matcher(settings.matcher).ensure()
        alignment = Alignment(a, b_prime, POSES[settings.pose], settings)
        levels = match_images(alignment, a_prime, matcher)
    progress(0, COMPOSE, 0.0)
    return aggregate(alignment, levels, guidance=guidance)


def features_of(image: np.ndarray, network: Network, settings: Settings) -> Pyramid:
    """The features of an image (H, W, 3) uint8 at the working size."""
    working = working_image(seen(image, settings), settings.ratio, settings.max_side)
    return extract(working, network, settings.feature_dtype)


def pose_of(
    a: np.ndarray, b_prime: np.ndarray, network: Network, settings: Settings, rank: int = 0
) -> Pose:
    """The pose in which B' is matched, and the confidence that it matches; `rank` of several."""
    if settings.pose in POSES:
        pose = POSES[settings.pose]
    else:
        from dia_pipeline.alignment.pose.decision import find_pose  # with scipy

        pose = find_pose(a, b_prime, network, settings.seed, rank)
    return compared(a, b_prime, network, settings, pose)


def compared(
    a: np.ndarray, b_prime: np.ndarray, network: Network, settings: Settings, pose: Pose
) -> Pose:
    """A pose with the confidence that two images (H, W, 3) uint8 match in it, and their parts.

    Raises:
        JobError: the features are no numbers.
    """
    alignment = Alignment(a, b_prime, pose, settings)
    of_a, of_canvas = compare(a, alignment.drawn, network)
    parts = Parts.of(of_a, alignment.canvas.restore_shares(of_canvas))
    return replace(pose, confidence=parts.confidence, parts=parts)


def check_confidence(pose: Pose, settings: Settings) -> None:
    """Make sure that a pair is worth its time.

    Raises:
        HopelessPairError: the confidence is lower than the settings allow.
    """
    found = pose.confidence
    if found is not None and found < settings.min_confidence:
        raise HopelessPairError(
            "",
            f"the images have little in common: confidence {found:.2f}, and min_confidence is "
            f"{settings.min_confidence:g}",
            REMEDY,
        )


def match(
    a: np.ndarray,
    b_prime: np.ndarray,
    network: Network,
    settings: Settings,
    progress: Progress = lambda level, step, share: None,
    guidance: Guidance | None = None,
    rank: int = 0,
) -> tuple[dict[int, Level], Alignment]:
    """All levels of a pair, coarse to fine, and how B' lay to A when they were matched.

    Raises:
        HopelessPairError: the images have too little in common.
        PairTooLargeError: the memory does not suffice for that, or for the images that follow.
    """
    progress(0, FEATURES, 0.0)
    pose = pose_of(a, b_prime, network, settings, rank)
    check_confidence(pose, settings)
    alignment = Alignment(a, b_prime, pose, settings)
    canvas = alignment.canvas
    check_full_size(a.shape[:2], canvas.size.full, settings)
    features = features_of(a, network, settings), canvas.features(b_prime, network, settings)
    levels = run_levels(*features, network, settings, progress, pose=pose.matrix, guidance=guidance)
    return levels, alignment


def match_images(
    alignment: Alignment, a_prime: np.ndarray | None, matcher: Match
) -> dict[int, Level]:
    """The fields of a matcher that works on the images, as those of the finest level.

    For pose `mirrored` they lead to and from the mirror image of B'.

    Raises:
        MatcherError: the matcher lacks something.
        PairTooLargeError: the memory does not suffice for the images that follow.
    """
    settings = alignment.settings
    check_full_size(alignment.size.full, alignment.b_prime.shape[:2], settings)
    a, b_prime = (
        working_image(seen(image, settings), settings.ratio, settings.max_side)
        for image in (alignment.a, alignment.drawn)
    )
    a_prime = None if a_prime is None else resize_image(a_prime, a.shape[:2])
    nnf_ab, nnf_ba = map(torch.from_numpy, matcher(a, b_prime, a_prime, settings))
    return {LEVELS[-1]: Level(nnf_ab, nnf_ba=None if settings.directions == "ab" else nnf_ba)}


def aggregate(
    alignment: Alignment,
    levels: dict[int, Level],
    shown: tuple[np.ndarray, ...] | None = None,
    guidance: Guidance | None = None,
) -> Analogy:
    """Rebuild the images at the inputs' full resolution from the fields of the finest level.

    Args:
        alignment: of the images that were matched, in the pose in which they were.
        shown: both as float32 in grey levels, where A' and B are to have 16 bits.
        guidance: what is said of the regions of A.
    """
    finest = min(levels)
    fields = levels[finest]
    a, settings, canvas = alignment.a, alignment.settings, alignment.canvas
    size, target, reference = alignment.size, canvas.size, alignment.drawn
    full_a = shown[0] if shown else a
    full_reference = canvas.draw(shown[1]) if shown else reference
    positions = alignment.positions(finest, fields)
    result = Analogy(
        a,
        alignment.b_prime,
        rebuild(full_a, full_reference, positions, size, target, settings),
        alignment.nnf(positions),
        levels=levels,
        pose=alignment.pose,
    )
    if settings.take != "everything":
        from dia_pipeline.composition.refinement import take  # with scipy's solvers

        result.a_prime_everything = result.a_prime
        result.a_prime = take(full_a, result.a_prime, settings.take)
    if guidance and guidance.of_regions:
        from dia_pipeline.alignment.regions import restrain  # with scipy's solvers too

        result.a_prime = restrain(full_a, result.a_prime, guidance)
        if result.a_prime_everything is not None:
            result.a_prime_everything = restrain(full_a, result.a_prime_everything, guidance)
    if fields.nnf_ba is not None:
        positions = full_field(fields.nnf_ba, finest, reference, target, size, settings)
        b = rebuild(full_reference, full_a, positions, target, size, settings)
        result.nnf_ba = canvas.restore_field(nearest_pixels(positions).numpy())
        if settings.take != "everything":
            result.b_everything = canvas.restore(b)
            b = take(full_reference, b, settings.take)
        result.b = canvas.restore(b)
    return result
