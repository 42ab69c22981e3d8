"""The result for one pair, in memory: it shows itself, carries masks across and saves itself."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dia_pipeline.algorithm.coarse_to_fine import Level
from dia_pipeline.alignment.pose import Pose
from dia_pipeline.errors import DiaError
from dia_pipeline.figures.panels import row_of
from dia_pipeline.io.files import PLANS, PROVENANCE, FolderError, check_folder
from dia_pipeline.io.flow import flow_from_nnf, write_flo
from dia_pipeline.io.images import write_image
from dia_pipeline.pixels import as_levels, shrunk
from dia_pipeline.text import quoted

THUMBNAIL = 256
"""Longest side in pixels of the images by which a result is shown in a notebook."""


class WarpError(DiaError):
    """An image cannot be warped; the message says what is expected."""


@dataclass(repr=False)
class Analogy:
    """The result for one pair: images (H, W, 3) and fields (H, W, 2) int32 at full resolution.

    Images are uint8, or float32 in grey levels where they are to be shown with 16 bits.

    Attributes:
        a: uint8, the image A that was matched.
        b_prime: uint8, the image B' that was matched.
        a_prime: A', which has the structure of A and the style of B'.
        nnf_ab: for every pixel of A its match (y, x) in B'.
        b: B, which has the structure of B' and the style of A; None for `directions="ab"`.
        nnf_ba: for every pixel of B' its match (y, x) in A; None for `directions="ab"`.
        a_prime_everything: A' with everything of B', where `take` leaves something out; else None.
        b_everything: the same of B.
        levels: what every level left, by its number; its fields lead to and from the canvas, on
            which B' is drawn in its pose.
        pose: how B' stands against A, and the confidence that the two match.
    """

    a: np.ndarray
    b_prime: np.ndarray
    a_prime: np.ndarray
    nnf_ab: np.ndarray
    b: np.ndarray | None = None
    nnf_ba: np.ndarray | None = None
    a_prime_everything: np.ndarray | None = None
    b_everything: np.ndarray | None = None
    levels: dict[int, Level] = field(default_factory=dict)
    pose: Pose = field(default_factory=Pose)

    @property
    def images(self) -> dict[str, np.ndarray]:
        """The images that were made, by the names of their files."""
        images = {
            "a_prime.png": self.a_prime,
            "b.png": self.b,
            "a_prime_everything.png": self.a_prime_everything,
            "b_everything.png": self.b_everything,
        }
        return {name: image for name, image in images.items() if image is not None}

    @property
    def flows(self) -> dict[str, np.ndarray]:
        """The fields as flow, (H, W, 2) float32 (u, v) in pixels, by the names of their files."""
        fields = {"flow_ab.flo": self.nnf_ab, "flow_ba.flo": self.nnf_ba}
        return {name: flow_from_nnf(nnf) for name, nnf in fields.items() if nnf is not None}

    def show(self) -> Image.Image:
        """A, A', B and B' side by side, as a Pillow image, which notebooks display."""
        panels = {"A": self.a, **self._made, "B'": self.b_prime}
        row = row_of([(label, _seen(image)) for label, image in panels.items()])
        assert row, "A, A' and B' are always there"
        return row

    def warp(self, image: Any, to: str = "a") -> np.ndarray:
        """Carry an image, mask or label map that lies over one image to the other.

        Every pixel takes the value of its match; values are never mixed.

        Args:
            image: (h, w) or (h, w, C) of any type, or a Pillow image; as large as B' for
                `to="a"`, as A for `to="b_prime"`.
            to: `a`, from B' by nnf_ab; or `b_prime`, from A by nnf_ba.

        Returns:
            (H, W) or (H, W, C) of the same type, as large as the image it is carried to.

        Raises:
            WarpError: it is of another size; or there is no such direction.
        """
        values = np.asarray(image)
        ways = {"a": (self.nnf_ab, self.b_prime, "B'"), "b_prime": (self.nnf_ba, self.a, "A")}
        if to not in ways:
            raise WarpError("to", f"{quoted(to)} is not possible", "it is 'a' or 'b_prime'")
        nnf, source, name = ways[to]
        if nnf is None:
            raise WarpError("to", "B' has no matches: directions was 'ab'", "match both")
        if values.ndim not in (2, 3) or values.shape[:2] != source.shape[:2]:
            height, width = source.shape[:2]
            raise WarpError(
                "image",
                f"an array of shape {values.shape} does not lie over {name}",
                f"give ({height}, {width}) or ({height}, {width}, C)",
            )
        return values[nnf[..., 0], nnf[..., 1]]

    def save(self, folder: str | PathLike) -> None:
        """Write the images as PNG and the fields as `.flo` into a folder, as `dia run` does.

        Raises:
            FolderError: the folder cannot be written to, or holds what a command made.
            OSError: a file cannot be written.
        """
        folder = Path(folder)
        check_folder(folder)
        if any((folder / name).exists() for name in (PROVENANCE, PLANS)):
            problem = "it holds the results of a command, which would be replaced"
            raise FolderError(folder, problem, "name another folder")
        self.write(folder)

    def write(
        self, folder: Path, alpha: np.ndarray | None = None, alpha_b: np.ndarray | None = None
    ) -> dict[str, str]:
        """Write the images and the fields into a folder; return the SHA-256 of each file by name.

        Args:
            alpha: (H, W), the transparency of A, where it has any.
            alpha_b: (h, w), that of B'.

        Raises:
            OSError: a file cannot be written.
        """
        images = {
            name: write_image(folder / name, image, alpha_b if name.startswith("b") else alpha)
            for name, image in self.images.items()
        }
        return images | {name: write_flo(folder / name, flow) for name, flow in self.flows.items()}

    def __repr__(self) -> str:
        sizes = [f"{label} of {_size(image)}" for label, image in self._made.items()]
        return f"<Analogy: {'. '.join([' and '.join(sizes), *self.pose.lines])}>"

    def _repr_html_(self) -> str:
        cells = [
            f"<td>{_thumbnail(image)}<br>{label}, {_size(image)}</td>"
            for label, image in self._made.items()
        ]
        return f"<table><tr>{''.join(cells)}</tr></table><p>{'. '.join(self.pose.lines)}</p>"

    @property
    def _made(self) -> dict[str, np.ndarray]:
        """A' and, where there is one, B, by their labels."""
        return {"A'": self.a_prime} | ({} if self.b is None else {"B": self.b})


def _seen(image: np.ndarray) -> np.ndarray:
    return as_levels(image, np.uint8)


def _size(image: np.ndarray) -> str:
    """Width and height in words."""
    height, width = image.shape[:2]
    return f"{width} x {height} pixels"


def _thumbnail(image: np.ndarray) -> str:
    """A small image that is part of the page."""
    content = BytesIO()
    Image.fromarray(shrunk(_seen(image), THUMBNAIL)).save(content, "JPEG", quality=85)
    return f'<img src="data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}">'
