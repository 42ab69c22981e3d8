"""Mirrored pairs: which way round B' is matched, by the mean energy of the coarse levels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from dia_pipeline.algorithm.coarse_to_fine import Pyramid, run_levels
from dia_pipeline.algorithm.network import Network
from dia_pipeline.settings import Settings

DECISIVE = 4
"""The level whose energies decide: level 5 alone errs where an image is nearly symmetric."""

MARGIN = 0.02
"""By so much, of energies between -2 and 0, the mirror image must fit better to be taken."""


def orient(
    features_a: Pyramid,
    reference: Callable[[bool], Pyramid],
    network: Network,
    settings: Settings,
) -> tuple[Pyramid, bool]:
    """The features of B' as it is to be matched, and whether those are of its mirror image.

    Args:
        reference: gives the features of B', or if told `True` those of its mirror image.
    """
    if settings.orientation != "auto":
        mirrored = settings.orientation == "mirrored"
        return reference(mirrored), mirrored
    given, mirror_image = reference(False), reference(True)
    energies = [
        _coarse_energy(features_a, features_b_prime, network, settings)
        for features_b_prime in (given, mirror_image)
    ]
    mirrored = energies[1] < energies[0] - MARGIN
    return (mirror_image if mirrored else given), mirrored


def _coarse_energy(
    features_a: Pyramid, features_b_prime: Pyramid, network: Network, settings: Settings
) -> float:
    """The mean energy of the matches at the decisive level, resampling only."""
    coarse = replace(settings, finest=max(DECISIVE, settings.finest), deconvolution=0)
    level = run_levels(features_a, features_b_prime, network, coarse)[coarse.finest]
    energies = [each for each in (level.energy_ab, level.energy_ba) if each is not None]
    return torch.cat([energy.flatten() for energy in energies]).double().mean().item()
