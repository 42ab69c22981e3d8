"""What all that one job makes has in common: networks, the writer, where features lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import count
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from dia_pipeline.caches import temporary_folder
from dia_pipeline.errors import JobError
from dia_pipeline.runs.lock import take_lock
from dia_pipeline.settings import Settings
from dia_pipeline.store.arrays import Content
from dia_pipeline.store.provenance import Backbone, circumstances

if TYPE_CHECKING:
    import numpy as np
    import torch

    from dia_pipeline.algorithm.features import Pyramid
    from dia_pipeline.alignment.guidance import Guidance
    from dia_pipeline.alignment.pose import Pose
    from dia_pipeline.io.images import Picture
    from dia_pipeline.machine.effort import Progress
    from dia_pipeline.networks.network import Network
    from dia_pipeline.networks.weights import Weights
    from dia_pipeline.store.writer import Writer

# torch takes seconds to import: a job that finds everything valid never does.


def find_backbone(name: str) -> tuple[Backbone, Weights]:
    """The weights that a backbone's name stands for on this machine, and the record of them.

    Raises:
        JobError: they are not available here.
    """
    from dia_pipeline.networks.weights import find_weights

    weights = find_weights(name)
    record = Backbone(weights.backbone, weights.digest, weights.source, weights.licence)
    return record, weights


@cache
def own_device(name: str) -> torch.device:
    """The device of that name; of several GPUs one that no other process works on, if there is one.

    It is this process's own until that ends. Where all are taken, they are shared evenly.

    Raises:
        JobError: the device does not exist on this machine.
    """
    import torch

    from dia_pipeline.networks.network import pick_device

    device = pick_device(name)
    if device != torch.device("cuda") or torch.cuda.device_count() == 1:
        return device
    numbers = range(torch.cuda.device_count())
    gpus = [torch.cuda.get_device_properties(number).uuid for number in numbers]
    folder = temporary_folder()  # of this machine, as the GPUs are
    return next(
        torch.device("cuda", number)
        for share in count(1)
        for number in numbers
        if take_lock(folder / f"gpu-{gpus[number]}-{share}.lock")
    )


@dataclass
class Networks:
    """The networks of a job, each loaded when it is first needed and then kept."""

    device: str = "auto"
    _loaded: dict[tuple[Backbone, str, str], Network] = field(default_factory=dict)
    _loading: Lock = field(default_factory=Lock)

    @property
    def gpu(self) -> torch.device | None:
        """The GPU that a network was loaded to, if one was."""
        devices = (network.device for network in self._loaded.values())
        return next((device for device in devices if device.type == "cuda"), None)

    def get(self, backbone: Backbone, precision: str, device: str = "") -> Network:
        """The network of exactly these weights; on the job's own device unless one is named.

        Raises:
            JobError: weights, device or its memory are not available here.
        """
        which = backbone, precision, device or self.device
        with self._loading:
            if which not in self._loaded:
                self._loaded[which] = _load(*which)
            return self._loaded[which]


def _load(backbone: Backbone, precision: str, device: str) -> Network:
    import torch

    from dia_pipeline.machine.sharing import LIBRARIES, with_memory
    from dia_pipeline.networks.network import Network

    found, weights = find_backbone(backbone.name)
    if found.digest != backbone.digest:
        raise JobError(
            weights.path,
            f"these are not the {backbone.name} weights that this run began with "
            f"(SHA-256 {backbone.digest})",
            "put those there, or begin a new folder of results",
        )
    own = own_device(device)
    network = with_memory(partial(Network, weights, own, precision), LIBRARIES, own)
    if own.type == "cuda":
        torch.cuda.synchronize(own)  # other threads' streams do not wait for this one's
    return network


@dataclass(frozen=True)
class Job:
    """What the artefacts of a job share.

    Attributes:
        features: where the features of a key are kept, with checkpoint `level` alone.
        checkpoint: `level` keeps every level of a pair, `pair` its fields alone.
        progress: see `machine.effort.Progress`.
    """

    networks: Networks
    features: Callable[[str], Path] = Path
    checkpoint: str = "pair"
    writer: Writer | None = None
    progress: Progress = lambda level, step, share: None


@dataclass(frozen=True)
class Matching:
    """The settings by which images are matched, and the network that does it."""

    settings: Settings
    backbone: Backbone
    networks: Networks

    @property
    def network(self) -> Network:
        return self.networks.get(self.backbone, self.settings.precision)

    def extract(self, image: np.ndarray) -> Pyramid:
        """The features of an image (H, W, 3) uint8."""
        from dia_pipeline.analogy import features_of

        return features_of(image, self.network, self.settings)

    def packed(self, pyramid: Pyramid) -> Content:
        """Features for a file."""
        from dia_pipeline.store.packing import pack_features

        return self.content(pack_features(pyramid, self.settings.feature_dtype))

    def content(self, arrays: Mapping[str, np.ndarray], **attributes: Any) -> Content:
        """Arrays, with what made them beside the inputs and the settings."""
        made_by = circumstances(self.backbone, self.network)
        return Content(dict(arrays), {**made_by, **attributes})


def guidance_of(
    a: np.ndarray,
    b_prime: np.ndarray,
    values: dict[str, Any],
    paths: dict[str, str],
    settings: Settings,
) -> Guidance | None:
    """What is said of two images (H, W, 3) uint8, by the values of guides; None if nothing is."""
    from dia_pipeline.alignment.guidance import make_guidance
    from dia_pipeline.io.guides import read_guides

    read = read_guides(values, {"a": a.shape, "b_prime": b_prime.shape}, paths)
    return make_guidance(a, b_prime, settings.guidance, **read)


def pose_in(content: Content) -> Pose:
    """The pose that an artefact records."""
    from dia_pipeline.alignment.pose import Pose

    return Pose.read(content.attributes["pose"])


def deep(pictures: Iterable[Picture], depth: str | int) -> tuple[np.ndarray, ...] | None:
    """Pictures as float32 in grey levels, if the results are to have 16 bits."""
    pictures = tuple(pictures)
    if depth == 8 or (depth == "auto" and all(each.deep is None for each in pictures)):
        return None
    return tuple(each.grey_levels for each in pictures)
