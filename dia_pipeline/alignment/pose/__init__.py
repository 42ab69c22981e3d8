"""Pose: how B' must be mirrored, turned, scaled and moved so that it stands as A does.

`search` proposes a pose by small images; `decision` matches the pair at the coarse levels both as
it is given and in that pose, and the better match wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dia_pipeline.affine import AS_GIVEN, Matrix
from dia_pipeline.alignment.parts import Parts, verdict

MARGIN = 0.165
"""By so much must a match be better than another, in the sum of its figures, to take its place."""

SAME_TURN, SAME_SCALE = 10.0, 1.2
"""Up to so many degrees and this factor a pose is as good as none: the search copes with it."""

MIRRORED: Matrix = ((1, 0, 0), (0, -1, 1), (0, 0, 1))


@dataclass(frozen=True)
class Agreement:
    """How well A and B' match at the coarse levels, where B' is drawn in some pose.

    All figures lie between 0 and 1, and are of what both images show.

    Attributes:
        similarity: mean similarity of the matches at level 5, the mean of both ways.
        returning: mean similarity of the matches of A at level 4; those count as none that do not
            lead back to within a position of where they come from.
        in_place: the same; those count as none that lie farther than a position from where the
            pose puts them.
    """

    similarity: float
    returning: float
    in_place: float

    @property
    def total(self) -> float:
        return self.similarity + self.returning + self.in_place

    def beats(self, other: Agreement) -> bool:
        """Whether this is clearly the better match."""
        return self.total >= other.total + MARGIN


@dataclass(frozen=True)
class Proposal:
    """A pose that the search proposes.

    Attributes:
        turn: degrees from -180 to 180 by which what B' shows is turned against A, counterclockwise.
        scale: by how much it is larger than in A, if both images have the same longest side.
        mirrored: whether it is mirrored, before it is turned.
    """

    turn: float
    scale: float
    mirrored: bool

    @property
    def right_angles(self) -> int | None:
        """The degrees of a turn by right angles that is as good, where there is one."""
        nearest = 90 * round(self.turn / 90)
        near = abs(self.turn - nearest) < SAME_TURN
        return nearest if near and max(self.scale, 1 / self.scale) < SAME_SCALE else None

    @property
    def as_given(self) -> bool:
        """Whether it is as good as none."""
        return self.right_angles == 0 and not self.mirrored

    def __str__(self) -> str:
        parts = ["mirrored"] if self.mirrored else []
        return ", ".join(
            [*parts, f"turned by {round(self.turn)} degrees", f"scale {self.scale:.2f}"]
        )


@dataclass(frozen=True)
class Found:
    """What was proposed, and how well the pair matches as it is given and as was proposed.

    Attributes:
        given, posed: None where the proposal is as good as none, and nothing was to be decided.
    """

    proposal: Proposal
    given: Agreement | None = None
    posed: Agreement | None = None

    @classmethod
    def read(cls, record: dict[str, Any]) -> Found:
        """What `asdict` recorded, as it comes back from JSON."""
        given, posed = (
            Agreement(**record[name]) if record[name] else None for name in ("given", "posed")
        )
        return cls(Proposal(**record["proposal"]), given, posed)

    @property
    def better(self) -> bool:
        """Whether the pair matches better as was proposed."""
        return bool(self.given and self.posed and self.posed.beats(self.given))

    def __str__(self) -> str:
        if not (self.given and self.posed):
            return "B' as given: it stands as A does"
        said = "B' drawn in its pose" if self.better else "B' as given, no better match"
        return f"{said}: {self.proposal} ({self.given.total:.2f} to {self.posed.total:.2f})"


@dataclass(frozen=True)
class Pose:
    """How B' lies in A's plane.

    Attributes:
        matrix: from A to B', both in unit coordinates.
        found: what was proposed and decided, if it was looked for.
        confidence: what share of the images is matched by what belongs to it in this pose, from 0
            to 1; None if not asked.
        parts: the same by part.
    """

    matrix: Matrix = AS_GIVEN
    found: Found | None = None
    confidence: float | None = None
    parts: Parts | None = None

    @classmethod
    def read(cls, record: dict[str, Any]) -> Pose:
        """The pose that `asdict` recorded, as it comes back from JSON."""
        found, parts = record["found"], record["parts"]
        matrix = tuple(map(tuple, record["matrix"]))
        confidence = record["confidence"]
        return cls(matrix, found and Found.read(found), confidence, parts and Parts.read(parts))

    def __str__(self) -> str:
        if self.found is None:
            return "B' mirrored" if self.matrix == MIRRORED else ""
        return str(self.found)

    @property
    def hopeless(self) -> bool:
        """Whether the images have nothing in common, so far as that was asked."""
        return self.confidence is not None and verdict(self.confidence) == "hopeless"

    @property
    def sound(self) -> bool:
        """Whether the images match, so far as that was asked."""
        return self.confidence is None or verdict(self.confidence) == "sound"

    @property
    def match(self) -> str:
        """The confidence in words; empty if there is none."""
        if self.confidence is None:
            return ""
        alone = f"; {self.alone}" if self.alone else ""
        return f"{verdict(self.confidence)} (confidence {self.confidence:.2f}{alone})"

    @property
    def lines(self) -> list[str]:
        """What was found of pose and match, as lines of text."""
        return [line for line in (str(self), self.match and f"Match: {self.match}") if line]

    @property
    def alone(self) -> str:
        """What of the images nothing belongs to, in words; empty if that is little or not asked."""
        return self.parts.alone if self.parts else ""


POSES = {"given": Pose(), "mirrored": Pose(MIRRORED)}
"""The poses that need no search, by their names among the settings."""
