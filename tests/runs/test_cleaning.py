"""`dia clean`: what can be made again goes, and nothing else."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from examples import DRAFT, draw_image, make_plan, work, write_pairs
from typer.testing import CliRunner

from dia_pipeline.cli import app
from dia_pipeline.jobs.batches import run_batch
from dia_pipeline.jobs.single import run_sequence
from dia_pipeline.runs import cleaning
from dia_pipeline.runs.begun import begin
from dia_pipeline.runs.cleaning import RECORD
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.sequence import Sequence, find_frames
from dia_pipeline.settings import resolve
from dia_pipeline.store.folders import is_result

RESULTS = Path("results")
OLDER = {"deconvolution": 1}
"""What sets the former variant apart."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder in which two variants are made of two pairs, one of them with two references; then a
    run is begun that names one of the variants alone."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        first, second = write_pairs(Path("images"), 2)
        pairs = (first, replace(second, references=(first.a,)))
        former = make_plan(RESULTS, pairs, variants={"hierarchical": {}, "older": OLDER})
        begin(former)
        work(former)
        begin(Plan(replace(former.config, variants={"hierarchical": {}})))
    return folder


@pytest.fixture
def plan(made, tmp_path, monkeypatch):
    """The plan that was begun last, in a copy of that folder."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True, symlinks=True)
    monkeypatch.chdir(tmp_path)
    config = make_plan(RESULTS, write_pairs(Path("images"), 2)).config
    first, second = config.pairs
    return Plan(replace(config, pairs=(first, replace(second, references=(first.a,)))))


def call(*arguments: str, answer: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments, input=answer)
    return result.exit_code, result.output


def clean(*options: str, answer: str = "") -> str:
    status, said = call("clean", *options, answer=answer)
    assert status == 0, said
    return said


def tree(folder: Path = RESULTS) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def is_cleaned(name: str) -> bool:
    """What the tests expect to go, told by names alone."""
    older = re.match(r"(receipts/\w+|logs/\w+|times)/older/|older/", name)
    return bool(older or re.match(r"features/|.*/level\d\.h5$", name))


def test_what_can_be_made_again_goes_and_nothing_else(plan):
    before = tree()
    said = clean("--yes")
    assert tree().keys() - {RECORD} == {name for name in before if not is_cleaned(name)}
    assert all(before[name] == content for name, content in tree().items() if name != RECORD)
    for line in (r"features +3 ", r"levels +hierarchical +15 ", r"former variant +older +\d+ "):
        assert re.search(line, said), line
    assert "Removed: " in said
    assert not (RESULTS / "older").exists() and not (RESULTS / "receipts/level1/older").exists()
    assert clean("--yes") == "There is nothing to remove.\n"


def test_the_list_has_the_bytes_of_what_goes(plan):
    sizes = {name: len(content) for name, content in tree().items() if is_cleaned(name)}
    found = cleaning.removable(plan)
    assert sum(each.size for each in found) == sum(sizes.values())
    assert {str(p.relative_to(RESULTS)) for each in found for p in each.sizes} == sizes.keys()


@pytest.mark.parametrize(
    ("options", "answer"), [(("--dry-run",), ""), (("-n", "--yes"), ""), ((), "n\n")]
)
def test_nothing_goes_unless_that_is_wanted(plan, options, answer):
    before = tree()
    assert "Nothing is removed." in clean(*options, answer=answer)
    assert tree() == before


def test_an_answer_is_waited_for(plan):
    before = tree()
    assert call("clean")[0] == 1  # where nobody answers
    assert tree() == before
    assert "Removed: " in clean(answer="y\n")


def test_what_was_cleaned_is_not_missed_and_is_made_where_it_is_needed(plan):
    before = tree()
    clean("--yes")
    assert call("verify") == (0, "Everything that was made is there and whole.\n")
    (RESULTS / "hierarchical/pair1/nnf.h5").unlink()
    status, said = call("verify")
    assert status == 1 and "nnf.h5" in said and "level" not in said
    for batch in plan.batches:
        run_batch(plan, "aggregate", "hierarchical", batch)
    now = tree()
    again = {name for name in before if name.startswith("hierarchical/pair1/level")}
    assert len(again) == 5 and again <= now.keys()
    assert {name: now[name] for name in again} == {name: before[name] for name in again}
    (RESULTS / "hierarchical/pair1/level3.h5").write_bytes(b"")
    assert "level3.h5: the file is damaged" in call("verify")[1]


def test_what_is_missing_though_nobody_cleaned_it_stays_a_fault(plan):
    lost = RESULTS / "hierarchical/pair1/level3.h5"
    lost.unlink()
    clean("--yes")
    status, said = call("verify")
    assert status == 1 and str(lost) in said


def test_a_record_that_is_damaged_costs_work_and_no_result(plan):
    clean("--yes")
    (RESULTS / RECORD).write_text("{}")
    status, said = call("verify")
    assert status == 1
    assert f"{RECORD}: the file was damaged and is removed" in said
    assert "level1.h5: there is no such file" in said


def test_levels_of_a_pair_that_is_not_finished_stay(plan):
    plan.receipt("aggregate", "hierarchical", "0001").unlink()
    clean("--yes")
    left = {name for name in tree() if "level" in name and name.endswith(".h5")}
    assert left == {f"hierarchical/pair1/level{level}.h5" for level in range(1, 6)}


def test_a_variant_that_is_named_again_is_made_again(plan):
    before = {name: each for name, each in tree().items() if name.startswith("older/")}
    clean("--yes")
    again = Plan(replace(plan.config, variants={"hierarchical": {}, "older": OLDER}))
    begin(again)
    assert not again.receipt("level1", "older", "0001").exists()
    work(again)
    now = {name: each for name, each in tree().items() if name.startswith("older/")}
    assert now == before


FOREIGN = (
    *("older/notes.txt", "older/pair1/mine.png", "older/pair9/a_prime.png"),
    *("features/mine.h5", "hierarchical/pair1/level6.h5", "mine/pair1/level1.h5"),
    *("older/pair1/references/mine/level1.h5", "receipts/level1/older/mine.txt"),
)
"""Files in the results that are nobody's but the user's."""


def test_files_that_are_not_known_stay(plan):
    for name in FOREIGN:
        path = RESULTS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    clean("--yes")
    assert {name for name in tree() if tree()[name] == name.encode()} == set(FOREIGN)


def test_files_that_are_given_stay_by_whatever_name(plan):
    """The A of a pair among the results of a variant that is no longer named; a hard link of B'."""
    given = RESULTS / "older/pair1/a_prime.png"
    linked = RESULTS / "older/pair2/a_prime.png"
    linked.unlink()
    os.link(plan.config.pairs[0].b_prime, linked)
    os.symlink("results", "elsewhere")
    chained = Pair(
        "chained", f"elsewhere/{given.relative_to(RESULTS)}", plan.config.pairs[0].b_prime
    )
    begin(Plan(replace(plan.config, pairs=(*plan.config.pairs, chained))))
    clean("--yes")
    assert given.exists() and linked.exists()
    assert len([name for name in tree() if name.startswith("older/")]) == 2


def test_links_are_left_and_not_followed(plan, tmp_path_factory):
    """In the place of files, and of folders at every depth."""
    away = tmp_path_factory.mktemp("away")
    for name in ("features", "older/pair1", "receipts/level1/older", "hierarchical/pair2"):
        place = away / name.replace("/", "-")
        (RESULTS / name).rename(place)
        (RESULTS / name).symlink_to(place)
    level = RESULTS / "hierarchical/pair1/level1.h5"
    level.rename(away / "level1.h5")
    level.symlink_to(away / "level1.h5")
    before = tree(away)
    clean("--yes")
    assert tree(away) == before
    assert level.is_symlink() and (RESULTS / "older/pair1").is_symlink()
    assert not (RESULTS / "older/pair2").exists()


def test_a_folder_of_results_may_be_a_link_itself(plan, tmp_path):
    RESULTS.rename("disk")
    RESULTS.symlink_to("disk")
    assert "Removed: " in clean("--yes")
    assert not (tmp_path / "disk/features").exists()


def test_nothing_goes_while_a_run_is_at_work(plan):
    before = tree()
    with plan.lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        status, said = call("clean", "--yes")
        assert status == 2 and "another run is at work in this folder" in said
        assert "features" in clean("--dry-run")
    assert {name: each for name, each in tree().items() if name != ".lock"} == before


def test_what_another_command_or_run_has_made_its_own_stays(plan):
    """A command at work in the place of a former pair; a run of its own in that of a variant."""
    (RESULTS / "older/pair1/.lock").touch()
    clean("--yes")
    assert (RESULTS / "older/pair1/a_prime.png").exists()
    begin(replace(plan, config=replace(plan.config, results="results/older")))
    (RESULTS / "older/pair1/.lock").unlink()
    assert clean("--yes") == "There is nothing to remove.\n"
    assert "Removed" not in call("clean", "results/older", "--yes")[1]


def test_a_variant_whose_name_differs_in_case_alone_stays(plan):
    begin(Plan(replace(plan.config, variants={"hierarchical": {}, "Older": OLDER})))
    assert "older" not in clean("--dry-run")


def test_the_same_command_goes_on_where_it_was_killed(plan, monkeypatch):
    """Wherever that is, `dia verify` misses nothing and nothing else goes."""
    expected = {name for name in tree() if not is_cleaned(name)}
    unlink, left = Path.unlink, [0]

    def dying(path: Path, missing_ok: bool = False) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        unlink(path, missing_ok=missing_ok)

    for survived in (0, 1, 7, 19):
        left[0] = survived
        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", dying)
            with pytest.raises(KeyboardInterrupt):
                cleaning.remove(plan, cleaning.removable(plan))
        assert call("verify")[0] == 0
        assert expected <= tree().keys()
    clean("--yes")
    assert tree().keys() - {RECORD} == expected


def test_receipts_of_a_former_variant_go_before_its_results(plan):
    """Else a run that names it again would take for made what is gone."""
    (former,) = (each for each in cleaning.removable(plan) if each.variant == "older")
    names = [str(path.relative_to(RESULTS)) for path in former.sizes]
    receipts = [name.startswith("receipts/") for name in names]
    assert receipts == sorted(receipts, reverse=True) and any(receipts)


def test_a_damaged_plan_keeps_what_only_it_names(plan):
    for path in (RESULTS / "plans").iterdir():
        if "older" in path.read_text():
            path.write_text("{}")
    clean("--yes")
    assert (RESULTS / "older/pair1/a_prime.png").exists()


def test_nothing_of_a_single_command_is_removed(plan):
    a = plan.config.pairs[0].a
    Path("day").mkdir()
    for number in (1, 2):
        draw_image(Path(f"day/{number}.png"), number)
    folder = RESULTS / "day"
    sequence = find_frames(Sequence("day", a, "day", coherence="independent"))
    run_sequence(sequence, folder, resolve(DRAFT), "cpu")
    before = tree(folder)
    clean("--yes")
    assert "nothing to remove" in clean(str(folder), "--yes")
    assert tree(folder) == before
    assert call("verify", str(folder))[0] == 0


def test_a_folder_without_a_run_is_refused_in_words(tmp_path):
    status, said = call("clean", str(tmp_path), "--yes")
    assert status == 2 and "no run has been begun here" in said


def test_every_file_of_a_sequence_is_known(plan):
    """So that those of a former variant all go; features are those of one command alone."""
    draw_image(Path("still.png"), 1)
    Path("day").mkdir()
    for number in (1, 2):
        draw_image(Path(f"day/{number}.png"), number)
    for coherence in ("locked", "warm-start"):
        folder = Path(coherence)
        sequence = Sequence("day", "still.png", "day", coherence=coherence)
        run_sequence(find_frames(sequence), folder, resolve(DRAFT), "cpu")
        names = {name for name in tree(folder) if not name.startswith("features/")}
        assert names and all(map(is_result, names))
