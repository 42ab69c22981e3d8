"""How long the steps of a pair take, told beforehand, and the time that is left while they run.

The work of a step follows from sizes and settings alone. What a unit of work costs was measured on
two cores of one machine; on others all steps take so many times longer or shorter, and how many
times, the steps that are done tell.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import accumulate

from dia_pipeline.networks.backbones import ENTRIES, Entry
from dia_pipeline.networks.sizes import Size
from dia_pipeline.settings import FEATURE_MATCHERS, Settings

FEATURES, MATCH, RECONSTRUCT, COMPOSE = "features", "match", "reconstruct", "compose"
"""The steps of a pair; the first and the last are of level 0, the images themselves."""

Progress = Callable[[int, str, float], None]
"""Told the level, the step, and the share of it that is done: 0 where it begins."""

Efforts = dict[tuple[int, str], float]
"""Seconds by level and step, in their order."""

FORWARD = 1.5e-12
"""Seconds a multiplication of the network's convolutions."""

EVALUATION = 4.0e-12
"""The same, there and back while features are reconstructed, with what L-BFGS adds."""

MORE = 3
"""Evaluations beside those of the iterations: two to begin with, and one finds the coordinates."""

SEARCH = 2.7e-10
"""Seconds a product of two values of patches and an iteration of the search."""

POSE = 1.0
"""Seconds in which a pose is found."""

COMPOSITION = 1e-6
"""Seconds a pixel of an image that is put together."""

TAKING = 3e-6
"""Seconds a pixel of an image of which not everything is taken."""

PRIOR = 2.0
"""So many seconds of work count what is expected beside what is measured."""


def efforts(a: tuple[int, ...], b_prime: tuple[int, ...], settings: Settings) -> Efforts:
    """The seconds that the steps of a pair are expected to take.

    Args:
        a, b_prime: height and width of the images; 0 where that is not known.

    Returns:
        Nothing where a size is not known, and for matchers that work on the images themselves.
    """
    if settings.matcher not in FEATURE_MATCHERS or not all((*a, *b_prime)):
        return {}
    made = (a, b_prime) if settings.directions == "both" else (a,)
    return {
        (0, FEATURES): pose_effort(settings)
        + sum(features_effort(shape, settings) for shape in (a, b_prime)),
        **level_efforts(a, b_prime, settings),
        (0, COMPOSE): sum(compose_effort(shape, settings) for shape in made),
    }


def pose_effort(settings: Settings) -> float:
    """The seconds in which the pose of B' is found, where it is looked for."""
    return POSE if settings.finds_pose else 0.0


def features_effort(shape: tuple[int, ...], settings: Settings) -> float:
    """The seconds that the features of an image of this height and width take."""
    return FORWARD * _products(_entry(settings), 0, 5) * _pixels(shape, settings)


def level_efforts(a: tuple[int, ...], b_prime: tuple[int, ...], settings: Settings) -> Efforts:
    """The seconds that the levels of a pair take."""
    made = (a, b_prime) if settings.directions == "both" else (a,)
    pixels = sum(_pixels(shape, settings) for shape in made)
    entry, found = _entry(settings), {}
    for level in settings.levels:
        found[level, MATCH] = SEARCH * _compared(entry, level, settings) * pixels
        if settings.matcher == "hierarchical" and level > settings.finest:
            iterations = settings.deconvolved(level)
            each = EVALUATION * (iterations + MORE) if iterations else FORWARD
            found[level, RECONSTRUCT] = each * _products(entry, level - 2, level) * pixels
    return found


def compose_effort(shape: tuple[int, ...], settings: Settings) -> float:
    """The seconds in which an image of this height and width is put together."""
    taken = TAKING if settings.take != "everything" else 0.0
    return (COMPOSITION + taken) * math.prod(shape)


def _entry(settings: Settings) -> Entry:
    return ENTRIES.get(settings.backbone, ENTRIES["vgg19"])


def _pixels(shape: tuple[int, ...], settings: Settings) -> int:
    """The pixels of an image as the network sees it."""
    return math.prod(Size.of(shape, settings).working)


def _products(entry: Entry, start: int, end: int) -> float:
    """Multiplications a pixel of the image, from level `start` to level `end`."""
    return sum(
        math.prod(entry.shapes[f"conv{block}_{number}.weight"]) / 4 ** (block - 1)
        for block, number in entry.positions
        if (start, 1) < (block, number) <= (end, 1)
    )


def _compared(entry: Entry, level: int, settings: Settings) -> float:
    """Products of values a pixel of the image that the search of a level looks at."""
    values = entry.channels[level - 1] * settings.patch(level) ** 2
    return settings.iterations * values / 4 ** (level - 1)


class Estimate:
    """How far pairs are that are processed one after another, and how long they still take.

    Args:
        efforts: of each pair, or of all that is made of a sequence.
        clock: the time in seconds.
    """

    def __init__(self, efforts: Iterable[Efforts], clock: Callable[[], float] = time.monotonic):
        steps = [each for pair in efforts for each in pair.items()]
        self._steps = [step for step, _ in steps]
        self._before = list(accumulate((effort for _, effort in steps), initial=0.0))
        self._clock = clock
        self._number = self._next = 0
        self._share = self._skipped = 0.0
        self._began = self._told = clock()

    @property
    def whole(self) -> float:
        """The seconds that everything is expected to take."""
        return self._before[-1]

    @property
    def done(self) -> float:
        """The seconds that what is done was expected to take."""
        before, after = self._before[self._number : self._number + 2] if self._steps else (0.0, 0.0)
        return before + self._share * (after - before)

    @property
    def left(self) -> float:
        """The seconds that the rest takes: as expected, but as much slower or faster as before."""
        measured, expected = self._told - self._began, self.done - self._skipped
        pace = (PRIOR + measured) / (PRIOR + expected)
        return max(0.0, pace * (self.whole - self.done) - (self._clock() - self._told))

    def __str__(self) -> str:
        if not self.whole:
            return ""
        return f"{int(100 * self.done / self.whole)}%, {timedelta(seconds=round(self.left))} left"

    def tell(self, level: int, step: str, share: float) -> None:
        """See `Progress`."""
        following = range(self._number, len(self._steps))
        number = next((n for n in following if self._steps[n] == (level, step)), self._number)
        self._told = self._clock()
        if not self._next:
            self._began = self._told
        # What lies between the step before and this one was there already and took no time.
        self._skipped += self._before[number] - self._before[min(self._next, number)]
        self._number, self._next, self._share = number, number + 1, share


def ticks(progress: Progress, level: int, step: str, count: int) -> Callable[[], None]:
    """Begin a step of so many parts; what is returned is to be called after each."""
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        progress(level, step, min(1.0, done / count))

    progress(level, step, 0.0)
    return tick
