from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dia_pipeline.evaluation import statistics
from dia_pipeline.evaluation.statistics import Estimate, compare, estimate


def test_the_interval_holds_the_true_mean_as_often_as_it_says():
    """Of samples of 25, the percentile bootstrap misses a little more than the 5 % it says."""
    rng = np.random.default_rng(1)
    samples = rng.normal(0.7, 0.2, (400, 25))
    held = np.mean([each.low <= 0.7 <= each.high for each in map(estimate, samples)])
    assert 0.90 <= held <= 0.97


def test_the_interval_is_that_of_another_implementation():
    values = np.random.default_rng(2).gamma(2, size=20)
    ours = estimate(values)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile")
    assert ours.mean == pytest.approx(values.mean())
    width = ours.high - ours.low
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.05 * width)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.05 * width)


def test_the_same_values_give_the_same_interval():
    values = np.random.default_rng(3).random(10)
    assert estimate(values) == estimate(values)


def test_points_count_alike_where_pairs_are_weighed_by_them(monkeypatch):
    """A resample draws whole pairs; how many resamples are summed at a time changes nothing."""
    random = np.random.default_rng(4)
    values, points = random.random(12), random.integers(1, 50, 12)
    one = estimate(values, points)
    assert one.mean == pytest.approx((values * points).sum() / points.sum())
    drawn = np.random.default_rng(0).integers(12, size=(10_000, 12))
    means = (values * points)[drawn].sum(axis=1) / points[drawn].sum(axis=1)
    assert (one.low, one.high) == pytest.approx(np.quantile(means, (0.025, 0.975)))
    monkeypatch.setattr(statistics, "AT_ONCE", 100)
    statistics._drawn.cache_clear()
    again = estimate(values, points)
    assert (again.low, again.high) == pytest.approx((one.low, one.high))


def test_one_pair_has_a_mean_and_no_interval():
    one = estimate([0.5])
    assert one.mean == 0.5
    assert np.isnan([one.low, one.high]).all()
    assert not one.excludes_zero


def test_no_pair_has_no_mean():
    with pytest.raises(ValueError, match="no pair"):
        estimate([])


def test_a_variant_does_not_differ_from_itself():
    values = {f"p{n}": value for n, value in enumerate(np.random.default_rng(4).random(12))}
    same = compare(values, values)
    assert same.difference == Estimate(0, 0, 0, 12)
    assert (same.larger, same.smaller) == (0, 0)
    assert not same.difference.excludes_zero


def test_a_small_steady_difference_shows_although_pairs_differ_far_more():
    rng = np.random.default_rng(5)
    reference = {f"p{n}": value for n, value in enumerate(rng.random(20))}
    better = {pair: value + 0.01 + 0.001 * rng.random() for pair, value in reference.items()}
    found = compare(better, reference)
    assert 0.01 < found.difference.low <= found.difference.high < 0.011
    assert (found.larger, found.smaller) == (20, 0)
    assert found.difference.excludes_zero
    unpaired = [estimate([*each.values()]) for each in (better, reference)]
    assert unpaired[0].low < unpaired[1].high


def test_only_pairs_that_both_have_are_compared():
    found = compare({"a": 3.0, "b": 1.0, "c": 9.0}, {"a": 1.0, "b": 2.0, "d": 0.0})
    assert found.difference.mean == 0.5
    assert found.difference.count == 2
    assert (found.larger, found.smaller) == (1, 1)
    assert compare({"a": 1.0}, {"b": 1.0}) is None
