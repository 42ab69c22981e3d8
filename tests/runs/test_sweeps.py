"""What the values of a sweep are called, and how a sweep is told from other variants."""

from __future__ import annotations

import pytest

from dia_pipeline.comparisons.sweep import variants_over
from dia_pipeline.runs.sweeps import labels_of, setting_of


@pytest.mark.parametrize(
    ("variants", "labels", "setting"),
    [
        (variants_over(["blend=0,4"]), ["blend 0", "blend 4"], "blend"),
        (variants_over(["blend=0", "ratio=.5"]), ["blend 0, ratio 0.5"], ""),
        ({"more": {"blend": 0}, "less": {"blend": 4}}, ["more", "less"], ""),
        ({"plain": {}, "blend-4": {"blend": 4}}, ["plain", "blend 4"], ""),
        ({"blend-4": {"blend": 4}, "seed-1": {"seed": 1}}, ["blend 4", "seed 1"], ""),
        ({"": {}}, [""], ""),
    ],
)
def test_variants_are_values_where_their_names_say_so(variants, labels, setting):
    assert labels_of(variants) == dict(zip(variants, labels, strict=True))
    assert setting_of(variants) == setting
