"""The levels of the paper's algorithm (figure 4), from L = 5 to L = 1.

    phi_ab, phi_ba = argmin of the energy on F_A, F_A', F_B, F_B' at level L        patchmatch
    warped = F_B'(phi_ab) by average voting                                         voting
    R = argmin of |CNN(R) - warped|^2, one level finer                              deconvolution
    F_A' = W F_A + (1 - W) R, one level finer                                       fusion

and the same for F_B with the roles exchanged. At level 5, F_A' = F_A and F_B = F_B'.

Where a level 5 search begins, the paper leaves to chance. Here the octaves say that: level 5 of
smaller copies of both images, matched coarse to fine, each around what the smaller one found. What
a part is, the network knows best where it sees much around it; so a forehead does not become hair.

The baseline of figure 8, `layer-independent`, matches every level on its own features alone, from
a random start over the whole image; no level hands anything down to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import torch

from dia_pipeline.affine import AS_GIVEN, Matrix, Rectangle, covered
from dia_pipeline.algorithm.deconvolution import Deconvolution
from dia_pipeline.algorithm.features import Pyramid, round_features
from dia_pipeline.algorithm.fusion import fuse, held
from dia_pipeline.algorithm.nnf import identity, seen_from, uniform, upsample_levels
from dia_pipeline.algorithm.patchmatch import energy as evaluate
from dia_pipeline.algorithm.patchmatch import exact, search, stack
from dia_pipeline.algorithm.patchmatch.maps import Maps
from dia_pipeline.algorithm.voting import vote
from dia_pipeline.machine.effort import MATCH, RECONSTRUCT, Progress, ticks
from dia_pipeline.machine.memory import check_memory, needed
from dia_pipeline.machine.sharing import with_memory
from dia_pipeline.networks.network import Network
from dia_pipeline.settings import LEVELS, PATCH, RADIUS, Settings

LOYALTY = 0.04
"""By so much, of energies between -2 and 0, a match must be better to replace an earlier one."""

Fields = tuple[torch.Tensor, torch.Tensor | None]
"""nnf_ab and nnf_ba of a level, (H, W, 2) int32; the second is None for direction `ab`."""


class Guidance(Protocol):
    """What is said of a pair, as the levels ask for it: see `alignment.guidance`."""

    @property
    def strength(self) -> np.ndarray | None:
        """How strongly A is restyled, (h, w) float32 from 0 to 1; None where in full."""

    @property
    def described(self) -> int:
        """The channels of descriptors, 0 where there are none."""

    def channels(
        self, shape: tuple[int, ...], target: tuple[int, ...], pose: Matrix, described: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Further channels (H, W, K) of A and of B', at maps of these shapes.

        `described` is the weight of descriptors there.
        """


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
        previous: what level L+1 left; None at level 5, which matches the octaves in the features
            first. `layer-independent` makes nothing of either.
        earlier: the fields of this level for a similar pair, the frame before; the search then
            starts from them and keeps their matches wherever it finds no clearly better ones.
        pose: in which B' is drawn; level 5 begins where that puts it.
        guidance: what is said of the pair.

    Raises:
        PairTooLargeError: the memory does not suffice.
        JobError: other processes hold the memory.
    """
    shape, other = (tuple(each[0].shape[1:]) for each in (features_a, features_b_prime))
    device = features_a[0].device
    described = guidance.described if guidance else 0
    if level == LEVELS[0]:
        check_memory(shape, other, settings, device, described)
    independent = settings.matcher == "layer-independent"
    if independent:
        previous = None

    def work() -> Level:
        matched = ticks(progress, level, MATCH, 1 if settings.directions == "ab" else 2)
        pair = _Pair(features_a, features_b_prime, settings, pose, guidance)
        coarser = previous
        if level == LEVELS[0] and not earlier:
            for octave in pair.octaves:
                coarser = _match(octave, pair, coarser)
        result = _match(level, pair, coarser, earlier, matched)
        if independent or level == settings.finest:
            return result
        directions = 1 if result.nnf_ba is None else 2
        evaluations = directions * (settings.deconvolved(level) + 1)
        evaluated = ticks(progress, level, RECONSTRUCT, evaluations)
        deconvolution = Deconvolution(network, level)
        estimate = partial(_estimate, level, deconvolution, settings, evaluated)
        strength = guidance.strength if guidance else None
        result.latent_a_prime = estimate(features_a, features_b_prime, result.nnf_ab, strength)
        if result.nnf_ba is not None:
            result.latent_b = estimate(features_b_prime, features_a, result.nnf_ba)
        return result

    return with_memory(work, needed(shape, other, settings, described), device)


@dataclass(frozen=True, eq=False)
class _Pair:
    """What is matched: features of both images, and what is said of them."""

    features_a: Pyramid
    features_b_prime: Pyramid
    settings: Settings
    pose: Matrix
    guidance: Guidance | None

    @property
    def octaves(self) -> list[int]:
        """The octaves that both images have and the settings allow, coarse to fine."""
        both = self.features_a.keys() & self.features_b_prime.keys()
        return [octave for octave in self.settings.matched_octaves if octave in both]


def _match(
    level: int,
    pair: _Pair,
    previous: Level | None,
    earlier: Fields | None = None,
    matched: Callable[[], None] = lambda: None,
) -> Level:
    """The fields of one level and their energies; `matched` is called after the first direction.

    Args:
        previous: without latent features where the level is the first to have any.
    """
    settings, pose, guidance = pair.settings, pair.pose, pair.guidance
    a, b_prime = pair.features_a[level], pair.features_b_prime[level]
    latent_a_prime, latent_b, coarser_ab, coarser_ba = a, b_prime, None, None
    if previous:
        coarser_ab, coarser_ba = previous.nnf_ab, previous.nnf_ba
    if previous and previous.latent_a_prime is not None:
        latent_a_prime, latent_b = previous.latent_a_prime, previous.latent_b
    field_ab, field_ba = earlier or (None, None)
    shown = covered(pose)
    first_ab = _first_field(a, b_prime, coarser_ab, settings, 0, shown)
    both = settings.directions == "both"
    radii = [_radius(level, each, previous) for each in (b_prime, a)]
    source = stack(a, latent_a_prime) if both else stack(latent_a_prime)
    target = stack(latent_b, b_prime) if both else stack(b_prime)
    if guidance:
        shapes = tuple(a.shape[1:]), tuple(b_prime.shape[1:])
        channels = guidance.channels(*shapes, pose, settings.described(level))
        source, target = (
            torch.cat([features, more.to(features.device)], dim=-1)
            for features, more in zip((source, target), channels, strict=True)
        )
    maps = Maps(source, target, settings.patch(level))
    if not both:
        return Level(*_search(level, maps, first_ab, radii[0], settings, 0, field_ab))
    first_ba = _first_field(b_prime, a, coarser_ba, settings, 1, seen_from(shown))
    found_ab = _search(level, maps, first_ab, radii[0], settings, 0, field_ab)
    matched()
    found_ba = _search(level, maps.turned(), first_ba, radii[1], settings, 1, field_ba)
    return Level(*found_ab, *found_ba)


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
    return uniform(shape, target_shape, _seed(settings, 0, direction), source.device)


def _search(
    level: int,
    maps: Maps,
    first: torch.Tensor,
    radius: int,
    settings: Settings,
    direction: int,
    earlier: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
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


def _radius(level: int, target: torch.Tensor, previous: Level | None) -> int:
    """The start radius: the whole target (C, H, W) where no coarser level says where to look."""
    return RADIUS[level] if previous else max(target.shape[1:])


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
    strength: np.ndarray | None = None,
) -> torch.Tensor:
    """The latent features of level - 1: warp the other image's, deconvolve, fuse."""
    warped = vote(other[level], nnf, PATCH[level])
    shape, target_shape = tuple(own[level - 2].shape[1:]), tuple(other[level - 2].shape[1:])
    fine = upsample_levels(nnf, shape, target_shape, levels=2 if level > 2 else 1)
    start = vote(other[level - 2], fine, PATCH[level - 2])
    reconstructed = deconvolution.features(warped, start, settings.deconvolved(level), evaluated)
    alpha = held(settings.alpha(level - 1), strength, own[level - 1])
    fused = fuse(own[level - 1], reconstructed, alpha, settings.blend_map)
    return round_features(fused, settings.feature_dtype)
