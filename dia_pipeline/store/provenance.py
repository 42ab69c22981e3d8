"""Where results come from: packages, network, device and images. Never times or places."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dia_pipeline import __version__
from dia_pipeline.store.state import read_state, write_state

if TYPE_CHECKING:
    import torch

    from dia_pipeline.algorithm.network import Network
    from dia_pipeline.io.images import Picture

PACKAGES = ("torch", "numpy", "numba", "scipy", "pillow", "h5py")
"""The packages on whose version the bytes of a result depend."""


@dataclass(frozen=True)
class Backbone:
    """Which weights a run uses: the network, its parameter file's digest, source and licence."""

    name: str
    digest: str
    source: str
    licence: str

    def write(self, path: str | Path) -> None:
        """Write the record as JSON."""
        write_state(path, {"backbone": asdict(self)})

    @classmethod
    def read(cls, path: str | Path) -> Backbone:
        """Read a record that `write` wrote.

        Raises:
            ArtefactError: it is missing or damaged.
        """
        return cls(**read_state(path)["backbone"])


NO_BACKBONE = Backbone("", "", "", "")
"""That of matchers that work on the images themselves."""


def circumstances(backbone: Backbone, network: Network) -> dict[str, Any]:
    """What else than inputs and settings decides a result's bytes."""
    return {
        "backbone": asdict(backbone),
        "device": device_name(network.device),
        "precision": network.precision,
        "versions": versions(),
    }


@cache
def versions() -> dict[str, str]:
    """The versions of this package, of Python and of the packages that compute."""
    own = {"dia-pipeline": __version__, "python": platform.python_version()}
    return own | {name: version(name) for name in PACKAGES}


def device_name(device: torch.device) -> str:
    """The model of a GPU, or the architecture of a processor."""
    if device.type == "cuda":
        import torch

        return f"cuda: {torch.cuda.get_device_name(device)}"
    return f"{device.type}: {platform.machine()}"


def describe_file(path: str, sha256: str) -> dict[str, Any]:
    """A file that is given: path and digest."""
    return {"path": Path(path).as_posix(), "sha256": sha256}


def describe_image(picture: Picture) -> dict[str, Any]:
    """An image file: path, digest, width and height, bits of a colour, how it was read."""
    height, width = picture.pixels.shape[:2]
    return {
        **describe_file(picture.path, picture.sha256),
        "size": [width, height],
        "depth": 8 if picture.deep is None else 16,
        "opaque": picture.alpha is None,
        "profile": picture.profile or "sRGB",
        "notes": list(picture.notes),
    }
