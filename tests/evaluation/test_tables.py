from __future__ import annotations

import csv
import re

import numpy as np
import pytest

from dia_pipeline.comparisons.ablation import bases
from dia_pipeline.evaluation.tables import (
    compare_two,
    latex,
    make_tables,
    markdown,
    write_csv,
)
from dia_pipeline.runs.config import Config
from dia_pipeline.runs.plan import Plan

BASES = dict.fromkeys(("first", "no_1", "part"), "first")
PAIRS = [f"p{n}" for n in range(8)]
KINDS = {pair: ["car", "day" if pair < "p4" else "night"] for pair in PAIRS}


@pytest.fixture
def measures():
    """Accuracy of a reference, a variant always 0.1 worse, and one that lacks a pair."""
    accuracy = np.random.default_rng(0).uniform(0.4, 0.6, len(PAIRS))
    first = dict(zip(PAIRS, accuracy.tolist(), strict=True))
    worse = {pair: value - 0.1 for pair, value in first.items()}
    return {
        "accuracy_5": {"first": first, "no_1": worse, "part": {"p0": 0.9}},
        "seconds": {"first": dict.fromkeys(PAIRS, 2.0), "no_1": dict.fromkeys(PAIRS, 1.0)},
    }


def cells(text: str, table: int, variant: str) -> list[str]:
    """A row of one of the tables in Markdown."""
    part = re.split(r"\n\n(?=[A-Z])", text)[table]
    (row,) = re.findall(rf"^\| {variant} \| (.*) \|$", part, re.MULTILINE)
    return row.split(" | ")


def test_means_stand_with_their_intervals_and_counts(measures):
    text = markdown(make_tables(measures, BASES, KINDS))
    mean = np.mean([*measures["accuracy_5"]["first"].values()])
    pairs, accuracy, seconds = cells(text, 0, "first")
    assert pairs == "8"
    assert accuracy.startswith(f"{mean:.2f} [")
    assert seconds == "2.0 [2.0, 2.0]"
    assert cells(text, 0, "part") == ["1", "**0.90**", ""]


def test_differences_are_paired_and_stand_out_where_they_are_sure(measures):
    text = markdown(make_tables(measures, BASES, KINDS))
    assert cells(text, 1, "no_1") == ["**-0.100** [-0.100, -0.100]", "0 : 8"]
    assert not re.search(r"^\| first", text.split("Differences")[1].split("T = 5 by")[0], re.M)
    assert cells(text, 1, "part")[1] == "1 : 0"


def test_each_variant_is_compared_with_its_own_base(measures):
    accuracy = measures["accuracy_5"]
    accuracy["second"] = {pair: value + 0.2 for pair, value in accuracy["first"].items()}
    accuracy["no_2"] = {pair: value + 0.3 for pair, value in accuracy["first"].items()}
    bases = {"first": "first", "second": "first", "no_1": "first", "no_2": "second"}
    text = markdown(make_tables(measures, bases, KINDS))
    assert cells(text, 1, "second")[0].startswith("**+0.200**")
    assert cells(text, 1, "no_1")[0].startswith("**-0.100**")
    assert cells(text, 2, "no_2")[0].startswith("**+0.100**")
    first, second = re.split(r"\n\n(?=[A-Z])", text)[1:3]
    assert first.startswith("Differences from first") and "no_2" not in first
    assert second.startswith("Differences from second") and "no_1" not in second


def test_the_base_of_a_variant_is_the_first_of_its_task():
    variants = {
        "fields": {},
        "images": {"task": "transfer"},
        "exact": {"search": "exact"},
        "late": {"task": "transfer", "blend_map": "sigmoid"},
    }
    plan = Plan(Config(settings={"task": "correspondence"}, variants=variants))
    assert bases(plan, list(variants)) == {
        "fields": "fields",
        "images": "fields",
        "exact": "fields",
        "late": "images",
    }
    assert bases(plan, ["exact", "late"]) == {"exact": "exact", "late": "exact"}
    plain = Plan(Config(variants={"one": {}, "two": {"seed": 1}, "images": {"task": "transfer"}}))
    assert set(bases(plain, plain.variants).values()) == {"one"}


def test_pairs_are_counted_by_kind(measures):
    text = markdown(make_tables(measures, BASES, KINDS))
    values = [*measures["accuracy_5"]["first"].values()]
    means = [np.mean(part) for part in (values, values[:4], values[4:])]
    assert cells(text, 2, "variant") == ["car", "day", "night"]
    assert cells(text, 2, "first") == [f"{mean:.2f}" for mean in means]
    assert cells(text, 2, "part") == ["0.90", "0.90", ""]


def test_a_table_turned_says_the_same(measures):
    [table, *_] = make_tables(measures, BASES, KINDS)
    turned = table.turned()
    for row, (variant, cells) in enumerate(table.rows.items()):
        assert turned.headings[row] == variant
        assert [line[row] for line in turned.rows.values()] == cells
    assert [*turned.rows] == table.headings


def test_latex_says_the_same_and_escapes_what_it_must(measures):
    text = latex(make_tables(measures, BASES, KINDS))
    assert r"no\_1 & \textbf{$-$0.100} {\scriptsize [$-$0.100, $-$0.100]} & 0 : 8 \\" in text
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 3
    assert not re.search(r"(?<!\\)[_%#]", text.removeprefix("%"))


def test_the_tidy_file_keeps_every_value(measures, tmp_path):
    write_csv(tmp_path / "measures.csv", measures)
    with (tmp_path / "measures.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8 + 8 + 1 + 16
    assert {
        (row["variant"], row["pair"]): float(row["value"])
        for row in rows
        if row["measure"] == "accuracy_5"
    } == {
        (variant, pair): value
        for variant, values in measures["accuracy_5"].items()
        for pair, value in values.items()
    }


HOSTILE = ["x|y", "$z$", r"\input{/etc/passwd}", "<script>"]


def test_kinds_are_shown_as_they_are_written(measures):
    tables = make_tables(measures, BASES, dict.fromkeys(PAIRS, HOSTILE))
    (heading,) = re.findall(r"by kind of pair\.\n\n(.*)\n", markdown(tables))
    shown = [cell.strip() for cell in re.split(r"(?<!\\)\|", heading)[2:-1]]
    assert [re.sub(r"\\(.)", r"\1", cell) for cell in shown] == HOSTILE
    assert r"\input" not in latex(tables) and "<script>" not in markdown(tables)


@pytest.mark.parametrize(
    ("measure", "change", "verdict"),
    [
        ("accuracy_5", [0.1, 0.12, 0.09, 0.11], "new"),
        ("accuracy_5", [-0.1, -0.12, -0.09, -0.11], "old"),
        ("end_point_error", [0.1, 0.12, 0.09, 0.11], "old"),  # less is better
        ("accuracy_5", [0.3, -0.3, 0.2, -0.25], "not certain"),
        ("accuracy_5", [0.1], "new"),  # a single pair has no interval
        ("accuracy_5", [0, 0], "neither"),
        ("sharpness", [1, 1], ""),  # neither more nor less is better
    ],
)
def test_a_verdict_is_given_where_the_pairs_agree(measure, change, verdict):
    old = {pair: 0.5 for pair in PAIRS}
    new = {pair: 0.5 + by for pair, by in zip(PAIRS, change, strict=False)}
    table = compare_two({measure: {"old": old, "new": new}}, "old", "new")
    (row,) = table.rows.values()
    assert row[-1].text == verdict
    wins = [sum(by > 0 for by in change), sum(by < 0 for by in change)]
    if measure == "end_point_error":
        wins.reverse()
    assert row[3].text == ("" if measure == "sharpness" else f"{wins[0]} : {wins[1]}")
    assert row[0].text.startswith("0.5")


def test_measures_that_only_one_has_are_not_compared():
    measures = {"accuracy_5": {"old": {"p0": 1.0}}, "seams": {"old": {"p0": 1}, "new": {"p1": 1}}}
    assert compare_two(measures, "old", "new").rows == {}


def test_the_tidy_file_has_no_formulas(tmp_path):
    write_csv(tmp_path / "measures.csv", {"energy": {"=1+1": {"-p": -0.5}}})
    assert (tmp_path / "measures.csv").read_text().splitlines()[1] == "'-p,'=1+1,energy,-0.5"
