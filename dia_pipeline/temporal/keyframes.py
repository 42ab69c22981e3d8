"""Which frames of a film to paint by hand: those that show what the others do not.

A pixel of a frame is found in another one where the motion between the two can be trusted, see
`motion.homeward`. A frame that is chosen shows every pixel of the film that is found in it. The
next is always the one that shows most of what no other shows yet: so N frames show at least 1 - 1/e
of what the best N would (Nemhauser et al., An analysis of approximations for maximizing submodular
set functions, 1978), and mostly nearly all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from dia_pipeline.temporal.motion import flow_between, followed, homeward, is_cut

SIDE = 128
"""Longest side in pixels at which frames are compared."""

MOST = 40
"""Frames of scenes that show the same that are compared with each other."""

ALL = 400
"""Frames of a film that are compared; of a scene there is always one."""

EARLY = 0.5
"""What the first frame of a scene must add, as a share of what the best would: a film is made from
its keyframes on, so the first one of a scene is better early than in the middle of it."""

SERVED = 0.5
"""The share of a scene that frames of others must show, if it is to need none of its own."""


class Compared(NamedTuple):
    """What frames show of each other.

    Attributes:
        frames: (N,) ints, their numbers in the film.
        scenes: (N,) ints, the number of the scene of each.
        stands: (N,), how many frames of the film each stands for.
        found: (N, N, P) uint8, eight pixels a byte: at [i, j] those of frame j found in frame i.
    """

    frames: np.ndarray
    scenes: np.ndarray
    stands: np.ndarray
    found: np.ndarray


class Chosen(NamedTuple):
    """A frame that is chosen.

    Attributes:
        frame: its number in the film.
        scene: the number of its scene.
        adds: the share of the film that it shows, and none that was chosen before.
        known: (P,) uint8, its own pixels that those show already, eight a byte.
    """

    frame: int
    scene: int
    adds: float
    known: np.ndarray


class Served(NamedTuple):
    """The share of a scene that chosen frames show, and the one that shows most of it."""

    share: float
    best: int


def alike(images: list[np.ndarray]) -> list[list[int]]:
    """Scenes that may show the same, by an image (H, W, 3) uint8 of each: groups of their numbers.

    Each is compared with the first of every group.
    """
    groups: list[list[int]] = []
    for number, image in enumerate(images):
        like = (group for group in groups if not is_cut(images[group[0]], image))
        group = next(like, None)
        if group is None:
            groups.append([number])
        else:
            group.append(number)
    return groups


def sampled(scene: Sequence[int], group: int, scenes: int) -> list[int]:
    """The frames of a scene that are compared, evenly picked.

    Args:
        group: how many scenes show the same as this one, itself included.
        scenes: how many scenes there are.
    """
    most = min(len(scene), MOST // group, ALL // scenes)
    if most < 2:
        return [scene[len(scene) // 2]]
    return [scene[round(n)] for n in np.linspace(0, len(scene) - 1, most)]


def compare(images: list[np.ndarray], scenes: Sequence[int]) -> np.ndarray:
    """The `found` of `Compared`, of images (H, W, 3) uint8 of one size and the scene of each.

    From each image the way to the others of its scene is followed from one to the next.
    """
    flows: dict[tuple[int, int], np.ndarray] = {}
    still = np.zeros((*images[0].shape[:2], 2), np.float32)
    whole = np.packbits(np.ones(still.shape[:2], bool))
    found = np.zeros((len(images), len(images), len(whole)), np.uint8)
    for home in range(len(images)):
        found[home, home] = whole
        for order in (range(home + 1, len(images)), range(home - 1, -1, -1)):
            way, before = still, home
            for here in order:
                about = still
                if scenes[here] == scenes[before]:
                    if (here, before) not in flows:
                        flows[here, before] = flow_between(images[here], images[before])
                    about = followed(flows[here, before], way)
                way, known = homeward(images[here], images[home], about)
                found[home, here] = np.packbits(known)
                before = here
    return found


def choose(groups: list[Compared], count: int | None = None, early: float = EARLY) -> list[Chosen]:
    """Choose so many frames one by one; fewer where no other adds anything.

    As long as there are scenes that have none and are shown too little by those of others, it is a
    frame of such a scene. Without a count these are all.

    Args:
        early: see EARLY; with 1 it is always the frame that adds most.
    """
    shown = [np.zeros_like(group.found[0]) for group in groups]
    whole = sum(_pixels(group, _own(group)) for group in groups)
    chosen: list[Chosen] = []
    while count is None or len(chosen) < count:
        own = {each.scene for each in chosen}
        wanting = _wanting(groups, shown, own)
        if count is None and not wanting:
            break
        gains = [_gains(*both, wanting) for both in zip(groups, shown, strict=True)]
        at = int(np.argmax([each.max() for each in gains]))
        group, number, most = groups[at], int(gains[at].argmax()), gains[at].max()
        if most <= 0:
            break
        scene = int(group.scenes[number])
        if scene not in own:
            enough = (group.scenes == scene) & (gains[at] >= early * most)
            number = int(enough.argmax())
        adds, known = float(gains[at][number] / whole), shown[at][number].copy()
        chosen.append(Chosen(int(group.frames[number]), scene, adds, known))
        shown[at] |= group.found[number]
    return chosen


def serving(groups: list[Compared], frames: Collection[int]) -> dict[int, Served]:
    """How chosen frames serve the scenes of which any pixel is found in one, by scene."""
    served = {}
    for group in groups:
        [chosen] = np.nonzero(np.isin(group.frames, list(frames)))
        shown = np.bitwise_or.reduce(group.found[chosen], axis=0)
        for scene, share in _shares(group, shown).items():
            here = group.scenes == scene
            by = np.bitwise_count(group.found[chosen][:, here]).sum((1, 2), dtype=int)
            if share:
                served[scene] = Served(share, int(group.frames[chosen[by.argmax()]]))
    return served


def _wanting(groups: list[Compared], shown: list[np.ndarray], own: set[int]) -> list[int]:
    """The scenes that have no frame of their own, and are shown too little by those of others."""
    return [
        scene
        for both in zip(groups, shown, strict=True)
        for scene, share in _shares(*both).items()
        if share < SERVED and scene not in own
    ]


def _shares(group: Compared, shown: np.ndarray) -> dict[int, float]:
    """The share of each scene that is shown, of what is shown of the frames, (N, P)."""
    of_frames = [np.bitwise_count(each).sum(-1, dtype=int) for each in (shown, _own(group))]
    found = {}
    for scene in np.unique(group.scenes):
        part, whole = (each[group.scenes == scene].sum() for each in of_frames)
        found[int(scene)] = float(part / whole)
    return found


def _gains(group: Compared, shown: np.ndarray, wanting: list[int]) -> np.ndarray:
    """The pixels of the film that each frame would add to what is shown, (N,).

    It is -1 for those of other scenes than the wanting ones, if there are any.
    """
    gains = np.array([_pixels(group, found & ~shown) for found in group.found])
    return np.where(np.isin(group.scenes, wanting), gains, -1) if wanting else gains


def _pixels(group: Compared, shown: np.ndarray) -> float:
    """The pixels of the film that are shown, of what is shown of the frames, (N, P)."""
    return float(np.bitwise_count(shown).sum(-1, dtype=int) @ group.stands)


def _own(group: Compared) -> np.ndarray:
    """All pixels of the frames, (N, P)."""
    every = range(len(group.found))
    return group.found[every, every]
