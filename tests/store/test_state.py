"""Files of state: whole, or nothing; and names in them are no paths to elsewhere."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dia_pipeline.io.files import write_file
from dia_pipeline.store.artefacts import ArtefactError, digest
from dia_pipeline.store.folders import PROVENANCE, Folder, Written, check_inputs, read_provenance
from dia_pipeline.store.state import read_state, write_state

VALUE = {"made": {"a": "ü", "b": [1, 2.5, None]}, "stage": "level1"}


@pytest.fixture
def path(tmp_path):
    write_state(tmp_path / "state.json", VALUE)
    return tmp_path / "state.json"


def test_state_comes_back(path):
    assert read_state(path) == VALUE
    before = path.read_bytes()
    write_state(path, read_state(path))
    assert path.read_bytes() == before


def test_every_flipped_bit_and_every_cut_is_noticed(path):
    content = path.read_bytes()
    for position in range(len(content)):
        harmed = bytearray(content)
        harmed[position] ^= 1
        for damaged in (bytes(harmed), content[:position]):
            path.write_bytes(damaged)
            try:
                found = read_state(path)
            except ArtefactError:
                continue
            assert found == VALUE  # white space


@given(
    st.one_of(st.binary(max_size=60), st.recursive(st.none(), st.lists).map(str).map(str.encode))
)
def test_anything_else_is_damaged_and_no_traceback(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(content)
    with pytest.raises(ArtefactError):
        read_state(path)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_none_is_neither_written_nor_read(path, number):
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        write_state(path, {"pose": {"confidence": number}})
    assert path.read_bytes() == before
    value = {"pose": {"confidence": number}}
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    forged = {**value, "digest": hashlib.sha256(text.encode()).hexdigest()}
    path.write_text(json.dumps(forged).replace("Infinity", "1e999"))
    with pytest.raises(ArtefactError, match="damaged"):
        read_state(path)


def test_a_pipe_is_not_waited_for(path):
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ArtefactError, match="damaged"):
        read_state(path)


@pytest.mark.parametrize("content", ["[]", "null", "{}", '{"digest": 3}', "[" * 100_000])
def test_other_json_is_damaged(path, content):
    path.write_text(content)
    with pytest.raises(ArtefactError, match="damaged"):
        read_state(path)


def test_a_folder_in_its_place_is_no_state(tmp_path):
    with pytest.raises(ArtefactError):
        read_state(tmp_path)


def folder_artefact(folder: Path, names: list[str]) -> Folder:
    def make() -> Written:
        return Written({name: write_file(folder / name, name.encode()) for name in names}, {})

    return Folder(folder, "aggregate", "results", {"names": names}, {}, make)


@pytest.mark.parametrize(
    "name", ["../victim.txt", "/victim.txt", "inner/../../victim.txt", "..", ""]
)
def test_names_in_provenance_delete_nothing_elsewhere(tmp_path, name):
    """As of a file that somebody else wrote, with a digest that is right."""
    folder = tmp_path / "out"
    folder.mkdir()
    victim = tmp_path / "victim.txt"
    victim.write_text("mine")
    named = str(victim) if name.startswith("/") else name
    provenance = {"key": "old", "outputs": {named: "digest"}}
    content = {**provenance, "digest": digest(provenance)}
    (folder / PROVENANCE).write_text(json.dumps(content))
    assert read_provenance(folder) == {}
    folder_artefact(folder, ["new.txt"]).ensure()
    assert victim.read_text() == "mine"


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    folder = tmp_path / "out"
    (tmp_path / "mine").mkdir()
    victim = tmp_path / "mine/victim.txt"
    victim.write_text("mine")
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "mine")
    write_state(folder / PROVENANCE, {"key": "old", "outputs": {"link/victim.txt": "digest"}})
    folder_artefact(folder, ["new.txt"]).ensure()
    assert victim.read_text() == "mine"


def test_what_an_older_run_made_and_this_one_does_not_is_removed(tmp_path):
    folder_artefact(tmp_path, ["old.txt", "both.txt"]).ensure()
    folder_artefact(tmp_path, ["both.txt"]).ensure()
    assert {path.name for path in tmp_path.iterdir()} == {"both.txt", PROVENANCE}


@pytest.mark.parametrize("name", ["a_prime.png", "frames/0001.png", "features/x.h5"])
def test_an_input_among_the_results_is_refused(tmp_path, name):
    with pytest.raises(Exception, match="would overwrite it"):
        check_inputs(tmp_path, [str(tmp_path / name)])


def test_an_input_beside_the_results_is_taken(tmp_path):
    check_inputs(tmp_path, [str(tmp_path / "photo.png"), str(tmp_path.parent / "a_prime.png")])
