"""A matcher of the user's own: its file is read once, checked, and decides the fields."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from itertools import product
from pathlib import Path

import h5py
import numpy as np
import pytest
from examples import draw_image, make_plan, work, write_pairs

import dia_pipeline
from dia_pipeline.jobs.batches import run_batch
from dia_pipeline.jobs.single import run_pair
from dia_pipeline.jobs.verification import find_faults
from dia_pipeline.matchers import find_matcher
from dia_pipeline.matchers.matcher import MatcherError
from dia_pipeline.runs.config import ConfigError, load_config
from dia_pipeline.runs.pair import Pair
from dia_pipeline.settings import resolve

PLAIN = """
import numpy as np

def match(a, b_prime, a_prime, settings):
    return field(a, b_prime), field(b_prime, a)

def field(source, target):
    scale = np.divide(target.shape[:2], source.shape[:2])
    return (np.moveaxis(np.indices(source.shape[:2]), 0, -1) * scale).astype(np.int32)
"""

CORNER = PLAIN.replace("* scale", "* 0")
"""Another one: all pixels match the first."""

IMAGES = np.zeros((6, 8, 3), np.uint8), np.zeros((5, 9, 3), np.uint8)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The folder of matchers in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    folder = Path("config/matchers")
    folder.mkdir(parents=True)
    return folder


def write(source: str | bytes, name: str = "mine") -> Path:
    path = Path("config/matchers", f"{name}.py")
    path.write_bytes(source if isinstance(source, bytes) else source.encode())
    return path


def matched(name: str = "mine"):
    return find_matcher(name).ensure()(*IMAGES, None, resolve({"matcher": name}))


def test_the_source_decides_the_key_and_is_what_is_run():
    """Not the time of the file, nor what is written there between the key and the work."""
    write(PLAIN)
    first = find_matcher("mine")
    fields = matched()
    write(CORNER)
    second = find_matcher("mine")
    assert first.key != second.key
    np.testing.assert_array_equal(first.ensure()(*IMAGES, None, None)[0], fields[0])
    assert matched()[0].max() == 0
    os.utime(write(PLAIN), (0, 0))
    assert find_matcher("mine").key == first.key
    np.testing.assert_array_equal(matched()[0], fields[0])


def test_nothing_is_written_beside_it(folder):
    """No bytecode, which could be taken for that of a source edited within the same second."""
    write(PLAIN)
    matched()
    assert [path.name for path in folder.iterdir()] == ["mine.py"]


WRONG = {
    "syntax": ("def match(:\n", r"mine.py, line 1: SyntaxError"),
    "no UTF-8": (b"x = 1\n'\xff'\n", r"mine.py.*: SyntaxError"),
    "import": ("\nimport no_such_package\n", r"mine.py, line 2: ModuleNotFoundError"),
    "exit": ("\n\nraise SystemExit(3)\n", r"mine.py, line 3: SystemExit: 3"),
    "no match": ("def fit(): pass\n", r"mine.py: there is no function match in it"),
    "no function": ("match = 3\n", r"mine.py: there is no function match in it"),
    "arguments": ("def match(a): pass\n", r"mine.py: TypeError: match\(\) takes 1"),
    "an error": (PLAIN.replace("* scale", "/ 'x'"), r"mine.py, line 9: .*TypeError"),
    "a file": (PLAIN.replace("    scale", "    open('none')\n    scale"), r"line 8: FileNotFound"),
    "lines": ("def match(*_):\n raise ValueError('a\\nb')\n", r"line 2: ValueError: a b"),
    "nothing": ("def match(*_): pass\n", r"mine.py: match returns a value of type NoneType"),
    "one field": ("def match(a, *_): return [a]\n", r"match returns a value of type list"),
    "lists": ("def match(a, *_): return [1], [2]\n", r"nnf_ab is list; it must be int32 of shape"),
    "floats": (PLAIN.replace("int32", "float32"), r"nnf_ab is float32 of shape \(6, 8, 2\)"),
    "transposed": (PLAIN.replace("(np.int32)", "(np.int32).T"), r"of shape \(2, 8, 6\)"),
    "outside": (PLAIN.replace("* scale", "+ 1"), r"nnf_ab\[4, 0\] is \[5, 1\], outside the other"),
    "negative": (PLAIN.replace("* scale", "- 1"), r"nnf_ab\[0, 0\] is \[-1, -1\], outside"),
}


@pytest.mark.parametrize("source, told", WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_it_names_the_file_and_the_line(source, told):
    write(source)
    with pytest.raises(MatcherError, match=told) as found:
        matched()
    assert "\n" not in str(found.value)


def test_a_shipped_name_is_not_taken_twice():
    """Somebody who edits a copy of one would otherwise get the shipped one without a word."""
    for name in ("sift", "hierarchical"):
        write(PLAIN, name)
        with pytest.raises(MatcherError, match=f"{name}.py: {name} is shipped"):
            find_matcher(name)


def test_it_may_change_what_it_is_given_and_keep_what_it_gives():
    kept = PLAIN + "\nfields = []\n"
    kept = kept.replace("    return field(a", "    a[:] = 255\n    fields[:] = field(a")
    write(kept.replace("field(b_prime, a)\n", "field(b_prime, a)\n    return fields\n", 1))
    images = [image.copy() for image in IMAGES]
    match = find_matcher("mine").ensure()
    first = match(*images, None, None)
    assert images[0].max() == 0
    before = first[0].copy()
    match.args[1].__globals__["fields"][0][:] = 1
    np.testing.assert_array_equal(first[0], before)


def test_a_file_with_dataclasses_and_of_a_name_with_dots():
    write(
        "from dataclasses import dataclass\n@dataclass\nclass X:\n    y: 'int' = 1\n" + PLAIN,
        "v1.2",
    )
    assert matched("v1.2")[0].shape == (6, 8, 2)


def test_it_is_found_elsewhere_if_that_is_named(tmp_path, monkeypatch):
    write(PLAIN)
    monkeypatch.setenv("DIA_MATCHERS", str(tmp_path / "config" / "matchers"))
    (tmp_path / "other").mkdir()
    monkeypatch.chdir("other")
    assert matched()[0].shape == (6, 8, 2)


def test_in_python_the_edited_file_is_taken():
    """As in a notebook, in one process."""
    write(PLAIN)
    a, b_prime = draw_image(Path("a.png"), 1), draw_image(Path("b.png"), 2)
    first, second = (dia_pipeline.run(a, b_prime, matcher="mine") for _ in range(2))
    write(CORNER)
    third = dia_pipeline.run(a, b_prime, matcher="mine")
    np.testing.assert_array_equal(first.nnf_ab, second.nnf_ab)
    assert not np.array_equal(first.nnf_ab, third.nnf_ab)
    with pytest.raises(MatcherError, match=r"there is no file config/matchers/other\.py"):
        dia_pipeline.run(a, b_prime, matcher="other")


def test_after_an_edit_the_same_command_makes_it_again(tmp_path):
    path = write(PLAIN)
    images = draw_image(Path("a.png"), 1), draw_image(Path("b.png"), 2)
    settings = resolve({"matcher": "mine"})
    made = []
    for source in (PLAIN, PLAIN, CORNER):
        write(source)
        run_pair(*images, tmp_path / "out", settings, "cpu")
        provenance = json.loads(Path("out/provenance.json").read_text())
        assert provenance["matcher"]["path"] == path.as_posix()
        with h5py.File("out/nnf.h5") as file:
            assert json.loads(file.attrs["matcher"]) == provenance["matcher"]
        made.append((provenance["matcher"]["sha256"], Path("out/a_prime.png").read_bytes()))
    assert made[0] == made[1] and made[0][0] != made[2][0] and made[0][1] != made[2][1]


def test_an_edit_is_seen_in_what_decides_the_jobs_and_by_dia_verify():
    def decided() -> dict[tuple[str, str], str]:
        plan = make_plan(Path("results"), pairs, variants=variants)
        jobs = product(("pair", "aggregate"), plan.variants)
        return {job: plan.decides(*job, "0001") for job in jobs}

    variants = {"mine": {"matcher": "mine"}, "none": {"matcher": "identity"}}
    write(PLAIN)
    pairs = write_pairs(Path("images"), 1)
    plan = make_plan(Path("results"), pairs, variants=variants)
    work(plan)
    before = decided()
    assert not list(find_faults(plan))
    write(CORNER)
    changed = {job for job, digest in decided().items() if digest != before[job]}
    assert changed == {("pair", "mine")}
    faults = [fault.reason for fault in find_faults(plan)]
    assert faults and all("results/mine/" in each and "made from other" in each for each in faults)
    Path("config/matchers/mine.py").unlink()
    assert all("there is no such matcher" in fault.reason for fault in find_faults(plan))


def test_a_pair_on_which_it_fails_stops_no_other():
    failing = "    if a.shape[1] == 30:\n        1 / 0\n    return field(a"
    write(PLAIN.replace("    return field(a", failing))
    first, second = write_pairs(Path("images"), 2)
    draw_image(Path(second.a), 2, (24, 30))
    variants = {"mine": {"matcher": "mine"}}
    plan = make_plan(
        Path("results"), (second, first), variants=variants, pairs_per_job=2, checkpoint="pair"
    )
    receipt = run_batch(plan, "pair", "mine", "0001")
    assert receipt.made.keys() == {first.name} and receipt.failed.keys() == {second.name}
    assert "mine.py, line 6: ZeroDivisionError" in receipt.failed[second.name].reason


def test_one_that_is_not_there_is_refused_before_the_work(folder):
    """In a variant and in a row; with the place where it was looked for."""
    table = Path("pairs.tsv")
    a, b_prime = draw_image(Path("a.png"), 1), draw_image(Path("b.png"), 2)
    table.write_text(f"name\ta\tb_prime\tmatcher\none\t{a}\t{b_prime}\tmine\n")
    told = r"'one': matcher 'mine': .*there is no file config/matchers/mine.py"
    with pytest.raises(ConfigError, match=told):
        load_config({"pairs": str(table)})
    write("def match(:\n")
    with pytest.raises(ConfigError, match=r"mine.py, line 1: SyntaxError"):
        load_config({"pairs": str(table)})
    write(PLAIN)
    config = load_config({"pairs": str(table)})
    assert config.pairs[0] == Pair("one", a, b_prime, {"matcher": "mine"})
    assert asdict(resolve(config.pairs[0].options))["pose"] == "given"
