"""Runs that die at each call of the writing layer in turn, and are taken up again.

    python tests/crash.py pairs|sequence FOLDER [PART OF]

Each death is in a child of this process, which has done the work once, so that nothing is left to
load or compile; it must have a single thread (OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1). At a call of
fsync a child dies twice: once with half of the file written. Prints how often it died, or what
went wrong. Processes that share the deaths take every OF-th each, from PART (1, ...) on.
"""

from __future__ import annotations

import contextlib
import os
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
    """Counts the calls of the writing layer, and dies at one of them."""

    def __init__(self, death: int):
        self.calls, self.death = 0, death
        for name in ("replace", "unlink"):
            setattr(os, name, partial(self._call, getattr(os, name)))
        self._fsync, os.fsync = os.fsync, self._flush

    def _call(self, function: Callable, *arguments, **options):
        self._count()
        return function(*arguments, **options)

    def _flush(self, handle) -> None:
        number = handle if isinstance(handle, int) else handle.fileno()
        name = os.readlink(f"/proc/self/fd/{number}")
        if os.path.isfile(name):
            self._count(lambda: os.truncate(name, os.path.getsize(name) // 2))
        self._count()
        self._fsync(handle)

    def _count(self, last: Callable = lambda: None) -> None:
        self.calls += 1
        if self.calls == self.death:
            last()
            os.kill(os.getpid(), signal.SIGKILL)


def in_child(work: Callable[[], None], folder: Path, death: int) -> tuple[int, int]:
    """How a child ended that did the work in a folder, and after how many calls."""
    folder.mkdir(parents=True, exist_ok=True)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.chdir(folder)
        deadly, status = Deadly(death), 1
        try:
            work()
            status = 0
        finally:
            os.write(writing, str(deadly.calls).encode())
            sys.stderr.flush()
            os._exit(status)
    os.close(writing)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    calls = int(os.read(reading, 20) or 0)
    os.close(reading)
    return status, calls


def content(folder: Path) -> dict[str, bytes]:
    """Every file but times, which are those of the run."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "times" not in path.parts and "plans" not in path.parts
    }


def main(name: str, folder: Path, part: int = 1, of: int = 1) -> None:
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
    status, calls = in_child(work, folder / "clean", 0)
    assert status == 0 and calls > 20, (status, calls)
    expected = content(folder / "clean")
    deaths = range(part, calls + 1, of)
    for death in deaths:
        place = folder / f"death{death}"
        status, _ = in_child(work, place, death)
        assert status == -signal.SIGKILL, f"death {death}: status {status}"
        status, _ = in_child(work, place, 0)
        assert status == 0, f"death {death}: the same command fails"
        found = content(place)
        differing = {each for each in found | expected if found.get(each) != expected.get(each)}
        assert not differing, f"death {death}: {sorted(differing)}"
        shutil.rmtree(place)
    print(f"{len(deaths)} deaths of {calls}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))
