from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from examples import PUBLISHED, draw_image

from dia_pipeline import settings as vocabulary
from dia_pipeline.evaluation.truth import TRUTH_COLUMNS
from dia_pipeline.guides import GUIDES
from dia_pipeline.io.codecs import CODECS
from dia_pipeline.matchers import MATCHERS
from dia_pipeline.runs import config as config_module
from dia_pipeline.runs.config import (
    OF_SEQUENCES,
    TABLES,
    Config,
    ConfigError,
    load_config,
    merge,
    pair_settings,
)
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.sequence import Sequence
from dia_pipeline.samples.synthetic import DEFAULTS, PAIRS, STYLES, VIEWS
from dia_pipeline.temporal.coherence import MODES

SCHEMAS = Path(__file__).parents[2] / "workflow" / "schemas"


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Write a table of pairs beside two images; return its path."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        Path(name).touch()

    def write(*rows: str) -> str:
        Path("pairs.tsv").write_text("\n".join(rows).replace("|", "\t") + "\n")
        return "pairs.tsv"

    return write


def test_sequences_where_nothing_writes_videos_are_refused_with_the_remedy(table, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    Path("day").mkdir()
    Path("a.png").rename("day/1.png")
    Path("sequences.tsv").write_text("name\ta\tb_prime\nday\tb.png\tday\n")
    assert problems({"sequences": "sequences.tsv"}) == [
        "sequences.tsv, row 2 (sequence 'day'), videos need PyAV; pip install 'dia-pipeline[video]'"
    ]


def problems(values: dict) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(values, "config.yaml")
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_cells_become_values(table):
    path = table(
        "# a comment",
        "name|a|b_prime|ratio|blend|mirrored|alphas|seed",
        "",
        "one|a.png|b.png|.5|2|true||",
        "two| a.png |b.png||||.9, .8,.7,0|7",
    )
    config = load_config({"pairs": path, "pairs_per_job": 3, "settings": None})
    assert config.pairs == (
        Pair("one", "a.png", "b.png", {"ratio": 0.5, "blend": 2}, {"mirrored": True}),
        Pair("two", "a.png", "b.png", {"alphas": [0.9, 0.8, 0.7, 0], "seed": 7}),
    )
    assert config.pairs_per_job == 3
    assert config.variants == {"hierarchical": {}}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("x|a.png|b.png|half|", ["ratio: 'half' is not of type 'number'", "0.5 suits"]),
        ("x|a.png|b.png|9|", ["ratio: 9 is greater than the maximum of 4"]),
        ("x|a.png|b.png|1|photo-to-stile", ["preset:", "did you mean 'photo-to-style'?"]),
        ("x|a.png|b.png|1||more", ["1 cells more than there are columns", "tabs"]),
        ("x|a.png", ["b_prime: is missing"]),
        ("x|a.png|c.png", ["b_prime: 'c.png': there is no such file", "working directory"]),
        ("../x|a.png|b.png", ["name: '../x' is not possible", "letters"]),
        ("ONE|a.png|b.png", ["name: row 2 has it too"]),
    ],
)
def test_a_wrong_row_is_named_with_file_row_and_field(table, row, expected):
    path = table("name|a|b_prime|ratio|preset", "one|a.png|b.png", row)
    (problem,) = problems({"pairs": path})
    assert problem.startswith(f"pairs.tsv, row 3 (pair '{row.split('|')[0]}'), ")
    for text in expected:
        assert text in problem


def test_what_is_known_of_a_pair_is_kept_apart_from_its_settings(table):
    Path("flow.flo").touch()
    path = table(
        "name|a|b_prime|flow_ab|mirrored|kinds|seed", "x|a.png|b.png|flow.flo|true|car, day|7"
    )
    known = {"flow_ab": "flow.flo", "mirrored": True, "kinds": ["car", "day"]}
    (pair,) = load_config({"pairs": path}).pairs
    assert pair == Pair("x", "a.png", "b.png", {"seed": 7}, known)
    assert pair.truth_files == ["flow.flo"]
    Path("flow.flo").unlink()
    (problem,) = problems({"pairs": path})
    assert problem.startswith(
        "pairs.tsv, row 2 (pair 'x'), flow_ab: 'flow.flo': there is no such file"
    )


def test_the_synthetic_benchmark_is_worked_beside_a_table(table):
    path = table("name|a|b_prime", "one|a.png|b.png")
    options = {"pairs": ["coffee-shift-night"]}
    config = load_config({"pairs": path, "synthetic": options, "results": "out"})
    assert [pair.name for pair in config.pairs] == ["one", "coffee-shift-night"]
    made = config.pairs[1]
    assert made.a == "out/synthetic/coffee-shift-night/a.png"
    assert made.truth["kinds"] == ["shift", "night"]
    assert len(load_config({"synthetic": {}}).pairs) == len(PAIRS)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"pairs": ["coffee-shift-nigth"]}, ["no pair 'coffee-shift-nigth'", *VIEWS, *STYLES]),
        ({"size": 300}, ["synthetic.size: there is no such field; did you mean 'side'?"]),
        ({"pairs": ["coffee-shift-night"]}, ["'coffee-shift-night'", "rename"]),
    ],
)
def test_a_wrong_benchmark_is_explained(table, options, expected):
    path = table("name|a|b_prime", "coffee-shift-night|a.png|b.png")
    (problem,) = problems({"pairs": path, "synthetic": options})
    for text in expected:
        assert text in problem


def test_rows_are_numbered_as_in_the_file(table):
    path = table("# comment", "", "name|a|b_prime", "# comment", "x|a.png|no.png")
    assert problems({"pairs": path})[0].startswith("pairs.tsv, row 5 ")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("name a b_prime", "column 'name' is missing"),
        ("name|a|b_prime|ratoi", "column 'ratoi': there is no such field; did you mean 'ratio'?"),
        ("name|a|b_prime|a", "column 'a' is there twice"),
    ],
)
def test_a_wrong_header_is_explained(table, header, expected):
    assert any(expected in text for text in problems({"pairs": table(header, "x|a.png|b.png")}))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"pair_per_job": 2}, "pair_per_job: there is no such field; did you mean 'pairs_per_job'"),
        ({"pairs_per_job": 0}, "pairs_per_job: 0 is less than the minimum of 1"),
        ({"checkpoint": "levels"}, "checkpoint: 'levels' is not one of level, pair; did you mean"),
        ({"device": "gpu"}, "device: 'gpu' is not possible"),
        ({"settings": {"qualty": "draft"}}, "settings.qualty: there is no such field; did you"),
        ({"variants": {"x": {"blend": 5}}}, "variants.x.blend: 5 is not one of 0, 1, 2, 3, 4"),
        ({"variants": {"receipts": {}}}, "variants: 'receipts' is not possible"),
        (
            {"pairs": "none.tsv"},
            "none.tsv: the table of pairs cannot be read: there is no",
        ),
        ({"pairs": None}, "pairs: is missing"),
    ],
)
def test_a_wrong_configuration_is_named_with_its_field(table, values, expected):
    path = table("name|a|b_prime", "x|a.png|b.png")
    (problem,) = problems({"pairs": path, **values})
    assert expected in problem


def test_everything_wrong_is_reported_at_once(table):
    path = table("name|a|b_prime|ratio", "x|a.png|no.png|7", "y|no.png|b.png")
    found = problems({"pairs": path, "checkpoint": "x", "settings": {"seed": -1}})
    assert len(found) == 5


def test_an_empty_table_is_no_fault(table):
    """It is what a fresh checkout has, in which an ablation shall run."""
    assert load_config({"pairs": table("name|a|b_prime")}).pairs == ()


def test_a_row_overrides_the_configuration_and_a_variant_both():
    pair = Pair("x", "a.png", "b.png", {"ratio": 0.5, "blend": 1})
    config = Config(
        (pair,), settings={"ratio": 2.0, "seed": 3}, variants={"v": {"blend": 2}, "w": {}}
    )
    assert pair_settings(config, "v", pair) == vocabulary.resolve(
        {"ratio": 0.5, "seed": 3, "blend": 2}
    )
    assert pair_settings(config, "w", pair).alphas == (0.7, 0.6, 0.5, 0.0)


def test_a_name_replaces_what_it_stands_for_in_weaker_layers():
    weak = {"alphas": [1, 1, 1, 1], "ratio": 0.3, "deconvolution": 7, "seed": 1}
    assert merge(weak, {"blend": 1}) == {"ratio": 0.3, "deconvolution": 7, "seed": 1, "blend": 1}
    assert merge(weak, {"quality": "paper", "preset": "photo-to-photo"}) == {
        "quality": "paper",
        "preset": "photo-to-photo",
        "seed": 1,
    }
    assert merge({"blend": 1}, {"alphas": [1, 1, 1, 1]})["alphas"] == [1, 1, 1, 1]
    own = {"coarse_patch": 9, "smoothness": 0.1, "fine_smoothness": 0.1}
    assert merge({"seed": 1, **own}, {"task": "transfer"}) == {"seed": 1, "task": "transfer"}


def test_the_default_is_the_search_of_the_paper():
    """Its patch sides (section 4.2), and no smoothness; but in the pose that is found."""
    settings = vocabulary.resolve({})
    assert settings == vocabulary.resolve({"task": "transfer"}) == vocabulary.resolve(PUBLISHED)
    assert [settings.patch(level) for level in (5, 4, 3, 2, 1)] == [3, 3, 3, 5, 5]
    assert not any(settings.smooth(level) for level in (5, 4, 3, 2, 1))
    assert settings.pose == "auto"


def test_correspondence_compares_wider_patches_smoothly():
    settings = vocabulary.resolve({"task": "correspondence"})
    assert [settings.patch(level) for level in (5, 4, 3, 2, 1)] == [7, 7, 7, 5, 5]
    assert [settings.smooth(level) for level in (5, 4, 3, 2, 1)] == 3 * [0.005] + 2 * [0.01]
    settings = vocabulary.resolve({"task": "correspondence", "coarse_patch": 3})
    assert (settings.coarse_patch, settings.smoothness) == (3, 0.005)


@pytest.mark.parametrize("matcher", MATCHERS)
def test_a_matcher_of_images_has_no_task(matcher):
    """It has no network to find a pose with, and refuses only to be asked for that."""
    plain, asked = (
        vocabulary.resolve({"matcher": matcher, **task})
        for task in ({}, {"task": "correspondence"})
    )
    assert asked == plain and asked.pose == "given"
    with pytest.raises(vocabulary.SettingsError, match="no network to find it"):
        vocabulary.resolve({"matcher": matcher, "pose": "auto"})


def test_an_unknown_task_is_told_the_known_ones():
    with pytest.raises(vocabulary.SettingsError, match=r"'drift'.*transfer, correspondence"):
        vocabulary.resolve({"task": "drift"})


WRONG = {
    "preset": "portrait",
    "quality": "best",
    "blend": 5,
    "task": "drift",
    "matcher": "my/matcher",
    "finest": 6,
    "depth": 12,
    "take": "detail",
    "pose": "upside-down",
    "seen": "lines",
    "alphas": [1, 1, 1, 1.1],
    "ratio": 0,
    "max_side": 15,
    "deconvolution": [0, 0, 0, -1],
    "blend_map": "linear",
    "initial": "zero",
    "octaves": 3,
    "search": "auto",
    "iterations": -1,
    "coarse_patch": 4,
    "smoothness": 1.1,
    "fine_smoothness": -0.1,
    "directions": "ba",
    "guidance": 11,
    "descriptor_weight": 11,
    "descriptor_finest": 6,
    "min_confidence": 1.5,
    "composition": "glued",
    "seed": 2**31,
    "backbone": "my/resnet",
    "precision": "float64",
    "feature_dtype": "int8",
}
"""For every option a value just beyond what it can have."""


def test_what_a_setting_cannot_be_is_refused_wherever_it_stands(table):
    """By `resolve`, in the configuration and in a table: with its name and its value."""
    assert set(WRONG) == set(vocabulary.options())
    for name, value in WRONG.items():
        with pytest.raises(vocabulary.SettingsError, match=rf"^{name}: .* is not possible"):
            vocabulary.resolve({name: value})
        path = table("name|a|b_prime", "one|a.png|b.png")
        (found,) = problems({"pairs": path, "settings": {name: value}})
        wrong = value[-1] if isinstance(value, list) else value
        assert f"settings.{name}" in found and str(wrong) in found


def test_the_columns_of_the_tables_are_the_settings_and_their_own():
    validators = config_module._validators()
    names = {field.name for field in fields(vocabulary.Settings)}
    names |= {"preset", "quality", "blend", "task"}
    columns = validators["pairs"].schema["properties"]
    assert set(columns) == names | {
        "name",
        "a",
        "b_prime",
        "kinds",
        "references",
        *GUIDES,
        *TRUTH_COLUMNS,
    }
    columns = validators["sequences"].schema["properties"]
    own = {field.name for field in fields(Sequence)} - {"options", "frames", "guides"}
    assert set(columns) == names - OF_SEQUENCES.keys() | own | GUIDES.keys()
    assert tuple(columns["coherence"]["enum"]) == tuple(MODES)
    assert tuple(columns["codec"]["enum"]) == tuple(CODECS)


def test_the_schema_states_the_defaults_of_the_configuration():
    schema = json.loads((SCHEMAS / "config.schema.json").read_text())["properties"]
    config = Config(())
    stated = {name: field["default"] for name, field in schema.items() if "default" in field}
    assert stated == {name: getattr(config, name) for name in stated}
    assert set(schema) - set(stated) == {"pairs", "sequences", "synthetic"}
    options = schema["synthetic"]["properties"]
    assert set(options) == set(DEFAULTS)


def test_the_shipped_configuration_is_explained_field_by_field():
    readme = (SCHEMAS.parents[1] / "config" / "README.md").read_text()
    for name in ("config", "pairs", "sequences"):
        for field in json.loads((SCHEMAS / f"{name}.schema.json").read_text())["properties"]:
            assert f"| `{field}` |" in readme


def test_a_variant_that_sequences_cannot_follow_is_named(table):
    Path("day").mkdir()
    Path("day/1.png").touch()
    table("name|a|b_prime", "noon|a.png|day")
    Path("pairs.tsv").rename("sequences.tsv")
    variants = {"plain": {}, "alone": {"matcher": "layer-independent"}}
    variants["turned"] = {"pose": "several"}
    alone, turned = problems({"sequences": "sequences.tsv", "variants": variants})
    assert "variant 'alone' with 'noon': matcher: a sequence knows 'hierarchical' alone" in alone
    assert "variant 'turned' with 'noon': pose: 'several' is not possible" in turned


@pytest.mark.parametrize("results", ["{x}", "a\nb", "-x", "", "a{variant}/b", "\x1b[31m"], ids=repr)
def test_a_folder_of_results_that_no_rule_can_name_is_refused(table, results):
    (problem,) = problems({"pairs": table("name|a|b_prime", "x|a.png|b.png"), "results": results})
    assert "results" in problem


def test_several_references_are_read_and_what_they_rule_out_is_told(table):
    path = table("name|a|b_prime|references|matcher", "x|a.png|b.png|a.png, b.png|")
    (pair,) = load_config({"pairs": path}).pairs
    assert pair.references == ("a.png", "b.png") and not pair.truth
    path = table("name|a|b_prime|references|matcher", "x|a.png|b.png|a.png|sift")
    (problem,) = problems({"pairs": path})
    assert "matcher sift is not possible with several references" in problem
    path = table("name|a|b_prime|references|points", "x|a.png|b.png|a.png,none.png|b.png")
    first, second = problems({"pairs": path})
    assert "labels, points and descriptors are those of one B'" in first
    assert "references: 'none.png': there is no such file" in second


def test_a_guide_of_another_shape_than_its_image_is_named_with_both_shapes(table):
    for number, (name, shape) in enumerate((("a", (48, 64)), ("b", (48, 64)), ("tall", (64, 48)))):
        draw_image(Path(f"{name}.png"), number, shape)
    rows = "name|a|b_prime|labels_a|labels_b_prime|keep", "x|a.png|b.png|tall.png|b.png|a.png"
    (problem,) = problems({"pairs": table(*rows)})
    assert "row 2 (pair 'x'), labels_a: tall.png: it is 48x64" in problem
    assert "but A is 64x48; paint it over that image" in problem
    rows = "name|a|b_prime|labels_a", "x|a.png|b.png|a.png"
    (problem,) = problems({"pairs": table(*rows)})
    assert "labels_a, labels_b_prime: one is missing" in problem


def test_what_is_said_of_a_sequence_stands_in_its_table(table):
    Path("day").mkdir()
    shutil.copy("b.png", "day/1.png")
    Path("points.csv").write_text("a_x,a_y,b_prime_x,b_prime_y\n5,5,20,12\n")
    columns = "name|a|b_prime|keep|points"
    path = table(columns, "x|a.png|day|a.png|0=points.csv,5=points.csv")
    (sequence,) = load_config({"sequences": path}).sequences
    assert sequence.still_guides == {"keep": "a.png"}
    assert sequence.moving_guides == {"points": {0: "points.csv", 5: "points.csv"}}
    assert sequence.guide_files.keys() == {"keep", "points", "points 5"}
    assert {"a.png", "points.csv"} <= {*sequence.files}
    path = table(columns, "x|a.png|day|none.png|points.csv")
    (problem,) = problems({"sequences": path})
    assert "row 2 (sequence 'x'), keep: 'none.png': there is no such file" in problem


def test_descriptors_are_checked_by_their_headers_and_not_of_a_sequence(table):
    for number, name in enumerate("ab"):
        draw_image(Path(f"{name}.png"), number, (48, 64))
    shapes = {"fits": (8, 6, 8), "other": (9, 6, 8), "tall": (8, 8, 6), "flat": (6, 8)}
    for name, shape in shapes.items():
        np.save(f"{name}.npy", np.full(shape, np.nan))
    columns = "name|a|b_prime|descriptors_a|descriptors_b_prime"
    (pair,) = load_config({"pairs": table(columns, "x|a.png|b.png|fits.npy|fits.npy")}).pairs
    assert pair.guides == dict.fromkeys(("descriptors_a", "descriptors_b_prime"), "fits.npy")
    faults = {
        "fits.npy|other.npy": "they have 8 and 9 channels; make both by the same layer",
        "fits.npy|tall.npy": "descriptors_b_prime: tall.npy: it is 6x8, but B' is 64x48; make it",
        "flat.npy|fits.npy": "descriptors_a: flat.npy: this is no map of descriptors: 6x8 values",
        "fits.npy|a.png": "descriptors_b_prime: a.png: it cannot be read",
        "fits.npy|": "descriptors_a, descriptors_b_prime: one is missing; descriptors are those of",
    }
    for files, fault in faults.items():
        (problem,) = problems({"pairs": table(columns, f"x|a.png|b.png|{files}")})
        assert "row 2 (pair 'x')" in problem and fault in problem
    Path("day").mkdir()
    shutil.copy("b.png", "day/1.png")
    path = table(columns, "x|a.png|day|fits.npy|fits.npy")
    (problem,) = problems({"sequences": path})
    assert "descriptors are those of a pair; leave them out, or match frames as pairs" in problem


@pytest.mark.parametrize("kind", TABLES)
def test_a_default_table_that_is_not_there_is_none_beside_another(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    (other,) = TABLES.keys() - {kind}
    draw_image(Path("a.png"), 1)
    Path("day").mkdir()
    draw_image(Path("day/1.png"), 1)
    b_prime = {"pairs": "a.png", "sequences": "day"}[other]
    Path("own.tsv").write_text(f"name\ta\tb_prime\nx\ta.png\t{b_prime}\n")
    for values in ({kind: TABLES[kind], other: "own.tsv"}, {other: "own.tsv"}):
        config = load_config(values)
        assert (len(config.pairs), len(config.sequences)) == (other == "pairs", other != "pairs")
    assert load_config({**TABLES, "synthetic": {}}).pairs
    for values in ({kind: "named.tsv", other: "own.tsv"}, TABLES, {kind: TABLES[kind]}):
        with pytest.raises(ConfigError, match="there is no such file"):
            load_config(values)


def test_a_file_that_no_rule_can_name_is_refused_with_its_row(table):
    Path("a.png").rename("{a}.png")
    (problem,) = problems({"pairs": table("name|a|b_prime", "x|{a}.png|b.png")})
    assert "row 2 (pair 'x'), a: '{a}.png': Snakemake takes braces" in problem


@pytest.mark.parametrize(("a", "b_prime"), [("{a}.png", "day"), ("a.png", "day{b}")])
def test_frames_that_no_rule_can_name_are_refused_with_their_row(table, a, b_prime):
    Path(b_prime).mkdir()
    shutil.copy("b.png", f"{b_prime}/1.png")
    shutil.copy("a.png", "{a}.png")
    row = table("name|a|b_prime", f"x|{a}|{b_prime}")
    (problem,) = problems({"sequences": row})
    assert "row 2 (sequence 'x')" in problem and "Snakemake takes braces" in problem


def test_a_pipe_is_refused_with_its_row(table):
    os.mkfifo("pipe.png")
    (problem,) = problems({"pairs": table("name|a|b_prime", "x|pipe.png|b.png")})
    assert "row 2 (pair 'x'), a: 'pipe.png': this is no regular file" in problem


def test_an_input_among_the_results_of_its_own_pair_is_refused(table):
    made = Path("results/hierarchical/x/a_prime.png")
    made.parent.mkdir(parents=True)
    made.touch()
    (problem,) = problems({"pairs": table("name|a|b_prime", f"x|{made}|b.png")})
    assert "'x': " in problem and "would overwrite it" in problem
    path = table("name|a|b_prime", f"y|{made}|b.png")
    assert load_config({"pairs": path}).pairs[0].a == str(made)


@pytest.mark.parametrize("twin", ["CAFÉ", "cafe\u0301", "\uff43af\xe9"])
def test_names_that_a_file_system_may_take_for_one_are_refused(table, twin):
    found = problems({"pairs": table("name|a|b_prime", "café|a.png|b.png", f"{twin}|a.png|b.png")})
    assert any("name: row 2 has it too" in problem for problem in found)


def test_a_name_longer_than_file_systems_allow_is_refused(table):
    (problem,) = problems({"pairs": table("name|a|b_prime", f"{'写' * 90}|a.png|b.png")})
    assert "more than 200 bytes" in problem
