"""Videos A' of anybody scored beside their content and B' itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dia_pipeline.comparisons.scores import CONTROLS, ScoreError, Scores, file_of, load_network
from dia_pipeline.errors import DiaError, describe
from dia_pipeline.evaluation.evaluation import SelfSimilarity, measure_picture
from dia_pipeline.io.images import read_image
from dia_pipeline.io.video import decode_frames
from dia_pipeline.pixels import resize_image
from dia_pipeline.runs.config import load_config
from dia_pipeline.runs.sequence import Sequence
from dia_pipeline.runs.sources import images_in, kind_of, list_frames, number_of
from dia_pipeline.temporal.flicker import Steadiness, motion_of
from dia_pipeline.temporal.motion import is_cut

if TYPE_CHECKING:
    from dia_pipeline.networks.network import Network

VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi")
"""The suffixes of videos."""

CONTENT, COPY = CONTROLS

TRUTH = "/"
"""The true A' among what is shown of a frame: no method has this name."""


def read_sequences(table: Path, output: Path) -> list[Sequence]:
    """The sequences of a table.

    Raises:
        ConfigError: the table cannot be used.
        ScoreError: the content of one stands still, or its true A' has more frames or fewer.
        SequenceError: a true A' has none.
    """
    found = load_config({"sequences": str(table), "results": str(output)}).sequences
    for sequence in found:
        if not sequence.content_moves:
            problem = f"in {sequence.name} the content stands still"
            raise ScoreError(table, problem, "name sequences whose A is a video")
        true, taken = len(_true_frames(sequence)), len(sequence.frames)
        if sequence.a_prime and true != taken:
            problem = f"of {sequence.name} the true A' has {true} frames, but A has {taken}"
            raise ScoreError(table, problem, "give as many")
    return list(found)


def score_videos(sequences: Iterable[Sequence], methods: Mapping[str, Path]) -> Scores:
    """Measure the videos of each method, and of the controls, that all methods have.

    Raises:
        ScoreError: there is none.
        WeightsError: the network that looks at them is not there.
    """
    network = load_network()
    scores = Scores({}, [], {})
    for sequence in sequences:
        try:
            videos = {name: _frames(folder, sequence.name) for name, folder in methods.items()}
            found = _measures(sequence, videos, network)
        except (DiaError, OSError) as error:
            scores.failed[sequence.name] = describe(error)
            continue
        for name, measures in found.items():
            scores.add(name, sequence.name, measures)
    return scores.checked()


def _measures(
    sequence: Sequence, videos: Mapping[str, Iterator[np.ndarray]], network: Network
) -> dict[str, dict[str, float]]:
    """The means over all frames of what can be measured of a frame, and how a video holds still."""
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    steady: dict[str, Steadiness] = defaultdict(Steadiness)
    before: np.ndarray | None = None
    for b_prime, true, frames in _side_by_side(sequence, videos):
        content = frames[CONTENT]
        motion = None
        if before is not None and not is_cut(before, content):
            motion = motion_of(content, before)
        seen = SelfSimilarity(network, content)
        for name, frame in frames.items():
            found = measure_picture(content, b_prime, frame, true=true, seen=seen)
            for measure, value in found.items():
                values[name][measure].append(value)
            steady[name].add(frame, motion)
        before = content
    return {name: _means(found) | steady[name].measures() for name, found in values.items()}


def _means(found: Mapping[str, list[float]]) -> dict[str, float]:
    return {measure: float(np.mean(each)) for measure, each in found.items()}


def _side_by_side(
    sequence: Sequence, videos: Mapping[str, Iterator[np.ndarray]]
) -> Iterator[tuple[np.ndarray, np.ndarray | None, dict[str, np.ndarray]]]:
    """For every frame the reference, the true A' if it is known, and what methods and controls
    show, all as large as A."""
    references = {start: read_image(path) for start, path in sorted(sequence.references.items())}
    given = {**videos, CONTENT: _shown(sequence.a, sequence.frames)}
    if sequence.a_prime:
        given[TRUTH] = _shown(sequence.a_prime, _true_frames(sequence))
    for number, shown in enumerate(zip_longest(*given.values())):
        frames = dict(zip(given, shown, strict=True))
        _check_frames(sequence.name, number, frames)
        b_prime = references[max(start for start in references if start <= number)]
        frames[COPY] = resize_image(b_prime, frames[CONTENT].shape[:2])
        yield b_prime, frames.pop(TRUTH, None), frames


def _check_frames(video: str, number: int, frames: Mapping[str, np.ndarray | None]) -> None:
    """Make sure that every method has this frame of a video, and as large as A."""
    sizes = {
        {CONTENT: "A", TRUTH: "the true A'"}.get(name, name): "missing"
        if each is None
        else f"{each.shape[1]}x{each.shape[0]}"
        for name, each in frames.items()
    }
    if len({*sizes.values()}) > 1:
        said = ", ".join(f"{name}: {size}" for name, size in sizes.items())
        remedy = "give as many frames as A has, and as large"
        raise ScoreError(f"{video}, frame {number + 1}", f"they are not alike ({said})", remedy)


def _true_frames(sequence: Sequence) -> list[str]:
    """The frames of the true A', taken as those of A are; none where it is not known."""
    taken = sequence.start, sequence.stop, sequence.stride
    return list_frames(sequence.a_prime, *taken) if sequence.a_prime else []


def _shown(source: str, frames: Iterable[str]) -> Iterator[np.ndarray]:
    """The frames of a source that are named."""
    if kind_of(source) != "video":
        return map(read_image, frames)
    numbers = {number_of(frame) for frame in frames}
    return (frame for n, frame in enumerate(decode_frames(source)) if n in numbers)


def _frames(folder: Path, name: str) -> Iterator[np.ndarray]:
    """The frames of a method: of a video, of a folder of images, or of this program's results."""
    if (folder / name).is_dir():
        own = folder / name / "frames"
        images = images_in(str(own if own.is_dir() else folder / name))
        if not images:
            raise ScoreError(folder / name, "there are no frames in it", "give images")
        return map(read_image, images)
    return decode_frames(file_of(folder, name, VIDEOS))
