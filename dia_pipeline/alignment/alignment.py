"""How B' lies to A: the two images, the pose of B', and what follows from that."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from dia_pipeline.algorithm.aggregation import full_field, nearest_pixels
from dia_pipeline.algorithm.coarse_to_fine import Level
from dia_pipeline.alignment.canvas import Canvas
from dia_pipeline.alignment.pose import Pose
from dia_pipeline.networks.sizes import Size
from dia_pipeline.settings import Settings


@dataclass(frozen=True, eq=False)
class Alignment:
    """A pair in a pose. What follows from that is made once, when it is first asked for.

    Attributes:
        a, b_prime: (H, W, 3) uint8 RGB.
        pose: of B'.
    """

    a: np.ndarray
    b_prime: np.ndarray
    pose: Pose
    settings: Settings

    @cached_property
    def size(self) -> Size:
        """That of A."""
        return Size.of(self.a.shape, self.settings)

    @cached_property
    def canvas(self) -> Canvas:
        """Where B' is drawn in its pose."""
        return Canvas.of(self.pose.matrix, self.a.shape, self.b_prime.shape, self.settings)

    @cached_property
    def drawn(self) -> np.ndarray:
        """B' on the canvas, (H, W, 3) uint8."""
        return self.canvas.draw(self.b_prime)

    def positions(self, number: int, level: Level) -> torch.Tensor:
        """For every pixel of A its place on the canvas by a level alone, (H, W, 2) float32."""
        sizes = self.size, self.canvas.size
        return full_field(level.nnf_ab, number, self.a, *sizes, self.settings)

    def nnf(self, positions: torch.Tensor) -> np.ndarray:
        """Positions of A's pixels as a field into B' as it is given, (H, W, 2) int32."""
        return self.canvas.restore_targets(nearest_pixels(positions).numpy())
