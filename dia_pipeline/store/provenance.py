"""Where results come from: packages, network, device and images. Never times or places.

What is read of it may have been written by anybody: `read_results` takes what has the form that
this version gives it.
"""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dia_pipeline import __version__
from dia_pipeline.store.artefacts import ArtefactError
from dia_pipeline.store.folders import PROVENANCE, lies_in
from dia_pipeline.store.state import read_state, write_state

if TYPE_CHECKING:
    import torch
    from jsonschema.protocols import Validator

    from dia_pipeline.io.images import Picture
    from dia_pipeline.networks.network import Network

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
        return read_state(path, lambda values: cls(**values["backbone"]))


NO_BACKBONE = Backbone("", "", "", "")
"""That of matchers that work on the images themselves."""


def circumstances(backbone: Backbone, network: Network) -> dict[str, Any]:
    """What else than inputs and settings decides a result's bytes."""
    return {
        "backbone": asdict(backbone),
        "device": device_name(network.device),
        "precision": network.precision + (", multiplied in tiles" if network.tiled else ""),
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


_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_TEXT_BY_NAME = {"type": "object", "additionalProperties": _TEXT}
_SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_SHA256_BY_NAME = {"type": "object", "additionalProperties": _SHA256}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_PERCENTS = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "array",
        "minItems": 1,
        "items": {"type": "integer", "minimum": 0, "maximum": 100},
    },
}
_PARTS = {
    "type": "object",
    "additionalProperties": False,
    "required": ["a", "b_prime"],
    "properties": {"a": _PERCENTS, "b_prime": _PERCENTS},
}
_ROW = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
_SIDE = {"type": "integer", "minimum": 1, "maximum": 10**9}
_PROPOSAL = {
    "type": "object",
    "additionalProperties": False,
    "required": ["turn", "scale", "mirrored"],
    "properties": {
        "turn": {"type": "number", "minimum": -360, "maximum": 360},
        "scale": {"type": "number", "exclusiveMinimum": 0},
        "mirrored": {"type": "boolean"},
    },
}
_AGREEMENT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["similarity", "returning", "in_place"],
    "properties": {name: {"type": "number"} for name in ("similarity", "returning", "in_place")},
}
_FOUND = {
    "type": "object",
    "additionalProperties": False,
    "required": ["proposal", "given", "posed"],
    "properties": {
        "proposal": _PROPOSAL,
        "given": {"anyOf": [{"type": "null"}, _AGREEMENT]},
        "posed": {"anyOf": [{"type": "null"}, _AGREEMENT]},
    },
}
_POSE = {
    "type": "object",
    "required": ["matrix", "found", "confidence", "parts"],
    "properties": {
        "matrix": {**_ROW, "items": _ROW},
        "found": {"anyOf": [{"type": "null"}, _FOUND]},
        "confidence": {"anyOf": [{"type": "null"}, _SHARE]},
        "parts": {"anyOf": [{"type": "null"}, _PARTS]},
    },
}
_FRAME = {"type": "integer", "minimum": 1}
_SCHEMA = {
    "type": "object",
    "required": ["key", "outputs", "settings"],
    "properties": {
        "key": _TEXT,
        "outputs": {**_SHA256_BY_NAME, "minProperties": 1},
        "settings": {"type": "object"},
        "inputs": {
            "type": "object",
            "required": ["a"],
            "minProperties": 2,
            "additionalProperties": {
                "type": "object",
                "required": ["path", "sha256", "size", "notes"],
                "properties": {
                    "path": _TEXT,
                    "sha256": _SHA256,
                    "size": {"type": "array", "items": _SIDE, "minItems": 2, "maxItems": 2},
                    "notes": _TEXTS,
                },
            },
        },
        "guides": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["path", "sha256"],
                "properties": {"path": _TEXT, "sha256": _SHA256},
            },
        },
        "pose": _POSE,
        "matches": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["frame", "image", "pose"],
                "properties": {"frame": _FRAME, "image": _TEXT, "pose": _POSE},
            },
        },
        "served": {"type": "array", "items": _SHARE},
        "backbone": {**_TEXT_BY_NAME, "required": ["name", "digest", "source", "licence"]},
        "device": _TEXT,
        "precision": _TEXT,
        "versions": _TEXT_BY_NAME,
        "frames": {
            "type": "array",
            "items": {"type": "object", "required": ["path"], "properties": {"path": _TEXT}},
        },
        "fixed": _SHA256_BY_NAME,
        "gaps": _TEXT_BY_NAME,
    },
}
"""What is shown of the provenance of results. JSON Schema."""


def read_results(folder: Path) -> dict[str, Any]:
    """The provenance of results that anybody may have written.

    Raises:
        ArtefactError: it is missing or damaged, has another form than this version gives it, or
            names a file that lies elsewhere.
    """
    provenance = read_state(folder / PROVENANCE)
    if not _validator().is_valid(provenance):
        problem = "it is not as this version writes it"
        raise ArtefactError(folder / PROVENANCE, problem, "make the results again")
    for name in provenance["outputs"]:
        if not lies_in(folder, name):
            raise ArtefactError(folder / name, "this leads out of the folder of the results")
    return provenance


@cache
def _validator() -> Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(_SCHEMA)
