"""`run` in any session: what that has set does not reach the work, nor does the work change it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Barrier, Thread

import anywhere
import numpy as np
import pytest
import torch

import dia_pipeline
from dia_pipeline.errors import DiaError
from dia_pipeline.session import undisturbed

SCRIPT = Path(anywhere.__file__)
TWO = {"OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2"}


@contextmanager
def put(read: Callable, write: Callable, value: object) -> Iterator[None]:
    """Set something, and see that it is as it was set at the end."""
    before = read()
    write(value)
    try:
        yield
        assert read() == value
    finally:
        write(before)


@contextmanager
def errors_of_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        filters = list(warnings.filters)
        yield
        assert warnings.filters == filters


@contextmanager
def no_device() -> Iterator[None]:
    torch.set_default_device("meta")
    try:
        yield
        assert torch.empty(0).device.type == "meta"
    finally:
        torch.set_default_device(None)


def of_torch(name: str, value: object) -> Callable:
    read, write = getattr(torch, f"get_{name}"), getattr(torch, f"set_{name}")
    return lambda: put(read, write, value)


SESSIONS = {
    "float64": of_torch("default_dtype", torch.float64),
    "float16": of_torch("default_dtype", torch.float16),
    "autocast": lambda: torch.autocast("cpu"),
    "no gradients": lambda: torch.set_grad_enabled(False),
    "inference": torch.inference_mode,
    "meta": no_device,
    "the device of a block": lambda: torch.device("meta"),
    "deterministic": of_torch("deterministic_debug_mode", 2),
    "warns of what is not": of_torch("deterministic_debug_mode", 1),
    "rounded": of_torch("float32_matmul_precision", "medium"),
    "rounded, in newer words": lambda: put(
        partial(getattr, torch.backends.cuda.matmul, "fp32_precision"),
        partial(setattr, torch.backends.cuda.matmul, "fp32_precision"),
        "tf32",
    ),
    "no oneDNN": lambda: torch.backends.mkldnn.flags(enabled=False, allow_tf32=None),
    "NumPy": lambda: np.errstate(all="raise"),
    "warnings": errors_of_warnings,
    "two threads": of_torch("num_threads", 2),
}


@pytest.fixture(scope="module")
def usual():
    return anywhere.pair()


@pytest.mark.parametrize("session", SESSIONS.values(), ids=SESSIONS)
def test_what_the_session_has_set_does_not_reach_the_work(usual, session):
    """The same bytes; and all is set as before."""
    with session():
        assert anywhere.pair() == usual


def test_all_of_it_at_once(usual):
    with no_device(), errors_of_warnings(), SESSIONS["float64"](), torch.autocast("cpu"):
        assert anywhere.pair() == usual
        assert torch.is_autocast_enabled("cpu")


def test_all_is_as_before_after_an_error_too():
    with SESSIONS["float64"](), np.errstate(all="raise"):
        with pytest.raises(DiaError):
            dia_pipeline.run("none.png", "none.png")
        with pytest.raises(KeyboardInterrupt):
            anywhere.pair(interrupt)
        assert torch.get_default_dtype() == torch.float64
        assert np.geterr()["over"] == "raise"


def interrupt(*step: object) -> None:
    raise KeyboardInterrupt


def test_the_first_thread_to_enter_begins_and_the_last_one_ends():
    """However they overlap; what torch keeps for each thread is each one's own."""
    inside, first_left = Barrier(2, timeout=60), Barrier(2, timeout=60)
    seen = {}

    def long() -> None:
        with undisturbed():
            inside.wait()
            first_left.wait()
            seen["long"] = torch.get_default_dtype()

    with SESSIONS["float64"]():
        thread = Thread(target=long)
        thread.start()
        with undisturbed():
            inside.wait()
        first_left.wait()
        thread.join()
        assert torch.get_default_dtype() == torch.float64
    assert seen == {"long": torch.float32}


def ways(*arguments: str, **environment: str) -> dict:
    """What the script prints, with threads that can hang."""
    alone = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    shown = subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        env={**alone, **TWO, **environment},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout.splitlines()[-1])


def digests(found: list[dict]) -> set[str]:
    return {each["digest"] for each in found}


@pytest.mark.slow
def test_python_anywhere(usual):
    """After `run` in a process: in those forked of it, spawned by it, in threads, in a loop."""
    names = "forked", "forked_twice", "in_pool", "spawned", "in_threads", "in_a_loop"
    found = ways("alone", *names)
    assert found.pop("before") == found.pop("after")
    assert all(digests(each) == {usual} for each in found.values())
    assert {each["threads"] for each in found["forked"]} == {1}
    for name in ("alone", "spawned", "in_threads"):
        assert {(each["threads"], each["policy"]) for each in found[name]} == {(2, "PASSIVE")}


@pytest.mark.slow
def test_where_torch_was_there_first(usual):
    """Its threads cannot be tamed any more: each worker has one."""
    found = ways("own_work_first", "spawned", "torch-first")
    for name in ("own_work_first", "spawned"):
        assert digests(found[name]) == {usual}
        assert {each["threads"] for each in found[name]} == {1}


@pytest.mark.slow
def test_with_threads_of_numba_that_forbid_others(usual):
    """One thread works at a time; a process that is forked has its own."""
    found = ways("alone", "in_threads", "forked", NUMBA_THREADING_LAYER="workqueue")
    assert digests(found["in_threads"]) == digests(found["forked"]) == {usual}


def test_importing_changes_nothing():
    code = "import os, sys; b = dict(os.environ); import dia_pipeline; assert b == os.environ"
    code += "; assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
