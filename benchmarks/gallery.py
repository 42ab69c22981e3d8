"""How long the gallery of thousands of pairs takes to make, and then to be used.

`python -m benchmarks.gallery`: the demo's portrait is processed, and its results stand for those of
all pairs: every thumbnail and every script of matches is made for each pair anew. Then the gallery
is made again, and its first page is opened in Chromium, searched and sorted.
"""

from __future__ import annotations

import os
import resource
import shutil
import time
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from PIL import Image

from dia_pipeline.gallery.gallery import make_gallery
from dia_pipeline.jobs.single import run_pair
from dia_pipeline.runs.config import Config
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.samples.demo import portrait
from dia_pipeline.settings import resolve
from dia_pipeline.store.artefacts import digest
from dia_pipeline.store.folders import read_provenance
from dia_pipeline.store.state import write_state

from .records import Record, report

DRAFT = {"quality": "draft", "ratio": 0.5}


def main(
    pairs: Annotated[int, typer.Option(help="Number of pairs.")] = 2000, record: Record = None
) -> None:
    """Show seconds; of making, also those of all processors together."""
    with TemporaryDirectory() as folder, chdir(folder):
        plan = prepare(pairs)
        made = {**making(plan, "made"), **making(plan, "made_again")}
        used = using(plan)
    report([{"pairs": pairs, **made, **used}], record)


def prepare(count: int) -> Plan:
    """The plan of a run in the working directory, of which everything is made."""
    images = ["a.png", "b_prime.png"]
    for path, image in zip(images, portrait(), strict=True):
        Image.fromarray(image).save(path)
    run_pair(*images, Path("one"), resolve(DRAFT))
    provenance = read_provenance(Path("one"))
    pairs = tuple(Pair(f"pair-{number:05d}", *images) for number in range(count))
    plan = Plan(Config(pairs, settings=DRAFT))
    for pair in pairs:
        folder = plan.folder("hierarchical", pair)
        folder.mkdir(parents=True)
        for name in provenance["outputs"]:
            os.link(Path("one", name), folder / name)
        write_state(folder / "provenance.json", of_its_own(provenance, pair.name))
    return plan


def of_its_own(provenance: dict, name: str) -> dict:
    """A provenance as if all images and fields were others than those of other pairs."""
    inputs = {
        role: {**image, "sha256": digest([name, role])}
        for role, image in provenance["inputs"].items()
    }
    outputs = {file: digest([name, file]) for file in provenance["outputs"]}
    return {**provenance, "inputs": inputs, "outputs": outputs}


def making(plan: Plan, name: str) -> dict[str, float]:
    """The seconds that making the gallery takes, and those of all processors together."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    make_gallery(plan)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {f"{name}_s": seconds, f"{name}_cpu_s": busy}


def using(plan: Plan) -> dict[str, float]:
    """The seconds until the first page is drawn, and again after a search and after sorting."""
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        found = shutil.which("chromium")
        page = playwright.chromium.launch(executable_path=found, args=options).new_page()

        def timed(use: Callable) -> float:
            start = time.perf_counter()
            use()
            page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
            return time.perf_counter() - start

        search, sort = page.get_by_label("Search"), page.get_by_label("Sort")
        return {
            "opened_s": timed(lambda: page.goto(plan.gallery.absolute().as_uri())),
            "searched_s": timed(lambda: search.fill("0017")),
            "sorted_s": timed(lambda: (search.fill(""), sort.select_option("name"))),
        }


if __name__ == "__main__":
    typer.run(main)
