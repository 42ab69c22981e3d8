"""Parts: where A and B' are matched by what belongs to them, what is alone, and both in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dia_pipeline.settings import HOPELESS, SOUND

CHANCE = 50
"""Percent: a position that is matched less likely than this is alone."""

WORTH_SAYING = 0.1
"""Smallest share of an image that is alone and told in words."""

ASIDE = 0.25
"""So far from the middle, as a share of half a side, lies what is on one side."""

REMEDY = (
    "give images of the same kind of scene; or labels or points, if the parts that belong together "
    "are there but look unlike"
)

Percents = tuple[tuple[int, ...], ...]
"""Rows of whole numbers from 0 to 100: one for each position of an image."""


@dataclass(frozen=True)
class Parts:
    """How likely every part of an image is matched by what belongs to it, in percent.

    Attributes:
        a: of A.
        b_prime: of B', as it is given.
    """

    a: Percents
    b_prime: Percents

    @classmethod
    def of(cls, a: np.ndarray, b_prime: np.ndarray) -> Parts:
        """The parts by shares (h, w) from 0 to 1."""
        return cls(*map(_percents, (a, b_prime)))

    @classmethod
    def read(cls, record: dict[str, Any]) -> Parts:
        """What `asdict` recorded, as it comes back from JSON."""
        return cls(*(tuple(map(tuple, record[name])) for name in ("a", "b_prime")))

    @property
    def confidence(self) -> float:
        """The share of both images that is matched by what belongs to it: 0 to 1, two digits."""
        means = [float(np.mean(percents)) for percents in (self.a, self.b_prime)]
        return round(sum(means) / 200, 2)

    @property
    def alone(self) -> str:
        """What is matched by nothing that belongs to it, in words; empty if that is little."""
        named = {"A": self.a, "B'": self.b_prime}
        told = ", ".join(filter(None, (_alone(*each) for each in named.items())))
        return told and f"nothing belongs to {told}"


def verdict(confidence: float) -> str:
    """The confidence in a word."""
    if confidence >= SOUND:
        return "sound"
    return "hopeless" if confidence < HOPELESS else "doubtful"


def loneliness(percents: Percents) -> np.ndarray:
    """How clearly nothing belongs to a position: 255 at 0 percent, 0 from an even chance on.

    Returns:
        (h, w) uint8.
    """
    return np.rint(255 * np.clip(1 - np.array(percents) / CHANCE, 0, 1)).astype(np.uint8)


def _percents(shares: np.ndarray) -> Percents:
    return tuple(map(tuple, np.rint(100 * shares).astype(int).tolist()))


def _alone(name: str, percents: Percents) -> str:
    """How much of an image is alone, and on which side that lies."""
    alone = np.array(percents) < CHANCE
    share = alone.mean()
    if share < WORTH_SAYING:
        return ""
    places = [
        names[int(aside > 0)]
        for positions, side, names in zip(
            np.nonzero(alone), alone.shape, (("above", "below"), ("left", "right")), strict=True
        )
        if abs(aside := (positions.mean() + 0.5) / side * 2 - 1) > ASIDE
    ]
    where = f" ({' '.join(places)})" if places else ""
    return f"{share:.0%} of {name}{where}"
