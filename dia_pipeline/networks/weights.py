"""Network weights: found on the disk, or fetched once, and always the same bytes."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPException
from pathlib import Path

import torch

from dia_pipeline.caches import cache_folder
from dia_pipeline.errors import JobError
from dia_pipeline.io.files import digest_file, replace_file
from dia_pipeline.networks.backbones import Entry, find_entry
from dia_pipeline.networks.download import download, fetch_vgg16, mirrors
from dia_pipeline.networks.parameters import read_parameters

log = logging.getLogger("dia")


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
            return read_parameters(self.path, self.entry)
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
        if backbone == "vgg16" and not mirrors():
            fetch_vgg16(temporary)
        else:
            download(entry, temporary)
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
