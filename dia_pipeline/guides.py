"""What a person can say of a pair beside its two images, each declared once.

From the declarations come the columns of both tables, the options of the commands, and what of a
pair or sequence each decides: keys, provenance and what is checked follow from that.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dia_pipeline.errors import DiaError
from dia_pipeline.settings.declarations import Step

if TYPE_CHECKING:
    from dia_pipeline.affine import Shape

LABELS = ("labels_a", "labels_b_prime")
"""The two label maps, of which one alone means nothing."""

IMAGES = {"a": "A", "b_prime": "B'"}
"""What the images of a pair are called."""


class GuidanceError(DiaError):
    """What is said of a pair cannot be used; the message says which and why."""


@dataclass(frozen=True)
class Guide:
    """A file by which something is said of a pair.

    Attributes:
        meaning: what it says, for `--help`, the tables and the documentation.
        decides: the steps whose results depend on it.
        over: the image that it lies over, `a` or `b_prime`; empty for a table of points of both.
    """

    name: str
    meaning: str
    decides: Step
    over: str = ""

    @property
    def coloured(self) -> bool:
        """Whether the colours of an image mean something, and not their brightness alone."""
        return self.name in LABELS

    @property
    def of_b_prime(self) -> bool:
        """Whether it says what of B' belongs where, so that it goes with one B' alone."""
        return bool(self.decides & Step.LEVELS)

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of its path in a table."""
        return {"description": self.meaning, "type": "string", "minLength": 1}


GUIDES = {
    each.name: each
    for each in (
        Guide(
            "labels_a",
            "image of A whose colours are labels; matches keep to the same label",
            Step.LEVELS,
            "a",
        ),
        Guide("labels_b_prime", "the same for B', in the same colours", Step.LEVELS, "b_prime"),
        Guide(
            "points",
            "CSV of points that belong together: a_x,a_y,b_prime_x,b_prime_y in pixels, and radius "
            "if a point is to reach farther or less far",
            Step.LEVELS,
        ),
        Guide("keep", "mask of A: what is white stays as it is", Step.RESULTS, "a"),
        Guide(
            "strength",
            "grey map of A, how strongly it is restyled: black is A, white is A' in full",
            Step.RECONSTRUCTION | Step.RESULTS,
            "a",
        ),
    )
}
"""All guides by name."""


def deciding(steps: Step, given: Collection[str]) -> list[str]:
    """The given guides on which the results of steps depend."""
    return [name for name in given if GUIDES[name].decides & steps]


def check_guides(given: Collection[str], references: bool = False) -> None:
    """Make sure that guides go together.

    Args:
        references: whether there is more than one B'.

    Raises:
        GuidanceError: they do not.
    """
    if len([name for name in LABELS if name in given]) == 1:
        raise GuidanceError(", ".join(LABELS), "one is missing", "labels are those of both images")
    if references and any(GUIDES[name].of_b_prime for name in given):
        problem = "labels and points are those of one B'"
        raise GuidanceError("references", problem, "leave them out, or the references")


def check_shape(name: str, given: Shape, image: Shape, path: str = "") -> None:
    """Make sure that a guide lies over its image, at whatever size.

    Args:
        given, image: (H, W, ...), its shape and that of the image.
        path: its file, if it is one.

    Raises:
        GuidanceError: it has another aspect.
    """
    from dia_pipeline.pixels import same_aspect  # planning needs no NumPy

    if not same_aspect(given, image):
        (height, width), (h, w) = given[:2], image[:2]
        raise GuidanceError(
            f"{name}: {path}" if path else name,
            f"it is {width}x{height}, but {IMAGES[GUIDES[name].over]} is {w}x{h}",
            "paint it over that image, the same way up, at any size of the same aspect",
        )
