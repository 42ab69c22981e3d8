"""How the frames of a sequence hang together: one class a mode, which says how a frame is matched.

What needs torch is imported where it runs: a workflow is planned with these classes too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from dia_pipeline.machine.effort import Progress
    from dia_pipeline.networks.network import Network
    from dia_pipeline.networks.sizes import Size
    from dia_pipeline.settings import Settings
    from dia_pipeline.temporal.propagation import Matched, Motion

Fields = dict[str, "np.ndarray"]
"""The fields of a frame as arrays for a file."""

FULL = "nnf_ab"
"""The name of the field of A's pixels, where that is kept too."""

HOME = "home"
"""The name of the way of A's pixels to those of the anchor, where that is kept too."""

KNOWN = "known"
"""The name of where that way can be trusted, where it is kept."""


class Known(NamedTuple):
    """A frame that is matched already: its A (H, W, 3) uint8, and its fields."""

    a: np.ndarray
    fields: Fields


class Independent:
    """Every frame is matched afresh."""

    still = False
    """Whether the frames stand still, so that what is said of one is true of all."""

    chained = False
    """Whether the frames of a chunk depend on each other, and are matched in order."""

    anchored = False
    """Whether each frame is compared with the first of a chunk's scene too, its anchor."""

    stages: tuple[str, ...] = ("prepare", "match", "frames", "video")

    def match(
        self,
        pair: Matched,
        before: Known | None,
        anchor: Known | None,
        network: Network,
        settings: Settings,
        progress: Progress,
    ) -> Fields:
        """The fields of a frame, from those of the frame before unless a scene begins.

        Args:
            anchor: the first frame of those that go on from each other, where the mode has one.
        """
        from dia_pipeline.temporal.propagation import match_frame, pack_fields

        levels = match_frame(pair, network, settings, None, progress)
        finest = min(levels)
        return pack_fields({finest: (levels[finest][0], None)})

    def field(self, fields: Fields, a: np.ndarray, target: Size, settings: Settings) -> np.ndarray:
        """The field (H, W, 2) float32 of A's pixels, into a canvas of the size `target`."""
        from dia_pipeline.temporal.propagation import image_field, unpack_fields

        if FULL in fields:
            return fields[FULL]
        levels = unpack_fields(fields)
        return image_field(levels[min(levels)][0], a, target, settings)


class WarmStart(Independent):
    """The search starts from the fields of the frame before, and keeps what is not much worse."""

    chained = True

    def match(
        self,
        pair: Matched,
        before: Known | None,
        anchor: Known | None,
        network: Network,
        settings: Settings,
        progress: Progress,
    ) -> Fields:
        from dia_pipeline.temporal.propagation import match_frame, pack_fields, unpack_fields

        start = unpack_fields(before.fields, network.device) if before else None
        levels = match_frame(pair, network, settings, start, progress)
        return pack_fields(levels)


class Propagated(Independent):
    """The fields of the frame before are carried along the motion of the content.

    The errors of many small motions would add up. So what is seen in the anchor too takes the
    matches that it has there, by the one motion between the two.
    """

    chained = True
    anchored = True

    def match(
        self,
        pair: Matched,
        before: Known | None,
        anchor: Known | None,
        network: Network,
        settings: Settings,
        progress: Progress,
    ) -> Fields:
        from dia_pipeline.temporal.propagation import (
            Motion,
            match_frame,
            pack_fields,
            unpack_fields,
        )

        motion, start = None, None
        if before:
            motion = Motion(before.a, pair.a)
            start = motion.carry_levels(unpack_fields(before.fields, network.device))
        levels = match_frame(pair, network, settings, start, progress)
        fields = pack_fields(levels)
        fresh = self.field(fields, pair.a, pair.canvas.size, settings)
        if not (before and motion and anchor):
            return {**fields, FULL: fresh}
        return {**fields, **carried(pair.a, motion, before.fields, anchor, fresh)}


def carried(
    a: np.ndarray, motion: Motion, before: Fields, anchor: Known, fresh: np.ndarray
) -> Fields:
    """The field of the pixels of a frame (H, W, 3), and their way to the anchor.

    Args:
        motion: from the frame before.
        before: the fields of that.
        fresh: (H, W, 2), the field that the frame has by itself, for what is new in it.
    """
    import numpy as np

    from dia_pipeline.temporal.motion import homeward
    from dia_pipeline.temporal.propagation import sent_on

    field = motion.carry(before[FULL], fresh)
    about = motion.carry_way(before.get(HOME, np.zeros_like(field)))
    way, known = homeward(a, anchor.a, about)
    at_home = sent_on(anchor.fields[FULL], way)
    field = np.where(known[..., None], at_home, field)
    return {FULL: field, HOME: way.astype(np.float16), KNOWN: known.astype(np.uint8)}


class Locked(Independent):
    """The content is matched once a scene, with its median or with keyframes; frames differ in
    nothing but the light of their references.
    """

    still = True
    stages = ("prepare", "frames", "video")


MODES: dict[str, Independent] = {
    "independent": Independent(),
    "warm-start": WarmStart(),
    "locked": Locked(),
    "propagated": Propagated(),
}
"""The modes by name; `docs/timelapse.md` explains each."""
