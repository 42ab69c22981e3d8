"""What was made of a pair, read again by what goes on from there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dia_pipeline.store.artefacts import ArtefactError
from dia_pipeline.store.folders import check_file
from dia_pipeline.store.provenance import read_results

if TYPE_CHECKING:
    import numpy as np

    from dia_pipeline.io.images import Picture

FLOWS = {"a": "flow_ab.flo", "b_prime": "flow_ba.flo"}
"""The files of the fields by the image over whose pixels they lie."""


class Made:
    """The folder of the results of one A and one B'.

    Raises:
        ArtefactError: it is none, or its provenance is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.provenance: dict[str, Any] = read_results(folder)
        if not {"a", "b_prime"} <= self.provenance.get("inputs", {}).keys():
            problem = "these are no results of one A and one B'"
            remedy = "name the folder that `dia run` wrote, or that of a pair of a run"
            raise ArtefactError(folder, problem, remedy)

    def given(self, name: str) -> Picture:
        """The image `a` or `b_prime` of which the results were made.

        Raises:
            ArtefactError: it is not there, or is another by now.
            ImageError: it cannot be read.
        """
        from dia_pipeline.io.images import read_picture

        noted = self.provenance["inputs"][name]
        path = Path(noted["path"])
        if not path.is_file():
            problem = f"{self.folder} was made of this image, and it is not there"
            remedy = "run the command in the folder in which the results were made"
            raise ArtefactError(path, problem, remedy)
        picture = read_picture(path)
        if picture.sha256 != noted["sha256"]:
            problem = f"the image was changed after {self.folder} was made of it"
            raise ArtefactError(path, problem, "make the results again")
        return picture

    def size(self, name: str) -> tuple[int, int]:
        """Height and width of the image `a` or `b_prime` in pixels."""
        width, height = self.provenance["inputs"][name]["size"]
        return height, width

    def field(self, name: str) -> np.ndarray:
        """For every pixel of the image `a` or `b_prime` its match in the other: (H, W, 2) int32.

        Raises:
            ArtefactError: there is none, or its file is damaged.
        """
        from dia_pipeline.io.flow import nnf_from_flow, read_flo

        return nnf_from_flow(read_flo(self.file(FLOWS[name])))

    def file(self, name: str) -> Path:
        """A file of the results, which is as it was written.

        Raises:
            ArtefactError: there is none, or it is damaged.
        """
        if name not in self.provenance["outputs"]:
            raise ArtefactError(self.folder / name, "the results were made without it")
        check_file(self.folder / name, self.provenance["outputs"][name])
        return self.folder / name
