"""How sure a mean over pairs is, and whether two variants differ on the same pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 10_000

AT_ONCE = 4_000_000
"""Numbers of resamples that are held as floats at a time: of 10,000 pairs there are 100 million."""


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


def estimate(
    values: Sequence[float], weights: Sequence[float] | None = None, seed: int = 0
) -> Estimate:
    """The mean of one value per pair, with the bootstrap's percentile interval over pairs.

    Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979. The same values and seed give
    the same interval.

    Args:
        weights: how much each pair counts, above 0: its points, where each of these is to count as
            much as any other. A pair is drawn with all of them.

    Raises:
        ValueError: there is no value.
    """
    sample = np.asarray(values, float)
    counts = np.ones(sample.size) if weights is None else np.asarray(weights, float)
    if not sample.size:
        raise ValueError("there is no pair to take the mean over")
    mean = float(np.average(sample, weights=weights))
    if sample.size == 1:
        return Estimate(mean, np.nan, np.nan, 1)
    sums = _resampled(np.stack([sample * counts, counts], axis=-1), seed)
    bounds = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
    low, high = np.quantile(sums[:, 0] / sums[:, 1], bounds)
    return Estimate(mean, float(low), float(high), sample.size)


def _resampled(values: np.ndarray, seed: int) -> np.ndarray:
    """The sums (RESAMPLES, C) of values (N, C) over as many of them, drawn at random."""
    drawn = _drawn(len(values), seed)
    step = max(1, AT_ONCE // len(values))
    parts = (drawn[start : start + step] for start in range(0, RESAMPLES, step))
    return np.concatenate([part.astype(float) @ values for part in parts])


@lru_cache(maxsize=2)
def _drawn(size: int, seed: int) -> np.ndarray:
    """How often each of some pairs is in a resample of as many: (RESAMPLES, size) uint16."""
    random = np.random.default_rng(seed)
    step = max(1, AT_ONCE // size)
    times = np.empty((RESAMPLES, size), np.uint16)
    for start in range(0, RESAMPLES, step):
        part = times[start : start + step]
        places = random.integers(size, size=part.shape) + size * np.arange(len(part))[:, None]
        part[:] = np.bincount(places.ravel(), minlength=part.size).reshape(part.shape)
    return times


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
