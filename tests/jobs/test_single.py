"""A folder that one command makes: by it alone, and never in the place of another's results."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from examples import DRAFT, draw_image
from typer.testing import CliRunner

import dia_pipeline
from dia_pipeline import cli
from dia_pipeline.guides import GuidanceError
from dia_pipeline.io.files import PROVENANCE, FolderError, check_folder, write_file
from dia_pipeline.io.images import write_image
from dia_pipeline.jobs import single
from dia_pipeline.jobs.single import run_pair, run_references, run_sequence
from dia_pipeline.runs.lock import LockError, alone_in, clear_lock
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.sequence import Sequence, find_frames
from dia_pipeline.samples import demo
from dia_pipeline.settings import resolve
from dia_pipeline.store.artefacts import ArtefactError
from dia_pipeline.store.folders import Folder, Written
from dia_pipeline.store.state import read_state, write_state

OUT = Path("out")
SETTINGS = resolve({**DRAFT, "iterations": 1})
OPTIONS = ["--quality", "draft", "--backbone", "vgg16", "--pose", "given"]
DIA = str(Path(sys.executable).with_name("dia"))


@pytest.fixture
def images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return [
        draw_image(Path(f"{name}.png"), 3 * n, (48, 48))
        for n, name in enumerate(("a", "b_prime", "other"), 1)
    ]


def dia(*arguments: str):
    return CliRunner().invoke(cli.app, arguments)


def content(folder: Path = OUT) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def moving(**fields) -> Sequence:
    Path("day").mkdir(exist_ok=True)
    for number in (1, 2):
        if not Path(f"day/{number}.png").exists():
            draw_image(Path(f"day/{number}.png"), number, (48, 48))
    return find_frames(Sequence("day", "a.png", "day", coherence="locked", **fields))


def test_results_of_other_settings_or_inputs_are_not_replaced_unless_told(images):
    a, b_prime, other = images
    run_pair(a, b_prime, OUT, SETTINGS)
    made = content()
    fewer = replace(SETTINGS, seed=3)
    with pytest.raises(FolderError, match=r"out: it holds other .*\(seed: 0 -> 3\); name another"):
        run_pair(a, b_prime, OUT, fewer)
    with pytest.raises(FolderError, match=r"b_prime: b_prime.png -> other.png"):
        run_pair(a, other, OUT, SETTINGS)
    with pytest.raises(FolderError, match=r"b_prime: b_prime.png -> none; b_prime_1: none -> b_pr"):
        pair = Pair("out", a, b_prime, references=(other,))
        run_references(pair, OUT, SETTINGS)
    with pytest.raises(FolderError, match=r"; \.\.\.\); name another folder, or add --replace"):
        run_sequence(moving(), OUT, SETTINGS, "cpu")
    with pytest.raises(FolderError, match="it holds the results of a command"):
        dia_pipeline.run(a, b_prime, **{**DRAFT, "iterations": 1}).save(OUT)
    whole = Path(a).read_bytes()
    shutil.copy(other, a)
    with pytest.raises(FolderError, match=r"a: a\.png was changed"):
        run_pair(a, b_prime, OUT, SETTINGS)
    Path(a).write_bytes(whole)
    run_pair(a, b_prime, OUT, SETTINGS)
    assert content() == made
    run_pair(a, b_prime, OUT, fewer, replace=True)
    assert content() != made and not (OUT / ".lock").exists()


def test_results_of_another_network_are_not_replaced_unless_told(images):
    """As where the usual one could not be fetched before."""
    a, b_prime, _ = images
    run_pair(a, b_prime, OUT, SETTINGS)
    about = read_state(OUT / PROVENANCE)
    other = {**about["backbone"], "name": "vgg19", "digest": "0123456789"}
    write_state(OUT / PROVENANCE, {**about, "backbone": other, "key": "other"})
    with pytest.raises(FolderError, match=r"\(network: vgg19 01234567 -> vgg16 a2dc47e9\)"):
        run_pair(a, b_prime, OUT, SETTINGS)


def test_a_time_lapse_of_other_settings_is_not_replaced_and_gaps_are_filled(images):
    broken = Path("day/2.png")
    moving()
    whole = broken.read_bytes()
    broken.write_bytes(b"broken")
    assert run_sequence(moving(), OUT, SETTINGS, "cpu").keys() == {1}
    with pytest.raises(FolderError, match=r"frame_rate: None -> 5\.0"):
        run_sequence(moving(frame_rate=5.0), OUT, SETTINGS, "cpu")
    broken.write_bytes(whole)
    assert run_sequence(moving(), OUT, SETTINGS, "cpu") == {}
    shutil.copy("other.png", "day/1.png")
    with pytest.raises(FolderError, match=r"\(frame 1: day/1.png was changed\)"):
        run_sequence(moving(), OUT, SETTINGS, "cpu")
    assert run_sequence(moving(), OUT, SETTINGS, "cpu", replace=True) == {}


def test_a_sweep_takes_guides_and_replaces_nothing_unless_told(images):
    Path("points.csv").write_text("a_x,a_y,b_prime_x,b_prime_y\n5,5,20,12\n")
    command = ["sweep", *images[:2], "-o", "out", *OPTIONS, "--over", "iterations=1"]
    assert dia(*command).exit_code == 0
    guided = [*command, "--points", "points.csv"]
    refused = dia(*guided)
    assert refused.exit_code == 2 and "points: none -> points.csv" in refused.stderr
    plain = (OUT / "iterations-1/pair/flow_ab.flo").read_bytes()
    assert dia(*guided, "--replace").exit_code == 0
    assert (OUT / "iterations-1/pair/flow_ab.flo").read_bytes() != plain
    half = dia(*command, "--labels-a", "a.png")
    assert half.exit_code == 2 and "labels are those of both images" in half.stderr


def test_guides_of_several_poses_are_somebody_s_work_too(images):
    """Provenance named those of a single pose alone, so that guided results were replaced."""
    a, b_prime, _ = images
    Path("points.csv").write_text("a_x,a_y,b_prime_x,b_prime_y\n5,5,20,12\n")
    several = replace(SETTINGS, pose="several")
    guided = Pair("out", a, b_prime, guides={"points": "points.csv"})
    run_references(guided, OUT, several, "cpu")
    assert read_state(OUT / PROVENANCE)["guides"]["points"]["path"] == "points.csv"
    made = content()
    with pytest.raises(FolderError, match=r"points: points.csv -> none"):
        run_references(Pair("out", a, b_prime), OUT, several, "cpu")
    run_references(guided, OUT, several, "cpu")
    assert content() == made


def test_a_folder_is_that_of_one_kind_of_command(images):
    """Of two, what looks at the folder would see one."""
    a, b_prime, _ = images
    sweep = ["sweep", a, b_prime, "-o", "out", *OPTIONS, "--over", "iterations=1"]
    run_pair(a, b_prime, OUT, SETTINGS)
    for command in (sweep, [*sweep, "--replace"]):
        refused = dia(*command)
        assert refused.exit_code == 2 and "holds the results of one pair" in refused.stderr
    Path("many/plans").mkdir(parents=True)
    with pytest.raises(FolderError, match="it holds a run of many pairs"):
        run_pair(a, b_prime, Path("many"), SETTINGS, replace=True)
    result = dia_pipeline.run(a, b_prime, quality="draft", backbone="vgg16", pose="given")
    for folder in ("out", "many"):
        with pytest.raises(FolderError, match="it holds the results of a command"):
            result.save(folder)


def test_a_finished_folder_is_read_and_not_written(images, monkeypatch):
    """As one where nothing can be written: not even a lock, or a file to try."""
    a, b_prime, _ = images
    Path("both").mkdir()
    run_pair(a, b_prime, Path("both/one"), SETTINGS)
    run_sequence(moving(), Path("both/day"), SETTINGS, "cpu")
    before = {path: path.stat().st_mtime_ns for path in Path("both").rglob("*")}

    def refuse(*_):
        raise FolderError("both", "results cannot be written here")

    monkeypatch.setattr(single, "check_folder", refuse)
    monkeypatch.setattr(single, "alone_in", refuse)
    run_pair(a, b_prime, Path("both/one"), SETTINGS)
    assert run_sequence(moving(), Path("both/day"), SETTINGS, "cpu") == {}
    assert before == {path: path.stat().st_mtime_ns for path in Path("both").rglob("*")}
    Path("both/one/b.png").unlink()
    with pytest.raises(FolderError, match="cannot be written here"):
        run_pair(a, b_prime, Path("both/one"), SETTINGS)


def is_held(lock: Path) -> bool:
    """Whether a process holds the lock of a file, by what the kernel says: it is not tried."""
    if not lock.exists():
        return False
    held = Path("/proc/locks").read_text().splitlines()
    return any("FLOCK" in line and f":{lock.stat().st_ino} " in line for line in held)


@pytest.mark.slow
def test_two_commands_in_one_folder_do_not_meet(images):
    """The first is stopped as soon as it holds the folder; killed, it holds it no longer."""
    a, b_prime, other = images
    first = [DIA, "run", a, b_prime, "-o", "out", "--no-page", *OPTIONS]
    for command in (["run", a, other], ["timelapse", a, moving().b_prime]):
        running = subprocess.Popen(first)
        while not is_held(OUT / ".lock"):
            time.sleep(0.002)
        running.send_signal(signal.SIGSTOP)
        options = OPTIONS if command[0] == "run" else OPTIONS[:4]
        second = dia(*command, "-o", "out", *options)
        assert second.exit_code == 2
        assert "out: another run is at work in this folder; wait for it, or end it" in second.stderr
        assert f"{OUT}: being made" in dia("status", "out").output
        running.kill()
        running.wait()
    assert subprocess.run(first).returncode == 0
    alone = subprocess.run([*first[:4], "-o", "alone", *first[6:]])
    assert alone.returncode == 0
    assert sorted(content().values()) == sorted(content(Path("alone")).values())


def test_the_lock_of_a_folder_is_that_of_a_process_and_leaves_nothing(tmp_path):
    folder = tmp_path / "new/out"
    with alone_in(folder), pytest.raises(LockError, match="another run"), alone_in(folder):
        pass
    assert not folder.exists()
    with alone_in(folder):
        (folder / "kept").touch()
    (folder / ".lock").touch()  # of a process that was killed
    clear_lock(folder)
    assert [path.name for path in folder.iterdir()] == ["kept"]


def begin_siblings(folder: Path, name: str) -> None:
    for number in range(300):
        own = folder / str(number) / name
        check_folder(own)
        with alone_in(own):
            pass


def test_new_siblings_of_a_new_folder_are_begun_at_once(tmp_path):
    spawned = get_context("fork")
    names = ("one", "two", "three", "four")
    workers = [spawned.Process(target=begin_siblings, args=(tmp_path, name)) for name in names]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4


@pytest.mark.parametrize("folder", ["a.png/out", "/proc/out", "nowhere", "x" * 300])
def test_where_nothing_can_be_made_is_told(images, folder):
    Path("nowhere").symlink_to("/nowhere/at/all")
    with pytest.raises(FolderError, match="results cannot be written here"):
        check_folder(Path(folder))
    assert not os.path.exists(folder)


@pytest.mark.parametrize("harm", ["written over", "removed", "half"])
def test_digests_are_of_what_was_written(tmp_path, harm):
    """And not of what lies there afterwards."""
    path = tmp_path / "image.png"

    def make() -> Written:
        digest = write_file(path, b"whole")
        if harm == "removed":
            path.unlink()
        else:
            path.write_bytes(b"other" if harm == "written over" else b"who")
        return Written({"image.png": digest}, {})

    artefact = Folder(tmp_path, "aggregate", "results", {}, {}, make)
    artefact.ensure()
    with pytest.raises(ArtefactError, match=r"image\.png"):
        artefact.read()


def test_a_folder_and_a_file_of_braces_are_no_wildcards_for_one_command(images):
    a, b_prime, _ = images
    shutil.copytree(moving().b_prime, "refs{b}")
    shutil.copy(a, "{a}.png")
    made = dia("timelapse", "{a}.png", "refs{b}", "-o", "{out}", *OPTIONS[:4])
    assert made.exit_code == 0, made.output
    assert dia("run", "{a}.png", b_prime, "-o", "{pair}", *OPTIONS).exit_code == 0
    listed = Path("{list}.txt")
    listed.write_text("refs{b}/1.png\nrefs{b}/2.png\n")
    assert len(find_frames(Sequence("l", a, str(listed))).frames) == 2


def test_a_pipe_among_the_inputs_is_not_waited_for(images):
    a, b_prime, _ = images
    os.mkfifo("pipe")
    for option in ("--points", "--labels-b-prime"):
        labels = ["--labels-a", a] if "labels" in option else []
        command = [DIA, "run", a, b_prime, "-o", "out", *OPTIONS, option, "pipe", *labels]
        told = subprocess.run(command, timeout=120, capture_output=True, text=True)
        assert told.returncode == 2 and "pipe: this is no regular file" in told.stderr


def test_descriptors_with_a_value_that_is_none_are_refused_before_work(images):
    vectors = np.ones((3, 4, 4))
    np.save("right.npy", vectors)
    vectors[1, 2, 3] = np.nan
    np.save("wrong.npy", vectors)
    for named, problem in (("wrong.npy", "1 of its values are NaN"), ("none.npy", "No such file")):
        guides = {"descriptors_a": "right.npy", "descriptors_b_prime": named}
        with pytest.raises(GuidanceError, match=rf"^descriptors_b_prime: {named}: {problem}"):
            run_pair(*images[:2], OUT, SETTINGS, guides=guides)
    assert not OUT.exists()
    told = dia("timelapse", "a.png", moving().b_prime, "-o", "out", "--descriptors-a", "right.npy")
    assert told.exit_code == 2 and "No such option" in told.stderr


def test_what_looks_at_runs_looks_at_one_folder_too(images):
    a, b_prime, _ = images
    run_pair(a, b_prime, OUT, SETTINGS)
    run_sequence(moving(), Path("lapse"), SETTINGS, "cpu")
    for folder in ("out", "lapse"):
        assert dia("status", folder).output == f"{folder}: finished\n"
        assert '"state": "finished"' in dia("status", folder, "--json").output
        assert "is there and whole" in dia("verify", folder).output
        shown = dia("gallery", folder)
        assert shown.exit_code == 0 and f"{folder}/index.html" in shown.output, shown.output
        assert f">{folder}</h1>" in Path(folder, "index.html").read_text()
    write_image(OUT / "b.png", dia_pipeline.io.images.read_image(a))
    Path("lapse/frames/0001.png").unlink()
    for folder, name in (("out", "b.png: the file is d"), ("lapse", "frames/0001.png: there is")):
        told = dia("verify", folder)
        assert told.exit_code == 1 and f"{folder}/{name}" in told.stderr
        assert "1 to be made again; the same command does" in told.stderr
    (OUT / "provenance.json").unlink()
    assert "out: not finished; the same command goes on" in dia("status", "out").output
    assert dia("verify", "out").exit_code == 1
    assert "it holds no finished results" in dia("gallery", "out").stderr
    Path("empty").mkdir()
    assert "no run has been begun here" in dia("verify", "empty").stderr


def test_tables_of_the_demo_that_somebody_changed_are_kept(tmp_path, monkeypatch):
    image = np.zeros((4, 4, 3), np.uint8)
    for name in ("portrait", "temple", "cat"):
        monkeypatch.setattr(demo, name, lambda: (image, image))
    monkeypatch.setattr(demo, "day_to_night", lambda count: (image, [image] * count))
    demo_pairs, demo_sequence = demo.demo_pairs, demo.demo_sequence
    table = demo_pairs(tmp_path)
    before = table.read_bytes()
    assert demo_pairs(tmp_path).read_bytes() == before
    table.write_text("mine")
    with pytest.raises(FolderError, match="other rows"):
        demo_pairs(tmp_path)
    assert table.read_text() == "mine"
    sequences = demo_sequence(tmp_path, 2)
    sequences.write_text("mine")
    with pytest.raises(FolderError, match="other rows"):
        demo_sequence(tmp_path, 2)
