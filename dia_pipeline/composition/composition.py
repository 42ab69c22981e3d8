"""Seamless composition: the image whose differences are those of the patches a field points to.

Average voting (`voting`) leaves a step wherever the field jumps inside a flat part. Here the
difference g that two neighbours p and q should have is taken from the reference R: where the field
phi goes on from p to q,  R(phi(q)) - R(phi(p));  where it jumps, the mean of what R has beside
phi(p) and beside phi(q). Around a jump, as far as the own image has an edge there, it is the
difference of the voted image V instead. The result X minimises

    sum over neighbours p, q of |X(q) - X(p) - g(p, q)|^2  +  SCREEN sum over p of |X(p) - V(p)|^2,

a screened Poisson equation (Perez et al., Poisson Image Editing, 2003; Bhat et al. 2008), which
the cosine transform solves exactly.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from dia_pipeline.pixels import as_levels, resize_image

SCREEN = 0.04
"""Weight of the voted image: a step is spread over about 1 / sqrt(SCREEN) working pixels."""

JUMP = 0.5
"""Pixels by which a field may miss its continuation and still count as going on."""

EDGE = 12.0
"""Grey levels a working pixel from which on a change of the own image counts as an edge."""

EDGE_REACH = 2
"""Working pixels around an edge in which a seam is taken for its own."""

BAND = 2**19
"""Pixels processed at a time, so that large images need little more memory."""


def compose(
    own: np.ndarray,
    reference: np.ndarray,
    positions: torch.Tensor,
    voted: torch.Tensor,
    working_size: tuple[int, ...],
) -> np.ndarray:
    """Compose one output image.

    Args:
        own: (H, W, 3) uint8 or float32, the image whose structure the output has.
        reference: (h, w, 3) uint8, or float32 in grey levels, the image that the field leads to,
            at the scale of `own`.
        positions: (H, W, 2) float32 field (y, x) into the reference.
        voted: (3, H, W) float32, the same image by average voting.
        working_size: (height, width) at which `own` was matched; edges and the reach of a step
            are measured in its pixels.

    Returns:
        (H, W, 3) of the type of `reference`.
    """
    values = torch.from_numpy(reference).permute(2, 0, 1).float()
    seamless = torch.where(_near_jump(positions), 1 - _edges(own, working_size), 1.0)
    found = _sample_all(values, positions)
    excess = torch.zeros_like(voted)
    for axis in (0, 1):
        _add_divergence(excess, values, positions, found, voted, seamless, axis)
    del found
    shrink = working_size[0] * working_size[1] / (own.shape[0] * own.shape[1])
    correction = _solve(excess, SCREEN * min(1.0, shrink))
    result = (voted + correction).permute(1, 2, 0).numpy()
    return as_levels(result, reference.dtype)


def _add_divergence(
    excess: torch.Tensor,
    values: torch.Tensor,
    positions: torch.Tensor,
    found: torch.Tensor,
    voted: torch.Tensor,
    seamless: torch.Tensor,
    axis: int,
) -> None:
    """Add what the wanted differences along an axis exceed the voted ones by, as a divergence.

    Args:
        excess: (3, H, W), is added to.
        found: (3, H, W), what the reference has where the field leads.
        seamless: (H, W), from 0, the voted difference, to 1, the wanted one.
    """
    height, width = positions.shape[:2]
    pairs = height - (axis == 0)
    rows = max(1, BAND // width)
    for top in range(0, pairs, rows):
        stop = min(top + rows, pairs)
        here = (slice(top, stop), slice(0, width - axis))
        there = (slice(top + 1, stop + 1), slice(None)) if axis == 0 else (here[0], slice(1, None))
        step = voted[:, *there] - voted[:, *here]
        wanted = found[:, *there] - found[:, *here]
        jumps = _jumps(positions[here], positions[there], axis)
        if jumps.any():
            sides = positions[here][jumps], positions[there][jumps]
            wanted[:, jumps] = _beside(values, *sides, wanted[:, jumps], axis)
        missing = torch.minimum(seamless[here], seamless[there]) * (wanted - step)
        excess[:, *here] -= missing
        excess[:, *there] += missing


def _beside(
    values: torch.Tensor, here: torch.Tensor, there: torch.Tensor, across: torch.Tensor, axis: int
) -> torch.Tensor:
    """The mean difference (3, N) that the reference has beside the two sides of jumps (N, 2).

    Args:
        across: (3, N), the differences across the jumps.
    """
    unit = torch.tensor([1.0 - axis, axis])
    after, before = _sample(values, here + unit), _sample(values, there - unit)
    return (after - before + across) / 2


def _near_jump(positions: torch.Tensor) -> torch.Tensor:
    """The pixels (H, W) whose votes come from both sides of a jump."""
    near = torch.zeros(positions.shape[:2])
    down = _jumps(positions[:-1], positions[1:], 0)
    near[:-1] += down
    near[1:] += down
    right = _jumps(positions[:, :-1], positions[:, 1:], 1)
    near[:, :-1] += right
    near[:, 1:] += right
    return functional.max_pool2d(near[None, None], 3, stride=1, padding=1)[0, 0] > 0


def _jumps(here: torch.Tensor, there: torch.Tensor, axis: int) -> torch.Tensor:
    """Where the field does not go on from a pixel to its neighbour."""
    unit = torch.tensor([1.0 - axis, axis])
    return (there - here - unit).abs().amax(-1) > JUMP


def _sample_all(values: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """The values (3, H, W) of a map at positions (H, W, 2)."""
    height, width = positions.shape[:2]
    result = values.new_empty(3, height, width)
    rows = max(1, BAND // width)
    for top in range(0, height, rows):
        band = positions[top : top + rows]
        result[:, top : top + rows] = _sample(values, band.reshape(-1, 2)).view(3, *band.shape[:2])
    return result


def _sample(values: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """The values (3, N) of a map (3, h, w) at positions (N, 2), between its pixels too."""
    last = torch.tensor(values.shape[1:]) - 1
    relative = positions * (2 / last.clamp(min=1)) - 1
    sampled = functional.grid_sample(
        values[None],
        relative.flip(-1)[None, None],
        mode="bicubic",  # bilinear blurs more
        padding_mode="border",
        align_corners=True,
    )
    return sampled[0, :, 0]


def _edges(own: np.ndarray, working_size: tuple[int, ...]) -> torch.Tensor:
    """How much of an edge is near every pixel of an image, from 0 to 1, (H, W)."""
    small = torch.from_numpy(resize_image(own, working_size))
    small = _blur(small.permute(2, 0, 1).float())
    padded = functional.pad(small[None], (1, 1, 1, 1), mode="replicate")[0]
    along_y = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2
    along_x = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2
    change = (along_y.square() + along_x.square()).amax(0).sqrt()
    side = 2 * EDGE_REACH + 1
    change = functional.max_pool2d(change[None, None], side, stride=1, padding=EDGE_REACH)
    change = functional.interpolate(change, own.shape[:2], mode="bilinear")[0, 0]
    steepness = (change / EDGE) ** 4
    return steepness / (1 + steepness)


def _blur(values: torch.Tensor) -> torch.Tensor:
    """A Gaussian of one pixel over maps (C, H, W)."""
    offsets = torch.arange(-3, 4)
    weights = torch.exp(-offsets.square() / 2)
    weights = weights / weights.sum()
    padded = functional.pad(values[:, None], (3, 3, 3, 3), mode="replicate")
    rows = functional.conv2d(padded, weights.view(1, 1, -1, 1))
    return functional.conv2d(rows, weights.view(1, 1, 1, -1))[:, 0]


def _solve(excess: torch.Tensor, screen: float) -> torch.Tensor:
    """Solve  (L + screen) X = excess  for maps (C, H, W), L the Laplacian of the pixel grid."""
    from scipy import fft  # what loads it takes longer than all of this package

    height, width = excess.shape[1:]
    denominator = _eigenvalues(height)[:, None] + _eigenvalues(width) + screen
    result = torch.empty_like(excess)
    for channel, solution in zip(excess, result, strict=True):
        spectrum = fft.dctn(channel.numpy(), norm="ortho")
        spectrum /= denominator.numpy()
        solution.numpy()[:] = fft.idctn(spectrum, norm="ortho", overwrite_x=True)
    return result


def _eigenvalues(side: int) -> torch.Tensor:
    """Of the Laplacian of a row of `side` pixels, whose eigenvectors are cosines."""
    return 2 - 2 * torch.cos(torch.pi * torch.arange(side) / side)
