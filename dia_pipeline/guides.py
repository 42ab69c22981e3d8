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

DESCRIPTORS = ("descriptors_a", "descriptors_b_prime")
"""The two maps of a network of one's own, of which one alone means nothing either."""

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
        over: the image of whose places it tells, `a` or `b_prime`; empty for points of both.
    """

    name: str
    meaning: str
    decides: Step
    over: str = ""

    @property
    def is_image(self) -> bool:
        """Whether it is an image, and neither a table nor a map of many channels."""
        return bool(self.over) and self.name not in DESCRIPTORS

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
        Guide(
            "descriptors_a",
            "map of A from a network of your own, (C, h, w) floats in .npy or .npz; matches "
            "prefer vectors of the same direction",
            Step.LEVELS,
            "a",
        ),
        Guide(
            "descriptors_b_prime",
            "the same for B', with as many channels",
            Step.LEVELS,
            "b_prime",
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

DRAWN = {name: each for name, each in GUIDES.items() if name not in DESCRIPTORS}
"""Those that a person draws, and that are carried to other images and frames."""


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
    for both, what in ((LABELS, "labels"), (DESCRIPTORS, "descriptors")):
        if len([name for name in both if name in given]) == 1:
            remedy = f"{what} are those of both images"
            raise GuidanceError(", ".join(both), "one is missing", remedy)
    if references and any(GUIDES[name].of_b_prime for name in given):
        problem = "labels, points and descriptors are those of one B'"
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

    is_image = GUIDES[name].is_image
    if not same_aspect(given, image, 0 if is_image else 1):
        (height, width), (h, w) = given[:2], image[:2]
        raise GuidanceError(
            f"{name}: {path}" if path else name,
            f"it is {width}x{height}, but {IMAGES[GUIDES[name].over]} is {w}x{h}",
            "paint it over that image, the same way up, at any size of the same aspect"
            if is_image
            else "make it of all of that image, the same way up; the aspects may differ by 5 %, "
            "and a side by one position",
        )


def check_channels(a: Shape, b_prime: Shape) -> None:
    """Make sure that descriptors of these shapes (C, h, w) can be compared.

    Raises:
        GuidanceError: they have not as many channels.
    """
    if a[0] != b_prime[0]:
        raise GuidanceError(
            ", ".join(DESCRIPTORS),
            f"they have {a[0]} and {b_prime[0]} channels",
            "make both by the same layer of the same network",
        )
