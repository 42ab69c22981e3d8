from __future__ import annotations

import time
from itertools import pairwise

import pytest
import yaml

from dia_pipeline.comparisons.benchmarks import read_variants
from dia_pipeline.io.documents import read_yaml
from dia_pipeline.networks.backbones import BackboneError, find_entry
from dia_pipeline.runs.config import ConfigError

NAMES = "abcdefghijklmnopqrst"
NESTED = "a: &a [0, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in pairwise(NAMES)
)
MERGED = "a: &a {x: 1, y: 2}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 9)}], {name}: 1}}\n"
    for before, name in pairwise(NAMES)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (NESTED, "more than 10000 values"),
        (MERGED, "more than 10000 values"),
        ("[" + "1, " * 20_000 + "]", "more than 10000 values"),
        ("a: &a [*a]", "a value holds itself"),
        ("a: &a {b: {c: *a}}", "a value holds itself"),
    ],
)
def test_a_document_that_stands_for_more_than_it_says_is_refused_at_once(tmp_path, text, message):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    begin = time.process_time()
    with pytest.raises(yaml.YAMLError, match=message):
        read_yaml(path)
    assert time.process_time() - begin < 20
    with pytest.raises(ConfigError) as caught:
        read_variants(path)
    assert len(str(caught.value)) < 1000


def test_aliases_that_people_write_are_read(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("x: &x {ratio: 1}\nvariants: {a: *x, b: {<<: *x, seed: 2}}\n")
    assert read_variants(path)[1] == {"a": {"ratio": 1}, "b": {"ratio": 1, "seed": 2}}


@pytest.mark.parametrize(
    "entry", ["scale: .nan\n", "mean: [1, .inf, 1]\n", "title: &t [*t]\n", NESTED]
)
def test_a_network_whose_entry_has_no_numbers_or_too_many_is_one_line(tmp_path, monkeypatch, entry):
    monkeypatch.setenv("DIA_BACKBONES", str(tmp_path))
    (tmp_path / "own.yaml").write_text(entry)
    with pytest.raises(BackboneError) as caught:
        find_entry("own")
    assert len(str(caught.value)) < 1000
