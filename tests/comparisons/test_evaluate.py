"""`dia evaluate`: a published benchmark from its folder to the table."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import asdict
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import yaml
from examples import DRAFT, times
from PIL import Image
from typer.testing import CliRunner

from dia_pipeline.cli import app
from dia_pipeline.comparisons.benchmarks import read_variants
from dia_pipeline.io.flow import read_flo
from dia_pipeline.runs.config import load_config, merge
from dia_pipeline.samples.scenes import make_benchmark
from dia_pipeline.settings import SHORTHANDS, resolve

ABLATION = Path(__file__).parents[2] / "config" / "ablation.yaml"


@pytest.fixture
def tss(tmp_path, monkeypatch):
    """A synthetic pair in the layout of TSS, and a file of variants, in the working directory."""
    monkeypatch.chdir(tmp_path)
    (row,) = make_benchmark({"pairs": ["chelsea-smooth-grading"], "side": 64}, "made")
    pair = Path("TSS/JODS/cat")
    pair.mkdir(parents=True)
    names = {"a": "image1.png", "b_prime": "image2.png", "flow_ab": "flow1.flo"}
    names |= {"flow_ba": "flow2.flo", "mask_a": "mask1.png", "mask_b_prime": "mask2.png"}
    for column, name in names.items():
        shutil.copy(row[column], pair / name)
    (pair / "flip_gt.txt").write_text("0\n")
    variants = {"hierarchical": {}, "identity": {"matcher": "identity"}}
    Path("variants.yaml").write_text(yaml.safe_dump({"settings": DRAFT, "variants": variants}))
    return row


def evaluate(*options: str):
    command = ["evaluate", "TSS", "--layout", "tss", "--output", "out", *options]
    return CliRunner().invoke(app, command)


def values_of(folder: str) -> dict[tuple[str, str, str], float]:
    """What was measured, by variant, pair and measure."""
    with open(f"{folder}/measures.csv", newline="") as file:
        rows = csv.DictReader(file)
        return {(row["variant"], row["pair"], row["measure"]): float(row["value"]) for row in rows}


def test_a_benchmark_is_scored_and_taken_up_again(tss):
    result = evaluate("--variants", "variants.yaml")
    assert result.exit_code == 0, result.output
    truth = {"12": ("flow_ab", "mask_a"), "21": ("flow_ba", "mask_b_prime")}
    measured = values_of("out")
    for direction, (flow, mask) in truth.items():
        foreground = np.asarray(Image.open(tss[mask])) > 0
        lengths = np.hypot(*read_flo(tss[flow])[foreground].T)
        error = measured["identity", f"JODS-cat_{direction}", "end_point_error"]
        assert error == pytest.approx(np.nanmean(lengths), rel=1e-5)
    assert Path("out/table.md").read_text().count("| hierarchical | 2 |") == 3
    pairs = load_config({"pairs": "out/pairs.tsv"}).pairs
    assert pairs[0].truth["flow_ab"] == "TSS/JODS/cat/flow1.flo"

    # Results of this program are a method like any other, and score as they were measured.
    scored = CliRunner().invoke(app, ["score", "TSS", "out/hierarchical", "-o", "scored"])
    assert scored.exit_code == 0, scored.output
    found = values_of("scored")
    names = {"accuracy_5": "pck_image_5", "end_point_error": "end_point_error"}
    for direction, (measure, name) in product(truth, names.items()):
        pair = "hierarchical", f"JODS-cat_{direction}"
        assert found[*pair, name] == pytest.approx(measured[*pair, measure])

    command = ["score", "TSS", "out/hierarchical", "-o", "drawn", "--of", "pictures"]
    drawn = CliRunner().invoke(app, command)
    assert drawn.exit_code == 0, drawn.output
    found = values_of("drawn")
    for direction, measure in product(truth, ("structure", "seams", "colour_distance")):
        each = "hierarchical", f"JODS-cat_{direction}", measure
        assert found[each] == pytest.approx(measured[each])

    before = times(Path("out/hierarchical"))
    assert evaluate("--variants", "variants.yaml").exit_code == 0
    assert times(Path("out/hierarchical")) == before


@pytest.mark.parametrize(
    ("options", "settings", "task"),
    [
        ((), None, "correspondence"),
        pytest.param(("--task", "transfer"), None, "transfer", marks=pytest.mark.slow),
        ((), {}, "correspondence"),
        ((), {"task": "transfer"}, "transfer"),
        (("--task", "correspondence"), {"task": "transfer"}, "correspondence"),
    ],
)
def test_fields_are_what_a_benchmark_asks_for(tss, options, settings, task):
    """Unless the file of variants says otherwise, or the command, which is the stronger."""
    if settings is not None:
        content = {"settings": DRAFT | settings, "variants": {"hierarchical": {}}}
        Path("variants.yaml").write_text(yaml.safe_dump(content))
        options = ("--variants", "variants.yaml", *options)
    result = evaluate("--quality", "draft", *options)
    assert result.exit_code == 0, result.output
    made = json.loads(Path("out/hierarchical/JODS-cat_12/provenance.json").read_text())
    expected = asdict(resolve({"task": task}))
    assert {name: made["settings"][name] for name in SHORTHANDS["task"].values[task]} == {
        name: expected[name] for name in SHORTHANDS["task"].values[task]
    }


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("variants: [a]", "variants.yaml: the variants cannot be read"),
        ("variants: {x: {matcher: siift}}", "matcher 'siift': there is no such matcher"),
        ("variants: {x: {seed: .nan}}", "variants.yaml, variants.x.seed: nan is not"),
        ("variants: {../x: {}}", "variants.yaml, variants: '../x' is not possible"),
        ("variants: {x: {}, x: {seed: 1}}", "'x' is there twice"),
        ("variants: {1: {}}", "variants.yaml, variants: 1 is not"),
    ],
)
def test_wrong_variants_are_explained(tss, content, expected):
    Path("variants.yaml").write_text(content)
    result = evaluate("--variants", "variants.yaml")
    assert result.exit_code == 2
    assert expected in result.output


def test_the_shipped_ablation_can_be_run_on_a_benchmark():
    settings, variants = read_variants(ABLATION)
    assert settings["max_side"] == 300
    assert list(variants)[:2] == ["correspondence", "transfer"]
    resolved = {name: resolve(merge(settings, options)) for name, options in variants.items()}
    for task in ("correspondence", "transfer"):
        expected = resolve({"task": task, "max_side": 300, "quality": "draft"})
        assert resolved[task] == expected
