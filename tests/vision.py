"""torchvision, as an independent second opinion."""

from __future__ import annotations

import torch

try:
    import torchvision
except RuntimeError:  # a torchvision built for CUDA beside a torch built for the CPU
    operators = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision

__all__ = ["torchvision"]
