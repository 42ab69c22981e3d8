from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dia_pipeline.alignment.parts import Parts
from dia_pipeline.alignment.pose import Pose
from dia_pipeline.cli import app
from dia_pipeline.runs.begun import begin
from dia_pipeline.runs.config import Config
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.sequence import Sequence
from dia_pipeline.runs.status import RECENT, SILENCE, status
from dia_pipeline.runs.summary import Summary, failures_since
from dia_pipeline.store.receipts import Failure, Receipt
from dia_pipeline.store.state import write_state

NOW = 1_000_000.0
STAGES = ("pair", "aggregate")


@pytest.fixture
def plan(tmp_path):
    """Twelve pairs in six batches of two, of which nothing is made yet."""
    pairs = tuple(Pair(f"p{number}", "a.png", "b.png") for number in range(12))
    return Plan(Config(pairs, results=str(tmp_path), pairs_per_job=2, checkpoint="pair"))


def finish(plan: Plan, stage: str, batch: str, age: float, failed: tuple[str, ...] = ()) -> None:
    """Leave the receipt of a job that ended `age` seconds ago."""
    receipt = Receipt(stage, "hierarchical", batch)
    for pair in plan.batches[batch]:
        if pair.name in failed:
            receipt.failed[pair.name] = Failure(stage, "broken", "mend it")
        else:
            receipt.made[pair.name] = "key"
    path = plan.receipt(stage, "hierarchical", batch)
    receipt.write(path)
    os.utime(path, (NOW - age, NOW - age))


def log(plan: Plan, stage: str, batch: str, age: float) -> None:
    path = plan.job_file("logs", stage, "hierarchical", batch)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (NOW - age, NOW - age))


def test_every_pair_is_counted_once(plan):
    for stage in STAGES:
        finish(plan, stage, "0001", age=10)
        finish(plan, stage, "0002", age=10, failed=("p2",))
    finish(plan, "pair", "0003", age=10, failed=("p4",))
    log(plan, "aggregate", "0003", age=5)
    log(plan, "pair", "0004", age=5)
    log(plan, "pair", "0005", age=SILENCE + 1)
    found = status(plan, NOW)["hierarchical"]
    assert (found.count, found.done, found.running, found.failed) == (12, 3, 3, 2)
    assert found.remaining == 4


@pytest.mark.parametrize("held", [True, False])
def test_nothing_runs_where_no_run_is_at_work(plan, held):
    """As after a kill: the logs are young, and the lock is free."""
    plan.write()
    log(plan, "pair", "0001", age=5)
    finish(plan, "pair", "0002", age=5)
    log(plan, "aggregate", "0002", age=1)
    plan.lock.touch()
    with plan.lock.open() as file:
        if held:
            fcntl.flock(file, fcntl.LOCK_EX)
        found = status(plan, NOW)["hierarchical"]
    assert (found.running, found.remaining) == ((4, 8) if held else (0, 12))


def test_rate_and_time_left_follow_from_what_was_finished_of_late(plan):
    """Two stages of two pairs in the last half hour, after the one that starts the clock."""
    finish(plan, "pair", "0005", age=RECENT + 1)
    finish(plan, "pair", "0001", age=1800)
    finish(plan, "aggregate", "0001", age=900)
    finish(plan, "pair", "0002", age=0)
    found = status(plan, NOW)["hierarchical"]
    assert found.per_hour == pytest.approx(4)
    assert found.hours_left == pytest.approx(8 / 4)


def test_a_run_that_is_done_has_no_rate(plan):
    """Which would fall each time that somebody looks."""
    for batch in plan.batches:
        for stage in STAGES:
            finish(plan, stage, batch, age=5)
    found = status(plan, NOW)["hierarchical"]
    assert found.done == 12 and found.per_hour is None and found.hours_left is None


def test_nothing_is_promised_before_there_is_a_rate(plan):
    finish(plan, "pair", "0001", age=5)
    found = status(plan, NOW)["hierarchical"]
    assert found.per_hour is None and found.hours_left is None


def test_failures_are_remembered_after_their_receipts_are_taken_away(plan):
    """At once: what had failed has failed, and what was made beside it is done."""
    plan.write()
    for stage in STAGES:
        for batch in plan.batches:
            finish(plan, stage, batch, age=0, failed=("p2", "p5") if stage == "aggregate" else ())
    result = CliRunner().invoke(app, ["stage", "summary", "--plan", str(plan.write())])
    assert result.exit_code == 1
    assert f"2 failed, listed with remedies in {plan.failures}" in result.output
    rows = [line.split("\t") for line in plan.failures.read_text().splitlines()]
    assert rows[0] == ["variant", "pair", "stage", "reason", "remedy", "log"]
    assert rows[1] == ["hierarchical", "p2", "aggregate", "broken", "mend it", ""]
    assert not plan.receipt("aggregate", "hierarchical", "0002").exists()
    found = status(plan)["hierarchical"]
    assert (found.done, found.running, found.failed, found.remaining) == (10, 0, 2, 0)


def test_failures_of_an_older_run_are_forgotten_when_a_new_one_begins(plan):
    """And not before: what is only planned is no run."""
    plan.write()
    lines = ("variant\tpair\tstage\treason\tremedy\tlog", "hierarchical\tp2\tpair\tx\t\t")
    plan.failures.write_text("\n".join(lines))
    Plan(replace(plan.config, settings={"seed": 1})).write()
    assert status(plan)["hierarchical"].failed == 1
    begin(plan)
    assert status(plan)["hierarchical"].failed == 0


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"nonsense", b"variant\tpair\n"])
def test_a_table_of_failures_that_means_nothing_is_none(plan, content):
    plan.write()
    plan.failures.write_bytes(content)
    assert status(plan)["hierarchical"].failed == 0


def test_the_command_prints_a_table_or_json(plan):
    plan.write()
    for stage in STAGES:
        finish(plan, stage, "0001", age=10)
    table = CliRunner().invoke(app, ["status", plan.config.results])
    assert "hierarchical" in table.output and "remaining" in table.output
    printed = CliRunner().invoke(app, ["status", "--json", plan.config.results])
    assert json.loads(printed.output)["hierarchical"]["done"] == 2


def test_doubtful_and_hopeless_pairs_are_named_with_what_is_alone(plan):
    plan.write()
    parts = {
        "p0": Parts(((40, 70),), ((60, 60),)),
        "p1": Parts(((10, 60),), ((10,), (10,))),
        "p2": Parts(((90, 90),), ((90, 90),)),
        "p3": None,
    }
    for pair in plan.config.pairs[:4]:
        own = parts[pair.name]
        pose = asdict(Pose(confidence=own and own.confidence, parts=own))
        write_state(plan.folder("hierarchical", pair) / "provenance.json", {"pose": pose})
    named = CliRunner().invoke(app, ["status", plan.config.results]).stderr.splitlines()
    assert named[1:-1] == [
        "  hierarchical/p1: hopeless (confidence 0.23; nothing belongs to 50% of A (left), "
        "100% of B')",
        "  hierarchical/p0: doubtful (confidence 0.57; nothing belongs to 50% of A (left))",
    ]


def test_names_and_reasons_obey_no_terminal_and_no_spreadsheet(tmp_path):
    """Also where another program has written the plan, whose names are then no names."""
    pair = Pair("p", "a.png", "b.png")
    plan = Plan(Config((pair,), results=str(tmp_path), checkpoint="pair"))
    values = {**asdict(plan.config), "variants": [["\x1b]0;owned\x07", {}]]}
    write_state(plan.path, {"config": values, "directory": str(tmp_path)})
    shown = CliRunner().invoke(app, ["status", str(tmp_path)])
    assert "owned" in shown.output and not {"\x1b", "\x07"} & set(shown.output)
    failed = Failure("pair", "=cmd|' /C calc'!A0\nand\tmore", "@remedy")
    Summary({}, {"v": {"p": failed}}).write_failures(plan.failures)
    line = plan.failures.read_text().splitlines()[1]
    assert line.split("\t") == ["v", "p", "pair", "'=cmd|' /C calc'!A0 and more", "'@remedy", ""]
    assert failures_since(plan)["v"]["p"].stage == "pair"


@pytest.fixture
def day(tmp_path):
    """A plan of one sequence of seven frames in chunks of three, of which nothing is made yet."""
    frames = tuple(f"day/{number}.png" for number in range(7))
    sequence = Sequence("day", "a.png", "day", chunk=3, frames=frames)
    return Plan(Config(sequences=(sequence,), results=str(tmp_path)))


def finish_sequence(plan: Plan, stage: str, chunk: str = "", **failed: Failure) -> None:
    receipt = Receipt(stage, "hierarchical", chunk or "day", failed=failed)
    receipt.write(plan.sequence_receipt(stage, "hierarchical", "day", chunk))


def test_the_frames_of_a_sequence_are_counted_once(day):
    finish_sequence(day, "prepare")
    log_file = day.job_file("logs", "match", "hierarchical", "day", "0002")
    log_file.parent.mkdir(parents=True)
    log_file.touch()
    found = status(day)["hierarchical/day"]
    assert (found.unit, found.count, found.running, found.remaining) == ("frames", 7, 3, 4)
    for stage in ("match", "frames"):
        for chunk in ("0001", "0002", "0003"):
            finish_sequence(day, stage, chunk)
    gap = {"day, frame 2": Failure("prepare", "no such file")}
    finish_sequence(day, "video", **gap)
    found = status(day)["hierarchical/day"]
    assert (found.done, found.failed, found.running, found.remaining) == (6, 1, 0, 0)
    assert list(status(day)) == ["hierarchical/day"]


def test_a_sequence_that_cannot_be_prepared_has_failed_as_a_whole(day):
    finish_sequence(day, "prepare", day=Failure("prepare", "no frame can be read"))
    assert status(day)["hierarchical/day"].failed == 7


def test_the_table_shows_pairs_and_sequences(day):
    day.write()
    finish_sequence(day, "prepare")
    shown = CliRunner().invoke(app, ["status", day.config.results]).output
    assert "hierarchical/day" in shown and "7 frames" in shown


def test_a_folder_without_a_run_is_named(tmp_path):
    shown = CliRunner().invoke(app, ["status", str(tmp_path / "elsewhere")])
    assert shown.exit_code == 2
    assert str(Path(tmp_path, "elsewhere")) in shown.output
