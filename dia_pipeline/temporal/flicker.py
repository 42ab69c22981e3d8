"""How much the frames of a sequence change, and how much of that nothing explains."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import isfinite
from statistics import fmean
from typing import NamedTuple

import numpy as np
from scipy.special import rel_entr

from dia_pipeline.temporal.motion import flow_between, grid, sample, trusted

STEPS = (1, 2, 4)
"""How many frames apart those are whose colours are compared."""


class Flows(NamedTuple):
    """How a content moves between two neighbouring frames, and where that is known.

    Attributes:
        back: the flow (H, W, 2) from the frame to the one before.
        agreed: (H, W) bool, where that and the flow from there lead home.
        on: the flow from the frame before to the frame.
        visible: (H, W) bool, where that also does, away from the edges of what moves.
    """

    back: np.ndarray
    agreed: np.ndarray
    on: np.ndarray
    visible: np.ndarray


class Steadiness:
    """How a video holds still from frame to frame; the frames are added in order."""

    def __init__(self) -> None:
        self._found: dict[str, list[float]] = defaultdict(list)
        self._scenes: list[list[np.ndarray]] = []
        self._before: np.ndarray | None = None

    def add(self, frame: np.ndarray, motion: Flows | None) -> None:
        """Add a frame (H, W, 3) uint8.

        Args:
            motion: that of the content since the frame before; None where a scene begins.
        """
        if motion is None or self._before is None:
            self._scenes.append([])
        else:
            self._found["flicker"].append(unexplained(frame, self._before, motion))
            self._found["change"].append(change(frame, self._before))
            self._found["warp_error"].append(warp_error(frame, self._before, motion))
        self._scenes[-1].append(histograms(frame))
        self._before = frame

    def measures(self) -> dict[str, float]:
        """The means over all frames, by the name of the measure; those not known are left out."""
        found = {name: _mean(values) for name, values in self._found.items()}
        found["cdc"] = colour_consistency(self._scenes)
        return {name: value for name, value in found.items() if isfinite(value)}


def change(frame: np.ndarray, before: np.ndarray) -> float:
    """The mean absolute difference of two frames (H, W, 3) uint8, in grey levels."""
    return float(np.abs(frame.astype(float) - before).mean())


def relighting_error(frame: np.ndarray, before: np.ndarray, explained: np.ndarray) -> float:
    """Change of a relit frame that the change of its reference does not explain, in grey levels.

    Args:
        frame, before: A' of two neighbouring frames, (H, W, 3) uint8, with everything taken.
        explained: what `frame`'s own field makes of the reference of `before`. With its fields
            unchanged a sequence has `explained` equal to `before`, and no error.
    """
    change_of_reference = frame.astype(float) - explained
    return float(np.abs(frame.astype(float) - before - change_of_reference).mean())


def restyling_error(
    frame: np.ndarray, before: np.ndarray, content: np.ndarray, content_before: np.ndarray
) -> float:
    """Change of a restyled video's frame that the motion of its content does not explain.

    The frame before is carried along the optical flow of the content; only where forward and
    backward flow agree it counts.

    Returns:
        Mean absolute difference in grey levels; 0 where nothing is visible in both frames.
    """
    return unexplained(frame, before, motion_of(content, content_before))


def motion_of(content: np.ndarray, content_before: np.ndarray) -> Flows:
    """The motion between two frames (H, W, 3) uint8 of a content, which are neighbours."""
    back, on = flow_between(content, content_before), flow_between(content_before, content)
    return Flows(back, trusted(back, on), on, trusted(on, back) & ~boundaries(on))


def boundaries(flow: np.ndarray) -> np.ndarray:
    """Where a flow (H, W, 2) has the edges of what moves, (H, W) bool.

    Ruder, Dosovitskiy and Brox, "Artistic Style Transfer for Videos", 2016: the squares of its
    gradients exceed a hundredth of its own square by more than 0.002.
    """
    steps = (np.diff(flow, axis=axis, append=flow.take([-1], axis)) for axis in (0, 1))
    steep = sum((step**2).sum(axis=-1) for step in steps)
    return steep > 0.01 * (flow**2).sum(axis=-1) + 0.002


def unexplained(frame: np.ndarray, before: np.ndarray, motion: Flows) -> float:
    """The `restyling_error` by a motion that is known."""
    difference = np.abs(frame - _carried(before, motion.back))[motion.agreed]
    return float(difference.mean()) if difference.size else 0.0


def warp_error(frame: np.ndarray, before: np.ndarray, motion: Flows) -> float:
    """The mean squared difference between the frame before and this one, carried back to it.

    Lai et al., "Learning Blind Video Temporal Consistency", 2018, with values from 0 to 1 and the
    mean over the channels, as their program counts.

    Returns:
        From 0 to 1; NaN where nothing is visible in both frames.
    """
    difference = (before - _carried(frame, motion.on))[motion.visible] / 255
    return float((difference**2).mean()) if difference.size else float("nan")


def histograms(frame: np.ndarray) -> np.ndarray:
    """The share of each value in each channel of a frame (H, W, 3) uint8: (3, 256) float."""
    counts = [np.bincount(channel.ravel(), minlength=256) for channel in np.moveaxis(frame, -1, 0)]
    return np.array(counts) / (frame.size / len(counts))


def colour_consistency(scenes: Iterable[Sequence[np.ndarray]]) -> float:
    """How far the colours of frames that are near in time differ: the colour distribution
    consistency (CDC) of Liu et al., "Temporally Consistent Video Colorization", 2024.

    The mean Jensen-Shannon divergence in nats of the `histograms` of a channel in two frames of a
    scene; first over all that are so many of STEPS apart, then over these.

    Args:
        scenes: of each scene the `histograms` of its frames in order.

    Returns:
        From 0 to the natural logarithm of 2; NaN where no scene has more frames than the last step.
    """
    scenes = list(scenes)
    by_step = [
        [_divergence(*both) for scene in scenes for both in zip(scene, scene[step:], strict=False)]
        for step in STEPS
    ]
    return float(np.mean([np.mean(each) for each in by_step])) if all(by_step) else float("nan")


def _divergence(one: np.ndarray, other: np.ndarray) -> float:
    """The Jensen-Shannon divergence in nats of distributions (C, N), the mean over the channels."""
    middle = (one + other) / 2
    return float((rel_entr(one, middle) + rel_entr(other, middle)).sum(axis=-1).mean() / 2)


def _carried(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """What each pixel sees of an image (H, W, 3) uint8 at the end of its flow, float32."""
    return sample(image.astype(np.float32), grid(flow.shape[:2]) + flow)


def _mean(values: list[float]) -> float:
    """The mean of those that are known; NaN where none is."""
    known = [value for value in values if isfinite(value)]
    return fmean(known) if known else float("nan")
