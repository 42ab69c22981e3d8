from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from examples import artefacts, make_plan, times, work, write_pairs
from typer.testing import CliRunner

from dia_pipeline.cli import app
from dia_pipeline.jobs.batches import run_batch
from dia_pipeline.runs.begun import RECORD, begin
from dia_pipeline.runs.plan import Plan
from dia_pipeline.store.state import write_state

RESULTS = Path("results")
ANY_PAIR = RESULTS / "hierarchical" / "pair2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def made(folder):
    """The plan, and the files, of three pairs that are processed through."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        plan = make_plan(RESULTS, write_pairs(Path("images"), 3))
        work(plan)
        plan.write()
        return plan, artefacts(RESULTS)


@pytest.fixture
def plan(made, folder, monkeypatch):
    """A plan with everything in its place and all receipts."""
    monkeypatch.chdir(folder)
    plan, files = made
    work(plan)
    assert artefacts(RESULTS) == files
    return plan


def verify() -> tuple[int, str]:
    result = CliRunner().invoke(app, ["verify"])
    return result.exit_code, result.output


def work_without_receipts(plan: Plan) -> None:
    """What Snakemake does: work what has no receipt."""
    for batch in plan.batches:
        for stage in plan.stages("hierarchical", batch):
            if not plan.receipt(stage, "hierarchical", batch).exists():
                run_batch(plan, stage, "hierarchical", batch)


def test_what_is_whole_is_left_alone(plan):
    before = times(RESULTS)
    assert verify()[0] == 0
    assert times(RESULTS) == before
    assert all(
        plan.receipt(s, "hierarchical", b).exists()
        for b in ["0001", "0002", "0003"]
        for s in plan.stages("hierarchical", b)
    )


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


@pytest.mark.parametrize("harm", [flip, truncate, Path.unlink])
@pytest.mark.parametrize("name", ["level3.h5", "level1.h5", "nnf.h5", "features"])
def test_a_harmed_file_is_named_and_the_next_run_makes_exactly_it(plan, made, name, harm):
    path = next((RESULTS / "features").iterdir()) if name == "features" else ANY_PAIR / name
    before = times(RESULTS)
    harm(path)
    status, printed = verify()
    assert status == 1
    assert str(path) in printed
    assert "1 to be made again" in printed
    work_without_receipts(plan)
    now = times(RESULTS)
    assert {file for file in now if now[file] != before[file]} == {str(path.relative_to(RESULTS))}
    assert artefacts(RESULTS) == made[1]
    assert verify()[0] == 0


@pytest.mark.parametrize("name", ["a_prime.png", "flow_ab.flo", "provenance.json"])
def test_a_harmed_result_brings_its_folder_back(plan, made, name):
    before = times(RESULTS)
    flip(ANY_PAIR / name)
    status, printed = verify()
    assert status == 1
    assert str(ANY_PAIR / name) in printed
    work_without_receipts(plan)
    now = times(RESULTS)
    changed = {Path(file) for file in now if now[file] != before[file]}
    assert {file.parent for file in changed} == {ANY_PAIR.relative_to(RESULTS)}
    assert not any(file.suffix == ".h5" for file in changed)
    assert artefacts(RESULTS) == made[1]


def test_an_image_that_has_changed_is_noticed(plan):
    Path("images/a2.png").write_bytes(Path("images/a1.png").read_bytes())
    try:
        status, printed = verify()
    finally:
        write_pairs(Path("images"), 3)
    assert status == 1
    assert f"{ANY_PAIR / 'level5.h5'}: made from other inputs" in printed


STATE = {
    "receipt": "receipts/level2/hierarchical/0002.json",
    "weights": "weights/vgg16.json",
    "summary": "summary.json",
    "comparison": "comparison.json",
    "begun": RECORD,
}


@pytest.mark.parametrize("harm", [flip, truncate, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("name", STATE)
def test_a_damaged_file_of_state_stays_named_until_a_run_makes_it_again(plan, name, harm):
    path = RESULTS / STATE[name]
    begin(plan)
    ends = (plan.summary, plan.comparison)
    for end in ends:
        write_state(end, {})
    content = path.read_bytes()
    harm(path)
    found = [verify(), verify()]
    path.write_bytes(content)
    work_without_receipts(plan)
    whole = verify()
    for end in ends:
        end.unlink(missing_ok=True)
    for status, printed in found:
        assert status == 1 and f"{path.resolve()}: the file is damaged" in printed
    assert whole[0] == 0


def test_a_damaged_note_that_nothing_makes_again_is_named_once(plan):
    """The seconds of a pair; the plan, a receipt and a record of weights of an earlier run."""
    begin(Plan(replace(plan.config, pairs_per_job=3)))
    begin(plan)
    times, *_ = sorted((RESULTS / "times").rglob("*.json"))
    earlier, *_ = (path for path in (RESULTS / "plans").iterdir() if path.name != plan.path.name)
    receipt = RESULTS / "receipts/pair/older/0001.json"
    weights = RESULTS / "weights/other.json"
    for path in (receipt, weights):
        write_state(path, {"made": {}})
    notes = (times, earlier, receipt, weights)
    for path in notes:
        flip(path)
    status, printed = verify()
    assert status == 1
    for path in notes:
        assert f"{path.resolve()}: the file was damaged and is removed" in printed
    assert verify()[0] == 0


@pytest.mark.parametrize("harm", [flip, truncate, Path.unlink])
def test_harmed_measures_are_named_and_measured_again(plan, harm):
    (pair, *_) = plan.config.pairs
    run_batch(plan, "measure", "hierarchical", "0001")
    path = plan.measures("hierarchical", pair)
    receipt = plan.receipt("measure", "hierarchical", "0001")
    content = path.read_bytes()
    harm(path)
    status, printed = verify()
    assert status == 1 and str(path) in printed and not receipt.exists()
    run_batch(plan, "measure", "hierarchical", "0001")
    assert path.read_bytes() == content and verify()[0] == 0
    path.unlink()
    receipt.unlink()


def test_what_is_to_be_made_again_stays_named_until_it_is(plan):
    flip(ANY_PAIR / "level3.h5")
    assert verify()[0] == 1
    status, printed = verify()
    assert status == 1
    assert "jobs are still to be run" in printed
    work_without_receipts(plan)
    assert verify()[0] == 0


@pytest.mark.parametrize("place", ["elsewhere", "moved", "moved as a whole"])
def test_damage_is_found_from_anywhere(plan, folder, tmp_path, monkeypatch, place):
    copy = tmp_path / "project"
    if place == "moved as a whole":
        shutil.copytree(folder, copy)
        results = copy / RESULTS
    elif place == "moved":
        shutil.copytree(RESULTS, copy)
        results = copy
    else:
        results = RESULTS.resolve()
    monkeypatch.chdir(tmp_path)
    whole = CliRunner().invoke(app, ["verify", str(results)])
    assert whole.exit_code == 0, whole.output
    victim = results / "hierarchical/pair2/level3.h5"
    content = victim.read_bytes()
    flip(victim)
    try:
        result = CliRunner().invoke(app, ["verify", str(results)])
    finally:
        victim.write_bytes(content)
    assert result.exit_code == 1
    assert str(victim) in result.output
