"""Several references: each serves where it is known to match best."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from examples import make_plan, work
from PIL import Image

import dia_pipeline
from dia_pipeline.algorithm.coarse_to_fine import Level
from dia_pipeline.alignment.alignment import Alignment
from dia_pipeline.alignment.references import Reference, choose, combine
from dia_pipeline.analogy import analogy
from dia_pipeline.figures.served import KEY, draw_sources
from dia_pipeline.guides import GuidanceError
from dia_pipeline.io.flow import read_flo
from dia_pipeline.jobs.single import run_pair, run_references
from dia_pipeline.jobs.verification import find_faults
from dia_pipeline.pixels import shrunk
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.summary import summarise
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.samples.styles import night
from dia_pipeline.settings import resolve
from dia_pipeline.settings.declarations import SettingsError
from dia_pipeline.store.folders import OWN

DRAFT = {"quality": "draft", "backbone": "vgg16", "precision": "float32", "pose": "given"}


@pytest.fixture(scope="module")
def halves():
    """A cat, and two references: its left half beside a rocket's, and the reverse."""
    cat, rocket = shrunk(photograph("chelsea"), 160), shrunk(photograph("rocket"), 160)
    cat = cat[: min(len(cat), len(rocket))]
    rocket = rocket[: len(cat), : cat.shape[1]]
    middle = cat.shape[1] // 2
    left = np.concatenate([cat[:, :middle], rocket[:, middle:]], axis=1)
    right = np.concatenate([rocket[:, :middle], cat[:, middle:]], axis=1)
    return cat, [left, right]


def matched(a, b_primes, network, settings):
    results = [analogy(a, b_prime, network, settings) for b_prime in b_primes]
    return [
        Reference(Alignment(a, b_prime, result.pose, settings), b_prime, result.levels)
        for b_prime, result in zip(b_primes, results, strict=True)
    ]


def written(name, a, b_primes):
    """The pair with both references as files of the working directory."""
    for file, image in zip(("a", "left", "right"), (a, *b_primes), strict=True):
        Image.fromarray(image).save(f"{file}.png")
    return Pair(name, "a.png", "left.png", references=("right.png",))


def test_every_half_is_taken_from_the_reference_that_shows_it(halves, network):
    a, b_primes = halves
    settings = resolve(DRAFT)
    references = matched(a, b_primes, network, settings)
    made, sources, nnf = combine(a, references)
    quarter = a.shape[1] // 4
    assert (sources[:, :quarter] == 0).mean() > 0.9 and (sources[:, -quarter:] == 1).mean() > 0.9
    assert np.abs(made.astype(int) - a).mean() < 6
    grid = np.moveaxis(np.indices(a.shape[:2]), 0, -1)
    assert (np.linalg.norm(nnf - grid, axis=-1) <= 3).mean() > 0.8
    alone = analogy(a, b_primes[0], network, settings).a_prime
    assert np.abs(alone.astype(int) - a).mean() > 12


def test_one_reference_is_the_pair_itself(halves, network):
    a, b_primes = halves
    settings = resolve(DRAFT)
    made, sources, _ = combine(a, matched(a, b_primes[:1], network, settings))
    assert not sources.any()
    alone = analogy(a, b_primes[0], network, settings).a_prime
    assert np.abs(made.astype(int) - alone).mean() < 0.5


def test_references_of_other_sizes_are_taken_at_the_scale_of_a(halves, network):
    a, b_primes = halves
    large = np.array(Image.fromarray(b_primes[1]).resize((a.shape[1] * 2, a.shape[0] * 2)))
    settings = resolve({**DRAFT, "max_side": 160})
    made, sources, _ = combine(a, matched(a, [b_primes[0], large], network, settings))
    assert made.shape == a.shape and set(np.unique(sources)) == {0, 1}
    assert np.abs(made.astype(int) - a).mean() < 10


def test_the_lower_energy_serves():
    field = torch.zeros(4, 6, 2, dtype=torch.int32)
    low, high = torch.full((4, 6), -1.8), torch.full((4, 6), -1.0)
    low[:, 3:] = -0.2
    levels = [{1: Level(field, energy)} for energy in (low, high)]
    sources = choose(levels, (40, 60))
    assert (sources[:, :25] == 0).all() and (sources[:, 35:] == 1).all()


def test_the_map_of_sources_has_a_colour_for_each():
    a = np.full((30, 90, 3), 100, np.uint8)
    sources = np.repeat([[0, 1, 2]], 30, axis=0).repeat(30, axis=1)
    drawn = draw_sources(a, sources, 3)
    assert drawn.shape == (30 + KEY, 90, 3)
    assert len({tuple(drawn[15, x]) for x in (15, 45, 75)}) == 3


def test_the_results_tell_which_served_and_are_made_once(halves, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pair = written("out", *halves)
    for _ in range(2):
        run_references(pair, tmp_path / "out", resolve(DRAFT))
    about = json.loads((tmp_path / "out/provenance.json").read_text())
    assert sum(about["served"]) == pytest.approx(1, abs=0.01) and min(about["served"]) > 0.3
    assert about["inputs"].keys() == {"a", "b_prime_1", "b_prime_2"}
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made <= OWN and {"references", "a_prime.png", "sources.png"} <= made
    with pytest.raises(SettingsError, match="several references"):
        run_references(pair, tmp_path / "x", resolve({"matcher": "sift"}))
    with pytest.raises(GuidanceError, match="those of one B'"):
        guided = replace(pair, guides={"points": "points.csv"})
        run_references(guided, tmp_path / "x", resolve(DRAFT))


def test_the_workflow_makes_the_same_by_level(halves, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pair = written("pair", *halves)
    plan = make_plan(Path("results"), (pair,), settings=DRAFT)
    work(plan)
    assert not summarise(plan).failed["hierarchical"]
    run_references(pair, tmp_path / "alone", resolve({**DRAFT, "iterations": 2}))
    for name in ("a_prime.png", "sources.png", "references/2/b.png"):
        found = Path("results/hierarchical/pair", name).read_bytes()
        assert found == (tmp_path / "alone" / name).read_bytes()
    assert not list(find_faults(plan))
    assert Plan.read(plan.write()) == plan


def test_more_depth_reaches_the_result(halves, network):
    a, b_primes = halves
    settings = resolve(DRAFT)
    references = [
        replace(each, shown=each.shown.astype(np.float32) + 0.25)
        for each in matched(a, [night(b_primes[0]), b_primes[1]], network, settings)
    ]
    made, *_ = combine(a.astype(np.float32), references)
    assert made.dtype == np.float32 and (made % 1).any()


@pytest.mark.slow
def test_parts_that_stand_otherwise_are_found_in_several_poses(halves, tmp_path, monkeypatch):
    """The right half of B' stands on its head: both halves of A' come out right, and the field."""
    monkeypatch.chdir(tmp_path)
    cat = shrunk(photograph("chelsea"), 240)
    half = cat.shape[1] // 2
    cat = cat[:, : 2 * half]
    turned = np.concatenate([cat[:, :half], np.rot90(cat[:, half:], 2)], axis=1)
    for name, image in (("a", cat), ("b", turned)):
        Image.fromarray(image).save(f"{name}.png")
    for pose in ("auto", "several"):
        settings = resolve({**DRAFT, "pose": pose, "task": "correspondence"})
        pair = Pair("out", "a.png", "b.png")
        run = run_references if pose == "several" else run_alone
        run(pair, tmp_path / pose, settings)
    truth = np.moveaxis(np.indices(cat.shape[:2]), 0, -1)
    truth[:, half:] = np.array([len(cat) - 1, 3 * half - 1]) - truth[:, half:]
    right = {}
    for pose in ("auto", "several"):
        flow = read_flo(tmp_path / pose / "flow_ab.flo")[..., ::-1]
        missed = np.linalg.norm(
            np.moveaxis(np.indices(cat.shape[:2]), 0, -1) + flow - truth, axis=-1
        )
        right[pose] = (missed <= 0.02 * max(cat.shape)).mean()
    assert right["auto"] < 0.65 and right["several"] > 0.8


def run_alone(pair, folder, settings):
    run_pair(pair.a, pair.b_prime, folder, settings)


@pytest.mark.slow
def test_several_poses_are_a_setting_of_the_workflow_too(halves, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    a, b_primes = halves
    for name, image in (("a", a), ("b", b_primes[0])):
        Image.fromarray(image).save(f"{name}.png")
    pair = Pair("pair", "a.png", "b.png")
    plan = make_plan(Path("results"), (pair,), settings={**DRAFT, "pose": "several"})
    work(plan)
    made = Path("results/hierarchical/pair")
    assert (made / "flow_ab.flo").exists() and (made / "references/2/pose.h5").exists()
    assert not list(find_faults(plan))
    with pytest.raises(SettingsError, match="'several' is not possible here"):
        dia_pipeline.run(a, a, pose="several")
