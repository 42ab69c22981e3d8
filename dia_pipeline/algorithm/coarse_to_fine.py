"""The levels of the paper's algorithm (figure 4), from L = 5 to L = 1.

    phi_ab, phi_ba = argmin of the energy on F_A, F_A', F_B, F_B' at level L        patchmatch
    warped = F_B'(phi_ab) by average voting                                         voting
    R = argmin of |CNN(R) - warped|^2, one level finer                              deconvolution
    F_A' = W F_A + (1 - W) R, one level finer                                       fusion

and the same for F_B with the roles exchanged. At level 5, F_A' = F_A and F_B = F_B'.

The baseline of figure 8, `layer-independent`, matches every level on its own features alone, from
a random start over the whole image; no level hands anything down to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from dia_pipeline.affine import Matrix
from dia_pipeline.algorithm.canvas import covered
from dia_pipeline.algorithm.deconvolution import Deconvolution
from dia_pipeline.algorithm.effort import MATCH, RECONSTRUCT, Progress, ticks
from dia_pipeline.algorithm.features import Pyramid, round_features
from dia_pipeline.algorithm.fusion import fuse
from dia_pipeline.algorithm.guidance import Guidance
from dia_pipeline.algorithm.memory import check_memory, needed
from dia_pipeline.algorithm.network import Network
from dia_pipeline.algorithm.nnf import (
    Rectangle,
    identity,
    seen_from,
    uniform,
    upsample_levels,
)
from dia_pipeline.algorithm.patchmatch import Maps, exact, search, stack
from dia_pipeline.algorithm.patchmatch import energy as evaluate
from dia_pipeline.algorithm.pose import AS_GIVEN
from dia_pipeline.algorithm.sharing import with_memory
from dia_pipeline.algorithm.voting import vote
from dia_pipeline.settings import LEVELS, PATCH, RADIUS, Settings

LOYALTY = 0.04
"""By so much, of energies between -2 and 0, a match must be better to replace an earlier one."""

Fields = tuple[torch.Tensor, torch.Tensor | None]
"""nnf_ab and nnf_ba of a level, (H, W, 2) int32; the second is None for direction `ab`."""


@dataclass
class Level:
    """What one level leaves behind.

    Attributes:
        nnf_ab, nnf_ba: (H, W, 2) int32 fields of this level; nnf_ba is None for direction `ab`.
        energy_ab, energy_ba: (H, W) float32 energy of every match; None where the matcher has none.
        latent_a_prime, latent_b: (C, h, w) float32 features F_A', F_B of the next finer level;
            None where nothing is handed down, and latent_b for direction `ab`.
    """

    nnf_ab: torch.Tensor
    energy_ab: torch.Tensor | None = None
    nnf_ba: torch.Tensor | None = None
    energy_ba: torch.Tensor | None = None
    latent_a_prime: torch.Tensor | None = None
    latent_b: torch.Tensor | None = None


def run_levels(
    features_a: Pyramid,
    features_b_prime: Pyramid,
    network: Network,
    settings: Settings,
    progress: Progress = lambda level, step, share: None,
    earlier: dict[int, Fields] | None = None,
    pose: Matrix = AS_GIVEN,
    guidance: Guidance | None = None,
) -> dict[int, Level]:
    """All levels, coarse to fine; for the arguments see `run_level`.

    Features are most of what a large pair holds. So the pyramids are emptied, level by level, and
    the levels keep no latent features, once no finer level needs them.
    """
    levels: dict[int, Level] = {}
    for level in settings.levels:
        levels[level] = run_level(
            level,
            features_a,
            features_b_prime,
            levels.get(level + 1),
            network,
            settings,
            progress,
            earlier[level] if earlier else None,
            pose,
            guidance,
        )
        del features_a[level], features_b_prime[level]
        if previous := levels.get(level + 1):
            previous.latent_a_prime = previous.latent_b = None
    return levels


def run_level(
    level: int,
    features_a: Pyramid,
    features_b_prime: Pyramid,
    previous: Level | None,
    network: Network,
    settings: Settings,
    progress: Progress = lambda level, step, share: None,
    earlier: Fields | None = None,
    pose: Matrix = AS_GIVEN,
    guidance: Guidance | None = None,
) -> Level:
    """One level: match both ways, then estimate the latent features of the next level.

    Args:
        features_a, features_b_prime: levels L, L-1, L-2 and 0 are needed.
        previous: what level L+1 left; None at level 5. `layer-independent` makes nothing of it.
        earlier: the fields of this level for a similar pair, the frame before; the search then
            starts from them and keeps their matches wherever it finds no clearly better ones.
        pose: in which B' is drawn; level 5 begins where that puts it.
        guidance: what is said of the matches.

    Raises:
        PairTooLargeError: the memory does not suffice.
        JobError: other processes hold the memory.
    """
    shape, other = (tuple(each[0].shape[1:]) for each in (features_a, features_b_prime))
    device = features_a[0].device
    if level == LEVELS[0]:
        check_memory(shape, other, settings, device)
    independent = settings.matcher == "layer-independent"
    if independent:
        previous = None

    def work() -> Level:
        matched = ticks(progress, level, MATCH, 1 if settings.directions == "ab" else 2)
        result = _match(
            level,
            features_a,
            features_b_prime,
            previous,
            settings,
            earlier,
            pose,
            guidance,
            matched,
        )
        if independent or level == settings.finest:
            return result
        directions = 1 if result.nnf_ba is None else 2
        evaluated = ticks(progress, level, RECONSTRUCT, directions * (settings.deconvolution + 1))
        deconvolution = Deconvolution(network, level)
        estimate = partial(_estimate, level, deconvolution, settings, evaluated)
        result.latent_a_prime = estimate(features_a, features_b_prime, result.nnf_ab)
        if result.nnf_ba is not None:
            result.latent_b = estimate(features_b_prime, features_a, result.nnf_ba)
        return result

    return with_memory(work, needed(shape, other, settings), device)


def _match(
    level: int,
    features_a: Pyramid,
    features_b_prime: Pyramid,
    previous: Level | None,
    settings: Settings,
    earlier: Fields | None,
    pose: Matrix,
    guidance: Guidance | None,
    matched: Callable[[], None],
) -> Level:
    """The fields of one level and their energies; `matched` is called after each direction."""
    a, b_prime = features_a[level], features_b_prime[level]
    latent_a_prime, latent_b, coarser_ab, coarser_ba = a, b_prime, None, None
    if previous:
        coarser_ab, coarser_ba = previous.nnf_ab, previous.nnf_ba
        latent_a_prime, latent_b = previous.latent_a_prime, previous.latent_b
    field_ab, field_ba = earlier or (None, None)
    shown = covered(pose)
    first_ab = _first_field(a, b_prime, coarser_ab, settings, 0, shown)
    both = settings.directions == "both"
    source = stack(a, latent_a_prime) if both else stack(latent_a_prime)
    target = stack(latent_b, b_prime) if both else stack(b_prime)
    if guidance:
        channels = guidance.channels(tuple(a.shape[1:]), tuple(b_prime.shape[1:]), pose)
        source, target = (
            torch.cat([features, more.to(features.device)], dim=-1)
            for features, more in zip((source, target), channels, strict=True)
        )
    maps = Maps(source, target, settings.patch(level))
    if not both:
        return Level(*_search(level, maps, first_ab, settings, 0, field_ab))
    first_ba = _first_field(b_prime, a, coarser_ba, settings, 1, seen_from(shown))
    found_ab = _search(level, maps, first_ab, settings, 0, field_ab)
    matched()
    return Level(*found_ab, *_search(level, maps.turned(), first_ba, settings, 1, field_ba))


def _first_field(
    source: torch.Tensor,
    target: torch.Tensor,
    coarser: torch.Tensor | None,
    settings: Settings,
    direction: int,
    covered: Rectangle,
) -> torch.Tensor:
    """The field from which the search of a level starts."""
    shape, target_shape = tuple(source.shape[1:]), tuple(target.shape[1:])
    if coarser is not None:
        return upsample_levels(coarser, shape, target_shape)
    if settings.initial == "identity" and settings.matcher == "hierarchical":
        return identity(shape, target_shape, source.device, covered)
    return uniform(shape, target_shape, _seed(settings, 6, direction), source.device)


def _search(
    level: int,
    maps: Maps,
    first: torch.Tensor,
    settings: Settings,
    direction: int,
    earlier: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    radius = _radius(level, maps.target, settings)
    start = first if earlier is None else earlier
    if settings.search == "exact":
        nnf, energy = exact.search(maps, start)
    else:
        how = settings.iterations, _seed(settings, level, direction), settings.smooth(level)
        nnf, energy = search(maps, start, radius, *how)
    if earlier is not None:
        earlier_energy = evaluate(maps, earlier)
        better = energy < earlier_energy - LOYALTY
        nnf = torch.where(better[..., None], nnf, earlier)
        energy = torch.where(better, energy, earlier_energy)
    return nnf, energy


def _radius(level: int, target: torch.Tensor, settings: Settings) -> int:
    """The start radius: the whole map at level 5, and where no coarser level says where to look."""
    whole = max(target.shape[:2])
    return RADIUS.get(level, whole) if settings.matcher == "hierarchical" else whole


def _seed(settings: Settings, level: int, direction: int) -> int:
    """A seed of its own for every search of a pair."""
    return settings.seed * 16 + level * 2 + direction


def _estimate(
    level: int,
    deconvolution: Deconvolution,
    settings: Settings,
    evaluated: Callable[[], None],
    own: Pyramid,
    other: Pyramid,
    nnf: torch.Tensor,
) -> torch.Tensor:
    """The latent features of level - 1: warp the other image's, deconvolve, fuse."""
    warped = vote(other[level], nnf, PATCH[level])
    shape, target_shape = tuple(own[level - 2].shape[1:]), tuple(other[level - 2].shape[1:])
    fine = upsample_levels(nnf, shape, target_shape, levels=2 if level > 2 else 1)
    start = vote(other[level - 2], fine, PATCH[level - 2])
    reconstructed = deconvolution.features(warped, start, settings.deconvolution, evaluated)
    fused = fuse(own[level - 1], reconstructed, settings.alpha(level - 1), settings.blend_map)
    return round_features(fused, settings.feature_dtype)
