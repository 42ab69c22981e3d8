"""The codecs of the films that are written: encoder, pixels and file of each.

All of them encode on one thread and without what makes bytes differ from run to run.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

STEM = "video"
"""The name of a sequence's film, without what its container adds."""


@dataclass(frozen=True, eq=False)
class Codec:
    """How a film is encoded.

    Attributes:
        encoder: as FFmpeg calls it.
        pixels: the format of its pixels, as FFmpeg calls it.
        deep: the same for frames of more than 8 bits, where it is another.
        container: `mp4` or `mov`, in which the name of the file ends too.
        played: whether the usual browsers play it.
        tag: what the file calls it, where players know it by one name alone.
        options: of the encoder.
    """

    encoder: str
    pixels: str
    deep: str = ""
    container: str = "mp4"
    played: bool = False
    tag: str = ""
    options: dict[str, str] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """The name of a sequence's film."""
        return f"{STEM}.{self.container}"

    @property
    def keeps_depth(self) -> bool:
        """Whether it can keep more than 8 bits."""
        return "10" in self.deep + self.pixels

    def of_depth(self, deep: bool) -> Codec:
        """The codec for frames of 8 bits, or of more."""
        return replace(self, pixels=self.deep) if deep and self.deep else self


def _prores(pixels: str, profile: str) -> Codec:
    # The name of its maker, for programs that open no others.
    options = {"profile": profile, "vendor": "apl0", "threads": "1"}
    return Codec("prores_ks", pixels, container="mov", options=options)


CODECS = {
    "h264": Codec(
        "libx264",
        "yuv420p",
        played=True,
        # Macroblock-tree rate control gives other bytes now and then, even on one thread.
        options={"crf": "16", "preset": "medium", "threads": "1", "x264-params": "mbtree=0"},
    ),
    "hevc": Codec(
        "libx265",
        "yuv420p",
        "yuv420p10le",
        tag="hvc1",
        options={
            "crf": "16",
            "preset": "medium",
            # What it else says of itself names the processor. With frames between others its times
            # are anything in a film that has fewer of them than it waits for.
            "x265-params": "pools=none:frame-threads=1:wpp=0:cutree=0:bframes=0:info=0:"
            "log-level=error",
        },
    ),
    "av1": Codec(
        "libsvtav1",
        "yuv420p",
        "yuv420p10le",
        played=True,
        options={"crf": "16", "preset": "6", "svtav1-params": "lp=1"},
    ),
    "prores": _prores("yuv422p10le", "hq"),
    "prores-4444": _prores("yuva444p10le", "4444"),
}
"""By the names that people give."""

FILES = tuple(dict.fromkeys(codec.file for codec in CODECS.values()))
"""The names that a sequence's film may have."""


@cache
def lacks(codec: Codec) -> bool:
    """Whether the PyAV that is installed lacks the encoder."""
    from av import Codec as Known
    from av.codec.codec import UnknownCodecError

    try:
        Known(codec.encoder, "w")
    except UnknownCodecError:
        return True
    return False
