"""Reads YAML and JSON as documents of plain values, without YAML's surprises.

YAML 1.2 values only: `no` is text, not false, `10:30` is text, not 630, and a date stays text for the
field that wants one. A key given twice is an error, in JSON too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from math import isfinite
from typing import Any

import yaml

from experiments.errors import InvalidInput
from experiments.violations import pointer

DEEPEST = 32  # levels of nesting; the parser's own recursion has no limit and would end the process

_CORE = (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
    ("float", r"^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$", list("-+.")),
)


class _Loader(yaml.CSafeLoader):
    """The safe loader with YAML 1.2 values and no duplicate keys."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  (yaml's own name and type)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if not isinstance(key, Hashable):
            raise InvalidInput(f"line {line}: a field's name is text", code="malformed-yaml")
        if key in found:
            raise InvalidInput(f"line {line}: the field '{key}' is given twice", code="duplicate-key")
        found[key] = loader.construct_object(value_node, deep=True)
    return found


def _whole_number(loader: _Loader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))


for _name, _pattern, _first in _CORE:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(_pattern), _first)
RESOLVERS: dict[str, list[tuple[str, re.Pattern[str]]]] = _Loader.yaml_implicit_resolvers  # `writing` needs them too
_Loader.add_constructor("tag:yaml.org,2002:int", _whole_number)
_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load_yaml(text: str) -> Any:
    """Return the document, or raise InvalidInput naming the line."""
    try:
        _check_depth(text)
        return yaml.load(text, _Loader)  # noqa: S506  (a subclass of the safe loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InvalidInput(f"line {line}: not valid YAML: {error.problem}", code="malformed-yaml") from None
    except yaml.YAMLError as error:
        raise InvalidInput(f"not valid YAML: {error}", code="malformed-yaml") from None
    except (ValueError, LookupError, AttributeError) as error:  # a value that contradicts its own `!!tag`
        raise InvalidInput(f"not valid YAML: {error}", code="malformed-yaml") from None


def _check_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise InvalidInput(f"more than {DEEPEST} levels of nesting", code="malformed-yaml")


class _Twice(dict[str, Any]):
    """An object in which `name` was given twice."""

    name: str


def load_json(text: bytes | str) -> Any:
    """Return the document, or raise InvalidInput; NaN, infinities and double keys are errors."""
    document = _decoded(text)
    _require_once(document)
    return document


def load_items(text: bytes | str) -> list[Any]:
    """Return the items of an array; one with a double key as its InvalidInput. Raises InvalidInput for no array."""
    document = _decoded(text)
    if not isinstance(document, list):
        raise InvalidInput("the body must be a JSON array", code="wrong-type", pointer="")
    return [_item(one) for one in document]


def _item(document: Any) -> Any:
    try:
        _require_once(document)
    except InvalidInput as error:
        return error
    return document


def _require_once(document: Any) -> None:
    try:
        _refuse_twice(document, [])
    except RecursionError:
        raise InvalidInput("the body nests too deeply", code="malformed-json", pointer="") from None


def _decoded(text: bytes | str) -> Any:
    try:
        return _DECODER.decode(text.decode(json.detect_encoding(text)) if isinstance(text, bytes) else text)
    except (ValueError, RecursionError) as error:
        where = f" at position {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidInput(f"the body is not valid JSON{where}", code="malformed-json", pointer="") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    names = [name for name, _ in pairs]
    twice = _Twice(found)
    twice.name = next(name for name in names if names.count(name) > 1)
    return twice


def _refuse_twice(value: Any, path: list[str | int]) -> None:
    if isinstance(value, _Twice):
        at = pointer([*path, value.name])
        raise InvalidInput(f"the field '{value.name}' is given twice", code="duplicate-key", pointer=at)
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in inside:
        if isinstance(inner, dict | list):
            _refuse_twice(inner, [*path, name])


def _float(text: str) -> float:
    number = float(text)
    return number if isfinite(number) else _constant(text)


def _constant(name: str) -> Any:
    raise ValueError(name)


# Made once: a decoder of one's own takes longer to make than most bodies take to read.
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
