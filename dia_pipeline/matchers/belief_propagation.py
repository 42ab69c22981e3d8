"""The smoothest cheap field of offsets, by min-sum belief propagation on two layers.

Every pixel p has a window of (2r + 1)^2 offsets (v, u) around a centre of its own, and its offset
w = (v, u), centre included, is to make small the energy of SIFT flow (Liu et al. 2011, section 3.1)

    sum over p of data[p, v, u] + small (|v| + |u|)
        + sum over neighbours p, q of min(slope |v_p - v_q|, most) + min(slope |u_p - u_q|, most).

As in section 3.2 there, v and u are two layers of nodes, which the data cost of each pixel joins,
so that a message is as long as a window is wide, not its square. Messages go along the rows and
then along the columns, there and back, each line by itself: the result does not depend on the
number of threads. (The windows are so small that messages are minimised directly, without the
distance transform of the paper.)
"""

from __future__ import annotations

import numba
import numpy as np

from dia_pipeline.machine.compiled import compiled


@compiled
def propagate(data, centre, small, slope, most, iterations):
    """Belief propagation.

    Args:
        data: (H, W, S, S) float32, the cost of every offset (v, u) in the window, S = 2r + 1.
        centre: (H, W, 2) int32, the offset in the middle of every pixel's window.
        small, slope, most: the weights above.
        iterations: rounds of four sweeps.

    Returns:
        (H, W, 2) int32, the offset of every pixel, centre included.
    """
    height, width, side, _ = data.shape
    offsets = np.empty_like(centre)
    messages = np.zeros((height, width, 2, 4, side), np.float32)
    beliefs = np.empty((height, width, 2, side), np.float32)  # all but the data: `small`, messages
    for y in numba.prange(height):
        for x in range(width):
            for layer in range(2):
                for i in range(side):
                    beliefs[y, x, layer, i] = small * abs(centre[y, x, layer] + i - side // 2)
    state = data, centre, messages, beliefs, np.float32(slope), np.float32(most)
    for turn in range(2 * iterations):
        axis = turn % 2
        for line in numba.prange(height if axis == 0 else width):
            _sweep(state, axis, np.int64(line))
    for y in numba.prange(height):
        for x in range(width):
            v, u = _best_pair(data[y, x], beliefs[y, x])
            offsets[y, x, 0] = centre[y, x, 0] + v - side // 2
            offsets[y, x, 1] = centre[y, x, 1] + u - side // 2
    return offsets


@numba.njit
def _sweep(state, axis, line):
    """All messages along a row (axis 0) or a column (axis 1), there and back."""
    last = state[0].shape[1 - axis] - 1
    for k in range(2 * last):
        at, to = (k, k + 1) if k < last else (2 * last - k, 2 * last - k - 1)
        pixel, neighbour = ((line, at), (line, to)) if axis == 0 else ((at, line), (to, line))
        for layer in range(2):
            _send(state, layer, pixel, neighbour, 2 * axis + (k >= last))


@numba.njit
def _send(state, layer, pixel, neighbour, origin):
    """The message of a pixel to its neighbour on one layer.

    It comes from `origin` there: left 0, right 1, above 2, below 3. For every offset j of the
    neighbour it holds the least cost of the pixel's offsets i, less the least of all j.
    """
    data, centre, messages, beliefs, slope, most = state
    (y, x), (to_y, to_x), side = pixel, neighbour, data.shape[2]
    costs = np.empty(side, np.float32)
    for i in range(side):
        best = np.float32(np.inf)  # what the other layer says, through the data
        for j in range(side):
            cost = data[y, x, i, j] if layer == 0 else data[y, x, j, i]
            best = min(best, cost + beliefs[y, x, 1 - layer, j])
        costs[i] = best + beliefs[y, x, layer, i] - messages[y, x, layer, origin ^ 1, i]
    shift = centre[to_y, to_x, layer] - centre[y, x, layer]
    ceiling = _least(costs) + most
    message = np.empty(side, np.float32)
    for j in range(side):
        best = ceiling
        for i in range(side):
            best = min(best, costs[i] + slope * np.float32(abs(j + shift - i)))
        message[j] = best
    least = _least(message)
    for j in range(side):
        change = message[j] - least - messages[to_y, to_x, layer, origin, j]
        messages[to_y, to_x, layer, origin, j] += change
        beliefs[to_y, to_x, layer, j] += change


@numba.njit
def _least(values):
    least = values[0]
    for value in values:
        least = min(least, value)
    return least


@numba.njit
def _best_pair(data, beliefs):
    """The window indices (v, u) of the least cost."""
    best, best_v, best_u = np.inf, 0, 0
    for v in range(data.shape[0]):
        for u in range(data.shape[1]):
            cost = data[v, u] + beliefs[0, v] + beliefs[1, u]
            if cost < best:
                best, best_v, best_u = cost, v, u
    return best_v, best_u
