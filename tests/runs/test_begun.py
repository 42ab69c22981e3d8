"""Which run was begun last: by its own record, whatever clocks and copies do."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dia_pipeline.cli import app
from dia_pipeline.runs.begun import RECORD, begin, begun_plan, latest_plan
from dia_pipeline.runs.config import Config
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.places import PlanError
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.sequence import Sequence
from dia_pipeline.store.state import write_state


@pytest.fixture
def plans(tmp_path):
    """Three plans of one folder of results, of which the second was begun last."""
    config = Config((Pair("one", "a.png", "b.png"),), results=str(tmp_path / "results"))
    plans = [Plan(replace(config, settings={"seed": seed})) for seed in range(3)]
    for plan in (plans[0], plans[1]):
        begin(plan)
    plans[2].write()
    return plans


def in_copy(results: Path, plan: Plan) -> bool:
    found = latest_plan(results)
    return found.config == replace(plan.config, results=str(results))


def test_the_run_that_was_begun_last_is_the_latest(plans):
    assert latest_plan(plans[0].results) == plans[1]
    begin(plans[0])
    assert latest_plan(plans[0].results) == plans[0]


@pytest.mark.parametrize("when", [0, 1_800_000_000, 4_000_000_000])
def test_clocks_do_not_matter(plans, when):
    """Those that were wrong when a plan was written, and files that were touched."""
    for plan in plans:
        os.utime(plan.path, (when, when))
    os.utime(plans[0].path)
    assert latest_plan(plans[0].results) == plans[1]


def test_copies_and_moves_do_not_matter(plans, tmp_path):
    shutil.copytree(plans[0].results, tmp_path / "copy", copy_function=shutil.copyfile)
    assert in_copy(tmp_path / "copy", plans[1])
    plans[0].results.rename(tmp_path / "moved")
    assert in_copy(tmp_path / "moved", plans[1])


def test_results_are_shown_where_their_directory_is_no_more(plans, tmp_path):
    gone = replace(plans[1], directory=tmp_path / "gone")
    begin(gone)
    assert CliRunner().invoke(app, ["status", str(gone.results)]).exit_code == 0


def test_results_without_a_record_show_the_plan_that_was_written_last(plans):
    (plans[0].results / RECORD).unlink()
    os.utime(plans[2].path, (4_000_000_000, 4_000_000_000))
    assert latest_plan(plans[0].results) == plans[2]


@pytest.mark.parametrize("name", ["../../victim.json", "..", "/victim.json", ""])
def test_a_record_that_leads_elsewhere_is_none(plans, name):
    write_state(plans[0].results / RECORD, {"plan": name})
    assert begun_plan(plans[0].results).parent == plans[0].results / "plans"


@pytest.mark.parametrize("record", [{}, {"plan": ["x"]}])
def test_a_record_of_another_form_is_none(plans, record):
    write_state(plans[0].results / RECORD, record)
    assert begun_plan(plans[0].results).parent == plans[0].results / "plans"


def test_a_plan_that_is_damaged_is_named(plans):
    plans[1].path.write_text("{")
    with pytest.raises(PlanError, match="the file is damaged; run snakemake again"):
        latest_plan(plans[1].results)
    plans[1].path.unlink()
    with pytest.raises(PlanError, match="there is no such file"):
        latest_plan(plans[1].results)


def test_what_had_failed_is_forgotten_when_a_run_begins(plans):
    plans[1].failures.write_text("variant\tpair\n")
    plans[0].write()
    assert plans[1].failures.exists()
    begin(plans[1])
    assert not plans[1].failures.exists()


@pytest.mark.parametrize("kind", ["variant", "pair", "sequence"])
@pytest.mark.parametrize("command", ["status", "verify", "gallery"])
def test_names_of_a_plan_lead_no_command_elsewhere(tmp_path, command, kind):
    """As of results that somebody else has sent."""
    results = tmp_path / "some/where/results"
    victims = [tmp_path / "victim", tmp_path / "victim.html", tmp_path / "victim/0001.json"]
    victims[0].mkdir()
    for victim in victims[1:]:
        victim.write_text("mine")
    name = "../../../victim"
    values = asdict(Config((Pair("one", "a.png", "b.png"),), results=str(results)))
    if kind == "variant":
        values["variants"] = {name: {}}
    else:
        row = asdict(Pair(name, "a", "b") if kind == "pair" else Sequence(name, "a", "b"))
        values[f"{kind}s"] = [row]
    values["variants"] = [*values["variants"].items()]
    write_state(results / "plans/0.json", {"config": values, "directory": str(tmp_path)})
    write_state(results / RECORD, {"plan": "0.json"})
    shown = CliRunner().invoke(app, [command, str(results)])
    assert shown.exit_code == 2 and "this is no name of a file or folder" in shown.output
    assert sorted(tmp_path.rglob("victim*")) == sorted(victims[:2])
    assert all(victim.read_text() == "mine" for victim in victims[1:])
