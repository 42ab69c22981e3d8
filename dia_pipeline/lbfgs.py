"""L-BFGS with a strong Wolfe line search (Nocedal and Wright, algorithms 7.4, 7.5, 3.5 and 3.6).

Unlike torch's own, its sums do not depend on the number of threads, and it stops at a gradient
relative to the first one, as the paper's authors do.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch

Function = Callable[[torch.Tensor], tuple[float, torch.Tensor]]
"""Value and gradient at a point; point and gradient have the same shape, of at least 2 axes."""

DECREASE = 1e-4
CURVATURE = 0.9
MOST_STEPS = 20


@dataclass
class Minimum:
    """Where the search ended: the point, and the value after each iteration, the start's first."""

    point: torch.Tensor
    values: list[float]


@dataclass
class _Trial:
    """A point on the search line."""

    step: float
    value: float
    slope: float
    point: torch.Tensor
    gradient: torch.Tensor


def minimise(
    function: Function,
    start: torch.Tensor,
    iterations: int,
    history: int = 4,
    tolerance: float = 1e-4,
) -> Minimum:
    """Minimise a smooth function.

    Args:
        function: see `Function`.
        start: the first point, (C, ...).
        iterations: most line searches.
        history: pairs of steps and gradient changes remembered.
        tolerance: stop when the gradient's norm has fallen to this share of the first one's.
    """
    value, gradient = function(start)
    trial = _Trial(0.0, value, 0.0, start, gradient)
    values = [value]
    enough = tolerance * math.sqrt(dot(gradient, gradient))
    pairs: deque = deque(maxlen=history)
    for _ in range(iterations):
        square = dot(trial.gradient, trial.gradient)
        if math.sqrt(square) <= enough or square == 0:
            break
        direction = _direction(trial.gradient, pairs)
        first = 1.0 if pairs else 2 * trial.value / square  # exact if the minimum is 0
        found = _line_search(function, trial, direction, first)
        if found is None:
            break
        change = found.gradient - trial.gradient
        move = found.point - trial.point
        curvature = dot(change, move)
        if curvature > 0:
            pairs.append((move, change, curvature))
        trial = found
        values.append(trial.value)
    return Minimum(trial.point, values)


def dot(a: torch.Tensor, b: torch.Tensor) -> float:
    """Sum of products, the same whatever the number of threads: channel by channel, then double."""
    return (a * b).flatten(1).sum(dim=1).double().sum().item()


def _direction(gradient: torch.Tensor, pairs: deque) -> torch.Tensor:
    """Minus the inverse Hessian's estimate times the gradient (the two-loop recursion)."""
    direction = -gradient
    weights = []
    for move, change, curvature in reversed(pairs):
        weight = dot(move, direction) / curvature
        direction.add_(change, alpha=-weight)
        weights.append(weight)
    if pairs:
        _, change, curvature = pairs[-1]
        direction.mul_(curvature / dot(change, change))
    for (move, change, curvature), weight in zip(pairs, reversed(weights), strict=True):
        direction.add_(move, alpha=weight - dot(change, direction) / curvature)
    return direction


def _line_search(
    function: Function, start: _Trial, direction: torch.Tensor, step: float
) -> _Trial | None:
    """A step that satisfies the strong Wolfe conditions, else the best found; None if none is."""
    slope = dot(start.gradient, direction)
    low = _Trial(0.0, start.value, slope, start.point, start.gradient)
    high: _Trial | None = None  # the other end of the interval, once there is one
    for _ in range(MOST_STEPS):
        point = start.point + step * direction
        value, gradient = function(point)
        trial = _Trial(step, value, dot(gradient, direction), point, gradient)
        if not value <= start.value + DECREASE * step * slope or value >= low.value:
            high = trial
        else:
            if abs(trial.slope) <= -CURVATURE * slope:
                return trial
            if trial.slope * ((high.step if high else math.inf) - low.step) >= 0:
                high = low
            low = trial
        step = _between(low, high) if high else 4 * step
    return low if low.step > 0 else None


def _between(low: _Trial, high: _Trial) -> float:
    """The minimum of the parabola through low's value and slope and high's value, safeguarded."""
    width = high.step - low.step
    bend = high.value - low.value - low.slope * width
    share = -low.slope * width / (2 * bend) if bend > 0 and math.isfinite(bend) else 0.5
    return low.step + width * min(max(share, 0.1), 0.9)
