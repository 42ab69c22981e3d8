"""The workflow's configuration and its tables: read, validated, in one piece.

Everything wrong is reported at once, before anything runs, with file, row and field.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dia_pipeline.errors import DiaError
from dia_pipeline.guides import GUIDES, GuidanceError
from dia_pipeline.matchers import find_matcher
from dia_pipeline.matchers.matcher import MatcherError
from dia_pipeline.runs.pair import Pair, check_references
from dia_pipeline.runs.rows import (
    Options,
    faults_of_files,
    in_row,
    listed,
    problems_of,
    read_rows,
)
from dia_pipeline.runs.sequence import Sequence, find_frames
from dia_pipeline.runs.sources import SequenceError
from dia_pipeline.samples.synthetic import SyntheticError, synthetic_pairs
from dia_pipeline.settings import Settings, resolve, schema, stands_for
from dia_pipeline.settings.declarations import SettingsError, value_of
from dia_pipeline.store.artefacts import InputError
from dia_pipeline.store.folders import check_inputs
from dia_pipeline.text import fault_of_path, same_name

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

# What checks a configuration is loaded for that alone: a single pair needs none of it.

OF_SEQUENCES = {"matcher": "hierarchical", "finest": 1}
"""The settings that sequences cannot change."""

SCHEMAS = resources.files("dia_pipeline") / "workflow" / "schemas"


TABLES = {"pairs": "config/pairs.tsv", "sequences": "config/sequences.tsv"}
"""Where the tables are by default: there one may be missing beside another."""


class ConfigError(DiaError):
    """The configuration cannot be used; the message lists everything that is wrong with it."""


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


def load_config(
    values: dict[str, Any], source: str = "config", given: Mapping[str, Any] = MappingProxyType({})
) -> Config:
    """Validate the configuration and the tables that it names.

    Args:
        values: the configuration as read from YAML.
        source: what to call the configuration in messages, its file usually.
        given: what of `values` the command line says, and not that file.

    Raises:
        ConfigError: anything is wrong.
    """
    validators = _validators()
    values, problems = _checked(values, source, given, validators)
    values = _meant(values)
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
        problems = [
            *_shared_names(config),
            *_overwritten(config),
            *_impossible_settings(config, source),
        ]
    if problems:
        raise ConfigError("", _report(problems))
    return config


def _checked(
    values: Options, source: str, given: Mapping[str, Any], validators: dict[str, Validator]
) -> tuple[Options, list[str]]:
    """A configuration as it is meant, apart from its tables, and everything that is wrong there."""
    from dia_pipeline.io.documents import MOST, is_vast

    if is_vast(values):
        problem = f"it holds more than {MOST} values, or itself"
        raise ConfigError(source, problem, "an alias of YAML repeats what it names: write less")
    schema = validators["config"].schema
    values = value_of({name: each for name, each in values.items() if each is not None}, schema)
    found = problems_of(values, validators["config"])
    return values, [f"{_where(path, given, source)}, {text}" for path, text in found]


def check_variants(settings: Options, variants: dict[str, Options], source: str) -> Config:
    """Settings and variants of which no table is known yet, as a configuration.

    Raises:
        ConfigError: anything is wrong.
    """
    given = {"settings": settings, "variants": variants}
    values, problems = _checked(given, source, {}, _validators())
    if problems:
        raise ConfigError("", _report(problems))
    return Config(**values)


def _where(path: Iterable[Any], given: Any, source: str) -> str:
    """Who says the value of a path: the command line, or the file."""
    for part in path:
        if not isinstance(given, Mapping):
            break
        if part not in given:
            return source
        given = given[part]
    return "--config"


def _meant(values: dict[str, Any]) -> dict[str, Any]:
    """The configuration without a default table that is not there, where another one is given."""
    missing = {kind for kind, path in TABLES.items() if values.get(kind) == path}
    missing -= {kind for kind in missing if os.path.lexists(TABLES[kind])}
    given = values.keys() & {*TABLES, "synthetic"}
    return {k: v for k, v in values.items() if given <= missing or k not in missing}


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


def check_sequence(settings: Settings) -> None:
    """Make sure that sequences know the settings.

    Raises:
        SettingsError: they do not.
    """
    for name, value in OF_SEQUENCES.items():
        if getattr(settings, name) != value:
            raise SettingsError(name, f"a sequence knows {value!r} alone", "leave it out")
    if settings.pose == "several":
        fault = "'several' is not possible for a sequence"
        raise SettingsError("pose", fault, "it must be auto, given or mirrored")


def pair_settings(config: Config, variant: str, pair: Pair | Sequence) -> Settings:
    """The settings of a row: the configuration's, then the row's, then the variant's."""
    return resolve(merge(config.settings, pair.options, config.variants[variant]))


def check_row(config: Config, variant: str, row: Pair | Sequence) -> None:
    """Make sure that the settings of a row are possible together.

    Raises:
        SettingsError, MatcherError, GuidanceError: they are not.
    """
    chosen = pair_settings(config, variant, row)
    find_matcher(chosen.matcher)
    if isinstance(row, Sequence):
        check_sequence(chosen)
    elif row.references:
        check_references(row, chosen)


def _report(problems: list[str]) -> str:
    count = "one thing is" if len(problems) == 1 else f"{len(problems)} things are"
    return f"{count} wrong with the configuration:{listed(problems)}"


def _synthetic_pairs(config: Config) -> Iterator[Pair]:
    if config.synthetic is not None:
        for row in synthetic_pairs(config.synthetic, config.synthetic_folder):
            yield Pair.of_row(row)


def _shared_names(config: Config) -> Iterator[str]:
    pairs = Counter(same_name(pair.name) for pair in config.pairs)
    for name, count in pairs.items():
        if count > 1:
            yield f"pair {name!r}: the table names one as the synthetic benchmark does; rename it"
    for sequence in config.sequences:
        if same_name(sequence.name) in pairs:
            yield f"sequence {sequence.name!r}: a pair has the name too; their folders would be one"
    variants = Counter(map(same_name, config.variants))
    for name, count in variants.items():
        if count > 1:
            yield f"variant {name!r}: two names differ in case alone; rename one"


def _overwritten(config: Config) -> Iterator[str]:
    """Inputs in the places where their results go."""
    results = os.path.join(os.path.realpath(config.results), "")
    real = cache(os.path.realpath)  # of folders, which many files share
    rows: list[tuple[str, list[str]]] = [
        *((p.name, [p.a, p.b_prime, *p.guides.values(), *p.truth_files]) for p in config.pairs),
        *((s.name, s.files) for s in config.sequences),
    ]
    for name, files in rows:
        inside = [
            f for f in files if os.path.join(real(os.path.dirname(f)), "").startswith(results)
        ]
        for variant in config.variants if inside else ():
            try:
                check_inputs(Path(config.results, variant, name), inside)
            except InputError as error:
                yield f"{name!r}: {error}"


def _impossible_settings(config: Config, source: str) -> Iterator[str]:
    """What single fields do not show: options that are wrong together."""
    tried: set[str] = set()
    for variant in config.variants:
        rows: list[Pair | Sequence] = [*config.pairs, *config.sequences]
        for pair in rows:
            references = bool(getattr(pair, "references", ()))
            combination = json.dumps([variant, type(pair).__name__, references, pair.options])
            if combination in tried:
                continue
            tried.add(combination)
            try:
                check_row(config, variant, pair)
            except (SettingsError, MatcherError) as error:
                yield f"{source}, variant {variant!r} with {pair.name!r}: {error}"


def _validators() -> dict[str, Validator]:
    from dia_pipeline.io.documents import FiniteValidator

    contents = {
        name: json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
        for name in ("config", "pairs", "sequences")
    }
    contents["settings"] = schema()
    columns = contents["settings"]["properties"]
    guides = {name: guide.schema for name, guide in GUIDES.items()}
    contents["pairs"]["properties"] |= columns | guides
    contents["sequences"]["properties"] |= guides | {
        name: columns[name] for name in columns.keys() - OF_SEQUENCES.keys()
    }
    shared = contents["config"]["properties"]
    for each in shared["settings"], shared["variants"]["additionalProperties"]:
        del each["$ref"]
        each |= {"type": "object", "additionalProperties": False, "properties": columns}
    return {name: FiniteValidator(schema) for name, schema in contents.items()}


def _read_pairs(table: str, validators: dict[str, Validator]) -> tuple[list[Pair], list[str]]:
    """The pairs of a table, and everything that is wrong with it."""
    rows, problems = read_rows(table, "pairs", validators, faults_of_files)
    options = validators["settings"].schema["properties"]
    return [Pair.of_row(row, options) for row in rows.values()], problems


def _read_sequences(
    table: str, validators: dict[str, Validator]
) -> tuple[list[Sequence], list[str]]:
    """The sequences of a table with their frames, and everything that is wrong with it."""
    rows, problems = read_rows(table, "sequences", validators)
    options = validators["settings"].schema["properties"]
    sequences = []
    for number, row in rows.items():
        own = {name: row.pop(name) for name in options if name in row}
        guides = {name: row.pop(name) for name in GUIDES if name in row}
        row["keyframes"] = tuple(row.get("keyframes", ()))
        try:
            sequence = find_frames(Sequence(**row, options=own, guides=guides))
            for path in sequence.files:
                if fault := fault_of_path(path):
                    raise SequenceError(path, fault)
            sequences.append(sequence)
        except (SequenceError, GuidanceError) as error:
            problems.append(in_row(table, number, "sequence", row["name"], str(error)))
    return sequences, problems
