"""Documents of a user: YAML, whose aliases let a few lines stand for more than a memory holds, and
schemas, by which NaN is no number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, TypeChecker
from jsonschema.validators import extend

from dia_pipeline.text import quoted

MOST = 10_000
"""So many values a document may have, each counted wherever it is repeated."""


def _is_number(_: TypeChecker, value: Any) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < inf


FiniteValidator = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("number", _is_number),
)


class _Loader(yaml.SafeLoader):
    """Counts, for every value, those within it, before any of them is made."""

    def __init__(self, text: str):
        super().__init__(text)
        self._sizes: dict[yaml.Node, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        repeated = self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        if isinstance(node, yaml.MappingNode) and not repeated:
            _check_names(node)
        if not repeated:
            self._sizes[node] = 1 + sum(self._sizes[each] for each in _within(node))
        if node not in self._sizes:
            raise yaml.YAMLError("a value holds itself")
        if max(len(self._sizes), self._sizes[node]) > MOST:
            raise yaml.YAMLError(f"there are more than {MOST} values")
        return node


def _check_names(node: yaml.MappingNode) -> None:
    names = Counter(name.value for name, _ in node.value if isinstance(name, yaml.ScalarNode))
    for name, count in names.items():
        if count > 1:
            raise yaml.YAMLError(f"{quoted(name)} is there twice")


def _within(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [each for pair in node.value for each in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []


def read_yaml(path: Path) -> Any:
    """The content of a file.

    Raises:
        OSError, UnicodeDecodeError, yaml.YAMLError: it cannot be read, is no YAML, or too much.
    """
    return yaml.load(path.read_text(encoding="utf-8"), _Loader)


def is_vast(values: Any) -> bool:
    """Whether there are more values than anybody writes, each counted wherever it is repeated."""
    left = [values]
    for _ in range(MOST):
        if not left:
            return False
        each = left.pop()
        if isinstance(each, Mapping):
            left += each.values()
        elif isinstance(each, (list, tuple)):
            left += each
    return True
