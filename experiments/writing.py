"""Writes a document as YAML that `reading.load_yaml` reads back as the very same values.

Quotes stand where a reader of YAML 1.2 needs them and nowhere else; texts of several lines are written as such.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from experiments import reading

WIDTH = 112
SHORT = 72  # a mapping or list of plain values that is no longer goes on one line
LINE_BREAKS = "\x85\u2028\u2029"  # YAML 1.1 folds them, so they are written as escapes


class _Dumper(yaml.SafeDumper):
    """The safe dumper with the values of YAML 1.2, short collections on one line, lists indented."""

    yaml_implicit_resolvers = reading.RESOLVERS

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002  (yaml's own signature)
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True  # what stands twice is written twice: `*id001` explains nothing to a reader


def _text(dumper: _Dumper, value: str) -> yaml.Node:
    breaks = any(mark in value for mark in LINE_BREAKS)
    style = '"' if breaks else "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _list(dumper: _Dumper, value: list[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=_is_short(value))


def _mapping(dumper: _Dumper, value: Mapping[str, Any]) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=_is_short(value.values(), value))


def _is_short(values: Any, names: Any = ()) -> bool:
    plain = all(not isinstance(value, dict | list) and "\n" not in str(value) for value in values)
    return plain and sum(len(str(part)) + 4 for part in (*values, *names)) <= SHORT


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)
_Dumper.add_representer(dict, _mapping)


def dump_yaml(document: Mapping[str, Any]) -> str:
    """Return the document as YAML, its fields in the order they have."""
    return yaml.dump(
        dict(document), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=WIDTH, default_flow_style=False
    )
