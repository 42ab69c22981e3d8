"""The graph of a sequence: what is made of it, from the frames to the video.

    frames ── prepared ─┬─ fields 1 ── fields 2 ── fields 3 ── ...    by the mode of coherence
                        │     │           │           │
                        └─ frame 1     frame 2     frame 3 ── ... ── video

What is prepared says which frames are gaps and where scenes begin: only then the rest is known.
The fields of a scene or a reference are also made of its pose.
"""

from __future__ import annotations

from functools import cached_property, partial

from dia_pipeline.graphs.composed import ComposedSequence
from dia_pipeline.graphs.video import make_video
from dia_pipeline.store.artefacts import Graph
from dia_pipeline.store.folders import Folder
from dia_pipeline.store.frames import Together


class SequenceGraph(ComposedSequence):
    """What is made of a sequence, all of it."""

    @cached_property
    def artefacts(self) -> Graph:
        """Everything that is made of the sequence, by name, each after what it is made of.

        Raises:
            ArtefactError: the frames are not prepared.
        """
        return {
            "prepared": self.prepared,
            **{f"pose {frame + 1}": each for frame, each in self.poses.items()},
            **{f"fields of {name}": each.of for name, each in self._locks.items()},
            **{f"fields {chunk} {n + 1}": each.of for (chunk, n), each in self._fields.items()},
            **{f"fields back {chunk} {n + 1}": each.of for (chunk, n), each in self._back.items()},
            **{f"frame {n + 1}": frame for n, frame in self.frames.items()},
            "video": self.video,
        }

    @property
    def numbered(self) -> Graph:
        """The artefacts of every stage in order, by stage and number: `match: 3 of 24`."""
        found = {}
        for stage in self.sequence.stages:
            made = [each for each in self.artefacts.values() if each.stage == stage]
            for number, artefact in enumerate(made, 1):
                found[f"{stage}: {number} of {len(made)}" if len(made) > 1 else stage] = artefact
        return found

    @cached_property
    def video(self) -> Folder:
        """Video, preview, contact sheet, measures; with all frames the folder of results."""
        # What is as by default is left out, so that keys stay.
        own = {"duration": self.sequence.duration, "codec": self.sequence.codec}
        other = {name: value for name, value in own.items() if value not in (None, "h264")}
        return Folder(
            self.folder,
            stage="video",
            name="video",
            settings={"frame_rate": self.sequence.frame_rate} | other,
            inputs={
                "frames": Together(list(self.frames.values())),
                "poses": Together(list(self.poses.values())),
            },
            make=partial(make_video, self),
        )
