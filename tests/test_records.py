"""The figures of the pages are those of the records, and records tell where they come from."""

from __future__ import annotations

import json
import shlex
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import jsonschema
import pytest

from benchmarks import columns, records, tables
from benchmarks.records import RECORDS

NAMES = sorted(str(path.relative_to(RECORDS).with_suffix("")) for path in RECORDS.rglob("*.json"))

TEXT = {"type": ["string", "null"]}
NUMBER = {"type": ["number", "null"]}
SCHEMA = {
    "type": "object",
    "required": ["command", "date", "commit", "dirty", "machine", "versions", "runs", "rows"],
    "additionalProperties": False,
    "properties": {
        "command": {"pattern": r"^python -m benchmarks\b"},
        "date": {"pattern": r"^\d{4}-\d\d-\d\d$"},
        "commit": {"type": ["string", "null"], "pattern": "^[0-9a-f]{40}$"},
        "dirty": {"type": ["boolean", "null"]},
        "machine": {
            "type": "object",
            "required": ["cpu", "cores", "flags", "memory_gb", "gpu"],
            "additionalProperties": False,
            "properties": {
                **{"cpu": TEXT, "gpu": TEXT, "cores": NUMBER, "memory_gb": NUMBER},
                "flags": {"items": {"enum": list(records.FLAGS)}},
            },
        },
        "versions": {"type": "object", "additionalProperties": {"type": "string"}},
        "runs": {"type": ["integer", "null"], "minimum": 1},
        "transcribed": {"const": True},
        "note": {"type": "string"},
        "rows": {
            "minItems": 1,
            "items": {
                "type": "object",
                "propertyNames": {"pattern": r"^\w+$"},
                "additionalProperties": {
                    "type": ["string", "number", "array", "null"],
                    "items": {"type": "number"},
                },
            },
        },
    },
}
MEASURED = {
    "properties": {
        "versions": {"required": ["python", "dia-pipeline", "torch", "numba", "numpy"]},
        "machine": {"properties": {"cpu": {"type": "string"}, "cores": {"type": "integer"}}},
        "dirty": {"type": "boolean"},
    }
}
"""What a record must say beside, unless it was copied from a page."""


def content(name: str) -> dict:
    return json.loads((RECORDS / f"{name}.json").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_a_record_says_where_its_figures_come_from(name):
    record = content(name)
    jsonschema.validate(record, SCHEMA)
    if "transcribed" not in record:
        jsonschema.validate(record, MEASURED)
    assert find_spec(shlex.split(record["command"])[2])
    assert all(row.keys() == record["rows"][0].keys() for row in record["rows"])


def test_the_tables_of_the_pages_are_those_of_the_records():
    """To renew them: `python -m benchmarks.tables`."""
    for page in tables.PAGES:
        text = page.read_text()
        assert tables.renew(text, page.parent) == text, page


def test_every_record_is_shown_and_every_mark_is_of_a_record():
    pages = "\n".join(page.read_text() for page in tables.PAGES)
    shown = {match["named"].split()[0] for match in tables.MARKED.finditer(pages)}
    assert shown == set(NAMES)
    assert pages.count("<!-- record: ") == pages.count("<!-- end -->")
    assert pages.count("<!-- record: ") == len(tables.MARKED.findall(pages))


def test_a_report_is_kept_only_where_it_is_asked_for(tmp_path, monkeypatch, capsys):
    """With the numbers as they were measured; the command is without the file."""
    module = SimpleNamespace(__spec__=SimpleNamespace(name="benchmarks.pair"))
    monkeypatch.setitem(sys.modules, "__main__", module)
    rows = [{"quality": "draft", "total_s": 1 / 3}]
    monkeypatch.chdir(tmp_path)
    records.report(rows, None)
    assert "0.33" in capsys.readouterr().out and not list(tmp_path.iterdir())
    file = tmp_path / "kept" / "pair.json"
    monkeypatch.setattr(sys, "argv", ["pair.py", "--runs", "2", "--record", str(file), "-x"])
    records.report(rows, file, runs=2, packages=["snakemake"])
    record = json.loads(file.read_text())
    jsonschema.validate(record, SCHEMA)
    jsonschema.validate(record, MEASURED)
    assert record["rows"] == rows and record["runs"] == 2 and "snakemake" in record["versions"]
    assert record["command"] == "python -m benchmarks.pair --runs 2 -x"


@pytest.mark.parametrize(
    ("column", "value", "headed", "written"),
    [
        ("total_s", 5.604, "total, s", "5.6"),
        ("total_s", 143.51, "total, s", "144"),
        ("total_s", 0.0, "total, s", "0"),
        ("matching_cpu_s", 12.345, "matching CPU, s", "12.3"),
        ("peak_mb", 1754.2, "peak, MB", "1,754"),
        ("within_2_px_share", 0.79449, "within 2 px", "79.4 %"),
        ("left_share", 1.0, "left", "100 %"),
        ("auto_accuracy", [0.5, 0.999], "auto", ".50 / 1.00"),
        ("pairs_per_job", 10000, "pairs / job", "10,000"),
        ("energy", -1.83256, "energy", "-1.8326"),
        ("difference", 0.0784, "difference to true A'", ".078"),
        ("b_prime_shows", "the same", "B' shows", "the same"),
        ("left_share", None, "left", ""),
    ],
)
def test_a_figure_is_written_as_the_end_of_its_column_says(column, value, headed, written):
    assert columns.heading(column) == headed
    assert columns.cell(column, value) == written


def test_a_table_shows_the_columns_that_its_mark_names(tmp_path, monkeypatch):
    """What stands between the marks is replaced, and nothing else. The machine is told once."""
    monkeypatch.setattr(tables, "RECORDS", tmp_path)
    rows = [{"quality": "draft", "total_s": 2, "note": "a"}]
    record = {**content("pair"), "rows": rows}
    (tmp_path / "one.json").write_text(json.dumps(record))
    page = "Before\n\n<!-- record: one total_s quality -->\nold\n<!-- end -->\nAfter"
    page += "\n<!-- record: one quality -->\n<!-- end -->"
    lines = tables.renew(page, tmp_path).splitlines()
    assert lines[:3] == ["Before", "", "<!-- record: one total_s quality -->"]
    assert "([record](one.json)):" in lines[4] and record["date"] in lines[4]
    shown = ["| total, s | quality |", "| --: | --- |", "| 2 | draft |"]
    assert lines[6:12] == [*shown, "", "<!-- end -->", "After"]
    again = ["", "| quality |", "| --- |", "| draft |", "", "<!-- end -->"]
    assert lines[12:] == ["<!-- record: one quality -->", *again]
