"""How sure a mean over pairs is, and whether two variants differ on the same pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 10_000


@dataclass(frozen=True)
class Estimate:
    """A mean over `count` pairs and its confidence interval, whose bounds are NaN for one pair."""

    mean: float
    low: float
    high: float
    count: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval is above zero, or all below."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Comparison:
    """A variant against another over the pairs that both have.

    Attributes:
        difference: of the mean values; above zero where the first variant's are larger.
        larger, smaller: the pairs on which the first variant's value is so.
    """

    difference: Estimate
    larger: int
    smaller: int


def estimate(values: Sequence[float], seed: int = 0) -> Estimate:
    """The mean of one value per pair, with the bootstrap's percentile interval over pairs.

    Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979. The same values and seed give
    the same interval.

    Raises:
        ValueError: there is no value.
    """
    sample = np.asarray(values, float)
    if not sample.size:
        raise ValueError("there is no pair to take the mean over")
    mean = float(sample.mean())
    if sample.size == 1:
        return Estimate(mean, np.nan, np.nan, 1)
    drawn = np.random.default_rng(seed).integers(sample.size, size=(RESAMPLES, sample.size))
    bounds = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
    low, high = np.quantile(sample[drawn].mean(axis=1), bounds)
    return Estimate(mean, float(low), float(high), sample.size)


def compare(values: Mapping[str, float], reference: Mapping[str, float]) -> Comparison | None:
    """Compare two variants by their values of one measure, by pair; None if they share no pair.

    Differences are taken pair by pair before anything is averaged: pairs differ far more than
    variants do, and what they have in common cancels.
    """
    differences = [values[pair] - reference[pair] for pair in values if pair in reference]
    if not differences:
        return None
    larger, smaller = (sum(sign * each > 0 for each in differences) for sign in (1, -1))
    return Comparison(estimate(differences), larger, smaller)
