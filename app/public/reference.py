"""The API's description as a page: a reading of the very document that `/openapi.json` is. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

Document = dict[str, Any]
EXAMPLES = Path(__file__).parents[1] / "templates" / "public" / "examples"
_TITLES = {
    "curl.txt": "With curl", "python.txt": "In Python", "javascript.txt": "In JavaScript (Node 18 or newer)",
}  # fmt: skip


class Field(NamedTuple):
    """A field of a body, or a parameter of an address: the type in words."""

    name: str
    type: str
    required: bool
    told: str


class Answer(NamedTuple):
    """An answer: its status, what it means, the fields of its body, and the types of problem that it may be."""

    status: str
    told: str
    fields: list[Field]
    problems: list[str]


class Operation(NamedTuple):
    """A call: method, path, and what it takes and gives."""

    id: str
    method: str
    path: str
    summary: str
    told: str
    parameters: list[Field]
    body: list[Field]
    kinds: list[str]
    answers: list[Answer]


@cache
def examples() -> tuple[tuple[str, str], ...]:
    """Title and text of each example; each is run by a test as it stands, and stands in the quickstart, too."""
    return tuple((title, (EXAMPLES / name).read_text(encoding="utf-8")) for name, title in _TITLES.items())


def operations(document: Document) -> Iterator[Operation]:
    """Every operation of an OpenAPI document, in its order."""
    for path, methods in document["paths"].items():
        for method, found in methods.items():
            content = found.get("requestBody", {}).get("content", {})
            yield Operation(
                id=f"{method}{path.replace('/', '-').translate({ord('{'): None, ord('}'): None})}",
                method=method.upper(), path=path, summary=found["summary"], told=found["description"],
                parameters=[_parameter(one) for one in found["parameters"]],
                body=_fields(document, content), kinds=list(content),
                answers=[_answer(document, *one) for one in sorted(found["responses"].items())],
            )  # fmt: skip


def _parameter(found: Document) -> Field:
    where = found.get("description") or "part of the address"
    return Field(found["name"], _type(found["schema"]), found["required"], where)


def _answer(document: Document, status: str, found: Document) -> Answer:
    told, _, problems = found["description"].partition("Problem: ")
    content = {kind: body for kind, body in found.get("content", {}).items() if kind != "application/problem+json"}
    told = f"{told.strip()} ({', '.join(content)})" if content else told.strip()
    return Answer(status, told, _fields(document, content), problems.split(", ") if problems else [])


def _fields(document: Document, content: Document) -> list[Field]:
    """Fields of the first kind of body that says what it holds; of a list, those of its items."""
    schema: Document = next((kind["schema"] for kind in content.values() if "schema" in kind), {})
    schema = schema.get("items", schema)
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    required = schema.get("required", [])
    return [
        Field(name, _type(own), name in required, own.get("description", ""))
        for name, own in schema.get("properties", {}).items()
    ]


def _type(schema: Document) -> str:
    """A schema in words: `string or null`, `list of HelpReply`, `"call", "email"`."""
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f'"{value}"' for value in schema["enum"])
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("type", "any"))
