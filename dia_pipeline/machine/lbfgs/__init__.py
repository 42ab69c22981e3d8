"""L-BFGS with a strong Wolfe line search (Nocedal and Wright, algorithms 7.4, 7.5, 3.5 and 3.6).

Directions are found among the coefficients of the remembered vectors, from their products alone
(Chen et al., "Large-scale L-BFGS using MapReduce", 2014): one pass over the memory for the new
products of an iteration and one for the direction, instead of four for every remembered step.
No sum depends on the number of threads. A GPU is waited for once an evaluation: value, slope and
the products that the next direction needs are read together. The search stops at a gradient
relative to the first one, as the paper's authors do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import torch

Function = Callable[[torch.Tensor], tuple[Any, torch.Tensor]]
"""Value and gradient at a point. The value is as the backend's `dot` gives it (see `sums`); point
and gradient are contiguous, of the same shape, with at least 2 axes."""

DECREASE = 1e-4
CURVATURE = 0.9
MAX_STEPS = 20


@dataclass
class Minimum:
    """Where the search ended: the point, and the value after each iteration, the start's first."""

    point: torch.Tensor
    values: list[float]


@dataclass
class _Trial:
    """A point on the search line, and the products of what the memory holds if it is taken."""

    step: float
    value: float
    slope: float
    point: torch.Tensor
    gradient: torch.Tensor
    products: np.ndarray


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
        start: the first point, (N, ...).
        iterations: most line searches.
        history: pairs of steps and gradient changes remembered.
        tolerance: stop when the gradient's norm has fallen to this share of the first one's.
    """
    backend = sums(start.device)
    last = 2 * history
    memory = start.new_zeros(last + 1, *start.shape)  # the steps, their gradient changes, gradient
    direction = torch.empty_like(start)
    gram = np.zeros((last + 1, last + 1))
    new = [last]
    value, gradient = function(start)
    memory[last] = gradient
    value, products = backend.read(value, backend.products(memory, new))
    trial = _Trial(0.0, value, 0.0, start, gradient, products)
    values = [value]
    enough = 0.0
    for iteration in range(iterations):
        gram[new] = trial.products
        gram[:, new] = gram[new].T
        norm = math.sqrt(gram[last, last])
        enough = enough or tolerance * norm
        if norm <= enough or norm == 0:
            break
        newest = [(iteration - 1 - age) % history for age in range(min(iteration, history))]
        used = [step for step in newest if gram[step, history + step] > 0]
        weights = _direction(gram, used, history)
        slope = float(gram[last] @ weights)
        backend.combine(weights, memory, direction)
        first = 1.0 if used else 2 * trial.value / norm**2  # exact if the minimum is 0
        new = [iteration % history, history + iteration % history, last]
        attempt = partial(_attempt, function, trial, direction, memory, new)
        found = _line_search(attempt, trial, slope, first)
        if found is None:
            break
        trial = found
        values.append(trial.value)
    return Minimum(trial.point, values)


def sums(device: torch.device) -> ModuleType:
    """The backend of `products`, `combine`, `dot` and `read` for a device; see `reference`."""
    if device.type == "cpu":
        from dia_pipeline.machine.lbfgs import cpu

        return cpu
    from dia_pipeline.machine.lbfgs import reference

    return reference


def _direction(gram: np.ndarray, newest: list[int], history: int) -> np.ndarray:
    """Minus the inverse Hessian's estimate times the gradient (the two-loop recursion).

    Args:
        gram: products of the remembered steps, gradient changes and the gradient, in this order.
        newest: the pairs to use, the newest first.

    Returns:
        The weights of the same vectors in the direction.
    """
    weights = np.zeros(len(gram))
    weights[-1] = -1
    shares = []
    for step in newest:
        change = history + step
        share = gram[step] @ weights / gram[step, change]
        weights[change] -= share
        shares.append(share)
    if newest:
        change = history + newest[0]
        weights *= gram[newest[0], change] / gram[change, change]
    for step, share in zip(reversed(newest), reversed(shares), strict=True):
        change = history + step
        weights[step] += share - gram[change] @ weights / gram[step, change]
    return weights


def _attempt(
    function: Function,
    start: _Trial,
    direction: torch.Tensor,
    memory: torch.Tensor,
    new: list[int],
    length: float,
) -> _Trial:
    """Go so far along a direction, and remember the step, the gradient's change and the gradient.

    They replace the oldest ones, `new`, which no direction needs any more.
    """
    backend = sums(direction.device)
    point = torch.add(start.point, direction, alpha=length)
    value, gradient = function(point)
    step, change, last = new
    torch.mul(direction, length, out=memory[step])
    torch.sub(gradient, start.gradient, out=memory[change])
    memory[last] = gradient
    slope, products = backend.dot(gradient, direction), backend.products(memory, new)
    value, slope, products = backend.read(value, slope, products)
    return _Trial(length, value, slope, point, gradient, products)


def _line_search(
    attempt: Callable[[float], _Trial], start: _Trial, slope: float, step: float
) -> _Trial | None:
    """The trial of a step that satisfies the strong Wolfe conditions, else the best; None if none.

    It is the latest attempt.
    """
    low = replace(start, step=0.0, slope=slope)
    high: _Trial | None = None  # the other end of the interval, once there is one
    for _ in range(MAX_STEPS):
        trial = attempt(step)
        enough = start.value + DECREASE * step * slope
        if not trial.value <= enough or trial.value >= low.value:
            high = trial
        else:
            if abs(trial.slope) <= -CURVATURE * slope:
                return trial
            if trial.slope * ((high.step if high else math.inf) - low.step) >= 0:
                high = low
            low = trial
        step = _between(low, high) if high else 4 * step
    return attempt(low.step) if low.step > 0 else None


def _between(low: _Trial, high: _Trial) -> float:
    """The minimum of the parabola through low's value and slope and high's value, safeguarded."""
    width = high.step - low.step
    bend = high.value - low.value - low.slope * width
    share = -low.slope * width / (2 * bend) if bend > 0 and math.isfinite(bend) else 0.5
    return low.step + width * min(max(share, 0.1), 0.9)
