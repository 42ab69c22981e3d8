"""A run of which some is made, some failed, some is damaged and some is not begun; its pages."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
from examples import draw_image, make_plan
from PIL import Image

from dia_pipeline.jobs.batches import run_batch, run_sequence_stage
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import CHUNKED, Plan
from dia_pipeline.runs.sequence import Sequence, find_frames

RESULTS = Path("results")
ODD = '<b>&amp; "it\'s" 100%41 #1? é'
"""The name of a pair that means something else in HTML, addresses and scripts."""

PLAIN, ODD_VARIANT = "plain", "<i>&'\"%25#"
SIZE_A, SIZE_B = (48, 64), (56, 40)


def run_of_all_kinds() -> Plan:
    """Make such a run in the working directory."""
    images = Path("images & <more>")
    images.mkdir()
    a = draw_image(images / "a 100%.png", 1, SIZE_A)
    other = draw_image(images / "a#2.png", 3, SIZE_A)
    b_prime = draw_image(images / "b'?.png", 2, SIZE_B)
    tiff = str(images / "b.tif")
    Image.open(b_prime).save(tiff)
    noise = str(images / "noise.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)).save(noise)
    broken = images / "broken.png"
    broken.write_bytes(Path(a).read_bytes()[:200])
    given = (
        Pair("first", a, b_prime),
        Pair(ODD, other, tiff),
        Pair("one-way", a, b_prime, {"directions": "ab"}),
        Pair("colours", a, b_prime, {"take": "colours"}),
        Pair("several", a, b_prime, references=(other,)),
        Pair("poses", a, b_prime, {"pose": "several"}),
        Pair("other-matcher", a, b_prime, {"matcher": "identity"}),
        Pair("unlike", a, noise, {"min_confidence": 1.0}),
        Pair("broken", str(broken), b_prime),
        Pair("damaged", a, b_prime),
        Pair("later", a, b_prime),
    )
    plan = make_plan(
        RESULTS,
        given,
        sequences=(_day(a, Path("day")),),
        pairs_per_job=len(given) - 1,
        checkpoint="pair",
        variants={PLAIN: {}, ODD_VARIANT: {"alphas": [0.1, 0.1, 0.1, 0.1]}},
    )
    plan.write()
    for variant in plan.variants:
        for stage in plan.stages(variant, "0001"):
            run_batch(plan, stage, variant, "0001")
        for name, sequence in plan.sequences.items():
            for stage in sequence.stages:
                for chunk in sequence.chunks if stage in CHUNKED else [""]:
                    run_sequence_stage(plan, stage, variant, name, chunk)
        damaged = plan.results / variant / "damaged" / "a_prime.png"
        damaged.write_bytes(damaged.read_bytes()[:-40])
    return plan


def _day(a: str, folder: Path) -> Sequence:
    """A sequence of four frames, of which the third is missing."""
    folder.mkdir()
    image = np.asarray(Image.open(a))
    for number in (1, 2, 4):
        Image.fromarray((image * (1 - number / 10)).astype(np.uint8)).save(folder / f"{number}.png")
    return find_frames(Sequence("day", a, f"{folder}/%d.png", coherence="locked"))


class Addresses(HTMLParser):
    """All addresses in a page, also those in its data."""

    @staticmethod
    def path(address: str) -> str:
        """The path that an address means, as seen from the page; a page names no others."""
        path, _, _ = address.partition("#")
        assert not path.startswith("/") and ":" not in path
        return unquote(path)

    def __init__(self, page: Path):
        super().__init__()
        self.found: list[str] = []
        self._in_data = False
        self.feed(page.read_text())

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self._in_data = named.get("id") == "data"
        self.found += [named[name] for name in ("href", "src", "poster") if named.get(name)]

    def handle_data(self, data):
        if self._in_data and data.strip():
            stages = json.loads(data)["variants"].values()
            sides = [stage[side] for stage in stages for side in ("a", "b") if side in stage]
            self.found += [side[name] for side in sides for name in ("given", "small", "result")]
            self.found += [stage["matches"] for stage in stages]
            self._in_data = False


def flow_of(path: Path) -> np.ndarray:
    """A field as its file says, (H, W, 2), read without this package."""
    data = path.read_bytes()
    width, height = np.frombuffer(data, "<i4", 2, 4)
    return np.frombuffer(data, "<f4", offset=12).reshape(height, width, 2)
