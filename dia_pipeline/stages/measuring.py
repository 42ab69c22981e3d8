"""The measures of what a run made of a pair, filed beside it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dia_pipeline.io.files import digest_file
from dia_pipeline.store.receipts import write_json
from dia_pipeline.store.recipes import digest, stage_settings

if TYPE_CHECKING:
    from dia_pipeline.analogy import Analogy
    from dia_pipeline.stages.pairs import PairWork

MEASURES = "measures.json"

FORMAT = 2
"""Raised whenever the same results come to measure otherwise: all are then measured anew."""


def measure_results(work: PairWork) -> str:
    """Measure what was made of a pair, unless exactly that was measured; return the key of it.

    Raises:
        TruthError, FlowError, ImageError: what is known of the pair cannot be used.
    """
    known = {name: _digest(value) for name, value in work.pair.truth.items()}
    common = asdict(work.common_backbone)
    made = {"fields": work.key, **stage_settings("aggregate", work.settings)}
    key = digest({"format": FORMAT, "made": made, "known": known, "backbone": common})
    if _read(work.folder).get("key") != key:
        write_json(work.folder / MEASURES, {"key": key, "measures": _measure(work)})
    return key


def read_measures(folder: Path) -> dict[str, float]:
    """The measures of a pair by name; empty if there are none."""
    return _read(folder).get("measures", {})


def results_by_level(work: PairWork) -> dict[int, Analogy]:
    """By level, coarse to fine, the pictures and full fields that it gives as the finest.

    The finest level's are the results of the pair. Refinement is left out at the others, whose
    pictures show where the matches lead.
    """
    from dia_pipeline.analogy import aggregate
    from dia_pipeline.io.images import read_image
    from dia_pipeline.store.packing import unpack_levels

    content = work.nnf()
    a, b_prime = map(read_image, (work.pair.a, work.pair.b_prime))
    settings = {number: replace(work.settings, refine=False) for number in work.settings.levels}
    settings[work.settings.levels[-1]] = work.settings
    mirrored = content.attributes["mirrored"]
    return {
        number: aggregate(a, b_prime, {number: level}, settings[number], mirrored)
        for number, level in unpack_levels(content.arrays).items()
    }


def _measure(work: PairWork) -> dict[str, float]:
    from dia_pipeline.evaluation.evaluation import measure_pair
    from dia_pipeline.evaluation.truth import read_truth
    from dia_pipeline.io.images import read_image

    pair, by_level = work.pair, results_by_level(work)
    finest = by_level[min(by_level)]
    return measure_pair(
        read_image(pair.a),
        read_image(pair.b_prime),
        finest.a_prime,
        finest.nnf_ab,
        finest.nnf_ba,
        b=finest.b,
        truth=read_truth({"a": pair.a, "b_prime": pair.b_prime, **pair.truth}),
        levels={level: result.nnf_ab for level, result in by_level.items()},
        seconds=sum(work.seconds.values()) or None,
        network=work.common_network,
        mirrored=finest.mirrored,
    )


def _digest(value: object) -> object:
    """That of a file's content; anything else stands for itself."""
    return digest_file(value) if isinstance(value, str) else value


def _read(folder: Path) -> dict:
    with suppress(FileNotFoundError, ValueError):
        return json.loads((folder / MEASURES).read_text(encoding="utf-8"))
    return {}
