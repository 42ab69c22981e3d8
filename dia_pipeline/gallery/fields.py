"""The matches of a pair as a script: pages that lie on a disk may load scripts, but no data.

A script calls `receiveMatches(NAME, {radius, flow_ab, flow_ba})`. Of a field it holds every
`step`-th pixel along both axes: `deflated` are all dx, then all dy, of the displacements in pixels
as int16, little-endian, compressed by zlib and written in base64. `size` is that of the image,
`grid` that of the field, both as width and height. `radius` is the length that is shown in full
colour.
"""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from dia_pipeline.figures.overview import typical_length
from dia_pipeline.gallery.cache import Cache
from dia_pipeline.io.flow import flo_size, read_flo
from dia_pipeline.store.artefacts import digest
from dia_pipeline.store.folders import check_file

SIDE = 512
"""Longest side of the field that a page knows."""

UNKNOWN = -(2**15)
"""What stands for a displacement that is not known, or longer than 16 bits hold."""

FLOWS = {"flow_ab": "flow_ab.flo", "flow_ba": "flow_ba.flo"}
"""The files of the fields by their names."""


def matches_of(cache: Cache, results: Path, outputs: dict[str, str]) -> Path | None:
    """The script with the matches of results; None if they have none.

    Args:
        results: the folder of the results.
        outputs: the digests of its files by name.

    Raises:
        ArtefactError, FlowError, OSError: the script is not there, and a field is damaged or cannot
            be read.
    """
    files = {name: file for name, file in FLOWS.items() if file in outputs}
    if not files:
        return None
    script = digest([outputs[file] for file in files.values()])[:32]

    def write(path: Path) -> None:
        for file in files.values():
            check_file(results / file, outputs[file])
        sizes = {name: flo_size(results / file) for name, file in files.items()}
        steps = {name: -(-max(size) // SIDE) for name, size in sizes.items()}
        thin = {name: read_flo(results / file, steps[name]) for name, file in files.items()}
        content: dict[str, Any] = {"radius": round(typical_length(thin), 1)}
        for name, flow in thin.items():
            content[name] = {"step": steps[name], "size": sizes[name][::-1], **_packed(flow)}
        path.write_text(
            f"receiveMatches({json.dumps(script)}, {json.dumps(content, allow_nan=False)});\n"
        )

    return cache.file(f"{script}.js", write)


def _packed(flow: np.ndarray) -> dict[str, Any]:
    """The displacements of a field (H, W, 2), NaN where unknown."""
    dx, dy = np.moveaxis(flow, -1, 0)
    known = (np.abs(dx) < -UNKNOWN) & (np.abs(dy) < -UNKNOWN)
    planes = np.where(known, (dx, dy), UNKNOWN).astype("<i2")
    return {
        "grid": dx.shape[::-1],
        "deflated": base64.b64encode(zlib.compress(planes.tobytes(), 1)).decode(),
    }
