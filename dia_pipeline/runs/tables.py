"""The tables of pairs and sequences: valid rows, and all that is wrong in words."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from jsonschema import ValidationError
from jsonschema.protocols import Validator

from dia_pipeline.declarations import choice_of
from dia_pipeline.io.files import fault_of_file
from dia_pipeline.text import fault_of_path, same_name

Options = dict[str, Any]
"""Settings as a user writes them: presets, qualities and blend levels by name."""

MAX_NAME = 200
"""Bytes of a name at most: file systems allow 255, with what is added to it."""

MAX_PROBLEMS = 50
"""So many are listed at most: one wrong column of a long table must not flood the terminal."""

FILES = ("flow_ab", "flow_ba", "mask_a", "mask_b_prime", "keypoints", "a_prime", "b")
"""The columns of the table of pairs that name what is known of a pair by its file."""


GUIDES = ("labels_a", "labels_b_prime", "points")
"""The columns of the table of pairs that name what guides the matches by its file."""


def listed(problems: list[str]) -> str:
    """A line for every problem, after a line of its own."""
    lines = [f"\n  {text}" for text in problems[:MAX_PROBLEMS]]
    if len(problems) > MAX_PROBLEMS:
        lines.append(f"\n  ... and {len(problems) - MAX_PROBLEMS} more")
    return "".join(lines)


def in_row(table: str, number: int, kind: str, name: str, text: str) -> str:
    return f"{table}, row {number} ({kind} {name!r}), {text}"


def read_rows(
    table: str,
    kind: str,
    validators: dict[str, Validator],
    check: Callable[[Options], Iterable[str]] = lambda row: (),
) -> tuple[dict[int, Options], list[str]]:
    """The valid rows of a table by number, and everything that is wrong with the others."""
    try:
        fault = fault_of_file(table)
        header, rows = ([], {}) if fault else _read_table(table)
    except (UnicodeDecodeError, csv.Error) as error:
        fault = f"it is no tab-separated text in UTF-8 ({error})"
    if fault:
        return {}, [f"{table}: the table of {kind} cannot be read: {fault}; check `{kind}`"]
    validator = validators[kind]
    columns = validator.schema["properties"] | validators["settings"].schema["properties"]
    problems = [f"{table}, {text}" for text in _bad_header(header, columns, validator)]
    if problems:
        return {}, problems
    one = kind.removesuffix("s")
    valid: dict[int, Options] = {}
    seen: dict[str, int] = {}
    for number, cells in rows.items():
        row = {
            name: value_of(cell, columns[name])
            for name, cell in zip(header, cells, strict=False)
            if cell != ""
        }
        found = [*_bad_row(row, len(cells) - len(header), validator), *check(row)]
        name = row.get("name", "")
        if len(name.encode()) > MAX_NAME:
            found.append(f"name: it takes more than {MAX_NAME} bytes; shorten it")
        first = seen.setdefault(same_name(name), number) if name else number
        if first != number:
            found.append(f"name: row {first} has it too; give every {one} a name of its own")
        problems += [in_row(table, number, one, name, text) for text in found]
        if not found:
            valid[number] = row
    return valid, problems


def _read_table(table: str) -> tuple[list[str], dict[int, list[str]]]:
    """Column names, and the cells of every row by the row's number in the file."""
    with Path(table).open(encoding="utf-8-sig", newline="") as file:
        rows = {
            number: [cell.strip() for cell in cells]
            for number, cells in enumerate(csv.reader(file, delimiter="\t"), 1)
            if "".join(cells).strip() and not cells[0].startswith("#")
        }
    header = rows.pop(min(rows)) if rows else []
    return header, rows


def _bad_header(header: list[str], columns: Options, validator: Validator) -> Iterator[str]:
    for name in validator.schema["required"]:
        if name not in header:
            yield f"column {name!r} is missing; the first row names the columns, with tabs between"
    for name in dict.fromkeys(header):
        if name not in columns:
            yield _unknown(f"column {name!r}", name, columns)
        if header.count(name) > 1:
            yield f"column {name!r} is there twice; keep one"


def _bad_row(row: Options, surplus: int, validator: Validator) -> Iterator[str]:
    if surplus > 0:
        yield f"{surplus} cells more than there are columns; check the tabs"
    yield from problems_of(row, validator)


def faults_of_files(row: Options) -> Iterator[str]:
    """What is wrong with the files of a row of the table of pairs."""
    if ("labels_a" in row) != ("labels_b_prime" in row):
        yield "labels_a, labels_b_prime: one is missing; labels are those of both images"
    if "references" in row and row.keys() & set(GUIDES):
        yield "references: labels and points are those of one B'; leave them out"
    paths = [(name, row[name]) for name in ("a", "b_prime", *GUIDES, *FILES) if name in row]
    paths += [("references", path) for path in row.get("references", ())]
    for name, path in paths:
        fault = fault_of_path(path) or fault_of_file(path)
        if fault:
            yield f"{name}: {path!r}: {fault}; paths are as seen from the working directory"


def value_of(cell: str, schema: dict[str, Any]) -> Any:
    """A cell as the schema's type; as the text itself where it is none, for validation to say."""
    if "enum" in schema:
        return choice_of(schema["enum"], cell)
    kind = schema["type"]
    if kind == "array":
        return [value_of(part.strip(), schema["items"]) for part in cell.split(",")]
    if kind == "boolean":
        return {"true": True, "false": False}.get(cell.lower(), cell)
    if kind in ("integer", "number"):
        for number in (int, float):
            with suppress(ValueError):
                return number(cell)
    return cell


def problems_of(values: Options, validator: Validator) -> Iterator[str]:
    """Every fault of `values`, as the field, what is wrong, and what it should be."""
    for error in sorted(validator.iter_errors(values), key=lambda error: list(error.path)):
        yield from _explain(error)


def _explain(error: ValidationError) -> Iterator[str]:
    where = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        for name in error.instance:
            if name not in known:
                full = f"{where}.{name}" if where else name
                yield _unknown(full, name, known)
    elif error.validator == "required":
        for name in error.validator_value:
            if name not in error.instance:
                full = f"{where}.{name}" if where else name
                meaning = error.schema["properties"][name]["description"]
                yield f"{full}: is missing; give the {meaning}"
    else:
        yield f"{where or 'the whole'}: {_wrong_value(error)}"


def _wrong_value(error: ValidationError) -> str:
    schema = error.schema
    if error.validator == "enum":
        allowed = ", ".join(map(str, error.validator_value))
        near = get_close_matches(str(error.instance), map(str, error.validator_value), 1)
        return f"{error.instance!r} is not one of {allowed}" + _did_you_mean(near)
    meaning = f"; expected: {schema['description']}" if "description" in schema else ""
    if error.validator in ("pattern", "not"):
        return f"{error.instance!r} is not possible{meaning}"
    return f"{error.message}{meaning}"


def _unknown(full: str, name: str, known: Options) -> str:
    near = get_close_matches(name, known, 1)
    return f"{full}: there is no such field" + (
        _did_you_mean(near) or f"; known are {', '.join(known)}"
    )


def _did_you_mean(near: list[str]) -> str:
    return f"; did you mean {near[0]!r}?" if near else ""
