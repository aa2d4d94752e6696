"""GET /openapi.json and /docs: the API's description, generated from the views' contracts."""

from __future__ import annotations

import re
from typing import Any

from apispec import APISpec
from flask import Blueprint, Flask, Response, current_app, render_template
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.context import context
from app.contract import Contract, contract, reply
from app.problems import KINDS
from app.public.reference import examples, operations

blueprint = Blueprint("description", __name__)

_PATH_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
_RESULT = [("version", "number; the latest started one by default"), ("as_of", "time, date, or +SECONDS from now")]
_QUERY = {
    **{f"/v1/experiments/{{key}}/results{kind}": _RESULT for kind in ("", ".json", ".csv")},
    "/v1/assignments": [("key", "public id of a browser key")],
    "/v1/warnings/{surface}": [
        ("key", "public id of a browser key; its origins may show the page in a frame"),
        ("locale", "BCP 47 tag"),
        ("as", "page, text, json or matrix-error; absent: by Accept"),
        ("override", "force a variant (server keys), * for the control; never counted"),
    ],
}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "pointer": {"type": "string", "description": "JSON pointer of the field"},
        "violations": {"type": "array", "items": {"type": "object"}, "description": "every violation, if several"},
        "message": {"type": "object", "description": "the fallback's message, where a warning was asked for"},
        "help": {"type": "array", "items": {"type": "object"}, "description": "the fallback's help"},
    },
}


@blueprint.get("/openapi.json")
@contract("This description", gives={200: "application/json"})
def openapi() -> Response:
    return reply(describe(current_app))


@blueprint.get("/docs")
@contract("The description as a page", gives={200: "text/html"})
def docs() -> Response:
    found = list(operations(describe(current_app)))
    page = render_template("public/docs.html", operations=found, examples=examples(), address=context().base_url)
    return Response(page, content_type="text/html; charset=utf-8")


def describe(app: Flask) -> dict[str, Any]:
    """OpenAPI 3.1 of every view with a contract."""
    spec = APISpec(
        title="Signpost", version="1", openapi_version="3.1.0",
        info={"description": "Assign warning messages to anonymous sessions, report what happened."},
    )  # fmt: skip
    contracts = _contracts(app)
    _components(spec, [found for _, _, found in contracts])
    for path, method, found in contracts:
        spec.path(path=path, operations={method: _operation(path, found)})
    return dict(spec.to_dict())


def _contracts(app: Flask) -> list[tuple[str, str, Contract]]:
    found = []
    for rule in sorted(app.url_map.iter_rules(), key=lambda r: r.rule):
        promised = getattr(app.view_functions[rule.endpoint], "contract", None)
        if isinstance(promised, Contract):
            method = min((rule.methods or set()) - {"HEAD", "OPTIONS"}).lower()
            found.append((_PATH_PARAMETER.sub(r"{\1}", rule.rule), method, promised))
    return found


def _components(spec: APISpec, contracts: list[Contract]) -> None:
    models = {m for c in contracts for m in (c.takes, c.items, *c.gives.values()) if isinstance(m, type)}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, schema = models_json_schema(
        [(model, "validation") for model in ordered], ref_template="#/components/schemas/{model}"
    )
    for name, definition in schema.get("$defs", {}).items():
        spec.components.schema(name, component=definition)
    spec.components.schema("Problem", component=_PROBLEM)
    spec.components.security_scheme("server_key", {"type": "http", "scheme": "bearer"})


def _operation(path: str, found: Contract) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": found.summary,
        "description": f"Voice: {found.voice}.",
        "parameters": _parameters(path),
        "responses": {str(status): _answer(what) for status, what in found.gives.items()},
        "security": [{}, {"server_key": []}],
    }
    if found.takes is not None:
        schema = {"$ref": f"#/components/schemas/{found.takes.__name__}"}
        kinds = ("application/json", "text/plain")
        operation["requestBody"] = {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}
    if found.items is not None:
        operation["requestBody"] = {"required": True, "content": _many(found.items)}
    for status, codes in sorted(_by_status((*found.problems, "internal")).items()):
        known, wrong = operation["responses"].get(str(status)), _problem(codes)
        if known is not None:  # the status means one of both; the kind of body tells which
            wrong = {
                "description": f"{known['description']} {wrong['description']}",
                "content": known["content"] | wrong["content"],
            }
        operation["responses"][str(status)] = wrong
    return operation


def _many(model: type[BaseModel]) -> dict[str, Any]:
    item = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"application/json": {"schema": {"type": "array", "items": item}}, "application/x-ndjson": {"schema": item}}


def _parameters(path: str) -> list[dict[str, Any]]:
    named = re.findall(r"{(\w+)}", path)
    in_path = [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in named]
    in_query = [
        {"name": n, "in": "query", "required": False, "schema": {"type": "string"}, "description": text}
        for n, text in _QUERY.get(path, [])
    ]
    return in_path + in_query


def _answer(what: type[BaseModel] | str) -> dict[str, Any]:
    if isinstance(what, str):
        return {"description": "as described", "content": {what: {}}}
    schema = {"$ref": f"#/components/schemas/{what.__name__}"}
    return {"description": (what.__doc__ or "").strip(), "content": {"application/json": {"schema": schema}}}


def _by_status(codes: tuple[str, ...]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for code in codes:
        found.setdefault(KINDS[code].status, []).append(code)
    return found


def _problem(codes: list[str]) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": "Problem: " + ", ".join(codes), "content": content}
