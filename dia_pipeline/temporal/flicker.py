"""How much the frames of a sequence change, and how much of that nothing explains."""

from __future__ import annotations

import numpy as np

from dia_pipeline.temporal.motion import flow_between, grid, sample, trusted


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


def warping_error(
    frame: np.ndarray, before: np.ndarray, content: np.ndarray, content_before: np.ndarray
) -> float:
    """Change of a restyled video's frame that the motion of its content does not explain.

    The frame before is carried along the optical flow of the content; only where forward and
    backward flow agree it counts (Lai et al., Learning Blind Video Temporal Consistency, 2018).

    Returns:
        Mean absolute difference in grey levels; 0 where nothing is visible in both frames.
    """
    return unexplained(frame, before, *motion_of(content, content_before))


def motion_of(content: np.ndarray, content_before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The flow (H, W, 2) to the frame before, and where forward and backward flow agree, (H, W)."""
    flow = flow_between(content, content_before)
    return flow, trusted(flow, flow_between(content_before, content))


def unexplained(
    frame: np.ndarray, before: np.ndarray, flow: np.ndarray, known: np.ndarray
) -> float:
    """The `warping_error` by a motion that is known: see `motion_of`."""
    carried = sample(before.astype(np.float32), grid(flow.shape[:2]) + flow)
    difference = np.abs(frame - carried)[known]
    return float(difference.mean()) if difference.size else 0.0
