"""Average voting for the CPU: parallel over rows, every pixel's votes in one go."""

from __future__ import annotations

import numpy as np
import torch

from dia_pipeline.machine.compiled import divided


def vote(source, nnf, radius):
    """See `voting.vote_in_bands`; tensors on the CPU."""
    result = np.empty((*nnf.shape[:2], source.shape[2]), source.numpy().dtype)
    _vote(len(nnf), source.numpy(), nnf.contiguous().numpy(), radius, result)
    return torch.from_numpy(result)


@divided
def _vote(begin, end, source, nnf, radius, result):
    height, width = nnf.shape[:2]
    target_height, target_width, channels = source.shape
    for y in range(begin, end):
        for x in range(width):
            total = result[y, x]
            total[:] = 0
            count = 0
            for dy in range(max(-radius, y - height + 1), min(radius, y) + 1):
                for dx in range(max(-radius, x - width + 1), min(radius, x) + 1):
                    ty = nnf[y - dy, x - dx, 0] + dy
                    tx = nnf[y - dy, x - dx, 1] + dx
                    if not (0 <= ty < target_height and 0 <= tx < target_width):
                        continue
                    votes = source[ty, tx]
                    for channel in range(channels):
                        total[channel] += votes[channel]
                    count += 1
            for channel in range(channels):
                total[channel] /= count
