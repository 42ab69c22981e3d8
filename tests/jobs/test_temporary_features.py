from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
from examples import artefacts, make_plan, work, write_pairs
from typer.testing import CliRunner

from dia_pipeline.cli import app
from dia_pipeline.jobs import batches
from dia_pipeline.jobs.batches import run_batch
from dia_pipeline.runs.config import Config
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.store.provenance import Backbone
from dia_pipeline.store.receipts import Receipt

RESULTS = Path("results")
VARIANTS = {"plain": {}, "half": {"ratio": 0.5}}


@pytest.fixture
def pairs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_pairs(Path("images"), 2)


def features() -> int:
    return len(list((RESULTS / "features").glob("*.h5")))


def left_after_each_job(plan) -> list[int]:
    left = []
    for batch in plan.batches:
        for variant in plan.variants:
            for stage in plan.stages(variant, batch):
                run_batch(plan, stage, variant, batch)
            left.append(features())
    return left


def test_features_go_with_their_last_user(pairs):
    """Those of an A when its pair is done, those of B' after the second pair, by variant."""
    plan = make_plan(RESULTS, pairs, features="temporary", variants=VARIANTS)
    assert left_after_each_job(plan) == [1, 2, 1, 0]


def test_features_that_variants_share_go_with_the_last_of_these(pairs):
    variants = {"first": {}, "second": {"seed": 1}}
    plan = make_plan(RESULTS, pairs, features="temporary", variants=variants)
    assert left_after_each_job(plan) == [2, 1, 2, 0]


def test_a_pair_with_settings_of_its_own_leaves_no_features_of_others(pairs):
    first, second = pairs
    own = replace(second, options={"ratio": 0.5})
    plan = make_plan(RESULTS, (first, own), features="temporary")
    assert left_after_each_job(plan) == [0, 0]


def test_an_image_that_is_gone_leaves_no_features_of_others(pairs):
    plan = make_plan(RESULTS, pairs, features="temporary")
    Path(pairs[1].a).unlink()
    assert left_after_each_job(plan) == [1, 0]


def test_features_that_a_later_stage_makes_again_go_too(pairs):
    plan = make_plan(RESULTS, pairs[:1], features="temporary")
    work(plan)
    for path in RESULTS.glob("*/pair1/*.h5"):
        path.unlink()
    run_batch(plan, "aggregate", *plan.variants, *plan.batches)
    assert (RESULTS / "hierarchical" / "pair1" / "nnf.h5").exists()
    assert features() == 0


def test_the_results_are_those_with_features_kept(pairs):
    work(make_plan(RESULTS, pairs, features="temporary"))
    work(make_plan(Path("kept"), pairs))
    kept = artefacts(Path("kept"))
    names = {name for name in kept if name.startswith("features")}
    assert len(names) == 3
    assert artefacts(RESULTS) == {name: kept[name] for name in kept.keys() - names}


def test_removed_features_are_no_fault(pairs):
    plan = make_plan(RESULTS, pairs, features="temporary")
    plan.write()
    work(plan)
    assert CliRunner().invoke(app, ["verify"]).exit_code == 0


def test_a_pair_that_fails_holds_no_features_back(pairs):
    Path("images/broken.png").write_bytes(b"no image")
    broken = Pair("broken", "images/broken.png", pairs[0].b_prime)
    work(make_plan(RESULTS, (pairs[0], broken, pairs[1]), features="temporary"))
    assert features() == 0


@pytest.mark.parametrize("pose", ["mirrored", "auto"])
def test_features_of_drawn_images_go_too_and_poses_stay(pairs, pose):
    work(make_plan(RESULTS, pairs, features="temporary", settings={"pose": pose}))
    assert features() == 0
    assert all((RESULTS / "hierarchical" / pair.name / "pose.h5").exists() for pair in pairs)


@pytest.mark.parametrize("per_job", [1, 4])
@pytest.mark.parametrize("reverse", [False, True])
def test_jobs_that_share_an_image_do_not_all_look_at_each_other(
    tmp_path, monkeypatch, reverse, per_job
):
    """Neither at one that is done nor at one that is not, in whatever order they are done."""
    monkeypatch.chdir(tmp_path)
    Path("image.png").touch()
    pairs = tuple(Pair(f"p{n}", f"a{n}.png", "image.png") for n in range(120))
    for pair in pairs:
        Path(pair.a).write_text(pair.name)
    plan = Plan(
        Config(pairs, pairs_per_job=per_job, features="temporary", settings={"pose": "auto"})
    )
    Backbone("vgg16", "digest", "source", "licence").write(plan.weights("auto"))
    looks = Mock(side_effect=batches.planned_graph)
    monkeypatch.setattr(batches, "planned_graph", looks)
    for batch in sorted(plan.batches, reverse=reverse):
        Receipt("level1", "hierarchical", batch).write(
            plan.receipt("level1", "hierarchical", batch)
        )
        batches._remove_features(plan, "hierarchical", batch)
    assert looks.call_count < 4 * len(pairs)
