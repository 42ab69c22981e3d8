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
    from dia_pipeline.temporal.propagation import Matched

Fields = dict[str, "np.ndarray"]
"""The fields of a frame as arrays for a file."""

FULL = "nnf_ab"
"""The name of the field of A's pixels, where that is kept too."""


class Before(NamedTuple):
    """The frame before: its A (H, W, 3) uint8, and its fields."""

    a: np.ndarray
    fields: Fields


class Independent:
    """Every frame is matched afresh."""

    still = False
    """Whether the frames stand still, so that what is said of one is true of all."""

    chained = False
    """Whether the frames of a chunk depend on each other, and are matched in order."""

    stages: tuple[str, ...] = ("prepare", "match", "frames", "video")

    def match(
        self,
        pair: Matched,
        before: Before | None,
        network: Network,
        settings: Settings,
        progress: Progress,
    ) -> Fields:
        """The fields of a frame, from those of the frame before unless a scene begins."""
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
        before: Before | None,
        network: Network,
        settings: Settings,
        progress: Progress,
    ) -> Fields:
        from dia_pipeline.temporal.propagation import match_frame, pack_fields, unpack_fields

        earlier = unpack_fields(before.fields, network.device) if before else None
        levels = match_frame(pair, network, settings, earlier, progress)
        return pack_fields(levels)


class Propagated(Independent):
    """The fields of the frame before are carried along the motion of the content."""

    chained = True

    def match(
        self,
        pair: Matched,
        before: Before | None,
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

        earlier = None
        if before:
            motion = Motion(before.a, pair.a)
            earlier = motion.carry_levels(unpack_fields(before.fields, network.device))
        levels = match_frame(pair, network, settings, earlier, progress)
        fields = pack_fields(levels)
        field = self.field(fields, pair.a, pair.canvas.size, settings)
        return {**fields, FULL: motion.carry(before.fields[FULL], field) if before else field}


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
