"""What a setting is: its default, its meaning and the values that it can have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Flag, auto
from functools import cached_property
from numbers import Integral, Real
from typing import Any

from dia_pipeline.errors import DiaError
from dia_pipeline.text import number_in, quoted


class SettingsError(DiaError):
    """A setting has a name or a value that does not exist; the message says what is allowed."""


class Step(Flag):
    """The steps of which a setting decides the results."""

    POSE = auto()
    FEATURES = auto()
    NETWORK = auto()
    LEVELS = auto()
    COARSE_LEVELS = auto()
    FINE_LEVELS = auto()
    FIRST_LEVEL = auto()
    RECONSTRUCTION = auto()
    RESULTS = auto()


NO_STEP = Step(0)

NAME = r"^[A-Za-z0-9][\w.-]*\Z"
"""The pattern of a name of the user's own."""


@dataclass(frozen=True)
class Setting:
    """What is declared of a setting.

    Attributes:
        meaning: what it does, for `--help` and the documentation.
        decides: the steps whose results depend on it, see `Settings.deciding`.
        choices: all values that it can have, if they can be counted.
        least, most: bounds of a number, or of each of several.
        above: a bound that the number itself must not have.
        usual: whether most users may want to change it.
        named: what else it can be, by a name of the user's own.
    """

    name: str
    default: Any
    meaning: str
    decides: Step = NO_STEP
    choices: tuple = ()
    least: float | None = None
    most: float | None = None
    above: float | None = None
    usual: bool = False
    named: str = ""

    @property
    def allowed(self) -> str:
        """The values that it can have, in words."""
        if self.choices:
            return either(self.choices) + (f", or {self.named}" if self.named else "")
        if isinstance(self.default, tuple):
            whole = "whole " if self._is_whole else ""
            count = f"{len(self.default)} {whole}numbers with commas between"
            return f"{count}, or one for all, each {self._range}"
        return ("whole, " if self._is_whole else "") + self._range

    @property
    def _range(self) -> str:
        if self.most is None:
            return f"{self.least} or more"
        if self.above is not None:
            return f"above {self.above} and at most {self.most}"
        return f"from {self.least} to {self.most}"

    @property
    def _is_whole(self) -> bool:
        """Whether the number, or each of several, is a whole one."""
        first = self.default[0] if isinstance(self.default, tuple) else self.default
        return isinstance(first, int)

    def parse(self, value: Any) -> Any:
        """A value as it is meant, see `value_of`."""
        return value_of(value, self.schema)

    def check(self, value: Any) -> None:
        """Check a value.

        Raises:
            SettingsError: it is not possible.
        """
        if not self.permits(value):
            raise SettingsError(
                self.name, f"{quoted(value)} is not possible", f"it must be {self.allowed}"
            )

    def permits(self, value: Any) -> bool:
        """Whether it can have a value."""
        if self.choices:
            own = self.named and isinstance(value, str) and re.search(NAME, value)
            return (value in self.choices and not isinstance(value, bool)) or bool(own)
        if isinstance(self.default, tuple):
            many = isinstance(value, (tuple, list)) and len(value) == len(self.default)
            return many and all(map(self._inside, value))
        return self._inside(value)

    def _inside(self, number: Any) -> bool:
        kind: Any = Integral if self._is_whole else Real
        return (
            isinstance(number, kind)
            and not isinstance(number, bool)
            and (self.least is None or number >= self.least)
            and (self.most is None or number <= self.most)
            and (self.above is None or number > self.above)
        )

    @property
    def shown(self) -> str:
        """The default as it is written in a table."""
        return written(self.default)

    @property
    def brief(self) -> str:
        """What it does, on one line: the meaning up to where that begins to explain."""
        return re.split("[:;]", self.meaning, maxsplit=1)[0]

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of its values."""
        about = {"description": self.meaning}
        if self.named:
            about["description"] += f"; {self.allowed}"
            return {**about, "type": "string", "pattern": NAME}
        if self.choices:
            return {**about, "enum": list(self.choices)}
        bounds = {"minimum": self.least, "maximum": self.most, "exclusiveMinimum": self.above}
        bounds = {name: bound for name, bound in bounds.items() if bound is not None}
        kind = "integer" if self._is_whole else "number"
        if isinstance(self.default, tuple):
            count = len(self.default)
            items = {"type": kind, **bounds}
            return {**about, "type": "array", "items": items, "minItems": count, "maxItems": count}
        return {**about, "type": kind, **bounds}


@dataclass(frozen=True)
class Shorthand(Setting):
    """A name for values of several settings: each choice decides some."""

    values: dict[Any, dict[str, Any]] = field(default_factory=dict)


def written(value: Any) -> str:
    """A value of a setting as a table has it."""
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def value_of(given: Any, schema: Mapping[str, Any]) -> Any:
    """What is meant where a schema is to hold; what is given where that means nothing there.

    Programs write 64 as `64`, `64.0` or ` 64 `, and true as `True`. Several values are a list, or
    text with commas between; of a fixed number of values, one stands for all.
    """
    kind = schema.get("type")
    if "enum" in schema:
        return _choice_of(schema["enum"], given)
    if kind in ("integer", "number"):
        return _number_of(given, whole=kind == "integer")
    if kind == "boolean" and isinstance(given, str):
        return {"true": True, "false": False}.get(given.strip().lower(), given)
    if kind == "array" and isinstance(given, str):
        given = [part.strip() for part in given.split(",")]
    if kind == "array" and "minItems" in schema:
        given = _repeated(given, schema["minItems"])
    if kind == "array" and isinstance(given, (list, tuple)):
        return [value_of(each, schema["items"]) for each in given]
    if kind == "object" and isinstance(given, Mapping):
        known, other = schema.get("properties", {}), schema.get("additionalProperties") or {}
        return {name: value_of(each, known.get(name, other)) for name, each in given.items()}
    return given


def _repeated(given: Any, count: int) -> Any:
    """One value, by itself or in a list, so many times; anything else as it is."""
    if isinstance(given, Real) and not isinstance(given, bool):
        given = [given]
    return given * count if isinstance(given, list) and len(given) == 1 else given


def _choice_of(choices: Iterable, given: Any) -> Any:
    if not isinstance(given, (str, Real)):
        return given
    by_text = {str(choice): choice for choice in choices}
    text = str(given).strip()
    return by_text.get(text, by_text.get(str(_number_of(given, whole=True)), given))


def _number_of(given: Any, whole: bool) -> Any:
    number = number_in(given.strip()) if isinstance(given, str) else given
    if number is None or isinstance(number, bool) or not isinstance(number, Real):
        return given
    if isinstance(number, Integral):
        return int(number)
    number = float(number)
    return int(number) if whole and number.is_integer() else number


def either(values: Iterable) -> str:
    """Values to choose from, in words."""
    return "one of " + ", ".join(map(str, values))
