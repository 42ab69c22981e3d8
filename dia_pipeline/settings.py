"""The settings of one image pair: every constant of the paper, the presets and the qualities."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from dia_pipeline.errors import DiaError

LEVELS = (5, 4, 3, 2, 1)
"""The levels, coarse to fine: level L is the tap relu{L}_1 of the network."""

PATCH = {5: 3, 4: 3, 3: 3, 2: 5, 1: 5, 0: 3}
"""Patch side at each level (section 4.2 of the paper); level 0 is the image."""

COARSE = (5, 4, 3)
"""The levels that find the place of a match; those below make it exact."""

RADIUS = {4: 6, 3: 6, 2: 4, 1: 4}
"""Start radius of the random search below level 5, where it is a 16th of the longer side."""

BLEND = {
    1: (0.7, 0.6, 0.5, 0.0),
    2: (0.8, 0.7, 0.6, 0.1),
    3: (0.9, 0.8, 0.7, 0.2),
}
"""The weight alpha of A's own features at levels 4, 3, 2, 1, by blend level."""

QUALITY = {"draft": 0, "standard": 20, "paper": 100}
"""Iterations of the deconvolution, by the name of the quality."""

TASK: dict[str, dict[str, Any]] = {
    "transfer": {
        "coarse_patch": 3,
        "smoothness": 0.0,
        "fine_smoothness": 0.0,
        "orientation": "given",
    },
    "correspondence": {
        "coarse_patch": 7,
        "smoothness": 0.005,
        "fine_smoothness": 0.01,
        "orientation": "auto",
    },
}
"""What a pair is worked for. `transfer` makes pictures and searches as the paper publishes, so that
A keeps its parts; `correspondence` finds fields, and prefers smooth ones, which are more often
right but take what lies there in B' where A has a part that B' lacks."""

PRESET: dict[str, dict[str, Any]] = {
    "photo-to-style": {"blend": 3, "ratio": 1.0},
    "style-to-style": {"blend": 3, "ratio": 1.0},
    "style-to-photo": {"blend": 2, "ratio": 0.5},
    "photo-to-photo": {"blend": 3, "ratio": 1.0, "refine": True},
}
"""What the paper's authors recommend for each kind of pair."""

MATCHERS = ("identity", "image-analogies", "optical-flow", "patchmatch-rgb", "sift")
"""The matchers that work on the pictures themselves, each a module of `dia_pipeline.matchers`."""

FEATURE_MATCHERS = ("hierarchical", "layer-independent")
"""The matchers that work level by level on the network's features: the paper's, and the baseline
of its figure 8. Those of `MATCHERS` work on the pictures themselves."""

CHOICES = {
    "matcher": (*FEATURE_MATCHERS, *MATCHERS),
    "orientation": ("given", "mirrored", "auto"),
    "blend_map": ("step", "sigmoid"),
    "initial": ("identity", "random"),
    "search": ("patchmatch", "exact"),
    "directions": ("both", "ab"),
    "composition": ("seamless", "voted"),
    "backbone": ("auto", "vgg19", "vgg16"),
    "precision": ("auto", "float32", "bfloat16"),
    "feature_dtype": ("float16", "float32"),
}
"""The values that each named setting can take."""


class SettingsError(DiaError):
    """A setting has a name or a value that does not exist; the message says what is allowed."""


@dataclass(frozen=True)
class Settings:
    """Everything that decides how one pair is worked, apart from the pictures themselves.

    Attributes:
        matcher: `hierarchical`, the paper's; `layer-independent`, every level on its own features
            alone; or one of `MATCHERS`.
        finest: the finest level that is matched, from whose fields the pictures are rebuilt.
        orientation: `mirrored` matches A with the mirrored B'; `auto` with whichever has the lower
            energy at the coarse levels.
        alphas: weight of the own features in the fusion at levels 4, 3, 2, 1, each in [0, 1].
        ratio: scale of the images before the network; the output keeps the input's resolution.
        max_side: longest side in pixels on which the network works; bounds memory.
        deconvolution: most L-BFGS iterations of each deconvolution; 0 resamples only.
        blend_map: `step` (the authors' code) or `sigmoid` (the paper).
        initial: first field at level 5, `identity` or `random`.
        search: `patchmatch`, or `exact`: every patch with every other, by energy alone.
        iterations: PatchMatch iterations at each level.
        coarse_patch: side of the patches compared at the coarse levels 5, 4, 3.
        smoothness: at the coarse levels, so much lower must the energy of a match be for every
            pixel by which its offset differs more from its neighbours'.
        fine_smoothness: the same at the fine levels 2, 1.
        directions: `both`, or `ab` for A' alone, matched without the bidirectional term.
        composition: how the pictures are put together: `seamless`, or `voted` as published.
        refine: weighted-least-squares refinement of the outputs (photo to photo).
        seed: seed of the random search.
        backbone: network whose features are matched; `auto` takes vgg19, else vgg16.
        precision: arithmetic of the network's convolutions; `auto` is bfloat16 where that is fast.
        feature_dtype: precision in which features are kept between the stages.
    """

    matcher: str = "hierarchical"
    finest: int = LEVELS[-1]
    orientation: str = TASK["transfer"]["orientation"]
    alphas: tuple[float, float, float, float] = BLEND[3]
    ratio: float = 1.0
    max_side: int = 700
    deconvolution: int = QUALITY["standard"]
    blend_map: str = "step"
    initial: str = "identity"
    search: str = "patchmatch"
    iterations: int = 10
    coarse_patch: int = TASK["transfer"]["coarse_patch"]
    smoothness: float = TASK["transfer"]["smoothness"]
    fine_smoothness: float = TASK["transfer"]["fine_smoothness"]
    directions: str = "both"
    composition: str = "seamless"
    refine: bool = False
    seed: int = 0
    backbone: str = "auto"
    precision: str = "auto"
    feature_dtype: str = "float16"

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            _require(getattr(self, name) in allowed, name, getattr(self, name), _either(allowed))
        _require(
            len(self.alphas) == 4 and all(0 <= alpha <= 1 for alpha in self.alphas),
            "alphas",
            self.alphas,
            "four numbers from 0 to 1, for levels 4, 3, 2, 1",
        )
        _require(self.finest in LEVELS, "finest", self.finest, _either(LEVELS))
        _require(
            self.orientation != "auto" or self.matcher in FEATURE_MATCHERS,
            "orientation",
            self.orientation,
            f"given or mirrored for matcher {self.matcher}, which has no energies to compare",
        )
        _require(0 < self.ratio <= 4, "ratio", self.ratio, "above 0 and at most 4")
        _require(self.max_side >= 16, "max_side", self.max_side, "at least 16 pixels")
        _require(self.deconvolution >= 0, "deconvolution", self.deconvolution, "0 or more")
        _require(self.iterations >= 0, "iterations", self.iterations, "0 or more")
        side = self.coarse_patch
        _require(side in (1, 3, 5, 7, 9), "coarse_patch", side, "odd, from 1 to 9")
        for name in ("smoothness", "fine_smoothness"):
            value = getattr(self, name)
            _require(0 <= value <= 1, name, value, "from 0 to 1")
        _require(0 <= self.seed < 2**31, "seed", self.seed, "from 0 to 2147483647")

    @property
    def levels(self) -> tuple[int, ...]:
        """The levels that are matched, coarse to fine; `MATCHERS` fill level 1 alone."""
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


def resolve(options: dict[str, Any]) -> Settings:
    """Turn options as a user writes them into settings.

    `preset` is applied first, then `quality`, `blend` and `task`, then every other option by its
    own name, so that the more specific one wins. Options whose value is None count as not given.
    Matchers that work on the pictures themselves have nothing that `task` decides, and no energies
    by which to orient a pair: they match it as it is given, whatever the task.

    Raises:
        SettingsError: an option or a value does not exist.
    """
    given = {name: value for name, value in options.items() if value is not None}
    given = {**_lookup("preset", PRESET, given.pop("preset", "photo-to-style")), **given}
    if "quality" in given:
        iterations = _lookup("quality", QUALITY, given.pop("quality"))
        given.setdefault("deconvolution", iterations)
    if "blend" in given:
        alphas = _lookup("blend", BLEND, given.pop("blend"))
        given.setdefault("alphas", alphas)
    if "task" in given:
        decided = _lookup("task", TASK, given.pop("task"))
        if given.get("matcher", Settings.matcher) in FEATURE_MATCHERS:
            given = {**decided, **given}
    if "alphas" in given:
        given["alphas"] = tuple(given["alphas"])
    known = [field.name for field in fields(Settings)]
    for name in given:
        _require(
            name in known, "option", name, _either([*known, "preset", "quality", "blend", "task"])
        )
    return Settings(**given)


def _lookup(name: str, table: dict, key: Any) -> Any:
    _require(key in table, name, key, _either(table))
    return table[key]


def _require(condition: bool, name: str, value: Any, allowed: str) -> None:
    if not condition:
        raise SettingsError(name, f"{value!r} is not possible", f"it must be {allowed}")


def _either(values) -> str:
    return "one of " + ", ".join(str(value) for value in values)
