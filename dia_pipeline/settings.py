"""The settings of an image pair, each declared once: default, meaning, what it can be.

From the declarations come validation, the JSON Schema of configuration and tables, the options of
`dia run` with their help, the keys of what is made, and the table of `python -m
dia_pipeline.settings`, which is that of config/README.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from dia_pipeline.declarations import NO_STEP, Setting, SettingsError, Shorthand, Step, either
from dia_pipeline.text import quoted

LEVELS = (5, 4, 3, 2, 1)
"""The levels, coarse to fine: level L is the tap relu{L}_1 of the network."""

PATCH = {5: 3, 4: 3, 3: 3, 2: 5, 1: 5, 0: 3}
"""Patch side at each level (section 4.2 of the paper); level 0 is the image."""

COARSE = (5, 4, 3)
"""The levels that find the place of a match; those below make it exact."""

RADIUS = {4: 6, 3: 6, 2: 4, 1: 4}
"""Start radius of the random search below level 5, where it is a 16th of the longer side."""

SOUND, HOPELESS = 0.8, 0.3
"""A pair is sound from the first confidence on, and hopeless below the second."""

MATCHERS = ("identity", "image-analogies", "optical-flow", "patchmatch-rgb", "sift")
"""The matchers of `dia_pipeline.matchers`, which work on the images themselves, as a user's do."""

FEATURE_MATCHERS = ("hierarchical", "layer-independent")
"""The matchers that work level by level on the network's features: the paper's, and the baseline
of its figure 8. All others work on the images themselves."""


def _shorthand(
    name: str, default: Any, meaning: str, values: dict[Any, dict[str, Any]]
) -> Shorthand:
    return Shorthand(name, default, meaning, choices=tuple(values), usual=True, values=values)


SHORTHANDS = {
    each.name: each
    for each in (
        _shorthand(
            "preset",
            "photo-to-style",
            "kind of the pair, as the paper's authors recommend it: sets blend and ratio, "
            "and take for the last",
            {
                "photo-to-style": {"blend": 3, "ratio": 1.0},
                "style-to-style": {"blend": 3, "ratio": 1.0},
                "style-to-photo": {"blend": 2, "ratio": 0.5},
                "photo-to-photo": {"blend": 3, "ratio": 1.0, "take": "colours"},
            },
        ),
        _shorthand(
            "quality",
            "standard",
            "how far the deconvolution goes: 0, 15 or 65 iterations",
            {
                "draft": {"deconvolution": 0},
                "standard": {"deconvolution": 15},
                "paper": {"deconvolution": 65},
            },
        ),
        _shorthand(
            "blend",
            3,
            "from 0, which lets B' speak, to 4, which keeps the structure of A: sets alphas",
            {
                0: {"alphas": (0.4, 0.3, 0.2, 0.0)},
                1: {"alphas": (0.7, 0.6, 0.5, 0.0)},
                2: {"alphas": (0.8, 0.7, 0.6, 0.1)},
                3: {"alphas": (0.9, 0.8, 0.7, 0.2)},
                4: {"alphas": (1.0, 0.9, 0.8, 0.3)},
            },
        ),
        _shorthand(
            "task",
            "transfer",
            "transfer, for images, searches as the paper does, so that A keeps its parts; "
            "correspondence, for fields, prefers smooth ones, which are more often right: sets "
            "coarse_patch, smoothness and fine_smoothness. A matcher that works on the images "
            "themselves has no task",
            {
                "transfer": {
                    "coarse_patch": 3,
                    "smoothness": 0.0,
                    "fine_smoothness": 0.0,
                },
                "correspondence": {
                    "coarse_patch": 7,
                    "smoothness": 0.005,
                    "fine_smoothness": 0.01,
                },
            },
        ),
    )
}
"""The names that stand for several settings, in the order in which they are looked up."""


def _level_steps(level: int) -> Step:
    """The steps of a level, which ends with the features of the next one."""
    steps = Step.LEVELS | (Step.COARSE_LEVELS if level in COARSE else Step.FINE_LEVELS)
    if level == LEVELS[0]:
        steps |= Step.FIRST_LEVEL
    return steps if level == LEVELS[-1] else steps | Step.RECONSTRUCTION


@dataclass(frozen=True)
class Stage:
    """What one job of the workflow does with a pair: its steps, and the level if it is one."""

    steps: Step
    level: int = 0


STAGES = {
    "features": Stage(Step.FEATURES | Step.MATCHED_FEATURES),
    **{f"level{level}": Stage(_level_steps(level), level) for level in LEVELS},
    "aggregate": Stage(Step.RESULTS),
}
"""The stages of a pair by name, in order."""


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
        "against A, and undoes that where it is certain; several does so for parts that stand "
        "differently; given leaves it as it is; mirrored takes its mirror image",
        Step.MATCHED_FEATURES | Step.FIRST_LEVEL,
        choices=("auto", "several", "given", "mirrored"),
        usual=True,
    )
    min_confidence: float = _setting(
        0.0,
        "a pair is not processed if the confidence that its images match is lower; below 0.3 they "
        "have little in common",
        NO_STEP,
        least=0,
        most=1,
    )
    alphas: tuple[float, float, float, float] = _setting(
        SHORTHANDS["blend"].values[3]["alphas"],
        "weights of A's own features at levels 4, 3, 2, 1; with commas between in a table",
        Step.RECONSTRUCTION,
        least=0,
        most=1,
    )
    ratio: float = _setting(
        1.0,
        "scale of the images before the network: 0.5 suits portraits, 1 the rest; the results "
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
    deconvolution: int = _setting(
        15,
        "most L-BFGS iterations of each deconvolution; 0 resamples only",
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
        "identity", "first field at level 5", Step.FIRST_LEVEL, choices=("identity", "random")
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
        "photo); or its texture alone, so that A keeps its colours. A' and B with everything are "
        "written too",
        Step.RESULTS,
        choices=("everything", "colours", "texture"),
        usual=True,
    )
    depth: str | int = _setting(
        "auto",
        "bits of A' and B in each colour; auto is 16 where an input has more than 8",
        Step.RESULTS,
        choices=("auto", 8, 16),
    )
    seed: int = _setting(0, "seed of the random search", Step.LEVELS, least=0, most=2**31 - 1)
    backbone: str = _setting(
        "auto",
        "network whose features are matched; auto takes vgg19 where it is available, else vgg16",
        Step.MATCHED_FEATURES,
        choices=("auto", "vgg19", "vgg16"),
        named="one of your own (docs/backbones.md)",
        usual=True,
    )
    precision: str = _setting(
        "auto",
        "arithmetic of the network's convolutions; auto is bfloat16 where that is fast. The CPU "
        "reconstructs features in float32 in any case",
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
        if self.pose in ("auto", "several") and self.matcher not in FEATURE_MATCHERS:
            raise SettingsError(
                "pose",
                f"{self.pose!r} is not possible",
                f"it must be given or mirrored for matcher {self.matcher}, which has no network "
                "to find it",
            )

    def deciding(self, steps: Step) -> dict[str, Any]:
        """The settings that decide the results of steps, by name."""
        return {name: getattr(self, name) for name in _names_deciding(steps)}

    def deciding_stage(self, name: str) -> dict[str, Any]:
        """The settings that decide what a stage of `STAGES` makes of what it is given."""
        stage = STAGES[name]
        chosen = self.deciding(stage.steps)
        if chosen.pop("alphas", None):
            chosen["alpha"] = self.alpha(stage.level - 1)
        return chosen

    @property
    def levels(self) -> tuple[int, ...]:
        """The levels that are matched, coarse to fine; matchers of images fill level 1 alone."""
        if self.matcher in FEATURE_MATCHERS:
            return LEVELS[: LEVELS.index(self.finest) + 1]
        return LEVELS[-1:]

    def patch(self, level: int) -> int:
        """The side of the patches that are compared at `level` (5 to 1)."""
        chosen = level in COARSE and self.matcher == "hierarchical"
        return self.coarse_patch if chosen else PATCH[level]

    def smooth(self, level: int) -> float:
        """The smoothness of the search at `level` (5 to 1)."""
        if self.matcher != "hierarchical":
            return 0.0
        return self.smoothness if level in COARSE else self.fine_smoothness

    def alpha(self, level: int) -> float:
        """The weight of the own features in the fusion at `level` (4 to 1)."""
        return self.alphas[4 - level]


@cache
def declared() -> tuple[Setting, ...]:
    """All settings, without shorthands."""
    return tuple(Setting(each.name, **each.metadata) for each in fields(Settings))


@cache
def _names_deciding(steps: Step) -> tuple[str, ...]:
    """The names of the settings that decide the results of steps."""
    return tuple(each.name for each in declared() if steps & each.decides)


@cache
def options() -> dict[str, Setting]:
    """All that a user can set, by name: shorthands, then settings."""
    return SHORTHANDS | {each.name: each for each in declared()}


def resolve(given: dict[str, Any]) -> Settings:
    """Turn options as a user writes them into settings.

    `preset` is applied first, then `quality`, `blend` and `task`, then every other option by its
    own name, so that the more specific one wins. Options whose value is None count as not given.
    Matchers that work on the images themselves have nothing that `task` decides, and match a pair
    in the pose in which it is given.

    Raises:
        SettingsError: an option or a value does not exist.
    """
    known = options()
    for name in given:
        if name not in known:
            problem = f"{quoted(name)} is not possible"
            raise SettingsError("option", problem, f"it must be {either(known)}")
    chosen = {name: known[name].parse(value) for name, value in given.items() if value is not None}
    chosen.setdefault("preset", SHORTHANDS["preset"].default)
    for name, shorthand in SHORTHANDS.items():
        if name in chosen:
            choice = chosen.pop(name)
            shorthand.check(choice)
            if name != "task" or chosen.get("matcher", Settings.matcher) in FEATURE_MATCHERS:
                chosen = {**shorthand.values[choice], **chosen}
    if chosen.get("matcher", Settings.matcher) not in FEATURE_MATCHERS:
        chosen.setdefault("pose", "given")
    if isinstance(chosen.get("alphas"), list):
        chosen["alphas"] = tuple(chosen["alphas"])
    return Settings(**chosen)


@cache
def stands_for(name: str) -> set[str]:
    """The options that a shorthand may decide, those of other shorthands among them."""
    if name not in SHORTHANDS:
        return set()
    names = {each for decided in SHORTHANDS[name].values.values() for each in decided}
    return names.union(*map(stands_for, names))


def schema() -> dict[str, Any]:
    """The JSON Schema of options as a user writes them."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "settings.schema.json",
        "type": "object",
        "additionalProperties": False,
        "properties": {name: each.schema for name, each in options().items()},
    }


def table() -> str:
    """All options in Markdown."""
    rows = ["| setting | default | meaning | values |", "|---|---|---|---|"]
    for name, each in options().items():
        values = ", ".join(f"`{choice}`" for choice in each.choices) or each.allowed
        values += f", or {each.named}" if each.named else ""
        rows.append(f"| `{name}` | `{each.shown}` | {each.meaning} | {values} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
