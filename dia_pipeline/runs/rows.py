"""The tables of pairs and sequences: valid rows, and all that is wrong in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dia_pipeline.guides import GUIDES, GuidanceError, check_guides
from dia_pipeline.io.cells import TableError, fault_of_cell, read_cells
from dia_pipeline.io.files import fault_of_file
from dia_pipeline.settings.declarations import value_of
from dia_pipeline.text import fault_of_path, quoted, same_name

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

Options = dict[str, Any]
"""Settings as a user writes them: presets, qualities and blend levels by name."""

Field = tuple[Any, ...]
"""The names that lead to a field, from outside in."""

MAX_NAME = 200
"""Bytes of a name at most: file systems allow 255, with what is added to it."""

MAX_PROBLEMS = 50
"""So many are listed at most: one wrong column of a long table must not flood the terminal."""

FILES = ("flow_ab", "flow_ba", "mask_a", "mask_b_prime", "keypoints", "a_prime", "b")
"""The columns of the table of pairs that name what is known of a pair by its file."""

ANY_TEXT = {"description": "", "type": "string", "minLength": 1}
"""The schema of a cell that any text satisfies."""


def listed(problems: list[str]) -> str:
    """A line for every problem, after a line of its own."""
    lines = [f"\n  {text}" for text in problems[:MAX_PROBLEMS]]
    if len(problems) > MAX_PROBLEMS:
        lines.append(f"\n  ... and {len(problems) - MAX_PROBLEMS} more")
    return "".join(lines)


def in_row(table: str, number: int, kind: str, name: str, text: str) -> str:
    return f"{table}, row {number} ({kind} {quoted(name)}), {text}"


def read_rows(
    table: str,
    kind: str,
    validators: dict[str, Validator],
    check: Callable[[Options], Iterable[str]] = lambda row: (),
) -> tuple[dict[int, Options], list[str]]:
    """The valid rows of a table by number, and everything that is wrong with the others."""
    try:
        rows = read_cells(table)
    except TableError as error:
        fault = f"{error.problem}; {error.remedy or f'check `{kind}`'}"
        return {}, [f"{error.place}: the table of {kind} cannot be read: {fault}"]
    validator = validators[kind]
    schemas = validator.schema["properties"] | validators["settings"].schema["properties"]
    header = rows.pop(min(rows)) if rows else []
    problems = [f"{table}, {text}" for text in _bad_header(header, schemas, validator)]
    if problems:
        return {}, problems
    one = kind.removesuffix("s")
    readers = {name: _reader(name, schemas[name], validator) for name in header}
    valid: dict[int, Options] = {}
    seen: dict[str, int] = {}
    for number, cells in rows.items():
        row, found = _read_row(cells, readers, validator)
        found += check(row)
        name = row.get("name", "")
        first = seen.setdefault(same_name(name), number) if name else number
        if first != number:
            found.append(f"name: row {first} has it too; give every {one} a name of its own")
        if found:
            problems += [in_row(table, number, one, name, text) for text in found]
        else:
            valid[number] = row
    return valid, problems


def _bad_header(header: list[str], columns: Options, validator: Validator) -> Iterator[str]:
    if len(header) == 1 and re.search("[,;]", header[0]):
        yield "the first row has commas or semicolons and no tabs; save the table with tabs between"
        return
    for name in validator.schema["required"]:
        if name not in header:
            yield f"column {name!r} is missing; the first row names the columns, with tabs between"
    for number, name in enumerate(header, 1):
        if fault := fault_of_cell(name):
            yield fault
        elif not name:
            yield f"column {number} has no name; name it, or take it out"
        elif name not in columns:
            yield f"column {quoted(name)}: {_unknown(name, columns)}"
        elif name in header[: number - 1]:
            yield f"column {name!r} is there twice; keep one"


Reader = Callable[[str], tuple[Any, list[str]]]
"""What a cell that is not empty means, and its faults."""


def _reader(name: str, schema: Options, validator: Validator) -> Reader:
    """That of a column. Of settings few values are different, so that most are known already."""
    own = validator.evolve(schema=schema)
    any_text = {**schema, "description": ""} == ANY_TEXT

    @lru_cache(maxsize=1000)
    def read(cell: str) -> tuple[Any, list[str]]:
        value = value_of(cell, schema)
        if fault := fault_of_cell(cell):
            return value, [f"{name}: {fault}"]
        problems = () if any_text else problems_of(value, own, name)
        return value, [text for _, text in problems]

    return read


def _read_row(
    cells: list[str], readers: dict[str, Reader], validator: Validator
) -> tuple[Options, list[str]]:
    """The values of a row by column, and its faults, apart from those of its files."""
    row: Options = {}
    found: list[str] = []
    for cell, (name, read) in zip(cells, readers.items(), strict=False):
        if cell:
            row[name], faults = read(cell)
            found += faults
    if len(cells) > len(readers):
        surplus = len(cells) - len(readers)
        found.append(f"{surplus} cells more than there are columns; check the tabs")
    for name in validator.schema["required"]:
        if name not in row:
            found.append(f"{name}: {_missing(name, validator.schema)}")
    if len(row.get("name", "").encode()) > MAX_NAME:
        found.append(f"name: it takes more than {MAX_NAME} bytes; shorten it")
    return row, found


def faults_of_files(row: Options) -> Iterator[str]:
    """What is wrong with the files of a row of the table of pairs."""
    guides = {name: row[name] for name in GUIDES if name in row}
    yield from _faults(lambda: check_guides(guides, references="references" in row))
    paths = [(name, row[name]) for name in ("a", "b_prime", *guides, *FILES) if name in row]
    paths += [("references", path) for path in row.get("references", ())]
    for name, path in paths:
        fault = fault_of_path(path) or fault_of_file(path)
        if fault:
            yield f"{name}: {quoted(path)}: {fault}; paths are as seen from the working directory"
            guides = {}
    if guides:
        from dia_pipeline.io.guides import check_sizes  # most planning needs no Pillow

        yield from _faults(lambda: check_sizes(guides, row))


def _faults(check: Callable[[], None]) -> Iterator[str]:
    """What a check of guides finds."""
    try:
        check()
    except GuidanceError as error:
        yield str(error)


def problems_of(values: Any, validator: Validator, *place: str) -> Iterator[tuple[Field, str]]:
    """Every fault of `values`: the path of the field; and that, what is wrong, what it should be.

    Args:
        place: the path of the field in which `values` stand, if they are not the whole.
    """
    for error in sorted(validator.iter_errors(values), key=lambda error: [*map(str, error.path)]):
        for own, text in _explain(error):
            path = (*place, *error.absolute_path, *own)
            yield path, f"{'.'.join(map(_shown, path)) or 'the whole'}: {text}"


def _explain(error: ValidationError) -> Iterator[tuple[Field, str]]:
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        for name in error.instance:
            if name not in known:
                yield (name,), _unknown(name, known)
    elif error.validator == "required":
        for name in error.validator_value:
            if name not in error.instance:
                yield (name,), _missing(name, error.schema)
    else:
        yield (), _wrong_value(error)


def _wrong_value(error: ValidationError) -> str:
    schema, shown = error.schema, quoted(error.instance)
    if error.validator == "enum":
        allowed = ", ".join(map(str, error.validator_value))
        near = get_close_matches(_shown(error.instance), map(str, error.validator_value), 1)
        return f"{shown} is not one of {allowed}" + _did_you_mean(near)
    meaning = f"; expected: {schema['description']}" if "description" in schema else ""
    if error.validator in ("pattern", "not"):
        return f"{shown} is not possible{meaning}"
    return f"{shown}{error.message.removeprefix(repr(error.instance))}{meaning}"


def _missing(name: str, schema: Options) -> str:
    return f"is missing; give the {schema['properties'][name]['description']}"


def _unknown(name: Any, known: Options) -> str:
    near = get_close_matches(_shown(name), known, 1)
    return "there is no such field" + (_did_you_mean(near) or f"; known are {', '.join(known)}")


def _shown(value: Any) -> str:
    """A value in a message, without quotation marks."""
    return quoted(value).strip("'")


def _did_you_mean(near: list[str]) -> str:
    return f"; did you mean {near[0]!r}?" if near else ""
