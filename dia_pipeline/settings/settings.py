"""The settings of an image pair, each declared once: default, meaning, what it can be."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from dia_pipeline.settings.declarations import (
    NO_STEP,
    Setting,
    SettingsError,
    Step,
)
from dia_pipeline.settings.shorthands import SHORTHANDS

LEVELS = (5, 4, 3, 2, 1)
"""The levels, coarse to fine: level L is the tap relu{L}_1 of the network."""

OCTAVES = (7, 6)
"""Level 5 of the images at a quarter and at half of their working size. Before level 5 they find
which parts belong together: the network sees more of a small image at once. The paper has none."""

PATCH = {7: 3, 6: 3, 5: 3, 4: 3, 3: 3, 2: 5, 1: 5, 0: 3}
"""Patch side at each level (section 4.2 of the paper); level 0 is the image."""

COARSE = (*OCTAVES, 5, 4, 3)
"""The levels that find the place of a match; those below make it exact."""

RADIUS = {6: 6, 5: 6, 4: 6, 3: 6, 2: 4, 1: 4}
"""Start radius of the random search where a coarser level says where to look."""

SOUND, HOPELESS = 0.6, 0.35
"""A pair is sound from the first confidence on, and hopeless below the second."""

MATCHERS = ("identity", "image-analogies", "optical-flow", "patchmatch-rgb", "sift")
"""The matchers of `dia_pipeline.matchers`, which work on the images themselves, as a user's do."""

FEATURE_MATCHERS = ("hierarchical", "layer-independent")
"""The matchers that work level by level on the network's features: the paper's, and the baseline
of its figure 8. All others work on the images themselves."""


def _setting(default: Any, meaning: str, decides: Step, **declared: Any) -> Any:
    """A field of `Settings`; for the arguments see `Setting`."""
    about = {"default": default, "meaning": meaning, "decides": decides, **declared}
    return field(default=default, metadata=about)


@dataclass(frozen=True)
class Settings:
    """Everything that decides how one pair is processed, apart from the images themselves."""

    matcher: str = _setting(
        "hierarchical",
        "how the images are matched: hierarchical is the paper's, layer-independent matches "
        "every level on its own features alone; for the others see docs/ablation.md",
        Step.LEVELS,
        choices=(*FEATURE_MATCHERS, *MATCHERS),
        named="one of your own (docs/ablation.md)",
    )
    finest: int = _setting(
        1,
        "the finest level that is matched; the images are rebuilt from its fields",
        Step.LEVELS,
        choices=LEVELS,
    )
    pose: str = _setting(
        "auto",
        "how B' stands before it is matched: auto finds whether it is mirrored, turned or scaled "
        "against A, and undoes that where it makes a better match; several does so for parts that "
        "stand differently; given leaves it as it is; mirrored takes its mirror image",
        Step.POSE | Step.FIRST_LEVEL,
        choices=("auto", "several", "given", "mirrored"),
        usual=True,
    )
    min_confidence: float = _setting(
        0.0,
        "a pair is not processed if the confidence that its images match is lower; below 0.35 they "
        "have little in common",
        NO_STEP,
        least=0,
        most=1,
    )
    seen: str = _setting(
        "colours",
        "what the network sees of the images that are matched: their colours, or their lightness "
        "alone, for an A in black and white",
        Step.FEATURES,
        choices=("colours", "lightness"),
    )
    alphas: tuple[float, float, float, float] = _setting(
        SHORTHANDS["blend"].values[3]["alphas"],
        "weights of A's own features at levels 4, 3, 2, 1",
        Step.RECONSTRUCTION,
        least=0,
        most=1,
    )
    ratio: float = _setting(
        1.0,
        "scale of the images before the network: 0.5 suits drawings of few lines; the results "
        "keep the full size",
        Step.FEATURES,
        above=0,
        most=4,
        usual=True,
    )
    max_side: int = _setting(
        700,
        "longest side in pixels on which the network works; bounds the memory",
        Step.FEATURES,
        least=16,
        usual=True,
    )
    deconvolution: tuple[int, int, int, int] = _setting(
        SHORTHANDS["quality"].values["standard"]["deconvolution"],
        "most L-BFGS iterations of the deconvolutions that end levels 5, 4, 3, 2; 0 resamples only",
        Step.RECONSTRUCTION,
        least=0,
    )
    blend_map: str = _setting(
        "step",
        "form of the blend weights: the step of the authors' code, or the sigmoid of the paper",
        Step.RECONSTRUCTION,
        choices=("step", "sigmoid"),
    )
    initial: str = _setting(
        "identity", "the very first field", Step.FIRST_LEVEL, choices=("identity", "random")
    )
    octaves: int = _setting(
        len(OCTAVES),
        "how many smaller copies of the images are matched before level 5, each half as large as "
        "the next, to find which parts belong together; 0 is as published",
        Step.FIRST_LEVEL,
        least=0,
        most=len(OCTAVES),
    )
    search: str = _setting(
        "patchmatch",
        "exact compares every patch with every other, by energy alone, for small images",
        Step.LEVELS,
        choices=("patchmatch", "exact"),
    )
    iterations: int = _setting(10, "PatchMatch iterations at each level", Step.LEVELS, least=0)
    coarse_patch: int = _setting(
        3,
        "side of the patches compared at levels 5, 4, 3",
        Step.COARSE_LEVELS,
        choices=(1, 3, 5, 7, 9),
    )
    smoothness: float = _setting(
        0.0,
        "so much lower must the energy of a match of levels 5, 4, 3 be for every pixel by which "
        "its offset differs more from its neighbours'; energies lie between -2 and 0",
        Step.COARSE_LEVELS,
        least=0,
        most=1,
    )
    fine_smoothness: float = _setting(
        0.0, "the same at levels 2, 1", Step.FINE_LEVELS, least=0, most=1
    )
    guidance: float = _setting(
        1.0,
        "how strongly labels and points pull the matches, where there are any; energies lie "
        "between -2 and 0",
        Step.LEVELS,
        least=0,
        most=10,
    )
    descriptor_weight: float = _setting(
        2.0,
        "how strongly descriptors pull the matches, where there are any; energies lie between -2 "
        "and 0",
        Step.LEVELS,
        least=0,
        most=10,
    )
    descriptor_finest: int = _setting(
        3,
        "the finest level at which descriptors count; finer ones follow the features alone",
        Step.LEVELS,
        choices=LEVELS,
    )
    directions: str = _setting(
        "both",
        "ab makes A' alone, matched without the bidirectional term",
        Step.LEVELS,
        choices=("both", "ab"),
    )
    composition: str = _setting(
        "seamless",
        "how the images are put together: seamless, without visible steps between patches, or "
        "voted by averaging patches, as published",
        Step.RESULTS,
        choices=("seamless", "voted"),
    )
    take: str = _setting(
        "everything",
        "what of B' is taken: everything; its colours alone, so that A keeps its details (photo to "
        "photo); its chroma alone, so that A keeps its lightness to the last digit; or its texture "
        "alone, so that A keeps its colours. A' and B with everything are written too",
        Step.RESULTS,
        choices=("everything", "colours", "chroma", "texture"),
        usual=True,
    )
    depth: str | int = _setting(
        "auto",
        "bits of A' and B in each colour; auto is 16 where an input has more than 8",
        Step.RESULTS,
        choices=("auto", 8, 16),
    )
    seed: int = _setting(
        0, "seed of the random search", Step.POSE | Step.LEVELS, least=0, most=2**31 - 1
    )
    backbone: str = _setting(
        "auto",
        "network whose features are matched; auto takes vgg19 where it is available, else vgg16",
        Step.NETWORK,
        choices=("auto", "vgg19", "vgg16"),
        named="one of your own (docs/backbones.md)",
        usual=True,
    )
    precision: str = _setting(
        "auto",
        "arithmetic of the network's convolutions; auto is bfloat16 where that is fast. A CPU "
        "without AMX reconstructs features in float32 in any case",
        Step.FEATURES,
        choices=("auto", "float32", "bfloat16"),
    )
    feature_dtype: str = _setting(
        "float16",
        "precision in which features are kept between the stages",
        Step.FEATURES,
        choices=("float16", "float32"),
    )

    def __post_init__(self) -> None:
        for setting in declared():
            setting.check(getattr(self, setting.name))
        if self.finds_pose and self.matcher not in FEATURE_MATCHERS:
            raise SettingsError(
                "pose",
                f"{self.pose!r} is not possible",
                f"it must be given or mirrored for matcher {self.matcher}, which has no network "
                "to find it",
            )

    def deciding(self, steps: Step, level: int = 0) -> dict[str, Any]:
        """The settings that decide the results of steps, by name; of a level those of it alone."""
        chosen = {name: getattr(self, name) for name in _names_deciding(steps)}
        if level and "alphas" in chosen:
            chosen["alphas"] = self.alpha(level - 1)
            chosen["deconvolution"] = self.deconvolved(level)
        return chosen

    @property
    def finds_pose(self) -> bool:
        """Whether the pose of B' is looked for."""
        return self.pose in ("auto", "several")

    @property
    def deciding_pose(self) -> dict[str, Any]:
        """The settings that decide the pose, by name: those of its search where it is looked for.

        Variants that differ in the seed alone share a pose that is not.
        """
        return self.deciding(Step.POSE) if self.finds_pose else {"pose": self.pose}

    @property
    def levels(self) -> tuple[int, ...]:
        """The levels that are matched, coarse to fine; matchers of images fill level 1 alone."""
        if self.matcher in FEATURE_MATCHERS:
            return LEVELS[: LEVELS.index(self.finest) + 1]
        return LEVELS[-1:]

    @property
    def matched_octaves(self) -> tuple[int, ...]:
        """The octaves that are matched before level 5, coarse to fine."""
        return OCTAVES[len(OCTAVES) - self.octaves :] if self.matcher == "hierarchical" else ()

    def patch(self, level: int) -> int:
        """The side of the patches that are compared at `level` (7 to 1)."""
        chosen = level in COARSE and self.matcher == "hierarchical"
        return self.coarse_patch if chosen else PATCH[level]

    def smooth(self, level: int) -> float:
        """The smoothness of the search at `level` (7 to 1)."""
        if self.matcher != "hierarchical":
            return 0.0
        return self.smoothness if level in COARSE else self.fine_smoothness

    def described(self, level: int) -> float:
        """The weight of descriptors at `level` (7 to 1), 0 where they do not count."""
        return self.descriptor_weight if level >= self.descriptor_finest else 0.0

    def alpha(self, level: int) -> float:
        """The weight of the own features in the fusion at `level` (4 to 1)."""
        return self.alphas[4 - level]

    def deconvolved(self, level: int) -> int:
        """The most iterations of the deconvolution that ends `level` (5 to 2)."""
        return self.deconvolution[5 - level]


@cache
def declared() -> tuple[Setting, ...]:
    """All settings, without shorthands."""
    return tuple(Setting(each.name, **each.metadata) for each in fields(Settings))


@cache
def _names_deciding(steps: Step) -> tuple[str, ...]:
    """The names of the settings that decide the results of steps."""
    return tuple(each.name for each in declared() if steps & each.decides)
