"""From pydantic's errors to violations with JSON pointers, in our own words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from experiments.errors import Violation

_CODES = {
    "extra_forbidden": "unknown-field",
    "missing": "missing-field",
    "json_invalid": "malformed-json",
}
_CLOSED_LISTS = {"channel": "unknown-channel", "channels": "unknown-channel", "outcome": "unknown-outcome"}
_WRONG_TYPE = ("_type", "_parsing", "_attributes_type")


def pointer(parts: Iterable[str | int]) -> str:
    """RFC 6901 pointer of a path."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def violations_of(error: ValidationError) -> list[Violation]:
    """Return all of pydantic's errors as violations, in its order."""
    return [_violation(item) for item in error.errors(include_url=False, include_input=False)]


def _violation(item: Any) -> Violation:
    kind, where = item["type"], [part for part in item["loc"] if part != "[key]"]
    return Violation(pointer(where), _unknown(kind, where) or _code(kind), _detail(kind, item, where))


def _unknown(kind: str, where: list[str | int]) -> str | None:
    """Values out of a closed list have problem types of their own where integrators meet them."""
    if kind != "literal_error":
        return None
    names = [str(part) for part in where[-2:]]
    return next((code for name, code in _CLOSED_LISTS.items() if name in names), None)


def _code(kind: str) -> str:
    if kind in _CODES:
        return _CODES[kind]
    return "wrong-type" if kind.endswith(_WRONG_TYPE) else "invalid-value"


def _detail(kind: str, item: Any, where: list[str | int]) -> str:
    name = next((part for part in reversed(where) if isinstance(part, str)), "document")
    if kind == "extra_forbidden":
        return f"there is no field '{name}' here; remove it or correct its spelling"
    if kind == "missing":
        return f"the field '{name}' is required"
    text: str = item["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if not where:
        return text
    return f"'{name}' {text[0].lower()}{text[1:]}"
