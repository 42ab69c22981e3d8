"""Jobs: one at a time, told while they are at work, and ended when they are cancelled."""

from __future__ import annotations

import asyncio
import sys

import pytest

from dia_pipeline.studio.jobs import BusyError, Job, Jobs

SLEEPS = [sys.executable, "-c", "import time; print('asleep', flush=True); time.sleep(600)"]
STEPS = 'print(\'1 of 4 steps (25%) done\'); print(\'{"step": "last", "share": 0.9, "left": 3}\')'


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("DIA_CACHE", str(tmp_path))


def started(jobs: Jobs, command: list[str], after=None) -> Job:
    return jobs.start("draft", "one", "plain", command, after=after)


async def told(jobs: Jobs, state: str) -> list[Job]:
    """What is told until a job has a state."""
    heard = []
    async for event in jobs.listen():
        if event["job"]:
            heard.append(Job(**event["job"]))
        if heard and heard[-1].state == state:
            return heard
    raise AssertionError


def test_what_a_job_says_of_its_progress_is_told():
    async def work():
        jobs = Jobs()
        started(jobs, [sys.executable, "-c", STEPS])
        return await told(jobs, "done")

    heard = asyncio.run(work())
    assert [job.share for job in heard if job.step == "1 of 4 steps"] == [0.25]
    assert (heard[-1].step, heard[-1].share, heard[-1].left) == ("last", 0.9, None)
    assert any(job.left == 3 for job in heard)


def test_one_job_is_at_work_on_a_machine():
    async def work():
        first, second = Jobs(), Jobs()
        started(first, SLEEPS)
        for each in (first, second):
            with pytest.raises(BusyError):
                started(each, SLEEPS)
        await first.cancel()
        assert first.latest.state == "cancelled"
        started(second, [sys.executable, "-c", "pass"])
        await told(second, "done")

    asyncio.run(work())


def test_a_job_that_fails_says_why_and_nothing_is_done_after_it():
    async def work():
        jobs, done = Jobs(), []

        async def after():
            done.append(True)

        started(jobs, [sys.executable, "-c", "import sys; sys.exit('no room')"], after)
        *_, last = await told(jobs, "failed")
        assert last.lines == ("no room",) and not done
        started(jobs, ["no-such-command"])
        await told(jobs, "failed")

    asyncio.run(work())


def test_a_job_is_cancelled_with_all_that_it_has_started():
    async def work():
        jobs = Jobs()
        child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEPS[-1]!r}])"
        started(jobs, [sys.executable, "-c", child])
        async for event in jobs.listen():
            if "asleep" in event["job"]["lines"]:
                break
        await asyncio.wait_for(jobs.cancel(), 60)  # the output of the child has ended too
        assert jobs.latest.state == "cancelled"

    asyncio.run(work())
