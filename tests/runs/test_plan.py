from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest
from PIL import Image

from dia_pipeline.runs.begun import RECORD, latest_plan
from dia_pipeline.runs.cleaning import RECORD as CLEANED
from dia_pipeline.runs.config import SCHEMAS, Config
from dia_pipeline.runs.damage import damaged_state
from dia_pipeline.runs.nodes import nodes_of
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.places import FOLDERS, PlanError, check_apart
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.sequence import Sequence
from dia_pipeline.settings import Settings, resolve
from dia_pipeline.store.artefacts import ArtefactError
from dia_pipeline.store.receipts import Receipt
from dia_pipeline.store.state import write_state

PAIRS = tuple(Pair(f"p{n}", f"a{n}.png", "b.png") for n in range(1, 6))


STAGES = ("features", "level5", "level4", "level3", "level2", "level1", "aggregate")


def decided(**settings) -> dict[str, str]:
    """What decides the stages of a batch, by stage."""
    plan = Plan(Config(PAIRS, settings=settings))
    stages = plan.stages("hierarchical", "0001")
    return {stage: plan.decides(stage, "hierarchical", "0001") for stage in stages}


def affected(change: dict) -> set[str]:
    """The stages of which a changed setting changes what decides them."""
    before, after = decided(), decided(**change)
    return {stage for stage in before if before[stage] != after[stage]}


@pytest.mark.parametrize(
    ("change", "stages"),
    [
        ({"ratio": 0.5}, {"features"}),
        ({"precision": "float32"}, {"features"}),
        ({"initial": "random"}, {"level5"}),
        ({"deconvolution": (3, 3, 3, 3)}, {"level5", "level4", "level3", "level2"}),
        ({"deconvolution": (15, 3, 10, 10)}, {"level4"}),
        ({"seed": 3}, {"features", "level5", "level4", "level3", "level2", "level1"}),
        ({"alphas": (0.9, 0.8, 0.7, 0.1)}, {"level2"}),
        ({"alphas": (0.5, 0.8, 0.7, 0.2)}, {"level5"}),
        ({"take": "colours"}, {"aggregate"}),
        ({"fine_smoothness": 0.1}, {"level2", "level1"}),
        ({"coarse_patch": 5}, {"level5", "level4", "level3"}),
        ({"pose": "given"}, {"features", "level5"}),
    ],
)
def test_a_setting_decides_its_stages(change, stages):
    assert affected(change) == stages


@pytest.mark.parametrize("checkpoint", ["level", "pair"])
def test_every_setting_decides_some_node(checkpoint):
    """But for what decides which nodes there are, and what decides no bytes."""
    nodes = nodes_of(Settings(), checkpoint).values()
    decided = {name for node in nodes for name in node.settings}
    assert decided == {field.name for field in fields(Settings)} - {"min_confidence"}


@pytest.mark.parametrize(
    ("options", "stages"),
    [
        ({}, STAGES),
        ({"pose": "given", "directions": "ab"}, STAGES),
        ({"matcher": "layer-independent"}, STAGES),
        ({"finest": 3}, (*STAGES[:4], "aggregate")),
        ({"matcher": "sift"}, ("pair", "aggregate")),
        ({"matcher": "patchmatch-rgb", "pose": "mirrored"}, ("pair", "aggregate")),
    ],
)
def test_a_batch_goes_through_the_stages_that_its_matcher_has(options, stages):
    """Of a variant, or of a row; one in which both kinds are goes through those of both."""
    plan = Plan(Config(PAIRS, variants={"v": options}))
    assert plan.stages("v", "0001") == stages
    in_one_go = Plan(Config(PAIRS, variants={"v": options}, checkpoint="pair"))
    assert in_one_go.stages("v", "0001") == ("pair", "aggregate")
    rows = (PAIRS[0], replace(PAIRS[1], options=options))
    mixed = Plan(Config(rows, pairs_per_job=2))
    both = {*STAGES, *stages}
    assert mixed.stages("hierarchical", "0001") == tuple(
        stage for stage in (*STAGES[:-1], "pair", "aggregate") if stage in both
    )


def test_pairs_are_dealt_out_in_order():
    plan = Plan(Config(PAIRS, pairs_per_job=2))
    names = {batch: [pair.name for pair in pairs] for batch, pairs in plan.batches.items()}
    assert names == {"0001": ["p1", "p2"], "0002": ["p3", "p4"], "0003": ["p5"]}
    assert plan.images("0001") == ["a1.png", "b.png", "a2.png"]


def test_a_plan_comes_back_from_its_file(tmp_path):
    pairs = (Pair("p", "a.png", "b.png", {"ratio": 0.5, "alphas": [1, 0.5, 0, 0]}),)
    plan = Plan(Config(pairs, results=str(tmp_path), variants={"v": {"seed": 2}}))
    path = plan.write()
    assert Plan.read(path) == plan
    assert Plan(replace(plan.config, pairs_per_job=2)).write() != path
    assert plan.write() == path


def test_the_order_of_variants_survives(tmp_path):
    """The first makes the features of all, and is what the others are compared with."""
    for variants in ({"z": {}, "a": {"seed": 1}}, {"a": {"seed": 1}, "z": {}}):
        plan = Plan(Config(PAIRS, results=str(tmp_path), variants=variants))
        again = Plan.read(plan.write())
        assert again.variants == plan.variants
        assert again.receipt("features", "z", "0001") == plan.receipt("features", "z", "0001")


def test_variants_share_the_features_job_if_their_features_are_the_same():
    variants = {"x": {}, "half": {"ratio": 0.5}, "y": {"octaves": 0}, "half2": {"ratio": 0.5}}
    plan = Plan(Config(PAIRS, variants=variants))
    shared = {variant: plan.features_variant(variant, "0001") for variant in variants}
    assert shared == {"x": "x", "half": "half", "y": "x", "half2": "half"}
    assert plan.receipts_before("level5", "y", "0001") == [plan.receipt("features", "x", "0001")]


def test_only_the_batch_of_a_changed_row_is_decided_anew():
    changed = (*PAIRS[:3], replace(PAIRS[3], options={"take": "colours"}), PAIRS[4])
    plans = [Plan(Config(pairs, pairs_per_job=2)) for pairs in (PAIRS, changed)]
    different = {
        (stage, batch)
        for stage in STAGES
        for batch in plans[0].batches
        if len({plan.decides(stage, "hierarchical", batch) for plan in plans}) > 1
    }
    assert different == {("aggregate", "0002")}


def test_the_pair_checkpoint_is_decided_by_all_it_does_at_once():
    plans = [
        Plan(Config(PAIRS, checkpoint="pair", settings=settings))
        for settings in ({}, {"ratio": 0.5}, {"seed": 1}, {"take": "colours"})
    ]
    decided = [plan.decides("pair", "hierarchical", "0001") for plan in plans]
    assert len(set(decided)) == 3
    assert decided[0] == decided[3]
    assert plans[0].receipts_before("pair", "hierarchical", "0001") == []


def test_planning_needs_no_heavy_library():
    code = (
        "import sys, dia_pipeline.runs.plan, dia_pipeline.runs.config; "
        "print([m for m in ('torch', 'numba', 'PIL', 'h5py', 'scipy') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_a_plan_resolves_settings_like_one_pair_does():
    plan = Plan(Config(PAIRS, settings={"preset": "style-to-photo", "quality": "paper"}))
    expected = resolve({"preset": "style-to-photo", "quality": "paper"})
    assert plan.settings("hierarchical", PAIRS[0]) == expected


def test_the_synthetic_benchmark_is_one_input_beside_other_images():
    plan = Plan(Config(PAIRS[:1], synthetic={}, results="r"))
    paths = ["a1.png", "r/synthetic/x/a.png", "r/synthetic/x/b.png"]
    assert plan.inputs(paths) == ["a1.png", plan.synthetic_receipt]
    assert Plan(Config(PAIRS[:1], results="r")).inputs(paths) == paths


def test_a_job_asks_for_the_memory_that_its_largest_image_takes(tmp_path):
    """By the headers; a file that tells nothing asks for nothing."""
    Image.new("RGB", (3000, 2000)).save(tmp_path / "large.png")
    (tmp_path / "broken.png").write_bytes(b"none")
    small, large, broken = (str(tmp_path / f"{n}.png") for n in ("none", "large", "broken"))
    pairs = (Pair("p", small, large), Pair("q", broken, broken, {"take": "colours"}))
    plan = Plan(Config(pairs, pairs_per_job=1))
    assert plan.megabytes_to_compose("hierarchical", "0001") == 115 * 6
    assert plan.megabytes_to_compose("hierarchical", "0002") == 0
    refined = Plan(Config(pairs, settings={"preset": "photo-to-photo"}))
    assert refined.megabytes_to_compose("hierarchical", "0001") == 230 * 6


def test_damaged_receipts_are_found_and_left_as_they_are(tmp_path):
    """What is just being written is hidden, and no damage."""
    plan = Plan(Config(PAIRS, results=str(tmp_path), pairs_per_job=2, variants={"v": {}, "w": {}}))
    receipts = {
        (stage, variant, batch): plan.job_file("receipts", stage, variant, batch)
        for stage in ("level5", "level4", "aggregate")
        for variant in plan.variants
        for batch in plan.batches
    }
    for (stage, variant, batch), path in receipts.items():
        Receipt(stage, variant, batch).write(path)
    damaged = receipts["level4", "v", "0002"]
    damaged.write_text("{")
    hidden = damaged.with_name(".0001.part.json")
    hidden.write_text("{")
    assert damaged_state(plan) == [damaged]
    assert all(path.exists() for path in (*receipts.values(), hidden))


def test_a_folder_where_a_file_of_state_belongs_is_named(tmp_path):
    plan = Plan(Config(PAIRS, results=str(tmp_path)))
    plan.receipt("level5", "hierarchical", "0001").mkdir(parents=True)
    with pytest.raises(PlanError, match=r"this is a folder .* remove it"):
        damaged_state(plan)


VICTIM = "../../../victim"


@pytest.mark.parametrize("name", [VICTIM, "..", "", "in/side", "/victim"])
@pytest.mark.parametrize("kind", ["variant", "pair", "sequence"])
def test_a_plan_whose_names_lead_elsewhere_is_none(tmp_path, kind, name):
    """As of a file that somebody else wrote, with a digest that is right."""
    named = {
        "variant": {"pairs": PAIRS, "variants": {name: {}}},
        "pair": {"pairs": (Pair(name, "a.png", "b.png"),)},
        "sequence": {"sequences": (Sequence(name, "a.png", "b"),)},
    }
    path = Plan(Config(PAIRS, results=str(tmp_path))).path
    values = asdict(Config(results=str(tmp_path), **named[kind]))
    values["variants"] = [*values["variants"].items()]
    write_state(path, {"config": values, "directory": str(tmp_path)})
    with pytest.raises(PlanError, match="this is no name of a file or folder"):
        Plan.read(path)
    with pytest.raises(PlanError):
        latest_plan(tmp_path)


@pytest.mark.parametrize("content", [{}, {"config": 3}, {"config": {"pears": []}, "directory": ""}])
def test_a_plan_of_another_form_is_damaged(tmp_path, content):
    write_state(tmp_path / "plan.json", content)
    with pytest.raises(ArtefactError, match="damaged"):
        Plan.read(tmp_path / "plan.json")


@pytest.mark.parametrize(
    ("results", "apart"),
    [
        ("results", False),
        ("results/../results", False),
        ("link", False),
        ("results/hierarchical", False),
        ("link/receipts/x", False),
        ("results/ablation", True),
        ("elsewhere", True),
    ],
)
def test_two_runs_have_folders_of_their_own(tmp_path, monkeypatch, results, apart):
    monkeypatch.chdir(tmp_path)
    Path("results").mkdir()
    Path("link").symlink_to("results")
    plans = [Plan(Config(PAIRS, results=each)) for each in ("results", results)]
    for pair in (plans, plans[::-1]):
        with nullcontext() if apart else pytest.raises(PlanError, match="would be mixed"):
            check_apart(*pair)


def test_no_variant_is_called_as_a_folder_or_file_of_results(tmp_path):
    plan = Plan(Config(PAIRS))
    files = {path.name for path in (plan.summary, plan.comparison, plan.failures, plan.gallery)}
    schema = json.loads((SCHEMAS / "config.schema.json").read_text(encoding="utf-8"))
    taken = set(schema["properties"]["variants"]["propertyNames"]["not"]["enum"])
    assert taken == {*FOLDERS, *files, RECORD, CLEANED, "ablation"}


def test_the_signature_of_inputs_says_that_one_was_replaced(tmp_path, monkeypatch):
    """By a file of another size or content, however old, or by none; a new time says nothing, and
    the run's own files count for nothing."""
    monkeypatch.chdir(tmp_path)
    a, b_prime, points, other = (Path(name) for name in ("a", "b_prime", "points", "other"))
    content = bytes(range(256)) * 400
    for path in (a, b_prime, points, other):
        path.write_bytes(content)
    guided = Pair("one", "a", "b_prime", guides={"points": "points"}, references=("other",))

    def signature(paths: list[str] | None = None) -> str:
        plan = Plan(Config((guided,), synthetic={}))
        return plan.signature(plan.images("0001") if paths is None else paths)

    before = signature()
    for path in (a, b_prime, points, other):
        os.utime(path, (1, 1))
        assert signature() == before
        for changed in (content[:-1], b"x" + content[1:], content[:-1] + b"x"):
            path.write_bytes(changed)
            os.utime(path, (1, 1))
            assert signature() != before
        middle = len(content) // 2
        path.write_bytes(content[:middle] + b"?" + content[middle + 1 :])
        assert signature() != before
        path.write_bytes(content)
        assert signature() == before
    a.unlink()
    assert signature() != before
    own = str(Config(synthetic={}).synthetic_folder / "x.png")
    assert signature([own]) == signature([])


def test_a_run_says_in_one_line_which_pairs_have_too_small_a_b_prime(tmp_path):
    paths = {}
    for name, size in (("a", (900, 700)), ("small", (200, 100)), ("large", (500, 500))):
        paths[name] = str(tmp_path / f"{name}.png")
        Image.new("RGB", size).save(paths[name])
    alike = [Pair(name, paths["a"], paths[b]) for name, b in (("x", "small"), ("y", "large"))]
    assert not Plan(Config(tuple(alike[1:]))).note_on_sizes()
    note = Plan(Config((*alike, replace(alike[0], name="z")))).note_on_sizes()
    assert note.startswith("'x': B' (200x100) is too small to give A' (900x700) its detail")
    assert note.endswith("(and 1 more like it)") and "\n" not in note
