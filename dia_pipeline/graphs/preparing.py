"""What is found out of the frames of a sequence before any is matched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dia_pipeline.io.frames import check_size
from dia_pipeline.io.images import ImageError, write_image
from dia_pipeline.store.folders import Written

if TYPE_CHECKING:
    from dia_pipeline.graphs.carrying import Carrying
    from dia_pipeline.machine.effort import Progress
    from dia_pipeline.store.frames import FrameFile

PREPARE = "prepare"
"""The step, as `machine.effort` has those of a pair."""

MEDIAN_FRAMES = 64
"""Most frames, evenly picked, of which the median of a scene is taken."""


def prepare(
    folder: Path,
    frames: list[FrameFile],
    medians: bool,
    progress: Progress,
    carrying: Carrying,
) -> Written:
    """Read every frame; find gaps and scenes, and write the median of every scene if asked.

    Args:
        carrying: carries what is said of some frames to those after them.

    Raises:
        ImageError: no frame can be read.
        GuidanceError, PointsError: what is said of a frame cannot be used.
    """
    from dia_pipeline.temporal.motion import is_cut

    gaps: dict[int, str] = {}
    scenes: list[int] = []
    before, size = None, None
    for number, frame in enumerate(frames):
        progress(0, PREPARE, number / len(frames))
        try:
            image = frame.ensure()
            check_size(frame.path, image, size)
        except ImageError as error:
            gaps[number] = str(error)
            continue
        size = image.shape[:2]
        if before is None or is_cut(before, image):
            scenes.append(number)
            before = None
        carrying.follow(number, image, before)
        before = image
    if size is None:
        raise ImageError(frames[0].path, "no frame can be read", gaps[0])
    written = carrying.written
    if medians:
        for start, stop in zip(scenes, [*scenes[1:], len(frames)], strict=True):
            inside = [frames[number] for number in range(start, stop) if number not in gaps]
            name = median_name(start)
            written[name] = write_image(folder / name, _median(inside))
    reasons = {str(number): reason for number, reason in gaps.items()}
    return Written(written, {"scenes": scenes, "gaps": reasons, "size": list(size)})


def median_name(start: int) -> str:
    """The file of the median of the scene that begins at a frame."""
    return f"median-{start + 1:04d}.png"


def _median(frames: list[FrameFile]) -> np.ndarray:
    """The temporal median, (H, W, 3) uint8: what stands still, without what passes by."""
    picked = frames[:: -(-len(frames) // MEDIAN_FRAMES)]
    return np.median([frame.ensure() for frame in picked], axis=0).astype(np.uint8)
