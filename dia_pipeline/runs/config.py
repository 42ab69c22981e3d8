"""The workflow's configuration and its tables: read, validated, in one piece.

Everything wrong is reported at once, before anything runs, with file, row and field.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.protocols import Validator
from referencing import Registry, Resource

from dia_pipeline.declarations import SettingsError
from dia_pipeline.errors import DiaError
from dia_pipeline.runs.sequences import Sequence, find_frames
from dia_pipeline.runs.sources import SequenceError
from dia_pipeline.samples.synthetic import SyntheticError, synthetic_pairs
from dia_pipeline.settings import Settings, resolve, schema, stands_for

Options = dict[str, Any]
"""Settings as a user writes them: presets, qualities and blend levels by name."""

OF_SEQUENCES = {"matcher": "hierarchical", "finest": 1, "orientation": "given"}
"""The settings that sequences cannot change."""

MAX_PROBLEMS = 50
"""So many are listed; one wrong column of a long table shall not hide the rest of the terminal."""

FILES = ("flow_ab", "flow_ba", "mask_a", "mask_b_prime", "keypoints", "a_prime", "b")
"""The columns of the table of pairs that name what is known of a pair by its file."""


class ConfigError(DiaError):
    """The configuration cannot be used; the message lists everything that is wrong with it."""


@dataclass(frozen=True)
class Pair:
    """A row of the table of pairs: paths as seen from the working directory, and own options.

    `truth` holds the columns that say what is known of the pair: `FILES`, whether it is `mirrored`,
    and the `kinds` that it is counted among.
    """

    name: str
    a: str
    b_prime: str
    options: Options = field(default_factory=dict)
    truth: Options = field(default_factory=dict)

    @classmethod
    def of_row(cls, row: Options, options: Iterable[str] = ()) -> Pair:
        """The pair of a row, of whose columns some are `options` and the others are known of it."""
        own = {name: row[name] for name in options if name in row}
        known = {name: value for name, value in row.items() if name not in own}
        return cls(known.pop("name"), known.pop("a"), known.pop("b_prime"), own, known)

    @property
    def a_prime(self) -> str:
        """The image of the given A', empty where there is none."""
        return self.truth.get("a_prime", "")

    @property
    def truth_files(self) -> list[str]:
        """The paths of all that is known of the pair."""
        return [self.truth[name] for name in FILES if name in self.truth]


@dataclass(frozen=True)
class Config:
    """A valid configuration; `config/README.md` explains the fields."""

    pairs: tuple[Pair, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    synthetic: Options | None = None
    results: str = "results"
    pairs_per_job: int = 1
    checkpoint: str = "level"
    features: str = "keep"
    device: str = "auto"
    settings: Options = field(default_factory=dict)
    variants: dict[str, Options] = field(default_factory=lambda: {"hierarchical": {}})

    @property
    def synthetic_folder(self) -> Path:
        """The folder of the synthetic benchmark."""
        return Path(self.results, "synthetic")


def load_config(values: dict[str, Any], schemas: Path, source: str = "config") -> Config:
    """Validate the configuration and the tables that it names.

    Args:
        values: the configuration as read from YAML.
        schemas: folder of the JSON Schemas.
        source: what to call the configuration in messages, its file usually.

    Raises:
        ConfigError: anything is wrong.
    """
    validators = _validators(schemas)
    values = {name: value for name, value in values.items() if value is not None}
    problems = [f"{source}, {text}" for text in _problems(values, validators["config"])]
    tables: dict[str, tuple[Pair | Sequence, ...]] = {}
    if not {"pairs", "synthetic", "sequences"} & values.keys():
        problems.append(f"{source}, pairs: is missing; give the path of a table, or `sequences`")
    for kind, read in (("pairs", _read_pairs), ("sequences", _read_sequences)):
        if isinstance(values.get(kind), str):
            rows, table_problems = read(values[kind], validators)
            tables[kind] = tuple(rows)
            problems += table_problems
    if not problems:
        config = Config(**{**values, **tables})
        try:
            config = replace(config, pairs=(*config.pairs, *_synthetic_pairs(config)))
        except SyntheticError as error:
            raise ConfigError("", _report([f"{source}, {error}"])) from error
        problems = [*_shared_names(config), *_impossible_settings(config, source)]
    if problems:
        raise ConfigError("", _report(problems))
    return config


def merge(*layers: Options) -> Options:
    """Options of several layers, the later the stronger.

    A name (preset, quality, blend, task) replaces what earlier layers say on the options that it
    decides.
    """
    merged: Options = {}
    for layer in layers:
        for name in layer:
            for decided in stands_for(name):
                merged.pop(decided, None)
        merged.update(layer)
    return merged


def pair_settings(config: Config, variant: str, pair: Pair | Sequence) -> Settings:
    """The settings of a row: the configuration's, then the row's, then the variant's."""
    return resolve(merge(config.settings, pair.options, config.variants[variant]))


def _report(problems: list[str]) -> str:
    count = "one thing is" if len(problems) == 1 else f"{len(problems)} things are"
    lines = [f"{count} wrong with the configuration:"]
    lines += [f"  {text}" for text in problems[:MAX_PROBLEMS]]
    if len(problems) > MAX_PROBLEMS:
        lines.append(f"  ... and {len(problems) - MAX_PROBLEMS} more")
    return "\n".join(lines)


def _synthetic_pairs(config: Config) -> Iterator[Pair]:
    if config.synthetic is not None:
        for row in synthetic_pairs(config.synthetic, config.synthetic_folder):
            yield Pair.of_row(row)


def _shared_names(config: Config) -> Iterator[str]:
    names = [pair.name.casefold() for pair in config.pairs]
    pairs = set(names)
    for name in sorted(pairs):
        if names.count(name) > 1:
            yield f"pair {name!r}: the table names one as the synthetic benchmark does; rename it"
    for sequence in config.sequences:
        if sequence.name.casefold() in pairs:
            yield f"sequence {sequence.name!r}: a pair has the name too; their folders would be one"


def _impossible_settings(config: Config, source: str) -> Iterator[str]:
    """What single fields do not show: options that are wrong together."""
    tried: set[str] = set()
    for variant in config.variants:
        rows: list[Pair | Sequence] = [*config.pairs, *config.sequences]
        for pair in rows:
            combination = json.dumps([variant, type(pair).__name__, pair.options])
            if combination in tried:
                continue
            tried.add(combination)
            try:
                chosen = pair_settings(config, variant, pair)
            except SettingsError as error:
                yield f"{source}, variant {variant!r} with {pair.name!r}: {error}"
                continue
            if isinstance(pair, Sequence) and not all(
                getattr(chosen, name) == value for name, value in OF_SEQUENCES.items()
            ):
                known = ", ".join(f"{name} {value}" for name, value in OF_SEQUENCES.items())
                yield (
                    f"{source}, variant {variant!r} with sequence {pair.name!r}: sequences know "
                    f"task transfer, {known} alone"
                )


def _validators(schemas: Path) -> dict[str, Validator]:
    contents = {
        name: json.loads((schemas / f"{name}.schema.json").read_text(encoding="utf-8"))
        for name in ("config", "pairs", "sequences")
    }
    contents["settings"] = schema()
    columns = contents["settings"]["properties"]
    contents["pairs"]["properties"] |= columns
    contents["sequences"]["properties"] |= {
        name: columns[name] for name in columns.keys() - OF_SEQUENCES.keys() - {"task"}
    }
    registry = Registry().with_resources(
        (schema["$id"], Resource.from_contents(schema)) for schema in contents.values()
    )
    return {
        name: Draft202012Validator(schema, registry=registry) for name, schema in contents.items()
    }


def _read_pairs(table: str, validators: dict[str, Validator]) -> tuple[list[Pair], list[str]]:
    """The pairs of a table, and everything that is wrong with it."""
    rows, problems = _read_rows(table, "pairs", validators, _missing_files)
    options = validators["settings"].schema["properties"]
    return [Pair.of_row(row, options) for row in rows.values()], problems


def _read_sequences(
    table: str, validators: dict[str, Validator]
) -> tuple[list[Sequence], list[str]]:
    """The sequences of a table with their frames, and everything that is wrong with it."""
    rows, problems = _read_rows(table, "sequences", validators)
    options = validators["settings"].schema["properties"]
    sequences = []
    for number, row in rows.items():
        own = {name: row.pop(name) for name in options if name in row}
        row["keyframes"] = tuple(row.get("keyframes", ()))
        try:
            sequences.append(find_frames(Sequence(**row, options=own)))
        except SequenceError as error:
            problems.append(_in_row(table, number, "sequence", row["name"], str(error)))
    return sequences, problems


def _in_row(table: str, number: int, kind: str, name: str, text: str) -> str:
    return f"{table}, row {number} ({kind} {name!r}), {text}"


def _read_rows(
    table: str,
    kind: str,
    validators: dict[str, Validator],
    check: Callable[[Options], Iterable[str]] = lambda row: (),
) -> tuple[dict[int, Options], list[str]]:
    """The valid rows of a table by number, and everything that is wrong with the others."""
    try:
        header, rows = _read_table(table)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        return {}, [f"{table}: the table of {kind} cannot be read ({reason}); check `{kind}`"]
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
            name: _value(cell, columns[name])
            for name, cell in zip(header, cells, strict=False)
            if cell != ""
        }
        found = [*_bad_row(row, len(cells) - len(header), validator), *check(row)]
        name = row.get("name", "")
        first = seen.setdefault(name.casefold(), number) if name else number
        if first != number:
            found.append(f"name: row {first} has it too; give every {one} a name of its own")
        problems += [_in_row(table, number, one, name, text) for text in found]
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
    yield from _problems(row, validator)


def _missing_files(row: Options) -> Iterator[str]:
    for name in ("a", "b_prime", *FILES):
        if name in row and not Path(row[name]).is_file():
            yield (
                f"{name}: there is no file {row[name]!r}; "
                "paths are as seen from the working directory"
            )


def _value(cell: str, schema: dict[str, Any]) -> Any:
    """A cell as the schema's type; as the text itself where it is none, for validation to say."""
    kind = schema.get("type") or type(schema["enum"][0]).__name__
    if kind == "array":
        return [_value(part.strip(), schema["items"]) for part in cell.split(",")]
    if kind == "boolean":
        return {"true": True, "false": False}.get(cell.lower(), cell)
    if kind in ("integer", "int", "number"):
        for number in (int, float):
            with suppress(ValueError):
                return number(cell)
    return cell


def _problems(values: Options, validator: Validator) -> Iterator[str]:
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
