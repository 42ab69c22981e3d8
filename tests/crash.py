"""Runs that die at calls of the writing layer, and are taken up again.

    python tests/crash.py pairs|sequence FOLDER

Each death is in a child of this process, which has done the work once, so that nothing is left to
load or compile; it must have a single thread (OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1). A file is
half written where it would be flushed; where it would be renamed it is whole. Of the calls of a
kind, which are those of one function for files whose names differ in digits, the last one is
deadly: by then the most is there to be lost. Prints how often it died, or what went wrong.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import torch
from examples import DRAFT, draw_image, make_plan, write_pairs

from dia_pipeline.graphs import shared
from dia_pipeline.jobs.batches import run_batch
from dia_pipeline.jobs.single import run_sequence
from dia_pipeline.runs.begun import begin
from dia_pipeline.runs.damage import damaged_state
from dia_pipeline.runs.sequence import Sequence, find_frames
from dia_pipeline.runs.summary import poses, summarise
from dia_pipeline.settings import resolve

KILLED = 9


def run_pairs(images: Path) -> None:
    """What Snakemake does: what has no receipt is processed, stage by stage."""
    plan = make_plan(Path("results"), write_pairs(images, 2), pairs_per_job=2)
    begin(plan)
    for path in damaged_state(plan):
        path.unlink()
    for stage in plan.stages("hierarchical", "0001"):
        if not plan.receipt(stage, "hierarchical", "0001").exists():
            run_batch(plan, stage, "hierarchical", "0001")
    summary = summarise(plan)
    summary.write_failures(plan.failures)
    summary.write(plan.summary, poses(plan))


def run_day(images: Path) -> None:
    """A time-lapse of three frames in one go."""
    moving = find_frames(Sequence("day", str(images / "a1.png"), str(images / "day")))
    run_sequence(moving, Path("results"), resolve(DRAFT), "cpu")


RUNS = {"pairs": run_pairs, "sequence": run_day}


class Deadly:
    """Notes the kinds of all calls of the writing layer, and dies at one of these."""

    def __init__(self, death: int):
        self.kinds: list[str] = []
        self.death = death
        for name in ("replace", "unlink"):
            setattr(os, name, partial(self._call, getattr(os, name)))
        self._fsync, os.fsync = os.fsync, self._flush

    def _call(self, function: Callable, *arguments, **options):
        self._note(f"{function.__name__} {arguments[-1]}")
        return function(*arguments, **options)

    def _flush(self, handle) -> None:
        number = handle if isinstance(handle, int) else handle.fileno()
        name = os.readlink(f"/proc/self/fd/{number}")
        if os.path.isfile(name):
            half = os.path.getsize(name) // 2
            self._note(f"half of {name}", lambda: os.truncate(name, half))
        else:
            self._note(f"flush {name}")
        self._fsync(handle)

    def _note(self, call: str, last: Callable = lambda: None) -> None:
        self.kinds.append(re.sub(r"[0-9a-f]{16,}|[0-9]+", "#", call))
        if len(self.kinds) == self.death:
            last()
            os.kill(os.getpid(), signal.SIGKILL)


def in_child(work: Callable[[], None], folder: Path, death: int) -> tuple[int, list[str]]:
    """How a child ended that did the work in a folder, and the kinds of its calls."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = folder.with_suffix(".kinds")
    child = os.fork()
    if not child:
        os.chdir(folder)
        deadly, status = Deadly(death), 1
        try:
            work()
            status = 0
        finally:
            kinds.write_text("\n".join(deadly.kinds))
            sys.stderr.flush()
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status, kinds.read_text().splitlines() if status == 0 else []


def content(folder: Path) -> dict[str, bytes]:
    """Every file but times, which are those of the run."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "times" not in path.parts and "plans" not in path.parts
    }


def main(name: str, folder: Path) -> None:
    torch.set_num_threads(1)
    images = folder.resolve() / "images"
    write_pairs(images, 2)
    (images / "day").mkdir(exist_ok=True)
    for number in (1, 2, 3):
        draw_image(images / "day" / f"{number}.png", number, (20, 28))
    shared.find_backbone, shared._load = map(cache, (shared.find_backbone, shared._load))
    work = partial(RUNS[name], images)
    (folder / "loading").mkdir()
    with contextlib.chdir(folder / "loading"):
        work()
    status, kinds = in_child(work, folder / "clean", 0)
    deaths = {kind: number for number, kind in enumerate(kinds, 1)}
    assert status == 0 and len(deaths) > 20, (status, kinds)
    expected = content(folder / "clean")
    for kind, death in deaths.items():
        place = folder / f"death{death}"
        status, _ = in_child(work, place, death)
        assert status == -signal.SIGKILL, f"{kind}: status {status}"
        status, _ = in_child(work, place, 0)
        assert status == 0, f"{kind}: the same command fails"
        found = content(place)
        differing = {each for each in found | expected if found.get(each) != expected.get(each)}
        assert not differing, f"{kind}: {sorted(differing)}"
        shutil.rmtree(place)
    print(f"{len(deaths)} deaths of {len(kinds)} calls")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
