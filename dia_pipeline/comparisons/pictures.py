"""Pictures A' of anybody scored on one data set, beside A and B' themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from dia_pipeline.comparisons.scores import CONTROLS, ScoreError, Scores, file_of, load_network
from dia_pipeline.errors import DiaError, describe
from dia_pipeline.evaluation.evaluation import SelfSimilarity, measure_picture
from dia_pipeline.evaluation.truth import read_truth
from dia_pipeline.io.images import read_image
from dia_pipeline.pixels import resize_image
from dia_pipeline.runs.pair import Pair
from dia_pipeline.store.made import FLOWS, Made

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
"""The suffixes of pictures."""


def score_pictures(pairs: Iterable[Pair], methods: Mapping[str, Path]) -> Scores:
    """Measure the A' of each method, and of the controls, for the pairs that all methods have.

    Raises:
        ScoreError: there is none.
        WeightsError: the network that looks at them is not there.
    """
    from dia_pipeline.algorithm.nnf import identity  # torch takes a while to load

    network = load_network()
    scores = Scores({}, [], {})
    for pair in pairs:
        try:
            a, b_prime = read_image(pair.a), read_image(pair.b_prime)
            sizes = {"a": a.shape[:2], "b_prime": b_prime.shape[:2]}
            true = read_truth({"a": pair.a, "a_prime": pair.a_prime}, sizes).a_prime
            made = {name: _picture(folder, pair.name, sizes) for name, folder in methods.items()}
        except (DiaError, OSError) as error:
            scores.failed[pair.name] = describe(error)
            continue
        controls = (a, resize_image(b_prime, sizes["a"]))
        unmoved = identity(sizes["a"], sizes["b_prime"]).numpy()
        made |= {name: (each, unmoved) for name, each in zip(CONTROLS, controls, strict=True)}
        seen = SelfSimilarity(network, a)
        for name, (picture, nnf) in made.items():
            scores.add(name, pair.name, measure_picture(a, b_prime, picture, nnf, true, seen))
    return scores.checked()


def _picture(
    folder: Path, pair: str, sizes: Mapping[str, tuple[int, ...]]
) -> tuple[np.ndarray, np.ndarray | None]:
    """The A' of a method, of the size of A, and the field it was made by, if that is known."""
    results = folder / pair
    nnf = None
    if results.is_dir():
        made = Made(results)
        path = made.file("a_prime.png")
        nnf = made.field("a") if FLOWS["a"] in made.provenance["outputs"] else None
    else:
        path = file_of(folder, pair, PICTURES)
    picture = read_image(path)
    if picture.shape[:2] != sizes["a"]:
        (height, width), (h, w) = sizes["a"], picture.shape[:2]
        raise ScoreError(path, f"it is {w}x{h}, but A is {width}x{height}", "give it as large as A")
    return picture, nnf
