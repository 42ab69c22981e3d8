"""How much memory a pair takes, told before it is processed instead of by a crash.

Time and memory grow with the pixels that the network works. The bytes a pixel are measured: those
of both images' features and matching maps, and those of the deconvolution, which works one
image at a time and holds points and gradients of 64 channels at the full working size. The latter
are those of float32 differentiated by torch, as on a GPU, while the line search holds both ends of
its interval, and a tenth more. On the CPU convolutions take a tenth to a quarter less; but the
deepest level's weights come on top, transformed for Winograd's algorithm (see `convolution`).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from pathlib import Path
from typing import TYPE_CHECKING

from dia_pipeline.errors import DiaError
from dia_pipeline.settings import LEVELS, Settings

if TYPE_CHECKING:
    import torch

Shape = tuple[int, ...]
"""Height and width in pixels at which the network works an image."""

MATCHING = 1950
"""Bytes a pixel of both images: features, matching maps and fields of all levels."""

FEATURES = 600
"""Bytes a pixel of both images that are held while one is reconstructed."""

RECONSTRUCTION = 6000
"""Bytes a pixel of the image that is reconstructed, at the level that takes most."""

DEEPEST = 1500
"""The same at the deepest level."""

WEIGHTS = 450_000_000
"""Bytes of the deepest level's transformed weights and of their making: of VGG-19's."""

DESCRIBED = 14
"""Bytes a value of both images' descriptors, at the finest level at which they count."""

GROUP_FILES = {
    "": ("memory.max", "memory.current", "inactive_file"),
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}
"""By controller, empty for version 2 of control groups: the files of limit and use, and the name
in `memory.stat` of what is cached and given back at need."""

COMPOSITION = 115
"""Bytes a pixel of a full-size image while it is put together."""

REFINEMENT = 230
"""The same if not everything of the reference is taken."""


class PairTooLargeError(DiaError):
    """A pair takes more memory than there is; the message says with which settings it fits."""


def needed(a: Shape, b_prime: Shape, settings: Settings, described: int = 0) -> int:
    """Bytes that a pair of these working sizes takes, beyond those of the libraries.

    Args:
        described: channels of descriptors.
    """
    pixels = [math.prod(shape) for shape in (a, b_prime)]
    finest = max(settings.finest, settings.descriptor_finest)
    values = described * sum(pixels) / 4 ** (finest - 1)
    matching = math.ceil(MATCHING * sum(pixels) + DESCRIBED * values)
    if not any(settings.deconvolution):
        return matching
    largest = max(pixels)
    reconstruction = RECONSTRUCTION * largest
    if settings.deconvolved(LEVELS[0]):
        reconstruction = max(reconstruction, WEIGHTS + DEEPEST * largest)
    return max(matching, FEATURES * sum(pixels) + reconstruction)


def check_memory(
    a: Shape, b_prime: Shape, settings: Settings, device: torch.device, described: int = 0
) -> None:
    """Make sure that a pair fits; for the arguments see `needed`.

    Raises:
        PairTooLargeError: it does not.
    """
    free = available_memory(device)
    if needed(a, b_prime, settings, described) <= free:
        return

    def shrunk(side: int) -> int:
        scale, other = (min(1, side / max(shape)) for shape in (a, b_prime))
        of_a, of_b_prime = [length * scale for length in a], [length * other for length in b_prime]
        return needed(of_a, of_b_prime, settings, described)

    sides = range(1, max(*a, *b_prime))
    fitting = bisect_right(sides, free, key=shrunk)
    raise PairTooLargeError(
        "",
        f"images processed at {a[1]} x {a[0]} and {b_prime[1]} x {b_prime[0]} "
        f"pixels take about {needed(a, b_prime, settings, described) / 1e9:.1f} GB "
        f"of memory, and {free / 1e9:.1f} GB can be had",
        f"with max_side {fitting} they fit (or lower their ratio, now {settings.ratio:g})",
    )


def needed_to_compose(shape: Shape, settings: Settings) -> int:
    """Bytes that an image of this full size takes to be put together."""
    each = COMPOSITION if settings.take == "everything" else REFINEMENT
    return each * math.prod(shape)


def check_full_size(a: Shape, b_prime: Shape, settings: Settings) -> None:
    """Make sure that images of these full sizes can be put together, on the CPU.

    Raises:
        PairTooLargeError: they cannot; no setting but `take` makes them smaller.
    """
    import torch

    free = available_memory(torch.device("cpu"))
    largest = max(a, b_prime, key=math.prod)
    needed = needed_to_compose(largest, settings)
    if needed <= free:
        return
    fitting = free / needed * math.prod(largest) / 1e6
    without = "" if settings.take == "everything" else " or take everything,"
    raise PairTooLargeError(
        "",
        f"an image of {largest[1]} x {largest[0]} pixels takes about {needed / 1e9:.1f} GB of "
        f"memory to be put together, and {free / 1e9:.1f} GB are free",
        f"scale it down to {fitting:.0f} megapixels,{without} or find a larger machine",
    )


def available_memory(device: torch.device) -> float:
    """Bytes that can be had of a device; infinity where the system does not say.

    Those that other processes hold of a GPU are, as `with_memory` waits for them.
    """
    if device.type == "cuda":
        from dia_pipeline.machine.sharing import memory_of  # torch takes seconds to import

        return memory_of(device)[1]
    return min(_free_in_system(), *_free_in_groups(Path("/sys/fs/cgroup")))


def _free_in_system() -> float:
    """What Linux says is free without swapping."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return math.inf
    figures = dict(line.split(":") for line in lines)
    return int(figures["MemAvailable"].split()[0]) * 1024


def _free_in_groups(root: Path) -> list[float]:
    """What the control groups of this process, such as Slurm's, leave of their limits."""
    free = [math.inf]
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return free
    for line in lines:
        _, controllers, own = line.split(":", 2)
        if controllers not in GROUP_FILES:
            continue
        limit, used, cached = GROUP_FILES[controllers]
        group = root / controllers / own.strip("/")
        for folder in (group, *group.parents):
            try:
                most = (folder / limit).read_text().strip()
                taken = int((folder / used).read_text())
                figures = (folder / "memory.stat").read_text().splitlines()
            except OSError:
                continue
            if most != "max":
                reclaimable = int(dict(figure.split() for figure in figures)[cached])
                free.append(int(most) - taken + reclaimable)
    return free
