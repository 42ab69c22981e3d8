"""A script that runs one pair in the ways that its arguments name, and prints what came out.

Workers that are spawned load it too. With `alone` it first runs the pair itself, and prints what a
session may have set, before and after.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from typing import Any

import numpy as np

import dia_pipeline

if "torch-first" in sys.argv:
    import_module("torch")

OPTIONS = {
    "quality": "draft",
    "backbone": "vgg16",
    "precision": "float32",
    "iterations": 1,
    "pose": "given",
}


def images() -> tuple[np.ndarray, np.ndarray]:
    """Two smooth images of 48 pixels."""
    y, x = np.mgrid[:48, :48]
    a = np.stack([np.sin((x * (k + 1) + y) / 9 + k) for k in range(3)], -1) * 100 + 128
    return a.astype(np.uint8), np.roll(a, 5, 1)[..., ::-1].astype(np.uint8)


def pair(watch: Callable[..., None] | None = None) -> str:
    """The digest of all results of a pair."""
    result = dia_pipeline.run(*images(), progress=watch, **OPTIONS)
    made = result.a_prime, result.b, result.nnf_ab, result.nnf_ba
    return hashlib.sha256(b"".join(each.tobytes() for each in made)).hexdigest()


def worker(number: int) -> dict[str, Any]:
    """What a worker makes, and the threads and the environment in which it does."""
    seen: dict[str, Any] = {}

    def watch(*step: object) -> None:
        import torch

        seen["threads"] = torch.get_num_threads()
        seen["policy"] = os.environ.get("OMP_WAIT_POLICY")

    return {"digest": pair(watch), **seen}


def of_pool(pool: Executor) -> list[dict[str, Any]]:
    with pool:
        return list(pool.map(worker, range(2)))


def forked() -> list[dict[str, Any]]:
    return of_pool(ProcessPoolExecutor(2, get_context("fork")))


def forked_twice() -> list[dict[str, Any]]:
    """By a worker that was forked itself."""
    with ProcessPoolExecutor(1, get_context("fork")) as pool:
        return pool.submit(forked).result()


def in_pool() -> list[dict[str, Any]]:
    with get_context("fork").Pool(2) as pool:
        return pool.map(worker, range(2))


def spawned() -> list[dict[str, Any]]:
    return of_pool(ProcessPoolExecutor(2, get_context("spawn")))


def in_threads() -> list[dict[str, Any]]:
    return of_pool(ThreadPoolExecutor(4))


def in_a_loop() -> list[dict[str, Any]]:
    """As in a notebook: in the loop's own thread, and beside it."""

    async def both() -> list[dict[str, Any]]:
        return [worker(0), await asyncio.to_thread(worker, 1)]

    return asyncio.run(both())


def session() -> dict[str, Any]:
    """What a session may have set, and what the package must leave as it is."""
    import torch

    backends = torch.backends
    return {
        "environment": dict(os.environ),
        "NumPy": [np.geterr(), repr(np.random.get_state())],
        "random": repr(random.getstate()),
        "warnings": repr(warnings.filters),
        "torch": [
            str(torch.get_default_dtype()),
            torch.get_num_threads(),
            torch.get_deterministic_debug_mode(),
            torch.get_float32_matmul_precision(),
            torch.is_grad_enabled(),
            torch.initial_seed(),
            torch.get_rng_state().sum().item(),
        ],
        "backends": [
            *(backends.cudnn.enabled, backends.cudnn.benchmark, backends.cudnn.deterministic),
            *(backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32),
            backends.mkldnn.enabled,
        ],
    }


def own_work_first() -> list[dict[str, Any]]:
    """In workers forked from a process that has computed with torch, but not with the package."""
    import torch

    (torch.ones(10**6) + 1).exp().sum()
    return forked()


def main(*ways: str) -> None:
    found: dict[str, Any] = {}
    if "alone" in ways:
        found = {"before": session(), "alone": [worker(0)], "after": session()}
    found |= {way: globals()[way]() for way in ways if way in globals()}
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
