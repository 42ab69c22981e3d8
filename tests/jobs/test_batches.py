from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from examples import DRAFT, artefacts, draw_image, make_plan, times, work, write_pairs
from pretended import SharedGpu

from dia_pipeline.composition.refinement import take
from dia_pipeline.errors import JobError
from dia_pipeline.evaluation.measures import colour_distance
from dia_pipeline.graphs.measuring import read_measures, seconds_taken
from dia_pipeline.graphs.shared import Matching
from dia_pipeline.io import files
from dia_pipeline.io.images import read_image, write_image
from dia_pipeline.jobs.batches import planned_graph, run_batch
from dia_pipeline.jobs.single import run_pair
from dia_pipeline.networks.network import Network
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.summary import forget_failures, summarise
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.settings import resolve
from dia_pipeline.store.folders import OWN
from dia_pipeline.store.provenance import Backbone
from dia_pipeline.store.receipts import Receipt
from dia_pipeline.store.state import read_state
from dia_pipeline.store.times import Times

RESULTS = Path("results")
FOLDER = RESULTS / "hierarchical"


@pytest.fixture
def pairs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_pairs(Path("images"), 2)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with two pairs and all that is made of them, and the plan."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        plan = make_plan(RESULTS, write_pairs(Path("images"), 2), pairs_per_job=2)
        work(plan)
    return folder, plan


@pytest.fixture
def plan(finished, tmp_path, monkeypatch):
    """A plan of two pairs that is processed through, in a copy that may be spoilt."""
    folder, plan = finished
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return plan


def rewritten(before: dict[str, int]) -> set[str]:
    """The files that were written since `before`, without receipts."""
    now = times(RESULTS)
    return {name for name in now if now[name] != before.get(name)}


def test_a_pair_gets_everything_promised(plan):
    names = {path.name for path in (FOLDER / "pair1").iterdir()}
    levels = {f"level{number}.h5" for number in range(1, 6)}
    images = {"a_prime.png", "b.png", "overview.png"}
    assert names <= OWN
    assert names == levels | images | {
        "pose.h5",
        "nnf.h5",
        "flow_ab.flo",
        "flow_ba.flo",
        "provenance.json",
    }
    assert len(list((RESULTS / "features").iterdir())) == 3  # the shared B' once


def test_provenance_tells_inputs_and_outputs_and_no_time_or_place(plan, tmp_path):
    text = (FOLDER / "pair1" / "provenance.json").read_text()
    assert str(tmp_path) not in text
    provenance = json.loads(text)
    assert provenance["inputs"]["a"]["path"] == "images/a1.png"
    assert provenance["inputs"]["b_prime"]["size"] == [28, 20]
    assert provenance["backbone"]["name"] == "vgg16"
    assert provenance["settings"]["iterations"] == 2
    for name, digest in provenance["outputs"].items():
        assert files.digest_file(FOLDER / "pair1" / name) == digest


def test_nothing_valid_is_made_again_nor_torch_imported(plan):
    before = times(RESULTS)
    plan_path = plan.write()
    code = f"""
import sys
from dia_pipeline.runs.plan import Plan
from dia_pipeline.jobs.batches import run_batch
plan = Plan.read({str(plan_path)!r})
for stage in plan.stages("hierarchical", "0001"):
    run_batch(plan, stage, "hierarchical", "0001")
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert rewritten(before) == set()


def test_the_command_of_a_job_imports_torch_only_where_it_is_needed(plan):
    code = f"""
import sys
from dia_pipeline.cli import app
plan = {str(plan.write())!r}
where = ["--plan", plan, "--variant", "hierarchical", "--batch", "0001"]
for stage in {plan.stages("hierarchical", "0001")!r}:
    app(["stage", stage, *where], standalone_mode=False)
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_receipts_do_not_change_when_a_stage_runs_again(plan):
    receipts = {path: path.read_bytes() for path in RESULTS.glob("receipts/**/*.json")}
    work(plan)
    assert receipts == {path: path.read_bytes() for path in receipts}


@pytest.mark.parametrize(
    ("damaged", "stage"),
    [("level3.h5", "level3"), ("nnf.h5", "aggregate"), ("b.png", "aggregate")],
)
def test_exactly_what_is_damaged_is_made_again_with_the_same_bytes(plan, damaged, stage):
    path = FOLDER / "pair2" / damaged
    content, before = artefacts(RESULTS), times(RESULTS)
    broken = bytearray(path.read_bytes())
    broken[len(broken) // 2] ^= 1
    path.write_bytes(broken)
    run_batch(plan, stage, "hierarchical", "0001")
    assert artefacts(RESULTS) == content
    new = rewritten(before)
    assert f"hierarchical/pair2/{damaged}" in new
    if stage == "level3":
        assert new == {"hierarchical/pair2/level3.h5"}
    assert not any("pair1" in name or "features" in name for name in new)


def test_what_a_stage_needs_and_does_not_find_it_makes(plan):
    content = artefacts(FOLDER)
    for path in (*FOLDER.glob("pair1/level*.h5"), FOLDER / "pair1" / "nnf.h5"):
        path.unlink()
    for path in (RESULTS / "features").iterdir():
        path.write_bytes(path.read_bytes()[:1000])
    run_batch(plan, "aggregate", "hierarchical", "0001")
    assert artefacts(FOLDER) == content


def test_a_changed_image_remakes_only_its_pair(plan):
    before = times(RESULTS)
    draw_image(Path("images/a1.png"), 5)
    work(plan)
    new = rewritten(before)
    assert {name.split("/")[1] for name in new if name.startswith("hier")} == {"pair1"}
    assert len([name for name in new if name.startswith("features")]) == 1


@pytest.mark.parametrize(
    ("change", "first"),
    [({"take": "colours"}, None), ({"alphas": [0.9, 0.8, 0.7, 0]}, 2), ({"initial": "random"}, 5)],
)
def test_a_changed_setting_remakes_what_it_affects(plan, change, first):
    before = times(RESULTS)
    settings = {**plan.config.settings, **change}
    work(Plan(replace(plan.config, settings=settings)))
    levels = {Path(name).name for name in rewritten(before) if "/level" in name}
    assert levels == ({f"level{n}.h5" for n in range(1, first + 1)} if first else set())


def test_the_refined_images_are_the_result(plan):
    before = read_image(FOLDER / "pair1" / "a_prime.png")
    work(Plan(replace(plan.config, settings={**plan.config.settings, "take": "colours"})))
    a, b_prime = map(read_image, (plan.config.pairs[0].a, plan.config.pairs[0].b_prime))
    made = {path.stem: read_image(path) for path in (FOLDER / "pair1").glob("*.png")}
    np.testing.assert_array_equal(made["a_prime_everything"], before)
    np.testing.assert_array_equal(made["a_prime"], take(a, before, "colours"))
    np.testing.assert_array_equal(made["b"], take(b_prime, made["b_everything"], "colours"))
    assert not np.array_equal(made["a_prime"], before)


def test_the_image_as_wanted_is_what_is_measured(plan):
    """The distance of its colours from those of B' is that of the file a_prime.png."""
    b_prime = read_image(plan.config.pairs[0].b_prime)
    found = []
    for wanted in ("everything", "colours", "texture"):
        changed = Plan(replace(plan.config, settings=plan.config.settings | {"take": wanted}))
        work(changed)
        run_batch(changed, "measure", "hierarchical", "0001")
        measured = read_measures(FOLDER / "pair1" / "measures.json")["colour_distance"]
        a_prime = read_image(FOLDER / "pair1" / "a_prime.png")
        assert measured == pytest.approx(colour_distance(a_prime, b_prime))
        found.append(measured)
    assert found[0] != found[1]


def seconds(plan: Plan) -> float | None:
    variant, pair = plan.variants[0], plan.config.pairs[0]
    times = Times(plan.times(variant, pair))
    return seconds_taken(planned_graph(plan, variant, pair), times)


def noted(plan: Plan) -> dict[str, float]:
    return read_state(plan.times(plan.variants[0], plan.config.pairs[0]))["seconds"]


def test_seconds_of_other_settings_are_not_added(plan):
    """After a change of `finest` those of its levels count alone; back again, the first ones."""
    before, first = seconds(plan), noted(plan)
    assert before == pytest.approx(sum(first.values())) and len(first) == 5
    short = Plan(replace(plan.config, settings={**plan.config.settings, "finest": 3}))
    assert seconds(short) is None
    work(short)
    new = noted(plan).keys() - first.keys()
    assert seconds(short) == pytest.approx(sum(noted(plan)[key] for key in new))
    assert len(new) == 3
    assert seconds(plan) == before


def test_seconds_of_another_checkpoint_are_not_added(plan):
    """The fields were made level by level, and are not made again in one go."""
    before, first = seconds(plan), noted(plan)
    whole = Plan(replace(plan.config, checkpoint="pair"))
    work(whole)
    assert seconds(whole) == before
    changed = Plan(replace(whole.config, settings={**plan.config.settings, "seed": 1}))
    work(changed)
    (new,) = noted(plan).keys() - first.keys()
    assert seconds(changed) == noted(plan)[new]


def test_seconds_of_which_a_part_was_not_noted_are_none(plan):
    """A damaged level, made again after the file of times was lost, is not the whole time."""
    shutil.rmtree(RESULTS / "times")
    folder = plan.folder(plan.variants[0], plan.config.pairs[0])
    (folder / "level1.h5").unlink()
    work(plan)
    assert len(noted(plan)) == 1
    assert seconds(plan) is None


def test_outputs_that_are_no_longer_asked_for_go(plan):
    refined = Plan(replace(plan.config, settings={**plan.config.settings, "take": "colours"}))
    work(refined)
    assert (FOLDER / "pair1" / "a_prime_everything.png").exists()
    assert (FOLDER / "pair1" / "b_everything.png").exists()
    work(plan)
    assert not (FOLDER / "pair1" / "b_everything.png").exists()
    assert not (FOLDER / "pair1" / "a_prime_everything.png").exists()


def test_batches_and_checkpoints_and_the_single_pair_give_the_same_bytes(plan):
    pairs, content = plan.config.pairs, artefacts(FOLDER)
    work(make_plan(Path("single"), pairs, pairs_per_job=1))
    assert artefacts(Path("single/hierarchical")) == content
    work(make_plan(Path("whole"), pairs, checkpoint="pair"))
    run_pair(pairs[0].a, pairs[0].b_prime, Path("alone"), resolve(DRAFT))
    by_level = ("level", "pose.h5")
    results = {k: data for k, data in content.items() if not any(name in k for name in by_level)}
    assert artefacts(Path("whole/hierarchical")) == results
    assert artefacts(Path("alone")) == {
        Path(name).name: data for name, data in results.items() if name.startswith("pair1")
    }


def test_reconstructed_latents_survive_their_files(pairs):
    """With iterations of the deconvolution, and in one direction."""
    settings = {"deconvolution": 2, "directions": "ab", "feature_dtype": "float32"}
    by_level = make_plan(RESULTS, pairs[:1], settings=settings)
    work(by_level)
    run_pair(pairs[0].a, pairs[0].b_prime, Path("alone"), resolve({**DRAFT, **settings}))
    together = artefacts(Path("alone"))
    assert "b.png" not in together
    assert {name: artefacts(FOLDER / "pair1")[name] for name in together} == together


def test_a_broken_image_costs_its_own_pair_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pairs = write_pairs(Path("images"), 3)
    whole = Path("images/a2.png").read_bytes()
    Path("images/a2.png").write_bytes(whole[:300])
    plan = make_plan(RESULTS, pairs, pairs_per_job=3)
    work(plan)
    failed = summarise(plan).failed["hierarchical"]
    assert failed.keys() == {"pair2"}
    assert failed["pair2"].stage == "features"
    assert "images/a2.png" in failed["pair2"].reason
    assert summarise(plan).made["hierarchical"].keys() == {"pair1", "pair3"}
    assert not (FOLDER / "pair2").exists()

    forget_failures(plan)
    assert not list(RESULTS.glob("receipts/**/*.json"))
    before = times(RESULTS)
    Path("images/a2.png").write_bytes(whole)
    work(plan)
    assert summarise(plan).failed == {"hierarchical": {}}
    assert not any("pair1" in name or "pair3" in name for name in rewritten(before))


def test_a_receipt_that_another_job_takes_away_meanwhile_is_no_obstacle(pairs):
    plan = make_plan(RESULTS, pairs)
    work(plan)
    before = times(RESULTS)
    plan.receipt("level1", "hierarchical", "0001").unlink()
    receipt = run_batch(plan, "aggregate", "hierarchical", "0001")
    assert receipt.made and not receipt.failed
    assert not rewritten(before)


def test_a_pair_that_is_too_large_for_the_memory_is_recorded_with_what_to_do(pairs, monkeypatch):
    plan = make_plan(RESULTS, pairs, pairs_per_job=2)
    extract, asked = Matching.extract, []

    def exhausted(self, *image):
        asked.append(image)
        if len(asked) == 1:
            raise MemoryError("12 GB asked for")
        return extract(self, *image)

    monkeypatch.setattr(Matching, "extract", exhausted)
    receipt = run_batch(plan, "features", "hierarchical", "0001")
    assert "lower its max_side or ratio" in str(receipt.failed["pair1"])
    assert receipt.made.keys() == {"pair2"}
    assert Receipt.read(plan.receipt("features", "hierarchical", "0001")) == receipt


def failing(monkeypatch, text: str, times: int) -> list:
    """Let so many attempts to find features fail; the attempts."""
    extract, asked = Matching.extract, []

    def attempt(self, *image):
        asked.append(image)
        if len(asked) <= times:
            raise RuntimeError(text)
        return extract(self, *image)

    monkeypatch.setattr(Matching, "extract", attempt)
    return asked


def test_a_device_at_fault_ends_the_job_so_that_it_is_tried_again(pairs, monkeypatch):
    plan = make_plan(RESULTS, pairs, pairs_per_job=2)
    failing(monkeypatch, "CUDA error: an illegal memory access was encountered\nmore", 1)
    with pytest.raises(JobError, match="device is at fault: CUDA error: an illegal memory access"):
        run_batch(plan, "features", "hierarchical", "0001")
    assert not plan.receipt("features", "hierarchical", "0001").exists()
    assert not run_batch(plan, "features", "hierarchical", "0001").failed


def test_memory_of_a_gpu_that_others_hold_fails_no_pair(pairs, monkeypatch):
    plan = make_plan(RESULTS, pairs, pairs_per_job=2)
    gpu = SharedGpu(monkeypatch, 10e9)
    gpu.taken(monkeypatch)
    for stage in ("features", "level5"):
        with pytest.raises(JobError, match="other processes hold memory of cuda"):
            run_batch(plan, stage, "hierarchical", "0001")
        assert not plan.receipt(stage, "hierarchical", "0001").exists()
        gpu.held = [10e9, 0]  # from the next look on
        assert not run_batch(plan, stage, "hierarchical", "0001").failed
        gpu.held = [10e9]


def test_a_pair_that_an_empty_gpu_has_no_memory_for_fails(pairs, monkeypatch):
    plan = make_plan(RESULTS, pairs, pairs_per_job=2)
    SharedGpu(monkeypatch, 0).taken(monkeypatch)
    monkeypatch.setattr(Network, "forward", always_out_of_memory)
    receipt = run_batch(plan, "features", "hierarchical", "0001")
    assert receipt.failed.keys() == {"pair1", "pair2"}
    assert all("max_side" in str(failure) for failure in receipt.failed.values())


def always_out_of_memory(*arguments):
    raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED")


def test_measures_are_taken_on_the_cpu_whatever_the_device(pairs):
    """Their jobs ask for no GPU; a device that is not there would be an error."""
    plan = make_plan(RESULTS, pairs[:1])
    work(plan)
    elsewhere = make_plan(RESULTS, pairs[:1], device="cuda:77")
    graph = planned_graph(elsewhere, "hierarchical", pairs[0], measured=True)
    assert "energy" in graph["measures"].ensure()


def test_a_full_disk_ends_the_job_and_leaves_nothing_half_done(pairs, monkeypatch):
    plan = make_plan(RESULTS, pairs, pairs_per_job=2)

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        run_batch(plan, "features", "hierarchical", "0001")
    assert not plan.receipt("features", "hierarchical", "0001").exists()
    assert not list(RESULTS.rglob("*.h5"))


def test_a_run_never_mixes_weights(pairs):
    plan = make_plan(RESULTS, pairs)
    record = Backbone.read(plan.weights("vgg16"))
    replace(record, digest="0" * 64).write(plan.weights("vgg16"))
    with pytest.raises(JobError, match="not the vgg16 weights that this run began with"):
        run_batch(plan, "features", "hierarchical", "0001")


@pytest.mark.parametrize(
    ("victim", "files_made"),
    [("features", "features/*"), ("level5", "*/*/level5.h5"), ("aggregate", "*/*/*.[pnf]*")],
)
def test_a_stage_killed_while_it_writes_is_made_up_for(plan, victim, files_made):
    content = artefacts(RESULTS)
    receipt = plan.receipt(victim, "hierarchical", "0001")
    for path in [receipt, *RESULTS.glob(files_made)]:
        path.unlink()
    code = f"""
import os, signal
from dia_pipeline.io import files
from dia_pipeline.runs.plan import Plan
from dia_pipeline.jobs.batches import run_batch
written, fsync = [], os.fsync

def die_at_the_second(descriptor):
    written.append(descriptor)
    fsync(descriptor) if len(written) < 2 else os.kill(os.getpid(), signal.SIGKILL)

files.os.fsync = die_at_the_second
run_batch(Plan.read({str(plan.write())!r}), {victim!r}, "hierarchical", "0001")
"""
    process = subprocess.run([sys.executable, "-c", code], check=False)
    assert process.returncode == -signal.SIGKILL
    assert not receipt.exists()
    assert artefacts(RESULTS) != content
    run_batch(plan, victim, "hierarchical", "0001")
    left = artefacts(RESULTS)
    assert {name: left[name] for name in left if not Path(name).name.startswith(".")} == content


@pytest.mark.parametrize("pose", ["mirrored", "auto"])
def test_a_posed_pair_is_the_same_by_level_and_alone(tmp_path, monkeypatch, pose):
    """Scaled on the way, so that it matters which comes first; the turned one is drawn."""
    monkeypatch.chdir(tmp_path)
    image = photograph("chelsea")[40:200, 100:300]
    write_image("a.png", image)
    write_image("b_prime.png", np.rot90(image))
    settings = {"pose": pose, "ratio": 0.7}
    pairs = (Pair("pair1", "a.png", "b_prime.png"),)
    work(make_plan(RESULTS, pairs, settings=settings))
    run_pair(pairs[0].a, pairs[0].b_prime, Path("alone"), resolve({**DRAFT, **settings}))
    record = read_state(Path("alone/provenance.json"))["pose"]
    assert record["matrix"] != [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    together = artefacts(Path("alone"))
    assert {name: artefacts(FOLDER / "pair1")[name] for name in together} == together


def test_depth_and_transparency_reach_the_results(tmp_path):
    """A of 16 bits with opacity, B' of 8 bits without; then with 8 bits asked for."""
    deep = np.random.default_rng(5).integers(0, 65536, (24, 32, 3)).astype(np.uint16)
    alpha = (np.arange(24 * 32).reshape(24, 32) * 80).astype(np.uint16)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(np.dstack([deep, alpha])))
    b_prime = draw_image(tmp_path / "b.png", 3)
    found = {}
    for depth in ("auto", 8):
        settings = resolve({**DRAFT, "depth": depth})
        out = tmp_path / "out"
        run_pair(str(tmp_path / "a.png"), b_prime, out, settings, "cpu", replace=True)
        for name in ("a_prime", "b"):
            content = (tmp_path / f"out/{name}.png").read_bytes()
            found[name, depth] = imagecodecs.png_decode(content)
    assert found["a_prime", "auto"].shape == (24, 32, 4)
    assert found["b", "auto"].shape == (24, 32, 3)
    np.testing.assert_array_equal(found["a_prime", "auto"][..., 3], alpha)
    for name in ("a_prime", "b"):
        assert found[name, "auto"].dtype == np.uint16 and found[name, 8].dtype == np.uint8
        colours = [found[name, depth][..., :3].astype(float) for depth in ("auto", 8)]
        np.testing.assert_allclose(colours[0] / 257, colours[1], atol=1.5)
    assert (found["b", "auto"] % 257).any()


def test_a_guided_pair_is_the_same_by_level_and_alone_and_follows_its_guides(pairs):
    labels = np.zeros((24, 32, 3), np.uint8)
    labels[:, 16:] = 255
    write_image("labels.png", labels)
    Path("points.csv").write_text("a_x,a_y,b_prime_x,b_prime_y\n5,5,20,12\n")
    guides = {"labels_a": "labels.png", "labels_b_prime": "labels.png", "points": "points.csv"}
    guides |= {"keep": "labels.png", "strength": "labels.png"}
    for side in ("a", "b_prime"):
        vectors = np.random.default_rng(len(side)).normal(size=(6, 3, 4))
        np.save(f"{side}.npy", vectors)
        guides[f"descriptors_{side}"] = f"{side}.npy"
    guided = replace(pairs[0], guides=guides)
    work(make_plan(RESULTS, (guided,)))
    run_pair(guided.a, guided.b_prime, Path("alone"), resolve(DRAFT), guides=guides)
    together = artefacts(Path("alone"))
    assert "guides.png" in together
    assert read_state(Path("alone/provenance.json"))["guides"].keys() == guides.keys()
    assert {name: artefacts(FOLDER / "pair1")[name] for name in together} == together
    first = together["flow_ab.flo"]
    Path("points.csv").write_text("a_x,a_y,b_prime_x,b_prime_y\n5,5,2,2\n")
    alone = guided.a, guided.b_prime, Path("alone"), resolve(DRAFT)
    run_pair(*alone, guides=guides, replace=True)
    second = artefacts(Path("alone"))["flow_ab.flo"]
    assert second != first
    np.save("a.npy", np.load("a.npy")[:, ::-1])
    run_pair(*alone, guides=guides, replace=True)
    assert artefacts(Path("alone"))["flow_ab.flo"] != second
