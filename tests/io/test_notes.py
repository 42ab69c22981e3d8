"""What is said before the work: that B' is too small to give a large A' its detail."""

from __future__ import annotations

import pytest

from dia_pipeline.io.notes import note_on_sizes, say_once, warn_of_sizes


@pytest.mark.parametrize(
    ("a", "b_prime", "said"),
    [
        ((1000, 800), (399, 300), True),
        ((800, 1000), (300, 399), True),
        ((1000, 800), (400, 200), False),
        ((700, 700), (100, 100), False),  # an A' of this size shows no such detail
        ((2000, 1000), (3000, 3000), False),
        ((2000, 1000), (0, 0), False),  # a header that does not tell the size
        ((0, 0), (100, 100), False),
    ],
)
def test_a_b_prime_that_is_too_small_is_told_where_it_matters(a, b_prime, said):
    assert bool(note_on_sizes(a, b_prime)) == said


def test_the_note_names_both_sizes_and_what_to_do_and_is_said_once(caplog):
    say_once.cache_clear()
    for _ in range(2):
        warn_of_sizes((1000, 801, 3), (200, 301, 3))
    assert caplog.messages == [
        "B' (301x200) is too small to give A' (801x1000) its detail; take a B' of 400 pixels or "
        "more, or a smaller A"
    ]
