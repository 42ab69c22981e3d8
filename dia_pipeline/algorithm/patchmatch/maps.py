"""The maps that PatchMatch compares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch


@dataclass
class Maps:
    """The matching maps of two images, in which the source's patches look for the target's.

    Attributes:
        source: (H, W, K) float32.
        target: (h, w, K) float32.
        patch: odd patch side.
        prepared: what a backend once made of both.
    """

    source: torch.Tensor
    target: torch.Tensor
    patch: int
    prepared: Any = None

    def turned(self) -> Maps:
        """The same, with source and target exchanged."""
        prepared = self.prepared and self.prepared.turned()
        return Maps(self.target, self.source, self.patch, prepared)
