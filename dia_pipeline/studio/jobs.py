"""The one job at a time: a process whose output tells how far it is, to all who listen."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from dia_pipeline.caches import cache_folder
from dia_pipeline.errors import DiaError
from dia_pipeline.io.files import lock_file

LINES = 12
"""So many of the last lines of output are shown."""

PATIENCE = 5.0
"""Seconds that a job has to end by itself before it is killed."""

STEPS = re.compile(r"(\d+) of (\d+) steps")
"""What Snakemake says after every job."""


class BusyError(DiaError):
    """Another job is at work."""


@dataclass(frozen=True)
class Job:
    """What is known of a job.

    Attributes:
        kind: `draft`, `try` or `keep`.
        name, variant: of the pair, and in which variant the draft is made.
        state: `running`, `done`, `failed` or `cancelled`.
        step: what is being done.
        share: how much of all is done, from 0 to 1.
        left: the seconds left, None where that is not known.
        at: which draft is being made, counted from 0.
        lines: the last lines of its output.
        number: counts the jobs of this server.
    """

    kind: str
    name: str
    variant: str
    number: int
    state: str = "running"
    step: str = "starting"
    share: float = 0.0
    left: float | None = None
    at: int = 0
    lines: tuple[str, ...] = field(default=())


class Jobs:
    """Starts jobs one at a time, and tells how far they are."""

    def __init__(self) -> None:
        self.latest: Job | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task | None = None
        self._listeners: set[asyncio.Queue] = set()
        self._cancelled = False

    def tell(self, event: dict[str, Any] | None) -> None:
        """Send an event to all listeners; None ends what they hear."""
        for each in self._listeners:
            each.put_nowait(event)

    async def listen(self) -> AsyncIterator[dict[str, Any]]:
        """The job as it is now, then all events."""
        queue: asyncio.Queue = asyncio.Queue()
        self._listeners.add(queue)
        try:
            yield self._event()
            while (event := await queue.get()) is not None:
                yield event
        finally:
            self._listeners.discard(queue)

    def start(
        self,
        kind: str,
        name: str,
        variant: str,
        command: Sequence[str],
        given: bytes = b"",
        after: Callable[[], Awaitable[None]] | None = None,
    ) -> Job:
        """Start a job.

        Args:
            command: its words; `given` is what it reads.
            after: what is to be done when it has succeeded, before it counts as done.

        Raises:
            BusyError: this or another server on this machine has a job at work.
        """
        self.check_free()
        lock = _lock()
        self._cancelled = False
        number = self.latest.number + 1 if self.latest else 1
        self.latest = Job(kind, name, variant, number)
        self._task = asyncio.create_task(self._work(command, given, after, lock))
        self.tell(self._event())
        return self.latest

    def check_free(self, *kinds: str) -> None:
        """Make sure that no job of some kinds, or of any, is at work.

        Raises:
            BusyError: one is.
        """
        works = self._task and not self._task.done() and self.latest
        if works and (not kinds or works.kind in kinds):
            raise BusyError("", "a job is at work", "wait until it has ended, or cancel it")

    async def cancel(self) -> None:
        """End the job, and wait until it has ended."""
        if not self._task or self._task.done():
            return
        self._cancelled = True
        for sign in (signal.SIGINT, signal.SIGKILL):
            if self._process and self._process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, sign)
            await asyncio.wait({self._task}, timeout=PATIENCE)

    async def _work(
        self,
        command: Sequence[str],
        given: bytes,
        after: Callable[[], Awaitable[None]] | None,
        lock: int,
    ) -> None:
        try:
            state = await self._run(command, given)
            if state == "done" and after:
                self._set(step="making the gallery", share=1.0, left=None)
                await after()
            self._set(state=state, left=None)
        except Exception as error:
            self._say(str(error))
            self._set(state="failed", left=None)
        finally:
            os.close(lock)

    async def _run(self, command: Sequence[str], given: bytes) -> str:
        """Run a command to its end; return the state of the job then."""
        pipe = asyncio.subprocess.PIPE
        self._process = process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        assert process.stdin and process.stdout
        if self._cancelled:
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(OSError):  # it may have ended already
            process.stdin.write(given)
            process.stdin.close()
        began = time.monotonic()
        async for line in process.stdout:
            self._read(line.decode(errors="replace").rstrip(), time.monotonic() - began)
        code = await process.wait()
        return "cancelled" if self._cancelled else "failed" if code else "done"

    def _read(self, line: str, seconds: float) -> None:
        """Take a line of output for what it tells: progress, or words."""
        if line.startswith('{"step"'):
            self._set(**json.loads(line))
            return
        if line:
            self._say(line)
        if found := STEPS.search(line):
            share = int(found[1]) / int(found[2])
            self._set(step=found[0], share=share, left=seconds * (1 - share) / share)

    def _say(self, line: str) -> None:
        assert self.latest
        self._set(lines=(*self.latest.lines, line)[-LINES:])

    def _set(self, **changed: Any) -> None:
        assert self.latest
        self.latest = replace(self.latest, **changed)
        self.tell(self._event())

    def _event(self) -> dict[str, Any]:
        return {"job": asdict(self.latest) if self.latest else None}


def _lock() -> int:
    """The lock by which one job is at work on a machine at a time."""
    path = cache_folder() / "studio.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return lock_file(path)
    except BlockingIOError as error:
        problem = "a job of another window is at work on this machine"
        raise BusyError("", problem, "wait for it, or cancel it there") from error
