"""Inputs that are changed while they are worked on: nothing of mixed origin is ever valid."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from examples import DRAFT, draw_image, make_plan, work
from opened import opening
from typer.testing import CliRunner

from dia_pipeline import cli
from dia_pipeline.io.files import FolderError
from dia_pipeline.io.images import read_image, write_image
from dia_pipeline.io.video import Timing, write_video
from dia_pipeline.jobs.single import run_pair, run_sequence
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.sequence import Sequence, find_frames
from dia_pipeline.runs.summary import forget_failures, summarise
from dia_pipeline.settings import resolve
from dia_pipeline.store.artefacts import File, ImageFile, InputError
from dia_pipeline.store.state import read_state

OUT = Path("out")


@pytest.fixture
def images(tmp_path, monkeypatch):
    """Two images, and others of other content beside them, of the same size."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a", "b_prime", "other"), 1):
        draw_image(Path(f"{name}.png"), 3 * number, (48, 48))
    return "a.png", "b_prime.png"


def content(folder: Path = OUT) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def openings(path: str, make) -> int:
    """How often a file is opened."""
    count = []
    with opening(path, count.append):
        make()
    return len(count)


def saved_anew(path: str, other: str, begin: int, end: int | None, make) -> bool:
    """Save a file anew before an opening, put it back before a later one; whether that fails.

    Without an `end` it is put back when all is made: how often a file is opened may depend on
    what it holds.
    """
    whole, changed = Path(path).read_bytes(), Path(other).read_bytes()

    def save(number: int) -> None:
        if number in (begin, end):
            Path(path).write_bytes(changed if number == begin else whole)

    failed = False
    with opening(path, save):
        try:
            make()
        except InputError as error:
            failed = True
            assert "was changed while it was worked on; run again" in str(error)
    Path(path).write_bytes(whole)
    return failed


def check_every_moment(path: str, other: str, make) -> None:
    """Whenever a file is saved anew and put back, all is of the one or of the other file, or fails.

    Args:
        make: makes the results, and may be told to replace others.
    """
    count = openings(path, make)
    expected = content()
    shutil.rmtree(OUT)
    assert not saved_anew(path, other, 0, None, make)
    of_other = content()
    assert of_other != expected
    failures = []
    for begin in range(count):
        shutil.rmtree(OUT, ignore_errors=True)
        failures.append(saved_anew(path, other, begin, begin + 1, make))
        assert failures[-1] or content() in (expected, of_other), begin
        make(replace=True)
        assert expected.items() <= content().items(), begin
    assert any(failures)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed", ["a.png", "b_prime.png", "labels.png", "points.csv", "keep.png"]
)
def test_an_input_of_a_pair_is_saved_anew_and_put_back(images, changed):
    for name, middle in (("labels.png", 20), ("labels_b.png", 24), ("other_labels.png", 40)):
        image = np.zeros((48, 48, 3), np.uint8)
        image[middle:] = 255
        write_image(name, image)
    Path("points.csv").write_text("a_x,a_y,b_prime_x,b_prime_y\n5,5,20,12\n")
    Path("other.csv").write_text("a_x,a_y,b_prime_x,b_prime_y\n6,40,30,12\n")
    shutil.copy("labels.png", "keep.png")
    others = {"labels.png": "other_labels.png", "points.csv": "other.csv"}
    other = (others | {"keep.png": "other_labels.png"}).get(changed, "other.png")
    guides = {"labels_a": "labels.png", "labels_b_prime": "labels_b.png", "points": "points.csv"}
    guides["keep"] = "keep.png"
    settings = resolve({**DRAFT, "iterations": 1})
    make = partial(run_pair, *images, OUT, settings, guides=guides)
    check_every_moment(changed, other, make)


def frames_of(folder: str) -> Sequence:
    Path(folder).mkdir()
    for number in (1, 2, 3):
        draw_image(Path(f"{folder}/{number}.png"), number, (48, 48))
    return find_frames(Sequence("day", "a.png", folder, coherence="locked"))


@pytest.mark.slow
@pytest.mark.parametrize("changed", ["a.png", "day/2.png"])
def test_an_input_of_a_time_lapse_is_saved_anew_and_put_back(images, changed):
    moving, settings = frames_of("day"), resolve({**DRAFT, "iterations": 1})
    check_every_moment(changed, "other.png", partial(run_sequence, moving, OUT, settings, "cpu"))


@pytest.mark.slow
def test_a_video_is_replaced_and_put_back(images):
    pixels = [read_image(name) for name in ("b_prime.png", "other.png", "a.png")]
    write_video(Path("film.mp4"), pixels, Timing(24))
    write_video(Path("other.mp4"), pixels[::-1], Timing(24))
    moving = find_frames(Sequence("film", "a.png", "film.mp4", coherence="locked"))
    settings = resolve({**DRAFT, "iterations": 1})
    check_every_moment("film.mp4", "other.mp4", partial(run_sequence, moving, OUT, settings, "cpu"))


def test_a_frame_that_goes_or_breaks_for_a_moment_is_no_gap_for_ever(images):
    moving, settings = frames_of("day"), resolve({**DRAFT, "iterations": 1})
    path = Path("day/2.png")
    whole = path.read_bytes()
    for harm in (path.unlink, partial(path.write_bytes, b"cut")):
        with (
            opening("day/1.png", lambda number, harm=harm: number == 2 and harm()),
            pytest.raises(InputError, match="changed while"),
        ):
            run_sequence(moving, OUT, settings, "cpu")
        path.write_bytes(whole)
        assert run_sequence(moving, OUT, settings, "cpu") == {}
        shutil.rmtree(OUT)


@pytest.mark.slow
def test_a_pair_of_a_run_fails_and_is_tried_again(images):
    """Every input, the truth among them."""
    draw_image(Path("mask.png"), 4, (48, 48))
    files = {name: Path(name) for name in ("a.png", "mask.png")}
    pair = Pair("pair", *images, truth={"mask_a": "mask.png"})
    for name, path in files.items():
        plan = make_plan(Path(f"results-{path.stem}"), (pair,), checkpoint="pair")
        last = {"a.png": 1, "mask.png": openings_of_measures(plan, name)}[name]
        whole = path.read_bytes()

        def save(number, path=path, last=last):
            if number == last:
                path.write_bytes(Path("other.png").read_bytes())

        with opening(path, save):
            work_measured(plan)
        outcome = summarise(plan, "measure")
        (failure,) = outcome.failed["hierarchical"].values()
        assert "was changed while it was worked on" in failure.reason
        path.write_bytes(whole)
        forget_failures(plan)
        work_measured(plan)
        assert not summarise(plan, "measure").failed["hierarchical"]


def work_measured(plan: Plan) -> None:
    from dia_pipeline.jobs.batches import run_batch

    work(plan)
    run_batch(plan, "measure", "hierarchical", "0001")


def openings_of_measures(plan: Plan, name: str) -> int:
    """The number of the last opening of a file, which is the reading of it."""
    other = make_plan(Path("tried"), plan.config.pairs, checkpoint="pair")
    count = []
    with opening(name, count.append):
        work_measured(other)
    shutil.rmtree("tried")
    return len(count) - 1


def test_an_image_is_opened_for_its_size_its_digest_and_its_pixels(images):
    command = [
        "run",
        *images,
        "-o",
        "out",
        "--quality",
        "draft",
        "--backbone",
        "vgg16",
        "--no-page",
    ]
    counts = []
    with opening("a.png", counts.append):
        assert CliRunner().invoke(cli.app, command).exit_code == 0
    assert len(counts) == 3
    with opening("a.png", counts.append):
        assert CliRunner().invoke(cli.app, command).exit_code == 0
    assert len(counts) == 5


def test_the_digest_is_of_the_bytes_that_were_decoded(images):
    file = ImageFile("a.png")
    assert file.ensure().sha256 == file.key
    draw_image(Path("a.png"), 7)
    with pytest.raises(InputError, match=r"a\.png: the file was changed"):
        file.ensure()
    assert ImageFile("a.png").ensure().sha256 != file.key


@pytest.mark.parametrize("put_back", ["written", "renamed"])
def test_what_is_put_back_is_noticed_too(images, put_back):
    file = File("a.png")
    with pytest.raises(InputError, match="changed"), file.steady():
        if put_back == "renamed":
            os.rename("a.png", "kept.png")
            shutil.copy("other.png", "a.png")
            os.rename("kept.png", "a.png")
        else:
            content, times = Path("a.png").read_bytes(), os.stat("a.png")
            shutil.copy("other.png", "a.png")
            Path("a.png").write_bytes(content)
            os.utime("a.png", ns=(times.st_atime_ns, times.st_mtime_ns))
    with file.steady():
        pass


def test_a_mask_of_what_is_kept_decides_the_results_and_no_match(images):
    settings = resolve({**DRAFT, "iterations": 1})
    for name, bright in (("keep.png", 255), ("other_keep.png", 0)):
        write_image(name, np.full((48, 48, 3), bright, np.uint8))
    run_pair(*images, OUT, settings, guides={"keep": "keep.png"})
    fields = (OUT / "nnf.h5").stat().st_mtime_ns
    np.testing.assert_array_equal(read_image(OUT / "a_prime.png"), read_image(images[0]))
    with pytest.raises(FolderError, match=r"keep: keep\.png -> other_keep\.png"):
        run_pair(*images, OUT, settings, guides={"keep": "other_keep.png"})
    run_pair(*images, OUT, settings, guides={"keep": "other_keep.png"}, replace=True)
    assert (OUT / "nnf.h5").stat().st_mtime_ns == fields
    assert (read_image(OUT / "a_prime.png") != read_image(images[0])).any()
    run_pair(*images, OUT, settings, guides={"strength": "keep.png"}, replace=True)
    assert (OUT / "nnf.h5").stat().st_mtime_ns != fields  # the fusion depends on it


def test_provenance_names_what_guides_the_matches(images):
    Path("points.csv").write_text("a_x,a_y,b_prime_x,b_prime_y\n5,5,20,12\n")
    run_pair(*images, OUT, resolve({**DRAFT, "iterations": 1}), guides={"points": "points.csv"})
    guides = read_state(OUT / "provenance.json")["guides"]
    assert guides == {"points": {"path": "points.csv", "sha256": File("points.csv").key}}
